package bind

import (
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// Expr binds an expression whose columns are those of a scope.
func Expr(s *Scope, x ast.Expr) (bound expr.Expr, err error) {
	defer catch(&err)
	return (&binder{scope: s}).expr(x), nil
}

type binder struct {
	scope *Scope
	// embed is the value of JSON_OBJECT or JSON_ARRAY that is bound: JSON(s) can be one, and nothing else.
	embed ast.Expr

	env     *Env
	ctes    map[string]*cte
	group   *group            // of a SELECT with groups
	overs   *overs            // where OVER may stand
	windows []ast.NamedWindow // of the SELECT
	aliases []ast.Item        // that ORDER BY may name
	outer   bool              // a table function is joined by LEFT JOIN
	hints   *hints            // of the SELECT whose FROM is bound
}

func (b *binder) exprs(xs []ast.Expr) []expr.Expr {
	bound := make([]expr.Expr, len(xs))
	for i, x := range xs {
		bound[i] = b.expr(x)
	}
	return bound
}

func (b *binder) expr(x ast.Expr) expr.Expr {
	if c, ok := x.(*ast.Column); ok && len(c.Name) == 1 {
		for _, item := range b.aliases {
			if item.As != nil && item.As.Name == c.Name[0].Name {
				d := *b
				d.aliases = nil
				return d.expr(item.X)
			}
		}
	}
	if b.group != nil {
		if y := b.group.expr(b, x); y != nil {
			return y
		}
	}
	switch x := x.(type) {
	case *ast.Number:
		return number(x)
	case *ast.Str:
		v := column.New(row.CharOf(builtin.UnitsOf(x.Value)).Nullable(false))
		v.AppendString(x.Value)
		return &expr.Literal{Span: x.Span, Value: v}
	case *ast.Bytes:
		v := column.New((&row.Type{Kind: row.Binary, Length: len(x.Value)}).Nullable(false))
		v.AppendBytes(x.Value)
		return &expr.Literal{Span: x.Span, Value: v}
	case *ast.Bool:
		v := column.New(row.Of(row.Boolean).Nullable(false))
		v.AppendBool(x.Value)
		return &expr.Literal{Span: x.Span, Value: v}
	case *ast.Null:
		return null(x.Span, row.Of(row.Null))
	case *ast.Unknown:
		return null(x.Span, row.Of(row.Boolean))
	case *ast.Temporal:
		return literal(x.Span)(builtin.TemporalLiteral(x.Kind, x.Text))
	case *ast.Interval:
		return literal(x.Span)(builtin.IntervalLiteral(x.Text, x.Negative, x.Unit))
	case *ast.Difference:
		unit := &ast.Symbol{Span: x.Span, Word: x.Unit.From}
		return b.call(x.Span, "TIME DIFFERENCE", symbol(unit), b.expr(x.X), b.expr(x.Y))
	case *ast.Param:
		return b.param(x)
	case *ast.Column:
		if n := x.Name[0].Name; len(x.Name) == 1 && strings.EqualFold(n, "PI") && !b.scope.has(n) {
			return b.call(x.Span, "PI") // it needs no parentheses
		}
		return b.scope.resolve(x.Name)
	case *ast.Field:
		return field(b.expr(x.X), x.Name)
	}
	return b.operator(x)
}

// param is the value of a parameter.
func (b *binder) param(x *ast.Param) expr.Expr {
	if x.Name == "" {
		failHint(x.Span, "name it: :name", "a parameter has a name")
	}
	if b.env == nil || b.env.Params[x.Name] == nil {
		var names []string
		if b.env != nil {
			for n := range b.env.Params {
				names = append(names, n)
			}
		}
		failHint(x.Span, nearest(x.Name, names), "there is no value for the parameter :%s", x.Name)
	}
	l := *b.env.Params[x.Name]
	l.Span = x.Span
	return &l
}

// operator binds operators, which are functions too.
func (b *binder) operator(x ast.Expr) expr.Expr {
	at := x.Extent()
	switch x := x.(type) {
	case *ast.Unary:
		if n, ok := x.X.(*ast.Number); ok && x.Op == "-" {
			return number(&ast.Number{Span: at, Text: "-" + n.Text})
		}
		return b.call(at, "UNARY "+x.Op, b.expr(x.X))
	case *ast.Binary:
		return b.call(at, x.Op, b.expr(x.X), b.expr(x.Y))
	case *ast.Is:
		return b.call(at, is(x.Not, x.What), b.expr(x.X))
	case *ast.IsDistinct:
		return b.call(at, is(x.Not, "DISTINCT FROM"), b.expr(x.X), b.expr(x.Y))
	case *ast.Between:
		return b.between(x)
	case *ast.In:
		return b.in(x)
	case *ast.Like:
		return b.like(x)
	case *ast.Case:
		return b.caseExpr(x)
	case *ast.Cast:
		return b.cast(x)
	case *ast.Row:
		return b.call(at, "ROW", b.exprs(x.Items)...)
	case *ast.Collection:
		if x.Query == nil {
			return b.call(at, x.Kind, b.exprs(x.Items)...)
		}
	case *ast.Index:
		return b.call(at, "ITEM", b.expr(x.X), b.expr(x.At))
	case *ast.Subquery:
		return b.scalarQuery(x)
	case *ast.Exists:
		return b.exists(x)
	case *ast.Quantified:
		return b.quantified(x)
	case *ast.Call:
		return b.function(x)
	case *ast.JSON:
		return b.json(x)
	}
	fail(at, "%s cannot stand here", ast.String(x))
	return nil
}

func is(not bool, what string) string {
	if not {
		return "IS NOT " + what
	}
	return "IS " + what
}

func (b *binder) between(x *ast.Between) expr.Expr {
	v, low, high := b.expr(x.X), b.expr(x.Low), b.expr(x.High)
	in := func(low, high expr.Expr) expr.Expr {
		return b.call(x.Span, "AND", b.call(x.Span, ">=", v, low), b.call(x.Span, "<=", v, high))
	}
	y := in(low, high)
	if x.Symmetric {
		y = b.call(x.Span, "OR", y, in(high, low))
	}
	if x.Not {
		return b.call(x.Span, "UNARY NOT", y)
	}
	return y
}

func (b *binder) in(x *ast.In) expr.Expr {
	if x.Query != nil {
		return b.inQuery(x)
	}
	y := b.call(x.Span, "IN", append([]expr.Expr{b.expr(x.X)}, b.exprs(x.List)...)...)
	if x.Not {
		return b.call(x.Span, "UNARY NOT", y)
	}
	return y
}

func (b *binder) like(x *ast.Like) expr.Expr {
	name, args := "LIKE", []expr.Expr{b.expr(x.X), b.expr(x.Pattern)}
	if x.Similar {
		name = "SIMILAR TO"
	}
	if x.Escape != nil {
		args = append(args, b.expr(x.Escape))
	}
	y := b.call(x.Span, name, args...)
	if x.Not {
		return b.call(x.Span, "UNARY NOT", y)
	}
	return y
}

// caseExpr binds CASE to a call with condition, value, condition, value, …, else.
func (b *binder) caseExpr(x *ast.Case) expr.Expr {
	var args []expr.Expr
	var operand expr.Expr
	if x.Operand != nil {
		operand = b.expr(x.Operand)
	}
	for _, w := range x.Whens {
		switch r, several := w.If.(*ast.Row); {
		case operand == nil:
			args = append(args, b.expr(w.If))
		case several && !r.Explicit:
			args = append(args, b.call(r.Span, "IN", append([]expr.Expr{operand}, b.exprs(r.Items)...)...))
		default:
			args = append(args, b.call(w.If.Extent(), "=", operand, b.expr(w.If)))
		}
		args = append(args, b.expr(w.Then))
	}
	if x.Else != nil {
		args = append(args, b.expr(x.Else))
	} else {
		args = append(args, null(x.Span, row.Of(row.Null)))
	}
	return b.call(x.Span, "CASE", args...)
}

func (b *binder) cast(x *ast.Cast) expr.Expr {
	v, t := b.expr(x.X), Type(x.Type)
	y, err := builtin.Cast(x.Span, v, t, x.Try || b.env != nil && b.env.LegacyCast && !v.Type().NotNull)
	if err != nil {
		fail(x.Span, "%s", err)
	}
	return builtin.Materialize(x.Span, y)
}

func (b *binder) function(x *ast.Call) expr.Expr {
	name := strings.ToUpper(x.Name.Last().Name)
	if x.Over != nil {
		return b.over(x)
	}
	d := b.scalar(x)
	if d != nil && d.Name == "CURRENT_DATABASE" && len(x.Args) == 0 && b.env != nil {
		_, database := b.env.Catalog.Current()
		v := column.New(row.StringType().Nullable(false))
		v.AppendString(database)
		return &expr.Literal{Span: x.Span, Value: v}
	}
	if d == nil {
		if b.aggregateOf(x) != nil {
			fail(x.Span, "the aggregate %s cannot stand here", name)
		}
		names := append(builtin.Names(), agg.Names()...)
		if b.env != nil && b.env.Functions != nil {
			names = append(names, b.env.Functions.Names()...)
		}
		hint := ""
		if m := parse.Nearest(name, names); m != "" {
			hint = "did you mean " + m + "?"
		}
		failHint(x.Name.Extent(), hint, "there is no function %s", strings.Join(x.Name.Strings(), "."))
	}
	switch {
	case x.Filter != nil, x.Distinct, x.Star, len(x.Within) > 0, x.Nulls != "":
		fail(x.Span, "%s is no aggregate function", name)
	}
	if name == "JSON" && b.embed != ast.Expr(x) {
		fail(x.Span, "JSON can stand as a value of JSON_OBJECT or JSON_ARRAY only")
	}
	args := make([]expr.Expr, len(x.Args))
	for i, a := range x.Args {
		if s, ok := a.(*ast.Symbol); ok {
			args[i] = symbol(s)
			continue
		}
		args[i] = b.expr(a)
	}
	return b.apply(x.Span, d, args)
}

// scalar finds a function by its name, nil if there is none. The program's stand before built-in ones, and those before
// functions of a catalog.
func (b *binder) scalar(x *ast.Call) *builtin.Def {
	if len(x.Name) == 1 {
		name := x.Name.Last().Name
		if b.env != nil && b.env.Functions != nil {
			if d := b.env.Functions.Scalar(name); d != nil {
				return d
			}
		}
		if d := builtin.Lookup(name); d != nil || agg.Lookup(name) != nil {
			return d
		}
	}
	if as := b.registered(x.Name); as != "" {
		return b.env.Functions.Scalar(as)
	}
	return nil
}

// aggregateOf finds an aggregate function by its name, nil if there is none.
func (b *binder) aggregateOf(x *ast.Call) *agg.Func {
	if len(x.Name) == 1 {
		name := x.Name.Last().Name
		if b.env != nil && b.env.Functions != nil {
			if f := b.env.Functions.Aggregate(name); f != nil {
				return f
			}
		}
		if f := agg.Lookup(name); f != nil || builtin.Lookup(name) != nil {
			return f
		}
	}
	if as := b.registered(x.Name); as != "" {
		return b.env.Functions.Aggregate(as)
	}
	return nil
}

// json binds a function of JSON, whose options follow its arguments as symbols.
func (b *binder) json(x *ast.JSON) expr.Expr {
	args := make([]expr.Expr, len(x.Args))
	for i, a := range x.Args {
		if x.Func == "JSON_OBJECT" || x.Func == "JSON_ARRAY" {
			b.embed = a
		}
		args[i] = b.expr(a)
	}
	option := func(word string) {
		args = append(args, symbol(&ast.Symbol{Span: x.Span, Word: word}))
	}
	behavior := func(j *ast.JSONBehavior) {
		switch {
		case j == nil:
			option("")
			args = append(args, null(x.Span, row.Of(row.Null)))
		case j.Default != nil:
			option(j.What)
			args = append(args, b.expr(j.Default))
		default:
			option(j.What)
			args = append(args, null(x.Span, row.Of(row.Null)))
		}
	}
	switch x.Func {
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS":
		option(x.Wrapper)
		behavior(x.Empty)
		behavior(x.Error)
	default:
		option(x.Nulls)
	}
	if x.Returning != nil {
		args = append(args, null(x.Span, Type(x.Returning)))
	}
	return b.call(x.Span, x.Func, args...)
}

// call calls an operator or a function by name.
func (b *binder) call(at ast.Span, name string, args ...expr.Expr) expr.Expr {
	d := builtin.Lookup(name)
	if d == nil {
		fail(at, "%s is not supported", strings.TrimPrefix(name, "UNARY "))
	}
	return b.apply(at, d, args)
}

func (b *binder) apply(at ast.Span, d *builtin.Def, args []expr.Expr) expr.Expr {
	c, err := d.Call(at, args)
	if err != nil {
		fail(at, "%s", err)
	}
	return c
}

func literal(at ast.Span) func(v *column.Vector, err error) expr.Expr {
	return func(v *column.Vector, err error) expr.Expr {
		if err != nil {
			fail(at, "%s", err)
		}
		return &expr.Literal{Span: at, Value: v}
	}
}

func null(at ast.Span, t *row.Type) expr.Expr {
	v := column.New(t)
	v.AppendNull()
	return &expr.Literal{Span: at, Value: v}
}

// symbol is a keyword as an argument: a text of a type of its own.
func symbol(s *ast.Symbol) expr.Expr {
	v := column.New(&row.Type{Kind: row.Raw, Class: "symbol", NotNull: true})
	v.AppendString(s.Word)
	return &expr.Literal{Span: s.Span, Value: v}
}

// number binds a number: whole ones are INT or BIGINT, with a point DECIMAL, with an exponent DOUBLE.
func number(x *ast.Number) expr.Expr {
	if strings.ContainsAny(x.Text, "eE") {
		f, err := strconv.ParseFloat(x.Text, 64)
		if err != nil {
			fail(x.Span, "the number %s is out of range", x.Text)
		}
		v := column.New(row.Of(row.Double).Nullable(false))
		v.AppendF64(f)
		return &expr.Literal{Span: x.Span, Value: v}
	}
	digits, isNegative := strings.CutPrefix(x.Text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	sign := ""
	if isNegative {
		sign = "-"
	}
	n, err := strconv.ParseInt(sign+"0"+whole+fraction, 10, 64)
	if err != nil {
		failHint(x.Span, "write it as a text and CAST it to DECIMAL", "the number %s is out of range", x.Text)
	}
	switch {
	case point && fraction != "":
		precision := max(len(strings.TrimLeft(whole, "0")), 1) + len(fraction)
		v := column.New(row.DecimalOf(precision, len(fraction)).Nullable(false))
		v.AppendDecimal(column.Int128From(n))
		return &expr.Literal{Span: x.Span, Value: v}
	case int64(int32(n)) == n:
		v := column.New(row.Of(row.Int).Nullable(false))
		v.AppendI32(int32(n))
		return &expr.Literal{Span: x.Span, Value: v}
	}
	v := column.New(row.Of(row.BigInt).Nullable(false))
	v.AppendI64(n)
	return &expr.Literal{Span: x.Span, Value: v}
}
