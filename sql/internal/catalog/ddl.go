package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
)

// DDL is the statement that makes the table.
func (t *Table) DDL() string {
	kind := "TABLE"
	if t.IsView() {
		kind = "VIEW"
	}
	s := "CREATE "
	if t.Temporary {
		s += "TEMPORARY "
	}
	s += fmt.Sprintf("%s %s.%s.%s", kind, quote(t.Path.Catalog), quote(t.Path.Database), quote(t.Path.Object))
	if t.IsView() {
		names := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = quote(c.Name)
		}
		return s + " (" + strings.Join(names, ", ") + ")" + comment(t.Comment) + "\nAS " + t.Text + "\n"
	}
	var lines []string
	for _, c := range t.Columns {
		lines = append(lines, "  "+c.ddl())
	}
	if w := t.Watermark; w != nil {
		lines = append(lines, fmt.Sprintf("  WATERMARK FOR %s AS %s", quote(w.Column), ast.Quoted(w.Expr)))
	}
	if t.PrimaryKey != nil {
		lines = append(lines, fmt.Sprintf("  CONSTRAINT %s PRIMARY KEY (%s) NOT ENFORCED", quote(t.Constraint), quoted(t.PrimaryKey)))
	}
	s += " (\n" + strings.Join(lines, ",\n") + "\n)" + comment(t.Comment)
	if t.Partitioned != nil {
		s += "\nPARTITIONED BY (" + quoted(t.Partitioned) + ")"
	}
	var options []string
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		options = append(options, fmt.Sprintf("  %s = %s", text(k), text(t.Options[k])))
	}
	return s + "\nWITH (\n" + strings.Join(options, ",\n") + "\n)\n"
}

func (c *Column) ddl() string {
	s := quote(c.Name) + " "
	switch c.Kind {
	case Computed:
		s += "AS " + ast.Quoted(c.Expr)
	case Metadata:
		s += c.Type.SQL() + " METADATA"
		if c.Key != c.Name {
			s += " FROM " + text(c.Key)
		}
		if c.Virtual {
			s += " VIRTUAL"
		}
	default:
		s += c.Type.SQL()
	}
	return s + comment(c.Comment)
}

func comment(s string) string {
	if s == "" {
		return ""
	}
	return " COMMENT " + text(s)
}

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = quote(n)
	}
	return strings.Join(list, ", ")
}
