package builtin

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/regex"
)

func init() {
	two := []Arg{{"s", Text, false}, {"regex", Text, false}}
	indexed := append(two[:2:2], Arg{"group", BigInt, true})
	add("string",
		&Def{
			Func:  expr.Func{Name: "REGEXP", Strict: true, Total: true, Compile: withRegex(rows, regexpTest)},
			Doc:   "Whether a Java regular expression matches a part of the text; FALSE if it is empty or not correct.",
			Typed: true, Args: two, Result: isBool,
		},
		&Def{
			Func:  expr.Func{Name: "REGEXP_REPLACE", Strict: true, Total: true, Compile: withRegex(appends, regexpReplace)},
			Doc:   "The text with another one, as it is, for each match of a Java regular expression; NULL if that is not correct.",
			Typed: true, Args: append(two[:2:2], Arg{"to", Text, false}), Result: isString,
		},
		&Def{
			Func:  expr.Func{Name: "REGEXP_EXTRACT", Strict: true, Total: true, Compile: withRegex(appends, regexpExtract)},
			Doc:   "A group of the first match of a Java regular expression, the whole match where none is given; NULL if there is none.",
			Typed: true, Args: indexed, Result: isString, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "REGEXP_EXTRACT_ALL", Strict: true, Total: true, Compile: withRegex(appends, regexpExtractAll)},
			Doc:  "A group, the first where none is given, of all matches of a Java regular expression; NULL if it has no such group.",
			Args: indexed, Result: Is(row.ArrayOf(row.StringType())), Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "REGEXP_COUNT", Strict: true, Total: true, Compile: withRegex(rows, regexpCount)},
			Doc:  "The number of matches of a Java regular expression; NULL if it is not correct.",
			Args: two, Result: isInt, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "REGEXP_INSTR", Strict: true, Total: true, Compile: withRegex(rows, regexpInstr)},
			Doc:  "The place, from 1 and in units of UTF-16, of the first match of a Java regular expression; 0 if there is none, NULL if it is not correct.",
			Args: two, Result: isInt, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "REGEXP_SUBSTR", Strict: true, Total: true, Compile: withRegex(appends, regexpExtract)},
			Doc:  "The first match of a Java regular expression; NULL if there is none.",
			Args: two, Result: isString, Nullable: true,
		},
	)
}

// oneRow computes a row of a function; re is nil if the regular expression is not correct.
type oneRow func(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) (ok bool)

// withRegex makes a kernel, by rows or appends, of a function whose second argument is a regular expression.
func withRegex(
	each func(func(*expr.Context, int, []*column.Vector, *column.Vector) bool) func(*expr.Call) expr.Kernel, f oneRow,
) func(*expr.Call) expr.Kernel {
	return func(c *expr.Call) expr.Kernel {
		compile := remember(compileRegex)
		return each(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			return f(compile(args[1].Bytes(i)), i, args, out)
		})(c)
	}
}

// compileRegex compiles a regular expression, nil if it is not correct.
func compileRegex(pattern []byte) *regex.Regex {
	re, err := regex.Compile(string(pattern))
	if err != nil {
		return nil
	}
	return re
}

func regexpTest(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) bool {
	out.Bools[i] = re != nil && len(args[1].Bytes(i)) > 0 && re.Find(args[0].Bytes(i), 0)
	return true
}

func regexpReplace(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) bool {
	if re == nil {
		return false
	}
	s, to := args[0].Bytes(i), args[2].Bytes(i)
	end := 0
	for ok := re.Find(s, 0); ok; ok = re.FindNext() {
		from, until := re.Group(0)
		out.Data = append(append(out.Data, s[end:from]...), to...)
		end = until
	}
	out.Data = append(out.Data, s[end:]...)
	return true
}

// group is the argument that is the number of a group, or what it is where there is none.
func group(args []*column.Vector, i int, without int64) int64 {
	if len(args) > 2 {
		return args[2].I64[i]
	}
	return without
}

func regexpExtract(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) bool {
	k := group(args, i, 0)
	s := args[0].Bytes(i)
	if re == nil || k < 0 || k > int64(re.Groups()) || !re.Find(s, 0) {
		return false
	}
	from, to := re.Group(int(k))
	if from < 0 {
		return false
	}
	out.Data = append(out.Data, s[from:to]...)
	return true
}

func regexpExtractAll(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) bool {
	k := group(args, i, 1)
	if re == nil || k < 0 || k > int64(re.Groups()) {
		return false
	}
	s, list := args[0].Bytes(i), out.Children[0]
	for ok := re.Find(s, 0); ok; ok = re.FindNext() {
		if from, to := re.Group(int(k)); from >= 0 {
			list.AppendBytes(s[from:to])
		} else {
			list.AppendNull()
		}
	}
	return true
}

func regexpCount(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) bool {
	if re == nil {
		return false
	}
	n := int32(0)
	for ok := re.Find(args[0].Bytes(i), 0); ok; ok = re.FindNext() {
		n++
	}
	out.I32[i] = n
	return true
}

func regexpInstr(re *regex.Regex, i int, args []*column.Vector, out *column.Vector) bool {
	if re == nil {
		return false
	}
	s := args[0].Bytes(i)
	out.I32[i] = 0
	if re.Find(s, 0) {
		from, _ := re.Group(0)
		out.I32[i] = int32(UnitsOf(string(s[:from])) + 1) // as Java counts
	}
	return true
}
