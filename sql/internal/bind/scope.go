package bind

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// Scope is the columns that an expression can refer to: those of the input of a node.
type Scope struct {
	Columns []Column
	// outer binds a name for a query in an expression, where the scope has none of it; nil for others.
	outer func(n ast.Name) expr.Expr
}

// Column is a column of a table in the scope.
type Column struct {
	Table string // its alias, empty if it has none
	Name  string
	Type  *row.Type
	// path is the full name of the table, for names with a database and a catalog.
	path []string
	// merged columns are those of NATURAL and USING, of which either side's stands for both: by is the value.
	merged bool
	by     expr.Expr
	// hidden columns are found with their table's name only, and not by *.
	hidden bool
}

// resolve finds what a name refers to: a column, a column of a table, or a field of either.
func (s *Scope) resolve(n ast.Name) expr.Expr {
	x, ok := s.lookUp(n)
	if !ok {
		if s.outer != nil {
			if x := s.outer(n); x != nil {
				return x
			}
		}
		s.unknown(n)
	}
	return x
}

func (s *Scope) lookUp(n ast.Name) (x expr.Expr, ok bool) {
	if i, ok := s.find(n, "", n[0].Name); ok {
		return fields(s.input(i, n[:1]), n[1:]), true
	}
	if len(n) > 1 {
		if i, ok := s.find(n, n[0].Name, n[1].Name); ok {
			return fields(s.input(i, n[:2]), n[2:]), true
		}
	}
	for qualified := 2; qualified <= 3 && qualified < len(n); qualified++ {
		for i, c := range s.Columns {
			if c.Name == n[qualified].Name && endsWith(c.path, n[:qualified]) {
				return fields(s.input(i, n[:qualified+1]), n[qualified+1:]), true
			}
		}
	}
	return nil, false
}

// endsWith reports whether a table's full name ends in a name.
func endsWith(path []string, n ast.Name) bool {
	return len(path) >= len(n) && slices.Equal(path[len(path)-len(n):], n.Strings())
}

// has reports whether there is a column of a name.
func (s *Scope) has(name string) bool {
	return slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// find is the place of a column; an empty table is any.
func (s *Scope) find(n ast.Name, table, name string) (i int, ok bool) {
	i = -1
	for j, c := range s.Columns {
		if c.Name != name || table != "" && c.Table != table || table == "" && c.hidden || table != "" && c.merged {
			continue
		}
		if i >= 0 {
			failHint(n.Extent(), "write the table before it", "the column %s is in several tables", name)
		}
		i = j
	}
	return i, i >= 0
}

func (s *Scope) input(i int, n ast.Name) expr.Expr {
	c := s.Columns[i]
	if c.by != nil {
		return c.by
	}
	return &expr.Input{Span: n.Extent(), Index: i, Name: c.Name, T: c.Type}
}

func (s *Scope) unknown(n ast.Name) {
	name := strings.Join(n.Strings(), ".")
	var names []string
	for _, c := range s.Columns {
		names = append(names, c.Name)
		if c.Table != "" {
			names = append(names, c.Table+"."+c.Name)
		}
	}
	if len(names) == 0 {
		fail(n.Extent(), "there is no column %s, since there is no table", name)
	}
	hint := nearest(name, names)
	if hint == "" && len(names) <= 20 {
		slices.Sort(names)
		hint = "there are " + strings.Join(slices.Compact(names), ", ")
	}
	failHint(n.Extent(), hint, "there is no column %s", name)
}

// fields takes fields of a row, one of the other.
func fields(x expr.Expr, names ast.Name) expr.Expr {
	for _, n := range names {
		x = field(x, n)
	}
	return x
}

func field(x expr.Expr, n ast.Ident) expr.Expr {
	t := x.Type()
	if t.Kind != row.Row {
		fail(n.Span, "%s has no field %s: its type is %s", describe(x), n.Name, t)
	}
	var names []string
	for i, f := range t.Fields {
		if f.Name == n.Name {
			return &expr.Call{
				Span: x.Extent().Through(n.Span), Func: expr.FieldOf(i), Args: []expr.Expr{x},
				T: f.Type.Nullable(!t.NotNull || !f.Type.NotNull),
			}
		}
		names = append(names, f.Name)
	}
	hint := "there are " + strings.Join(names, ", ")
	if m := parse.Nearest(n.Name, names); m != "" {
		hint = "did you mean " + m + "?"
	}
	failHint(n.Span, hint, "%s has no field %s", describe(x), n.Name)
	return nil
}

// describe names an expression in a message.
func describe(x expr.Expr) string {
	switch x := x.(type) {
	case *expr.Input:
		return x.Name
	case *expr.Literal:
		return "the constant"
	case *expr.Call:
		return x.Func.Name
	}
	return "it"
}
