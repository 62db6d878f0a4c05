package plan

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// What is written of tables, and read again: the values of table.plan.compile.catalog-objects and
// table.plan.restore.catalog-objects.
const (
	All         = "ALL"          // schema and options; what is missing is the catalog's
	AllEnforced = "ALL_ENFORCED" // schema and options, the catalog is not asked
	Schema      = "SCHEMA"       // the schema
	Identifier  = "IDENTIFIER"   // the name: all is the catalog's
)

// table is a table in a file.
type table struct {
	Path    []string
	Schema  *schema           // nil where the catalog has it
	Options map[string]string // nil where the catalog has them
}

// schema is a table without its options.
type schema struct {
	Columns     []column
	PrimaryKey  []string
	Constraint  string
	Watermark   *watermark
	Partitioned []string
	Buckets     int
	BucketKey   []string
	BucketKind  string
	Temporary   bool
	Comment     string
}

type column struct {
	Name    string
	Type    *row.Type
	Kind    string // COMPUTED or METADATA
	Expr    string // of a computed column, as SQL
	Key     string
	Virtual bool
	Comment string
}

type watermark struct{ Column, Expr string }

var columnKinds = []string{catalog.Physical: "", catalog.Computed: "COMPUTED", catalog.Metadata: "METADATA"}

// tableOf is a table as it is written.
func tableOf(t *catalog.Table, objects string) (*table, error) {
	if t.Fixed != nil {
		return nil, fmt.Errorf("the table %s has the state of the session, which a plan cannot have", t.Path.Object)
	}
	if t.Rows != nil {
		return nil, fmt.Errorf("the table %s is made of a stream of the program, which a plan cannot have", t.Path.Object)
	}
	out := &table{Path: []string{t.Path.Catalog, t.Path.Database, t.Path.Object}}
	if objects == Identifier {
		return out, nil
	}
	out.Schema = schemaOf(t)
	if objects == All {
		out.Options = t.Options
	}
	return out, nil
}

func schemaOf(t *catalog.Table) *schema {
	s := &schema{
		PrimaryKey: t.PrimaryKey, Constraint: t.Constraint, Partitioned: t.Partitioned, Buckets: t.Buckets, BucketKey: t.BucketKey,
		BucketKind: t.BucketKind, Temporary: t.Temporary, Comment: t.Comment,
	}
	for _, c := range t.Columns {
		written := column{Name: c.Name, Type: c.Type, Kind: columnKinds[c.Kind], Key: c.Key, Virtual: c.Virtual, Comment: c.Comment}
		if c.Expr != nil {
			written.Expr = ast.Quoted(c.Expr)
		}
		s.Columns = append(s.Columns, written)
	}
	if t.Watermark != nil {
		s.Watermark = &watermark{t.Watermark.Column, ast.Quoted(t.Watermark.Expr)}
	}
	return s
}

// table makes the table again.
func (s *schema) table(path catalog.Path, options map[string]string) (*catalog.Table, error) {
	t := &catalog.Table{
		Path: path, Temporary: s.Temporary, Comment: s.Comment, PrimaryKey: s.PrimaryKey, Constraint: s.Constraint,
		Partitioned: s.Partitioned, Buckets: s.Buckets, BucketKey: s.BucketKey, BucketKind: s.BucketKind, Options: options,
	}
	var err error
	for _, c := range s.Columns {
		kind := slices.Index(columnKinds, c.Kind)
		if kind < 0 || c.Type == nil {
			return nil, fmt.Errorf("the column %s of the table %s has no kind or type", c.Name, path.Object)
		}
		made := catalog.Column{Name: c.Name, Type: c.Type, Kind: catalog.ColumnKind(kind), Key: c.Key, Virtual: c.Virtual, Comment: c.Comment}
		if c.Expr != "" {
			if made.Expr, err = parse.Expr(c.Expr); err != nil {
				return nil, fmt.Errorf("the column %s of the table %s: %w", c.Name, path.Object, err)
			}
		}
		t.Columns = append(t.Columns, made)
	}
	for _, k := range append(slices.Clone(s.PrimaryKey), s.Partitioned...) {
		if t.Column(k) < 0 {
			return nil, fmt.Errorf("the table %s has no column %s", path.Object, k)
		}
	}
	if w := s.Watermark; w != nil {
		t.Watermark = &catalog.Watermark{Column: w.Column}
		if t.Watermark.Expr, err = parse.Expr(w.Expr); err != nil {
			return nil, fmt.Errorf("the watermark of the table %s: %w", path.Object, err)
		}
	}
	return t, nil
}

// table finds or makes a table of the file.
func (c *Config) table(t *table) (*catalog.Table, error) {
	if len(t.Path) != 3 {
		return nil, fmt.Errorf("a table has the path %v, which has not three parts", t.Path)
	}
	path := catalog.Path{Catalog: t.Path[0], Database: t.Path[1], Object: t.Path[2]}
	isWhole := t.Schema != nil && t.Options != nil
	switch {
	case c.Objects == AllEnforced && !isWhole:
		return nil, &Error{
			Msg:  fmt.Sprintf("the plan has not all of the table %s, and the catalog is not asked, as 'table.plan.restore.catalog-objects' says", path),
			Hint: "compile it with 'table.plan.compile.catalog-objects' = 'ALL', or SET 'table.plan.restore.catalog-objects' = 'ALL'",
		}
	case c.Objects != Identifier && isWhole:
		return t.Schema.table(path, t.Options)
	}
	known, err := c.Table(t.Path)
	if err != nil || known.IsView() {
		hint := "create it, or use the catalog that has it"
		if isWhole {
			hint += ", or SET 'table.plan.restore.catalog-objects' = 'ALL', since the plan has it"
		}
		return nil, &Error{Msg: fmt.Sprintf("the plan takes the table %s from the catalog, which does not have it", path), Hint: hint}
	}
	if t.Schema != nil {
		made, err := t.Schema.table(path, known.Options)
		if err != nil {
			return nil, err
		}
		was, is := row.RowOf(made.Schema().Fields...).SQL(), row.RowOf(known.Schema().Fields...).SQL()
		if was != is || !slices.Equal(made.PrimaryKey, known.PrimaryKey) {
			return nil, &Error{
				Msg:  fmt.Sprintf("the table %s has the columns %s now, and had %s when the plan was compiled", path, is, was),
				Hint: "change it back, or compile the plan again",
			}
		}
	}
	return known, nil
}
