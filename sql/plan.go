package sql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/physical"
	"github.com/flott-dev/flott/sql/internal/plan"
)

// compilePlan is COMPILE PLAN, and COMPILE AND EXECUTE PLAN, which takes a file that there is as it is.
func (s *Session) compilePlan(ctx context.Context, x *ast.CompilePlan) (*Result, error) {
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	file, err := planFile(x.Span, x.File)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(file)
	switch exists := err == nil; {
	case exists && (x.IfNotExists || x.Execute):
	case exists && !config.PlanForceRecompile.Get(c):
		return nil, &bind.Error{
			Span: x.Span, Msg: fmt.Sprintf("there is a file %s already", x.File),
			Hint: "COMPILE PLAN … IF NOT EXISTS leaves it alone; remove it, or SET 'table.plan.force-recompile' = 'true', to have it written anew",
		}
	default:
		if err := s.writePlan(c, x, file); err != nil {
			return nil, err
		}
	}
	if x.Execute {
		return s.executePlan(ctx, x.Span, x.File)
	}
	return done, nil
}

// planFile is the path of a plan, which may be written as a URI.
func planFile(at ast.Span, name string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file://"); ok {
		return path, nil
	}
	if scheme, _, ok := strings.Cut(name, "://"); ok {
		return "", &bind.Error{Span: at, Msg: fmt.Sprintf("plans cannot be in %s://", scheme), Hint: "give the path of a file"}
	}
	return name, nil
}

// writePlan plans a statement and writes the plan to a file, as a whole or not at all.
func (s *Session) writePlan(c *config.Configuration, x *ast.CompilePlan, file string) error {
	if config.RuntimeMode.Get(c) == "BATCH" {
		return &bind.Error{Span: x.Span, Msg: "plans are compiled in streaming mode only", Hint: "SET 'execution.runtime-mode' = 'streaming'"}
	}
	rels, err := s.planStatement(c, x.Statement)
	if err != nil {
		return err
	}
	data, err := plan.Write(rels, s.planOptions(c), config.PlanCompileObjects.Get(c))
	if err != nil {
		return &bind.Error{Span: x.Span, Msg: err.Error()}
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".plan-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// planStatement plans what a plan can be compiled of.
func (s *Session) planStatement(c *config.Configuration, x ast.Statement) ([]*physical.Rel, error) {
	switch x := x.(type) {
	case *ast.Insert:
		return s.planInserts(c, []*ast.Insert{x})
	case *ast.StatementSet:
		return s.planInserts(c, x.Inserts)
	case *ast.Execute:
		return s.planStatement(c, x.Statement)
	}
	return nil, &bind.Error{Span: x.Extent(), Msg: "COMPILE PLAN takes INSERT or a statement set"}
}

// fixed reports whether an option belongs to a plan, and not to the session that runs it.
func fixed(key string) bool {
	return strings.HasPrefix(key, "table.") && !strings.HasPrefix(key, "table.plan.") && key != config.DMLSync.Key || key == config.WatermarkInterval.Key
}

// planOptions are the session's options that belong to a plan.
func (s *Session) planOptions(c *config.Configuration) map[string]string {
	options := map[string]string{config.LocalTimeZone.Key: config.LocalTimeZone.Get(c)}
	for k, v := range s.options {
		if fixed(k) {
			options[k] = v
		}
	}
	return options
}

// readPlan reads a plan, whose options take the place of those of the session until restore is called.
func (s *Session) readPlan(at ast.Span, name string) (rels []*physical.Rel, c *config.Configuration, restore func(), err error) {
	if c, err = s.configuration(); err != nil {
		return nil, nil, nil, err
	}
	file, err := planFile(at, name)
	if err != nil {
		return nil, nil, nil, err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, &bind.Error{Span: at, Msg: fmt.Sprintf("there is no plan %s", name), Hint: "COMPILE PLAN '" + name + "' FOR … makes it"}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	was := s.options
	defer func() {
		if err != nil {
			s.options = was
			err = planError(at, name, err)
		}
	}()
	p, err := plan.Open(data)
	if err != nil {
		return nil, nil, nil, err
	}
	objects := config.PlanRestoreObjects.Get(c)
	s.options = maps.Clone(was)
	maps.DeleteFunc(s.options, func(k, _ string) bool { return fixed(k) })
	maps.Copy(s.options, p.Options)
	if c, err = s.configuration(); err != nil {
		return nil, nil, nil, err
	}
	rels, err = p.Read(&plan.Config{
		Functions: s.functions, Objects: objects, Zone: location, Lookup: s.lookup,
		Table: func(path []string) (*catalog.Table, error) { return s.catalog.Table(path) },
	})
	return rels, c, func() { s.options = was }, err
}

// planError is an error about a file.
func planError(at ast.Span, name string, err error) error {
	var e *plan.Error
	if errors.As(err, &e) {
		return &bind.Error{Span: at, Msg: name + ": " + e.Msg, Hint: e.Hint}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// executePlan is EXECUTE PLAN.
func (s *Session) executePlan(ctx context.Context, at ast.Span, name string) (*Result, error) {
	rels, c, restore, err := s.readPlan(at, name)
	if err != nil {
		return nil, err
	}
	defer restore()
	if config.RuntimeMode.Get(c) == "BATCH" {
		return nil, &bind.Error{Span: at, Msg: "plans run in streaming mode only", Hint: "SET 'execution.runtime-mode' = 'streaming'"}
	}
	return s.write(ctx, c, rels)
}
