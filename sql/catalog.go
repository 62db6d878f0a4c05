package sql

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
)

// makeTable makes a table or view of its statement in a catalog's file.
func (s *Session) makeTable(_ catalog.Path, x ast.Statement, ddl string) (*catalog.Table, error) {
	env, err := s.tableEnv()
	if err != nil {
		return nil, err
	}
	if v, ok := x.(*ast.CreateView); ok {
		q, from := v.Query.Extent(), v.Extent().From
		return bind.View(env, v, ddl[q.From-from:q.To-from])
	}
	return bind.Table(env, x.(*ast.CreateTable))
}

// openCatalog opens the catalog of another system: of the connector that 'type' names.
func (s *Session) openCatalog(name string, options map[string]string) (connect.Catalog, error) {
	for i := range s.connectors {
		if f := &s.connectors[i]; f.NewCatalog != nil && f.Name == options["type"] {
			return f.NewCatalog(name, options)
		}
	}
	return nil, nil
}

// tableEnv is what names mean in tables: their columns do not depend on the mode.
func (s *Session) tableEnv() (*bind.Env, error) {
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	env, err := s.env(c)
	if err == nil {
		env.Batch = false
	}
	return env, err
}

// optionsOf are the options of WITH and SET.
func optionsOf(with []ast.Property) (map[string]string, error) {
	options := map[string]string{}
	for _, o := range with {
		if _, ok := options[o.Key]; ok {
			return nil, &bind.Error{Span: o.Span, Msg: "the option '" + o.Key + "' is given twice"}
		}
		options[o.Key] = o.Value
	}
	return options, nil
}

func textOf(comment *string) string {
	if comment == nil {
		return ""
	}
	return *comment
}

func (s *Session) createCatalog(ctx context.Context, x *ast.CreateCatalog) (*Result, error) {
	if _, err := s.catalog.Catalog(x.Name.Name); err == nil && x.IfNotExists {
		return done, nil
	}
	options, err := optionsOf(x.With)
	if err != nil {
		return nil, err
	}
	return done, at(ast.Name{x.Name}, s.catalog.CreateCatalog(ctx, x.Name.Name, textOf(x.Comment), options))
}

// alterCatalog sets and resets options, and the comment.
func (s *Session) alterCatalog(ctx context.Context, x *ast.Alter) (*Result, error) {
	c, err := s.catalog.Catalog(x.Name.Last().Name)
	if err != nil {
		return nil, at(x.Name, err)
	}
	options, comment := maps.Clone(c.Options), c.Comment
	switch a := x.Action.(type) {
	case *ast.SetOptions:
		set, err := optionsOf(a.With)
		if err != nil {
			return nil, err
		}
		maps.Copy(options, set)
	case *ast.ResetOptions:
		for _, k := range a.Keys {
			delete(options, k)
		}
	case *ast.SetComment:
		comment = a.Comment
	default:
		return nil, &bind.Error{Span: x.Span, Msg: "ALTER CATALOG takes SET, RESET and COMMENT"}
	}
	return done, at(x.Name, s.catalog.AlterCatalog(ctx, c.Name, comment, options))
}

func (s *Session) createDatabase(ctx context.Context, x *ast.CreateDatabase) (*Result, error) {
	options, err := optionsOf(x.With)
	if err != nil {
		return nil, err
	}
	return done, at(x.Name, s.catalog.CreateDatabase(ctx, x.Name.Strings(), textOf(x.Comment), options, x.IfNotExists))
}

func (s *Session) alterDatabase(ctx context.Context, x *ast.Alter) (*Result, error) {
	a, ok := x.Action.(*ast.SetOptions)
	if !ok {
		return nil, &bind.Error{Span: x.Span, Msg: "ALTER DATABASE takes SET"}
	}
	options, err := optionsOf(a.With)
	if err != nil {
		return nil, err
	}
	return done, at(x.Name, s.catalog.AlterDatabase(ctx, x.Name.Strings(), options))
}

func (s *Session) drop(ctx context.Context, x *ast.Drop) (*Result, error) {
	var err error
	switch x.Kind {
	case "CATALOG":
		if len(x.Name) > 1 {
			return nil, &bind.Error{Span: x.Name.Extent(), Msg: "the name of a catalog has one part"}
		}
		err = s.catalog.DropCatalog(x.Name.Last().Name)
	case "DATABASE":
		err = s.catalog.DropDatabase(ctx, x.Name.Strings(), x.Cascade == "CASCADE")
	case "FUNCTION":
		return s.dropFunction(ctx, x)
	case "TABLE", "VIEW":
		return s.dropTable(ctx, x)
	default:
		return nil, &bind.Error{Span: x.Span, Msg: "DROP " + x.Kind + " is not supported yet"}
	}
	if x.IfExists && err != nil && catalog.IsMissing(err) {
		err = nil
	}
	return done, at(x.Name, err)
}

func (s *Session) dropTable(ctx context.Context, x *ast.Drop) (*Result, error) {
	t, err := s.catalog.Listed(x.Name.Strings())
	if err != nil {
		if x.IfExists && catalog.IsMissing(err) {
			return done, nil
		}
		return nil, at(x.Name, err)
	}
	kind := kindOf(t.IsView)
	if kind != x.Kind {
		return nil, &bind.Error{Span: x.Name.Extent(), Msg: fmt.Sprintf("%s is no %s", t.Path.Object, lower(x.Kind)), Hint: "DROP " + kind}
	}
	if t.Temporary && !x.Temporary {
		return nil, &bind.Error{Span: x.Name.Extent(), Msg: fmt.Sprintf("there is a temporary %s %s in front of it", lower(x.Kind), t.Path.Object), Hint: "DROP TEMPORARY " + x.Kind + " comes first"}
	}
	return done, at(x.Name, s.catalog.Drop(ctx, t.Path, x.Temporary))
}

func kindOf(isView bool) string {
	if isView {
		return "VIEW"
	}
	return "TABLE"
}

func (s *Session) use(x *ast.Use) (*Result, error) {
	switch x.Kind {
	case "CATALOG":
		return done, at(x.Names[0], s.catalog.UseCatalog(x.Names[0].Last().Name))
	case "DATABASE":
		return done, at(x.Names[0], s.catalog.UseDatabase(x.Names[0].Strings()))
	}
	return nil, &bind.Error{Span: x.Span, Msg: "USE " + x.Kind + " is not supported"}
}

// optionRows are rows for options, in order.
func optionRows(options map[string]string) (rows [][]string) {
	for _, k := range slices.Sorted(maps.Keys(options)) {
		rows = append(rows, []string{"option:" + k, options[k]})
	}
	return rows
}
