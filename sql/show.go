package sql

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
)

// texts is a result of texts.
func texts(names []string, rows [][]string) *Result {
	r := &Result{Schema: &row.Schema{}, fixed: &column.Batch{N: len(rows)}}
	for i, n := range names {
		t := row.StringType()
		v := column.New(t)
		for _, x := range rows {
			v.AppendString(x[i])
		}
		r.Schema.Fields = append(r.Schema.Fields, row.Field{Name: n, Type: t})
		r.fixed.Cols = append(r.fixed.Cols, v)
	}
	return r
}

// list is a result of one column of texts, of which LIKE may keep some.
func list(x *ast.Show, name string, names []string) (*Result, error) {
	var rows [][]string
	for _, n := range names {
		if likes(x, n) {
			rows = append(rows, []string{n})
		}
	}
	return texts([]string{name}, rows), nil
}

// likes reports whether a name is like the pattern of a SHOW statement.
func likes(x *ast.Show, name string) bool {
	if x.Like == "" {
		return true
	}
	pattern := x.Pattern
	if x.Like == "ILIKE" {
		pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	}
	return builtin.Like(name, pattern) != x.Not
}

func (s *Session) show(x *ast.Show) (*Result, error) {
	current, database := s.catalog.Current()
	switch x.What {
	case "CATALOGS":
		return list(x, "catalog name", s.catalog.Catalogs())
	case "CURRENT CATALOG":
		return texts([]string{"current catalog name"}, [][]string{{current}}), nil
	case "CURRENT DATABASE":
		return texts([]string{"current database name"}, [][]string{{database}}), nil
	case "DATABASES":
		return s.showDatabases(x, current)
	case "TABLES", "VIEWS":
		return s.showTables(x)
	case "FUNCTIONS", "USER FUNCTIONS":
		return s.showFunctions(x)
	case "COLUMNS":
		t, err := s.catalog.Table(x.Of.Strings())
		if err != nil {
			return nil, at(x.Of, err)
		}
		return s.describeTable(t, func(c catalog.Column) bool { return likes(x, c.Name) }), nil
	case "CREATE TABLE", "CREATE VIEW":
		return s.showCreate(x)
	case "CREATE CATALOG":
		c, err := s.catalog.Catalog(x.Of.Last().Name)
		if err != nil {
			return nil, at(x.Of, err)
		}
		return texts([]string{"result"}, [][]string{{c.DDL()}}), nil
	case "PARTITIONS":
		return s.showPartitions(x)
	case "JOBS":
		return jobRows(s.jobs), nil
	case "MODULES":
		return list(x, "module name", []string{"core"})
	}
	return nil, &bind.Error{Span: x.Span, Msg: "SHOW " + x.What + " is not supported yet"}
}

func (s *Session) showDatabases(x *ast.Show, in string) (*Result, error) {
	switch len(x.Of) {
	case 0:
	case 1:
		in = x.Of[0].Name
	default:
		return nil, &bind.Error{Span: x.Of.Extent(), Msg: "databases are in a catalog, whose name has one part"}
	}
	names, err := s.catalog.Databases(in)
	if err != nil {
		return nil, at(x.Of, err)
	}
	return list(x, "database name", names)
}

// showCreate shows the statement that makes a table or a view.
func (s *Session) showCreate(x *ast.Show) (*Result, error) {
	t, err := s.catalog.Table(x.Of.Strings())
	if err != nil {
		return nil, at(x.Of, err)
	}
	if is := "CREATE " + kindOf(t.IsView()); is != x.What {
		return nil, &bind.Error{Span: x.Of.Extent(), Msg: fmt.Sprintf("%s is a %s", t.Path.Object, lower(kindOf(t.IsView()))), Hint: "SHOW " + is + " shows it"}
	}
	return texts([]string{"result"}, [][]string{{t.DDL()}}), nil
}

// databaseIn is the database of FROM or IN: [catalog.]database.
func (s *Session) databaseIn(x *ast.Show) (in, database string, err error) {
	in, database = s.catalog.Current()
	switch len(x.Of) {
	case 0:
	case 1:
		database = x.Of[0].Name
	case 2:
		in, database = x.Of[0].Name, x.Of[1].Name
	default:
		err = &bind.Error{Span: x.Of.Extent(), Msg: "the name of a database has a catalog before it at most"}
	}
	return in, database, err
}

func (s *Session) showTables(x *ast.Show) (*Result, error) {
	in, database, err := s.databaseIn(x)
	if err != nil {
		return nil, err
	}
	tables, err := s.catalog.Tables(in, database)
	if err != nil {
		return nil, at(x.Of, err)
	}
	var names []string
	for _, t := range tables {
		if x.What == "TABLES" || t.IsView {
			names = append(names, t.Path.Object)
		}
	}
	if x.What == "VIEWS" {
		return list(x, "view name", names)
	}
	return list(x, "table name", names)
}

func (s *Session) describe(x *ast.Describe) (*Result, error) {
	switch x.Kind {
	case "CATALOG":
		return s.describeCatalog(x)
	case "DATABASE":
		return s.describeDatabase(x)
	case "FUNCTION":
		return s.describeFunction(x)
	case "JOB":
		j, err := s.jobOf(x.Span, x.Job)
		if err != nil {
			return nil, err
		}
		return jobRows([]*job{j}), nil
	case "TABLE":
		t, err := s.catalog.Table(x.Name.Strings())
		if err != nil {
			return nil, at(x.Name, err)
		}
		return s.describeTable(t, func(catalog.Column) bool { return true }), nil
	}
	return nil, &bind.Error{Span: x.Span, Msg: "DESCRIBE " + x.Kind + " is not supported yet"}
}

func (s *Session) describeCatalog(x *ast.Describe) (*Result, error) {
	c, err := s.catalog.Catalog(x.Name.Last().Name)
	if err != nil {
		return nil, at(x.Name, err)
	}
	rows := [][]string{{"name", c.Name}, {"type", c.Options["type"]}, {"comment", c.Comment}}
	if x.Extended {
		options := maps.Clone(c.Options)
		delete(options, "type")
		rows = append(rows, optionRows(options)...)
	}
	return infos(rows), nil
}

func (s *Session) describeDatabase(x *ast.Describe) (*Result, error) {
	in, d, err := s.catalog.Database(x.Name.Strings())
	if err != nil {
		return nil, at(x.Name, err)
	}
	rows := [][]string{{"catalog", in}, {"name", d.Name}, {"comment", d.Comment}}
	if x.Extended {
		rows = append(rows, optionRows(d.Options)...)
	}
	return infos(rows), nil
}

// shown is the type of a column, without NOT NULL. In streaming mode it says whether it is an attribute of time.
func (s *Session) shown(t *catalog.Table, c *catalog.Column) *row.Type {
	ty := *c.Type.Nullable(true)
	if c, err := s.configuration(); err == nil && config.RuntimeMode.Get(c) == "BATCH" {
		return ty.Plain()
	}
	if t.Watermark != nil && t.Watermark.Column == c.Name {
		ty.Attribute = row.Rowtime
	}
	return &ty
}

// describeTable is a row for each column, as Flink has them.
func (s *Session) describeTable(t *catalog.Table, wanted func(catalog.Column) bool) *Result {
	names := []string{"name", "type", "null", "key", "extras", "watermark"}
	comments := slices.ContainsFunc(t.Columns, func(c catalog.Column) bool { return c.Comment != "" })
	if comments {
		names = append(names, "comment")
	}
	r := &Result{Schema: &row.Schema{}, fixed: &column.Batch{}}
	for _, n := range names {
		ty := row.StringType()
		if n == "null" {
			ty = row.Of(row.Boolean)
		}
		r.Schema.Fields = append(r.Schema.Fields, row.Field{Name: n, Type: ty})
		r.fixed.Cols = append(r.fixed.Cols, column.New(ty))
	}
	put := func(i int, s string) {
		if s == "" {
			r.fixed.Cols[i].AppendNull()
			return
		}
		r.fixed.Cols[i].AppendString(s)
	}
	for _, c := range t.Columns {
		if !wanted(c) {
			continue
		}
		r.fixed.N++
		put(0, c.Name)
		put(1, s.shown(t, &c).String())
		r.fixed.Cols[2].AppendBool(!c.Type.NotNull)
		key := ""
		if slices.Contains(t.PrimaryKey, c.Name) {
			key = "PRI(" + strings.Join(t.PrimaryKey, ", ") + ")"
		}
		put(3, key)
		extras := ""
		switch c.Kind {
		case catalog.Computed:
			extras = "AS " + ast.Quoted(c.Expr)
		case catalog.Metadata:
			extras = "METADATA"
			if c.Key != c.Name {
				extras += " FROM '" + c.Key + "'"
			}
			if c.Virtual {
				extras += " VIRTUAL"
			}
		}
		put(4, extras)
		watermark := ""
		if t.Watermark != nil && t.Watermark.Column == c.Name {
			watermark = ast.Quoted(t.Watermark.Expr)
		}
		put(5, watermark)
		if comments {
			put(6, c.Comment)
		}
	}
	return r
}

// alter changes an object.
func (s *Session) alter(ctx context.Context, x *ast.Alter, text string) (*Result, error) {
	switch x.Kind {
	case "CATALOG":
		return s.alterCatalog(ctx, x)
	case "DATABASE":
		return s.alterDatabase(ctx, x)
	case "TABLE", "VIEW":
	default:
		return nil, &bind.Error{Span: x.Span, Msg: "ALTER " + x.Kind + " is not supported yet"}
	}
	t, err := s.catalog.Table(x.Name.Strings())
	if err != nil {
		if x.IfExists && catalog.IsMissing(err) {
			return done, nil
		}
		return nil, at(x.Name, err)
	}
	if is := kindOf(t.IsView()); is != x.Kind {
		return nil, &bind.Error{Span: x.Name.Extent(), Msg: fmt.Sprintf("%s is a %s", t.Path.Object, lower(is)), Hint: "ALTER " + is + " changes it"}
	}
	if a, ok := x.Action.(*ast.RenameTo); ok {
		return s.rename(ctx, t, a)
	}
	env, err := s.tableEnv()
	if err != nil {
		return nil, err
	}
	changed, err := bind.Alter(env, t, x.Span, x.Action, text)
	if err != nil {
		return nil, err
	}
	return done, at(x.Name, s.catalog.Alter(ctx, t, changed))
}

// rename gives a table another name, in its own database unless it names another one.
func (s *Session) rename(ctx context.Context, t *catalog.Table, a *ast.RenameTo) (*Result, error) {
	p, err := s.catalog.Resolve(a.To.Strings())
	if err != nil {
		return nil, at(a.To, err)
	}
	if len(a.To) == 1 {
		p.Catalog, p.Database = t.Path.Catalog, t.Path.Database
	}
	changed := *t
	changed.Path = p
	return done, at(a.To, s.catalog.Alter(ctx, t, &changed))
}

func lower(kind string) string { return strings.ToLower(kind) }
