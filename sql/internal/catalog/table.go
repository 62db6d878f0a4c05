package catalog

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// Path is the full name of an object.
type Path struct{ Catalog, Database, Object string }

// String is the path with points in between.
func (p Path) String() string { return p.Catalog + "." + p.Database + "." + p.Object }

// ColumnKind is where the values of a column come from.
type ColumnKind uint8

// The kinds of columns.
const (
	Physical ColumnKind = iota
	Computed            // from other columns
	Metadata            // from the connector
)

// Column is a column of a table.
type Column struct {
	Name    string
	Type    *row.Type
	Kind    ColumnKind
	Expr    ast.Expr // of a computed column
	Key     string   // of a metadata column, its name by default
	Virtual bool     // a metadata column that is not written
	Comment string
}

// Watermark is how the watermark of a table follows from its rows.
type Watermark struct {
	Column string
	Expr   ast.Expr
}

// Table is a table or a view. It is not changed once it is in a catalog.
type Table struct {
	Path        Path
	Temporary   bool
	Comment     string
	Columns     []Column
	PrimaryKey  []string
	Constraint  string // the name of the primary key
	Watermark   *Watermark
	Partitioned []string
	// Partitions are those that statements have added, each as name=value of its columns. Those of the files are told by
	// the connector.
	Partitions [][]string
	Buckets    int
	BucketKey  []string
	BucketKind string
	Options    map[string]string
	// Query is what a view stands for, nil for a table; Text is how it was written.
	Query *ast.Query
	Text  string
	// Inline says that it is in no catalog: FROM 'file'.
	Inline bool
	// stored is its statement in its catalog's file, empty where it is in none.
	stored string
	// Fixed are the rows of a table of information_schema.
	Fixed *column.Batch
	// Rows is what a table of the program gives, which has no options: package sql knows what it is.
	Rows any
}

// IsKept reports whether the table is in the file of its catalog.
func (t *Table) IsKept() bool { return t.stored != "" }

// IsView reports whether it is a view.
func (t *Table) IsView() bool { return t.Query != nil }

// Column finds a column, -1 if there is none.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Schema are all columns.
func (t *Table) Schema() *row.Schema {
	s := &row.Schema{}
	for _, c := range t.Columns {
		s.Fields = append(s.Fields, row.Field{Name: c.Name, Type: c.Type, Comment: c.Comment})
	}
	return s
}

// Sink are the places of the columns that a row has which is written: all but computed and virtual ones.
func (t *Table) Sink() []int {
	var at []int
	for i, c := range t.Columns {
		if c.Kind == Physical || c.Kind == Metadata && !c.Virtual {
			at = append(at, i)
		}
	}
	return at
}

// Keys are the places of the columns of the primary key.
func (t *Table) Keys() []int {
	var at []int
	for _, k := range t.PrimaryKey {
		at = append(at, t.Column(k))
	}
	return at
}

// Connector is the option of that name.
func (t *Table) Connector() string { return t.Options["connector"] }

// quote is a name in backticks.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
