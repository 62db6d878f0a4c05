package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// DDL is the statement that makes the table or view, with types as Flink writes them there.
func (t *Table) DDL() string {
	return t.ddl(quote(t.Path.Catalog)+"."+quote(t.Path.Database)+"."+quote(t.Path.Object), (*row.Type).Long)
}

// ddl is the statement with a name, in which typeText writes types.
func (t *Table) ddl(name string, typeText func(*row.Type) string) string {
	s := "CREATE "
	if t.Temporary {
		s += "TEMPORARY "
	}
	if t.IsView() {
		names := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = "  " + quote(c.Name)
		}
		return s + "VIEW " + name + " (\n" + strings.Join(names, ",\n") + "\n)\n" + commentLine(t.Comment) + "AS " + t.Text + "\n"
	}
	var lines []string
	for _, c := range t.Columns {
		lines = append(lines, "  "+c.ddl(typeText))
	}
	if w := t.Watermark; w != nil && w.Expr != nil { // a stream has its own
		lines = append(lines, fmt.Sprintf("  WATERMARK FOR %s AS %s", quote(w.Column), ast.Quoted(w.Expr)))
	}
	if t.PrimaryKey != nil {
		lines = append(lines, fmt.Sprintf("  CONSTRAINT %s PRIMARY KEY (%s) NOT ENFORCED", quote(t.Constraint), quoted(t.PrimaryKey)))
	}
	s += "TABLE " + name + " (\n" + strings.Join(lines, ",\n") + "\n)\n" + commentLine(t.Comment) + t.distribution()
	if t.Partitioned != nil {
		s += "PARTITIONED BY (" + quoted(t.Partitioned) + ")\n"
	}
	return s + optionLines(t.Options)
}

func (t *Table) distribution() string {
	into := ""
	if t.Buckets > 0 {
		into = fmt.Sprintf(" INTO %d BUCKETS", t.Buckets)
	}
	switch {
	case len(t.BucketKey) > 0 && t.BucketKind != "":
		return "DISTRIBUTED BY " + t.BucketKind + "(" + quoted(t.BucketKey) + ")" + into + "\n"
	case len(t.BucketKey) > 0:
		return "DISTRIBUTED BY (" + quoted(t.BucketKey) + ")" + into + "\n"
	case into != "":
		return "DISTRIBUTED" + into + "\n"
	}
	return ""
}

func (c *Column) ddl(typeText func(*row.Type) string) string {
	s := quote(c.Name) + " "
	switch c.Kind {
	case Computed:
		s += "AS " + ast.Quoted(c.Expr)
	case Metadata:
		s += typeText(c.Type) + " METADATA"
		if c.Key != c.Name {
			s += " FROM " + text(c.Key)
		}
		if c.Virtual {
			s += " VIRTUAL"
		}
	default:
		s += typeText(c.Type)
	}
	if c.Comment != "" {
		s += " COMMENT " + text(c.Comment)
	}
	return s
}

func commentLine(s string) string {
	if s == "" {
		return ""
	}
	return "COMMENT " + text(s) + "\n"
}

func optionLines(options map[string]string) string {
	if len(options) == 0 {
		return ""
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(options)) {
		lines = append(lines, fmt.Sprintf("  %s = %s", text(k), text(options[k])))
	}
	return "WITH (\n" + strings.Join(lines, ",\n") + "\n)\n"
}

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = quote(n)
	}
	return strings.Join(list, ", ")
}
