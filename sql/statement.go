package sql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// run runs a statement of a text, and notes whether it defines something.
func (s *Session) run(ctx context.Context, x ast.Statement, text string) (*Result, error) {
	definesSomething := s.defines(x)
	r, err := s.execute(ctx, x, text)
	if err != nil || !definesSomething {
		return r, err
	}
	defining := *r
	defining.Defines = true
	return &defining, nil
}

// defines reports whether a statement changes the session, if it does not fail.
func (s *Session) defines(x ast.Statement) bool {
	switch x := x.(type) {
	case *ast.Execute:
		return s.defines(x.Statement)
	case *ast.Insert:
		return s.collecting
	case *ast.Set:
		return x.Key != nil
	case *ast.QueryStmt, *ast.StatementSet, *ast.ExecutePlan, *ast.CompilePlan, *ast.Explain, *ast.Show, *ast.Describe, *ast.StopJob:
		return false
	}
	return true
}

// execute runs a statement of a text.
func (s *Session) execute(ctx context.Context, x ast.Statement, text string) (*Result, error) {
	s.catalog.Refresh(ctx)
	switch x := x.(type) {
	case *ast.QueryStmt:
		return s.query(ctx, x.Query)
	case *ast.Execute:
		return s.execute(ctx, x.Statement, text)
	case *ast.Insert:
		return s.insert(ctx, x)
	case *ast.StatementSet:
		return s.inserts(ctx, x.Inserts)
	case *ast.Begin:
		if s.collecting {
			return nil, fmt.Errorf("a statement set has begun already; END; ends it")
		}
		s.collecting = true
		return &Result{Message: "Statement set begun."}, nil
	case *ast.End:
		if !s.collecting {
			return nil, fmt.Errorf("no statement set has begun; BEGIN STATEMENT SET; begins one")
		}
		set := s.set
		s.collecting, s.set = false, nil
		return s.inserts(ctx, set)
	case *ast.Set:
		return s.setOption(x)
	case *ast.Reset:
		return s.resetOption(x)
	case *ast.Explain:
		return s.explain(x)
	case *ast.CompilePlan:
		return s.compilePlan(ctx, x)
	case *ast.ExecutePlan:
		return s.executePlan(ctx, x.Span, x.File)
	}
	return s.define(ctx, x, text)
}

// query runs a query.
func (s *Session) query(ctx context.Context, q *ast.Query) (*Result, error) {
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	r, bound, err := s.planQuery(c, q)
	if err != nil {
		return nil, err
	}
	rows := newCollector()
	env, err := s.build(c, []*physical.Rel{r}, rows)
	if err != nil {
		return nil, err
	}
	j, err := s.start(ctx, env, s.jobName(c, "query"), false)
	if err != nil {
		return nil, err
	}
	zone, err := location(config.LocalTimeZone.Get(c))
	return &Result{
		Schema: &row.Schema{Fields: bound.Columns()}, rows: rows, job: j, zone: zone,
		changes: config.RuntimeMode.Get(c) != "BATCH",
	}, err
}

func (s *Session) insert(ctx context.Context, x *ast.Insert) (*Result, error) {
	if s.collecting {
		s.set = append(s.set, x)
		return &Result{Message: "Added to the statement set."}, nil
	}
	return s.inserts(ctx, []*ast.Insert{x})
}

// inserts runs INSERT statements as one job.
func (s *Session) inserts(ctx context.Context, inserts []*ast.Insert) (*Result, error) {
	if len(inserts) == 0 {
		return nil, fmt.Errorf("the statement set has no INSERT")
	}
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	rels, err := s.planInserts(c, inserts)
	if err != nil {
		return nil, err
	}
	return s.write(ctx, c, rels)
}

// write starts the job of INSERT statements.
func (s *Session) write(ctx context.Context, c *config.Configuration, rels []*physical.Rel) (*Result, error) {
	env, err := s.build(c, rels, nil)
	if err != nil {
		return nil, err
	}
	isDetached := !config.DMLSync.Get(c)
	j, err := s.start(ctx, env, s.jobName(c, "insert"), isDetached)
	if err != nil {
		return nil, err
	}
	if isDetached {
		r := texts([]string{"job id"}, [][]string{{j.id}})
		r.id = j.id
		return r, nil
	}
	return &Result{Message: "Job started.", job: j}, nil
}

// setOption is SET, which shows the options without a key.
func (s *Session) setOption(x *ast.Set) (*Result, error) {
	if x.Key == nil {
		var rows [][]string
		for _, k := range slices.Sorted(maps.Keys(s.options)) {
			rows = append(rows, []string{k, s.options[k]})
		}
		return texts([]string{"key", "value"}, rows), nil
	}
	key, value := *x.Key, *x.Value
	if config.Known(key) {
		if err := (&config.Configuration{}).Set(key, value); err != nil {
			return nil, err
		}
	}
	if key == "table.local-time-zone" {
		if _, err := location(value); err != nil {
			return nil, err
		}
	}
	s.options[key] = value
	return done, nil
}

func (s *Session) resetOption(x *ast.Reset) (*Result, error) {
	if x.Key == nil {
		s.options = maps.Clone(s.defaults)
		return done, nil
	}
	delete(s.options, *x.Key)
	if v, ok := s.defaults[*x.Key]; ok {
		s.options[*x.Key] = v
	}
	return done, nil
}

// done is the result of a statement that has nothing to say.
var done = &Result{Message: "OK"}

// define runs the statements of data definition and those that show what is there.
func (s *Session) define(ctx context.Context, x ast.Statement, text string) (*Result, error) {
	switch x := x.(type) {
	case *ast.CreateTable:
		return s.createTable(ctx, x)
	case *ast.CreateView:
		return s.createView(ctx, x, text)
	case *ast.Drop:
		return s.drop(ctx, x)
	case *ast.Show:
		return s.show(x)
	case *ast.Describe:
		return s.describe(x)
	case *ast.StopJob:
		return s.stopJob(ctx, x)
	case *ast.Use:
		return s.use(x)
	case *ast.CreateDatabase:
		return s.createDatabase(ctx, x)
	case *ast.CreateCatalog:
		return s.createCatalog(ctx, x)
	case *ast.CreateFunction:
		return s.createFunction(ctx, x)
	case *ast.Alter:
		return s.alter(ctx, x, text)
	case *ast.Update:
		return nil, &bind.Error{Span: x.Span, Msg: "UPDATE is not supported", Hint: "INSERT INTO a table with a PRIMARY KEY writes new versions of rows"}
	case *ast.Delete:
		return nil, &bind.Error{Span: x.Span, Msg: "DELETE is not supported"}
	}
	return nil, &bind.Error{Span: x.Extent(), Msg: "the statement " + strings.ToUpper(firstWord(ast.String(x))) + " … is not supported yet"}
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

func (s *Session) createTable(ctx context.Context, x *ast.CreateTable) (*Result, error) {
	env, err := s.tableEnv()
	if err != nil {
		return nil, err
	}
	if x.IfNotExists {
		if _, err := s.catalog.Listed(x.Name.Strings()); err == nil {
			return done, nil
		}
	}
	if x.As != nil {
		t, insert, err := bind.TableAs(env, x)
		if err != nil {
			return nil, err
		}
		if err := s.catalog.Put(ctx, t, x.Replace); err != nil {
			return nil, at(x.Name, err)
		}
		r, err := s.insert(ctx, insert)
		if err != nil {
			return nil, errors.Join(err, s.catalog.Drop(ctx, t.Path, t.Temporary))
		}
		return r, nil
	}
	t, err := bind.Table(env, x)
	if err != nil {
		return nil, err
	}
	return done, at(x.Name, s.catalog.Put(ctx, t, x.Replace))
}

// at adds the place of a name to an error about it.
func at(n ast.Name, err error) error {
	if e, ok := err.(*catalog.Error); ok {
		return &bind.Error{Span: n.Extent(), Msg: e.Msg, Hint: e.Hint}
	}
	return err
}

func (s *Session) createView(ctx context.Context, x *ast.CreateView, text string) (*Result, error) {
	env, err := s.tableEnv()
	if err != nil {
		return nil, err
	}
	span := x.Query.Extent()
	t, err := bind.View(env, x, text[span.From:span.To])
	if err != nil {
		return nil, err
	}
	if x.IfNotExists {
		if _, err := s.catalog.Listed(x.Name.Strings()); err == nil {
			return done, nil
		}
	}
	return done, at(x.Name, s.catalog.Put(ctx, t, x.Replace))
}
