package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// SchemaDatabase is the database of each catalog whose tables say what is in the catalog. Nobody writes to it.
const SchemaDatabase = "information_schema"

const schemaComment = "what there is in the catalog"

// isSchema reports whether a name means the database of what there is. It is compared without case, as are the names of
// its tables.
func isSchema(database string) bool { return strings.EqualFold(database, SchemaDatabase) }

func readOnly() error {
	return &Error{Msg: "the database " + SchemaDatabase + " says what there is, and cannot be changed"}
}

// listings are the tables of information_schema, with their columns and what fills them. A column that ends in ? may be
// NULL, one that ends in # is a number.
func listings() map[string]listing {
	return map[string]listing{
		"SCHEMATA": {"CATALOG_NAME SCHEMA_NAME COMMENT?", (*Store).listSchemata},
		"TABLES": {
			"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE IS_TEMPORARY COMMENT? WATERMARK_COLUMN? WATERMARK_EXPRESSION?", (*Store).listTables,
		},
		"COLUMNS": {
			"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION# IS_NULLABLE DATA_TYPE FULL_DATA_TYPE IS_GENERATED " +
				"GENERATION_EXPRESSION? IS_METADATA METADATA_KEY? IS_PERSISTED COMMENT?", (*Store).listColumns,
		},
		"VIEWS":            {"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION", (*Store).listViews},
		"KEY_COLUMN_USAGE": {"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME CONSTRAINT_NAME COLUMN_NAME ORDINAL_POSITION#", (*Store).listKeys},
		"TABLE_OPTIONS":    {"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME OPTION_KEY OPTION_VALUE", (*Store).listOptions},
	}
}

// listing is a table of information_schema.
type listing struct {
	columns string
	fill    func(s *Store, c *Catalog, put func(values ...any))
}

// schemaDatabase is the database of what there is, whose tables are made when they are asked for.
func schemaDatabase() *Database {
	d := newDatabase(SchemaDatabase)
	d.Comment = schemaComment
	for name := range listings() {
		d.tables[name] = &entry{isListing: true}
	}
	return d
}

// listing is a table of information_schema as of now.
func (s *Store) listing(p Path) (*Table, error) {
	p.Database, p.Object = SchemaDatabase, strings.ToUpper(p.Object)
	c, err := s.Catalog(p.Catalog)
	if err != nil {
		return nil, err
	}
	l := listings()[p.Object]
	t := &Table{Path: p, Options: map[string]string{}, Fixed: &column.Batch{}}
	for name := range strings.FieldsSeq(l.columns) {
		f := row.StringType().Nullable(strings.HasSuffix(name, "?"))
		if strings.HasSuffix(name, "#") {
			f = row.Of(row.Int).Nullable(false)
		}
		t.Columns = append(t.Columns, Column{Name: strings.TrimRight(name, "?#"), Type: f})
		t.Fixed.Cols = append(t.Fixed.Cols, column.New(f))
	}
	l.fill(s, c, func(values ...any) {
		for i, v := range values {
			switch v := v.(type) {
			case int:
				t.Fixed.Cols[i].AppendI32(int32(v))
			case string:
				if v == "" && !t.Columns[i].Type.NotNull {
					t.Fixed.Cols[i].AppendNull()
				} else {
					t.Fixed.Cols[i].AppendString(v)
				}
			}
		}
		t.Fixed.N++
	})
	return t, nil
}

func (s *Store) listSchemata(c *Catalog, put func(values ...any)) {
	names, _ := c.names() // the list has what can be had
	for _, name := range names {
		comment := ""
		if d := c.databases[name]; d != nil {
			comment = d.Comment
		}
		put(c.Name, name, comment)
	}
	put(c.Name, SchemaDatabase, schemaComment)
}

// each calls f for each table of a catalog. The table is nil where it cannot be made: it is listed all the same.
func (s *Store) each(c *Catalog, f func(l *Listed, t *Table)) {
	names, _ := c.names() // the list has what can be had
	for _, name := range names {
		list, err := s.Tables(c.Name, name)
		if err != nil {
			continue // the database is gone
		}
		for _, l := range list {
			t, err := s.Table([]string{c.Name, name, l.Path.Object})
			if err != nil {
				t = nil
			}
			f(&l, t)
		}
	}
}

func (s *Store) listTables(c *Catalog, put func(values ...any)) {
	s.each(c, func(l *Listed, t *Table) {
		kind, comment, column, watermark := "BASE TABLE", "", "", ""
		if l.IsView {
			kind = "VIEW"
		}
		if t != nil {
			comment = t.Comment
			if w := t.Watermark; w != nil {
				column = w.Column
				if w.Expr != nil {
					watermark = ast.Quoted(w.Expr)
				}
			}
		}
		put(l.Path.Catalog, l.Path.Database, l.Path.Object, kind, yes(l.Temporary), comment, column, watermark)
	})
}

func yes(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func (s *Store) listColumns(c *Catalog, put func(values ...any)) {
	s.each(c, func(l *Listed, t *Table) {
		for i := 0; t != nil && i < len(t.Columns); i++ {
			col := &t.Columns[i]
			generation, key := "", ""
			switch col.Kind {
			case Computed:
				generation = ast.Quoted(col.Expr)
			case Metadata:
				key = col.Key
			}
			full := col.Type.Nullable(true).SQL()
			name := full
			if end := strings.IndexAny(full, "(<"); end >= 0 {
				name = full[:end]
			}
			put(l.Path.Catalog, l.Path.Database, l.Path.Object, col.Name, i+1, yes(!col.Type.NotNull), name, full, yes(col.Kind == Computed),
				generation, yes(col.Kind == Metadata), key, yes(col.Kind != Computed && !col.Virtual), col.Comment)
		}
	})
}

func (s *Store) listViews(c *Catalog, put func(values ...any)) {
	s.each(c, func(l *Listed, t *Table) {
		if l.IsView && t != nil {
			put(l.Path.Catalog, l.Path.Database, l.Path.Object, t.Text)
		}
	})
}

func (s *Store) listKeys(c *Catalog, put func(values ...any)) {
	s.each(c, func(l *Listed, t *Table) {
		for i := 0; t != nil && i < len(t.PrimaryKey); i++ {
			put(l.Path.Catalog, l.Path.Database, l.Path.Object, t.Constraint, t.PrimaryKey[i], i+1)
		}
	})
}

func (s *Store) listOptions(c *Catalog, put func(values ...any)) {
	s.each(c, func(l *Listed, t *Table) {
		if t == nil {
			return
		}
		for _, k := range slices.Sorted(maps.Keys(t.Options)) {
			put(l.Path.Catalog, l.Path.Database, l.Path.Object, k, t.Options[k])
		}
	})
}
