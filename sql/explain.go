package sql

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// explain shows the plan of a statement.
func (s *Session) explain(x *ast.Explain) (*Result, error) {
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	var rels []*physical.Rel
	switch y := x.Statement.(type) {
	case *ast.QueryStmt:
		r, _, err := s.planQuery(c, y.Query)
		if err != nil {
			return nil, err
		}
		rels = append(rels, r)
	case *ast.Insert:
		rels, err = s.planInserts(c, []*ast.Insert{y})
	case *ast.StatementSet:
		rels, err = s.planInserts(c, y.Inserts)
	case *ast.CreateTable:
		rels, err = s.planTableAs(c, y)
	case *ast.Execute:
		return s.explain(&ast.Explain{Span: x.Span, Details: x.Details, Statement: y.Statement})
	case *ast.ExecutePlan:
		var restore func()
		if rels, _, restore, err = s.readPlan(y.Span, y.File); err == nil {
			restore()
		}
	default:
		return nil, &bind.Error{Span: x.Span, Msg: "EXPLAIN takes a query, INSERT, CREATE TABLE … AS, a statement set or EXECUTE PLAN"}
	}
	if err != nil {
		return nil, err
	}
	if err := s.dealToWriters(c, rels); err != nil {
		return nil, err
	}
	var b strings.Builder
	d := physical.Details{
		Changes: slices.Contains(x.Details, "CHANGELOG_MODE"), Costs: slices.Contains(x.Details, "ESTIMATED_COST"), Rows: s.rowsOf,
		Advice: slices.Contains(x.Details, "PLAN_ADVICE"),
	}
	if d.Advice {
		b.WriteString("== Optimized Physical Plan With Advice ==\n")
	} else {
		b.WriteString("== Optimized Physical Plan ==\n")
	}
	physical.Explain(&b, rels, d)
	if w := physical.Warnings(rels); len(w) > 0 && !d.Advice {
		b.WriteString("\n== Warnings ==\n")
		for _, line := range w {
			b.WriteString(line + "\n")
		}
	}
	if slices.Contains(x.Details, "JSON_EXECUTION_PLAN") {
		b.WriteString("\n== Physical Execution Plan ==\n")
		plan, err := physical.ExplainJSON(rels)
		if err != nil {
			return nil, err
		}
		b.WriteString(plan)
	}
	return texts([]string{"result"}, [][]string{{b.String()}}), nil
}

// planTableAs plans what CREATE TABLE … AS inserts, and leaves the catalog as it is.
func (s *Session) planTableAs(c *config.Configuration, x *ast.CreateTable) (rels []*physical.Rel, err error) {
	env, err := s.tableEnv()
	if err != nil {
		return nil, err
	}
	t, insert, err := bind.TableAs(env, x)
	if err != nil {
		return nil, err
	}
	err = s.catalog.Try(t, func() error {
		rels, err = s.planInserts(c, []*ast.Insert{insert})
		return err
	})
	return rels, err
}

// rowsOf is how many rows a table has, if its connector knows.
func (s *Session) rowsOf(t *catalog.Table, options map[string]string) (float64, bool) {
	if t.Rows != nil {
		return 0, false
	}
	source, err := s.source(t, options)
	if err != nil {
		return 0, false
	}
	sized, ok := source.(connect.Sized)
	if !ok {
		return 0, false
	}
	n, ok := sized.Size()
	return float64(n), ok
}
