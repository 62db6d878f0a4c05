package builtin

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	for op, doc := range map[string]string{
		"=": "Whether the values are equal.", "<>": "Whether the values differ.",
		"<": "Whether the first is less.", "<=": "Whether the first is less or equal.",
		">": "Whether the first is greater.", ">=": "Whether the first is greater or equal.",
	} {
		add("comparison", &Def{
			Func:  expr.Func{Name: op, Strict: true, Total: true, Compile: func(c *expr.Call) expr.Kernel { return compareKernel(op, c) }},
			Doc:   doc,
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) { return inferCompare(op, args) },
		})
	}
	for _, not := range []bool{false, true} {
		name, doc := "IS DISTINCT FROM", "Whether the values differ; NULL differs from all others but NULL."
		if not {
			name, doc = "IS NOT DISTINCT FROM", "Whether the values are equal, or both NULL."
		}
		add("comparison", &Def{
			Func: expr.Func{Name: name, Total: true, Compile: func(c *expr.Call) expr.Kernel { return distinctKernel(not, c) }},
			Doc:  doc,
			Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
				cast, _, err := inferCompare(name, args)
				return cast, row.Of(row.Boolean).Nullable(false), err
			},
		})
	}
	add("comparison", &Def{
		Func:  expr.Func{Name: "IN", Total: true, Compile: inKernel},
		Doc:   "Whether the value is one of those in parentheses; NULL where it is none and one of them is NULL.",
		Infer: inferIn,
	})
}

// comparable is the type that two values are compared as, nil if they are not.
func comparable(a, b expr.Expr) *row.Type {
	x, y := a.Type(), b.Type()
	switch {
	case x.Kind == row.Null || y.Kind == row.Null:
		return Common(x, y)
	case x.IsTemporal() && y.IsText():
		return x // the text is read
	case y.IsTemporal() && x.IsText():
		return y
	case x.Kind == row.Date && y.IsTimestamp() || y.Kind == row.Date && x.IsTimestamp():
		return nil
	}
	return Common(x, y)
}

func inferCompare(op string, args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	a, b := args[0].Type(), args[1].Type()
	t := comparable(args[0], args[1])
	isOrder := op != "=" && op != "<>" && op[0] != 'I'
	switch { // what Flink converts for some operators only
	case isOrder && a.IsNumeric() && b.IsText():
		t = a.Nullable(!b.NotNull)
	case isOrder && b.IsNumeric() && a.IsText():
		t = b.Nullable(!a.NotNull)
	case a.Kind == row.Boolean && b.IsText() || b.Kind == row.Boolean && a.IsText():
		t = row.StringType()
	}
	if t == nil || t.Kind == row.Null && op != "=" && op != "<>" && a.Kind != row.Null {
		return nil, nil, cannotApply(op, args)
	}
	if isOrder && !isOrdered(t) {
		return nil, nil, fmt.Errorf("values of type %s have no order, so that %s cannot be applied", t.Nullable(true).SQL(), op)
	}
	cast, err := castAll(args, t)
	if err != nil {
		return nil, nil, cannotApply(op, args)
	}
	return cast, row.Of(row.Boolean).Nullable(!a.NotNull || !b.NotNull), nil
}

func isOrdered(t *row.Type) bool {
	switch t.Kind {
	case row.Array, row.Map, row.Multiset, row.Row, row.Raw, row.Variant:
		return false
	}
	return true
}

// Compare orders value i of a and value j of b, neither of which is NULL: -1, 0 or 1. NaN is equal to itself and
// greater than all others, as it sorts; comparisons of floating-point numbers by operators do not use it.
func Compare(a *column.Vector, i int, b *column.Vector, j int) int {
	switch column.FormOf(a.Type) {
	case column.FormBool:
		return boolInt(a.Bools[i]) - boolInt(b.Bools[j])
	case column.FormI32:
		return cmp.Compare(a.I32[i], b.I32[j])
	case column.FormI64:
		return cmp.Compare(a.I64[i], b.I64[j])
	case column.FormF32:
		return compareFloat(float64(a.F32[i]), float64(b.F32[j]))
	case column.FormF64:
		return compareFloat(a.F64[i], b.F64[j])
	case column.FormDecimal:
		return compareDecimal(a, i, b, j)
	case column.FormTimestamp:
		if c := cmp.Compare(a.I64[i], b.I64[j]); c != 0 {
			return c
		}
		return cmp.Compare(nanos(a, i), nanos(b, j))
	case column.FormBytes:
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	case column.FormRow:
		for c := range a.Children {
			if d := compareNullable(a.Children[c], i, b.Children[c], j); d != 0 {
				return d
			}
		}
		return 0
	}
	return compareLists(a, i, b, j)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func nanos(v *column.Vector, i int) int32 {
	if v.Type.Precision > 6 {
		return v.Nanos[i]
	}
	return 0
}

// compareFloat has NaN last.
func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return boolInt(a != a) - boolInt(b != b)
}

func compareDecimal(a *column.Vector, i int, b *column.Vector, j int) int {
	x, y := a.Decimal(i), b.Decimal(j)
	scale := max(a.Type.Scale, b.Type.Scale)
	p, okP := rescale(x, a.Type.Scale, scale)
	q, okQ := rescale(y, b.Type.Scale, scale)
	switch {
	case okP && okQ:
		return p.Cmp(q)
	case okP: // y is too large
		return -y.Sign()
	}
	return x.Sign()
}

// compareNullable has NULL first.
func compareNullable(a *column.Vector, i int, b *column.Vector, j int) int {
	switch x, y := a.IsNull(i), b.IsNull(j); {
	case x || y:
		return boolInt(y) - boolInt(x)
	}
	return Compare(a, i, b, j)
}

func compareLists(a *column.Vector, i int, b *column.Vector, j int) int {
	af, at := a.Range(i)
	bf, bt := b.Range(j)
	if a.Type.Kind != row.Array {
		return compareEntries(a, i, b, j)
	}
	for af < at && bf < bt {
		if c := compareNullable(a.Children[0], af, b.Children[0], bf); c != 0 {
			return c
		}
		af++
		bf++
	}
	return cmp.Compare(at-af, bt-bf)
}

// compareEntries is 0 if two maps or multisets have the same entries, in any order.
func compareEntries(a *column.Vector, i int, b *column.Vector, j int) int {
	af, at := a.Range(i)
	bf, bt := b.Range(j)
	if at-af != bt-bf {
		return cmp.Compare(at-af, bt-bf)
	}
	for x := af; x < at; x++ {
		found := false
		for y := bf; y < bt && !found; y++ {
			found = compareNullable(a.Children[0], x, b.Children[0], y) == 0 &&
				compareNullable(a.Children[1], x, b.Children[1], y) == 0
		}
		if !found {
			return 1
		}
	}
	return 0
}

// operators are the results of comparisons that each operator is true for.
func holds(op string, c int) bool {
	switch op {
	case "=":
		return c == 0
	case "<>":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func compareKernel(op string, c *expr.Call) expr.Kernel {
	switch column.FormOf(c.Args[0].Type()) {
	case column.FormI32:
		k := compareNumbers[int32](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.Bools[:n], args[0].I32[:n], args[1].I32[:n])
		}
	case column.FormI64:
		k := compareNumbers[int64](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.Bools[:n], args[0].I64[:n], args[1].I64[:n])
		}
	case column.FormF32:
		k := compareNumbers[float32](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.Bools[:n], args[0].F32[:n], args[1].F32[:n])
		}
	case column.FormF64:
		k := compareNumbers[float64](op)
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			k(out.Bools[:n], args[0].F64[:n], args[1].F64[:n])
		}
	case column.FormDecimal:
		k := compareNumbers[int64](op)
		slow := rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			out.Bools[i] = holds(op, Compare(args[0], i, args[1], i))
			return true
		})(c)
		return func(ctx *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			if a, b := args[0], args[1]; a.Hi == nil && b.Hi == nil && a.Type.Scale == b.Type.Scale {
				k(out.Bools[:n], a.I64[:n], b.I64[:n])
				return
			}
			slow(ctx, n, args, out)
		}
	case column.FormBytes:
		if op == "=" || op == "<>" {
			return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
				for i := range out.Bools[:n] {
					out.Bools[i] = bytes.Equal(args[0].Bytes(i), args[1].Bytes(i)) == (op == "=")
				}
			}
		}
	case column.FormNone:
		return func(*expr.Context, int, []*column.Vector, *column.Vector) {} // all NULL
	}
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.Bools[i] = holds(op, Compare(args[0], i, args[1], i))
		return true
	})(c)
}

// compareNumbers compares as the machine does: nothing is true of NaN but that it differs.
func compareNumbers[T cmp.Ordered](op string) func(out []bool, a, b []T) {
	switch op {
	case "=":
		return func(out []bool, a, b []T) {
			for i := range out {
				out[i] = a[i] == b[i]
			}
		}
	case "<>":
		return func(out []bool, a, b []T) {
			for i := range out {
				out[i] = a[i] != b[i]
			}
		}
	case "<":
		return func(out []bool, a, b []T) {
			for i := range out {
				out[i] = a[i] < b[i]
			}
		}
	case "<=":
		return func(out []bool, a, b []T) {
			for i := range out {
				out[i] = a[i] <= b[i]
			}
		}
	case ">":
		return func(out []bool, a, b []T) {
			for i := range out {
				out[i] = a[i] > b[i]
			}
		}
	}
	return func(out []bool, a, b []T) {
		for i := range out {
			out[i] = a[i] >= b[i]
		}
	}
}

func distinctKernel(not bool, c *expr.Call) expr.Kernel {
	if c.Args[0].Type().Kind == row.Null {
		return func(_ *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
			for i := range n {
				out.Bools[i] = not
			}
		}
	}
	equal := compareKernel("=", c)
	return func(ctx *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		a, b := args[0], args[1]
		out.Valid = column.And(nil, a.Valid, b.Valid, n) // what may be compared
		equal(ctx, n, args, out)
		out.Valid = nil
		for i := range n {
			if x, y := a.IsNull(i), b.IsNull(i); x || y {
				out.Bools[i] = x && y
			}
			out.Bools[i] = out.Bools[i] == not
		}
	}
}

func inferIn(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	types := make([]*row.Type, len(args))
	nullable := false
	for i, a := range args {
		types[i] = a.Type()
		nullable = nullable || !types[i].NotNull
		if i > 0 && !isMixed(types[0], types[i]) && comparable(args[0], a) == nil {
			return nil, nil, cannotApply("IN", []expr.Expr{args[0], a})
		}
	}
	t := types[0]
	switch {
	case slices.ContainsFunc(types, func(x *row.Type) bool { return isMixed(x, t) }):
		t = row.StringType()
	case !t.IsTemporal():
		t = Common(types...)
	}
	if t == nil {
		return nil, nil, fmt.Errorf("the values of IN have no common type")
	}
	cast, err := castAll(args, t)
	return cast, row.Of(row.Boolean).Nullable(nullable), err
}

// isMixed reports whether one type is of numbers and the other of texts: IN compares these as texts, as Flink does.
func isMixed(a, b *row.Type) bool { return a.IsNumeric() && b.IsText() || a.IsText() && b.IsNumeric() }

func inKernel(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		x := args[0]
		for i := range n {
			if x.IsNull(i) {
				out.SetNull(i)
				continue
			}
			found, unknown := false, false
			for _, a := range args[1:] {
				if a.IsNull(i) {
					unknown = true
				} else if sameValue(x, i, a, i) {
					found = true
					break
				}
			}
			out.Bools[i] = found
			if !found && unknown {
				out.SetNull(i)
			}
		}
	}
}

// sameValue is what = says of two values that are not NULL.
func sameValue(a *column.Vector, i int, b *column.Vector, j int) bool {
	switch column.FormOf(a.Type) {
	case column.FormI32:
		return a.I32[i] == b.I32[j]
	case column.FormI64:
		return a.I64[i] == b.I64[j]
	case column.FormF32:
		return a.F32[i] == b.F32[j]
	case column.FormF64:
		return a.F64[i] == b.F64[j]
	case column.FormBytes:
		return bytes.Equal(a.Bytes(i), b.Bytes(j))
	}
	return Compare(a, i, b, j) == 0
}
