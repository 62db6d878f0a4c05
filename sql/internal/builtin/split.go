package builtin

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/regex"
)

var errTwoDelimiters = errors.New("STR_TO_MAP takes both delimiters or none")

func init() {
	add("string",
		&Def{
			Func: expr.Func{Name: "SPLIT", Strict: true, Total: true, Compile: appends(split)},
			Doc:  "The parts of the text between the occurrences of another one, its characters where that is empty; none of an empty text.",
			Args: []Arg{{"s", Text, false}, {"delimiter", Text, false}}, Result: Is(row.ArrayOf(row.StringType())),
		},
		&Def{
			Func:  expr.Func{Name: "SPLIT_INDEX", Strict: true, Total: true, Compile: appends(splitIndex)},
			Doc:   "The part of a number, from 0, of the text between the occurrences of another one, or of the character of a code; NULL if there is none.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"delimiter", Class{"<CHARACTER> or <INTEGER>", func(t *row.Type) bool {
				return t.IsText() || Int.Has(t)
			}, func(t *row.Type) *row.Type {
				if t.IsText() {
					return nil
				}
				return Int.To(t)
			}}, false}, {"n", Int, false}},
			Result: isString, Nullable: true,
		},
		&Def{
			Func: expr.Func{Name: "STR_TO_MAP", Strict: true, Compile: strToMap},
			Doc: "The map of the pairs in a text: a Java regular expression, a comma without, is between pairs, and another, an equals " +
				"sign without, between a key and its value.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"pairs", Text, true}, {"keyValue", Text, true}},
			Result: Is(row.MapOf(row.StringType(), row.StringType())), Nullable: true,
			Check: func(args []expr.Expr) error {
				if len(args) == 2 {
					return errTwoDelimiters
				}
				return nil
			},
		},
	)
}

func split(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, delimiter, list := args[0].Bytes(i), args[1].Bytes(i), out.Children[0]
	if len(s) == 0 {
		return true
	}
	if len(delimiter) == 0 {
		for len(s) > 0 {
			_, n := utf8.DecodeRune(s)
			list.AppendBytes(s[:n])
			s = s[n:]
		}
		return true
	}
	for {
		part, rest, more := bytes.Cut(s, delimiter)
		list.AppendBytes(part)
		if s = rest; !more {
			return true
		}
	}
}

func splitIndex(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, n := args[0].Bytes(i), args[2].I32[i]
	var buffer [utf8.UTFMax]byte
	var delimiter []byte
	if args[1].Type.IsText() {
		delimiter = args[1].Bytes(i)
	} else {
		code := args[1].I32[i]
		if code < 1 || code > 255 {
			return false
		}
		delimiter = utf8.AppendRune(buffer[:0], code)
	}
	if n < 0 || len(s) == 0 {
		return false
	}
	part, ok := s, false
	switch len(delimiter) {
	case 0:
		part, ok = partBlank(s, n)
	case 1:
		part, ok = partByte(s, delimiter[0], n)
	default:
		part, ok = partOf(s, delimiter, n)
	}
	out.Data = append(out.Data, part...)
	return ok
}

// partOf is the part of a number between the occurrences of a text; partByte and partBlank are the same for a
// byte and for white space.
func partOf(s, delimiter []byte, n int32) (part []byte, ok bool) {
	for ; ; n-- {
		part, rest, more := bytes.Cut(s, delimiter)
		if n == 0 {
			return part, true
		}
		if s = rest; !more {
			return nil, false
		}
	}
}

func partByte(s []byte, delimiter byte, n int32) (part []byte, ok bool) {
	for ; n > 0; n-- {
		k := bytes.IndexByte(s, delimiter)
		if k < 0 {
			return nil, false
		}
		s = s[k+1:]
	}
	if k := bytes.IndexByte(s, delimiter); k >= 0 {
		s = s[:k]
	}
	return s, true
}

func partBlank(s []byte, n int32) (part []byte, ok bool) {
	for ; ; n-- {
		part, rest, more := cutBlank(s)
		if n == 0 {
			return part, true
		}
		if s = rest; !more {
			return nil, false
		}
	}
}

// cutBlank cuts a text at its first white space.
func cutBlank(s []byte) (part, rest []byte, more bool) {
	for i, c := range s {
		if c == ' ' || c >= '\t' && c <= '\r' {
			return s[:i], s[i+1:], true
		}
	}
	return s, nil, false
}

// strToMap splits as String.split of Java does.
func strToMap(*expr.Call) expr.Kernel {
	pairs, keyValue := remember(mustCompile), remember(mustCompile)
	comma, equals := []byte(","), []byte("=")
	var parts [][]byte
	var entries []entry
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		s := args[0].Bytes(i)
		if len(s) == 0 {
			return true
		}
		if len(args) > 1 {
			comma, equals = args[1].Bytes(i), args[2].Bytes(i)
		}
		parts = splitRegex(parts[:0], pairs(comma), s, 0)
		for len(parts) > 0 && len(parts[len(parts)-1]) == 0 {
			parts = parts[:len(parts)-1]
		}
		entries = entries[:0]
		for _, p := range parts {
			var two [2][]byte
			entries = put(entries, splitRegex(two[:0], keyValue(equals), p, 2))
		}
		for _, e := range entries {
			out.Children[0].AppendBytes(e.key)
			if e.hasValue {
				out.Children[1].AppendBytes(e.value)
			} else {
				out.Children[1].AppendNull()
			}
		}
		return true
	})(nil)
}

type entry struct {
	key, value []byte
	hasValue   bool
}

// put adds a key and its value, or gives the key that is there the value.
func put(entries []entry, kv [][]byte) []entry {
	e := entry{key: kv[0]}
	if len(kv) > 1 {
		e.value, e.hasValue = kv[1], true
	}
	for i := range entries {
		if bytes.Equal(entries[i].key, e.key) {
			entries[i] = e
			return entries
		}
	}
	return append(entries, e)
}

// mustCompile compiles a regular expression; evaluation fails if it is not correct.
func mustCompile(pattern []byte) *regex.Regex {
	re, err := regex.Compile(string(pattern))
	if err != nil {
		expr.Fail(-1, "%v", err)
	}
	return re
}

// splitRegex appends the parts of a text between matches, at most limit of them unless that is 0. An empty match at
// the begin of the text makes no part.
func splitRegex(parts [][]byte, re *regex.Regex, s []byte, limit int) [][]byte {
	end := 0
	for ok := re.Find(s, 0); ok && (limit == 0 || len(parts) < limit-1); ok = re.FindNext() {
		from, to := re.Group(0)
		if to == 0 {
			continue
		}
		parts = append(parts, s[end:from])
		end = to
	}
	return append(parts, s[end:])
}
