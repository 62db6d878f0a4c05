package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("collection",
		&Def{
			Func:  expr.Func{Name: "OBJECT_OF", Total: true, Compile: objectKernel},
			Doc:   "A value of a structured type: the name of its class, and names and values of fields in turn. The names are constants.",
			Infer: inferObjectOf,
		},
		&Def{
			Func:  expr.Func{Name: "OBJECT_UPDATE", Total: true, Compile: objectUpdateKernel},
			Doc:   "A copy of a value of a structured type with other values of some fields, which may have other types.",
			Infer: inferObjectUpdate,
		})
}

func inferObjectOf(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args)%2 == 0 {
		return nil, nil, errors.New("OBJECT_OF takes the name of a class, and names and values in turn")
	}
	class, ok := constantName(args[0])
	switch {
	case !ok:
		return nil, nil, errors.New("OBJECT_OF takes the name of a class as a constant text first")
	case !isClassName(class):
		return nil, nil, fmt.Errorf("%q cannot be the name of a class", class)
	}
	t := row.RowOf()
	t.Class = class
	for i := 1; i < len(args); i += 2 {
		name, err := fieldName("OBJECT_OF", args, i)
		if err != nil {
			return nil, nil, err
		}
		t.Fields = append(t.Fields, row.Field{Name: name, Type: args[i+1].Type().Computed()})
	}
	return args, t, nil
}

func inferObjectUpdate(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args)%2 == 0 {
		return nil, nil, errors.New("OBJECT_UPDATE takes a value of a structured type, and names and values in turn")
	}
	of := args[0].Type()
	if of.Kind != row.Row || of.Class == "" {
		return nil, nil, fmt.Errorf("OBJECT_UPDATE takes a value of a structured type first, not %s", of.Nullable(true).SQL())
	}
	t := row.RowOf(slices.Clone(of.Fields)...)
	t.Class = of.Class
	for i := 1; i < len(args); i += 2 {
		name, err := fieldName("OBJECT_UPDATE", args, i)
		if err != nil {
			return nil, nil, err
		}
		at := fieldAt(t, name)
		if at < 0 {
			return nil, nil, fmt.Errorf("the structured type %s has no field %s", of.Class, name)
		}
		t.Fields[at].Type = args[i+1].Type().Computed()
	}
	return args, t, nil
}

// fieldName is the name of a field that an argument is, which no argument before it may be.
func fieldName(function string, args []expr.Expr, at int) (string, error) {
	name, ok := constantName(args[at])
	switch {
	case !ok:
		return "", fmt.Errorf("%s takes names of fields as constant texts", function)
	case args[at+1].Type().Kind == row.Null:
		return "", fmt.Errorf("the type of NULL in %s is not known; CAST it to a type", function)
	}
	for i := 1; i < at; i += 2 {
		if before, _ := constantName(args[i]); before == name {
			return "", fmt.Errorf("%s has the field %s twice", function, name)
		}
	}
	return name, nil
}

func constantName(x expr.Expr) (string, bool) {
	l, ok := x.(*expr.Literal)
	if !ok || l.IsNull() || !l.Type().IsText() {
		return "", false
	}
	return string(l.Value.Bytes(0)), true
}

// reserved are the words of Java that are no names.
const reserved = " abstract assert boolean break byte case catch char class const continue default do double else enum extends false final " +
	"finally float for goto if implements import instanceof int interface long native new null package private protected public return " +
	"short static strictfp super switch synchronized this throw throws transient true try void volatile while _ "

// isClassName reports whether a class of Java can have a name.
func isClassName(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.Contains(reserved, " "+part+" ") {
			return false
		}
		for i, r := range part {
			if !unicode.IsLetter(r) && r != '_' && r != '$' && (i == 0 || !unicode.IsDigit(r)) {
				return false
			}
		}
	}
	return true
}

func fieldAt(t *row.Type, name string) int {
	return slices.IndexFunc(t.Fields, func(f row.Field) bool { return f.Name == name })
}

func objectKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			for k, child := range out.Children {
				child.AppendFrom(args[2*k+2], i)
			}
			out.EndRow()
		}
	}
}

func objectUpdateKernel(c *expr.Call) expr.Kernel {
	from := make([]int, len(c.T.Fields)) // the argument of each field, 0 for those that stay
	for i := 1; i < len(c.Args); i += 2 {
		name, _ := constantName(c.Args[i])
		from[fieldAt(c.T, name)] = i + 1
	}
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			if args[0].IsNull(i) {
				out.AppendNull()
				continue
			}
			for k, child := range out.Children {
				if a := from[k]; a > 0 {
					child.AppendFrom(args[a], i)
				} else {
					child.AppendFrom(args[0].Children[k], i)
				}
			}
			out.EndRow()
		}
	}
}
