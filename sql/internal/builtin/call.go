package builtin

import (
	"fmt"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Call makes a call: it checks the arguments, casts them to what the function takes, and finds the type of
// the result.
func (d *Def) Call(at ast.Span, args []expr.Expr) (*expr.Call, error) {
	for _, x := range args {
		if d.Typed && x.Type().Kind == row.Null {
			return nil, fmt.Errorf("%s does not take NULL as it is; CAST it to a type", d.Name)
		}
	}
	if d.Infer != nil {
		args, t, err := d.Infer(args)
		if err != nil {
			return nil, err
		}
		return &expr.Call{Span: at, Func: &d.Func, Args: args, T: t}, nil
	}
	least := 0
	for _, a := range d.Args {
		if !a.Optional {
			least++
		}
	}
	if len(args) < least || len(args) > len(d.Args) && !d.Variadic {
		return nil, fmt.Errorf("%s takes %s, not %d arguments", d.Name, d.signature(), len(args))
	}
	cast := make([]expr.Expr, len(args))
	for i, x := range args {
		class := d.Args[min(i, len(d.Args)-1)].Accepts
		t := x.Type()
		if t.Kind != row.Null && !class.Has(t) {
			return nil, d.mismatch(args)
		}
		cast[i] = x
		if to := class.To(t); to != nil {
			y, err := Cast(x.Extent(), x, to, false)
			if err != nil {
				return nil, d.mismatch(args)
			}
			cast[i] = y
		}
	}
	if d.Check != nil {
		if err := d.Check(cast); err != nil {
			return nil, err
		}
	}
	nulls := d.Nullable || !d.Strict || takesNull(cast)
	if d.Nulls != nil {
		nulls = d.Nulls(cast)
	}
	t := d.Result(cast).Nullable(nulls)
	return &expr.Call{Span: at, Func: &d.Func, Args: cast, T: t}, nil
}

// never is for results that are never NULL.
func never([]expr.Expr) bool { return false }

// takesNull reports whether an argument can be NULL.
func takesNull(args []expr.Expr) bool {
	for _, a := range args {
		if !a.Type().NotNull {
			return true
		}
	}
	return false
}

// signature is how the function is called.
func (d *Def) signature() string {
	var b strings.Builder
	b.WriteString(d.Name + "(")
	for i, a := range d.Args {
		if a.Optional {
			b.WriteString("[")
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.Accepts.Text)
		if a.Optional {
			b.WriteString("]")
		}
	}
	if d.Variadic {
		b.WriteString(", …")
	}
	return b.String() + ")"
}

func (d *Def) mismatch(args []expr.Expr) error {
	return fmt.Errorf("%s takes %s, not (%s)", d.Name, d.signature(), typeList(args))
}

// typeList are the types of arguments, in a message.
func typeList(args []expr.Expr) string {
	types := make([]string, len(args))
	for i, a := range args {
		types[i] = a.Type().Nullable(true).SQL()
	}
	return strings.Join(types, ", ")
}
