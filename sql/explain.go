package sql

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
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
	case *ast.Execute:
		return s.explain(&ast.Explain{Span: x.Span, Details: x.Details, Statement: y.Statement})
	case *ast.ExecutePlan:
		var restore func()
		if rels, _, restore, err = s.readPlan(y.Span, y.File); err == nil {
			restore()
		}
	default:
		return nil, &bind.Error{Span: x.Span, Msg: "EXPLAIN takes a query, INSERT, a statement set or EXECUTE PLAN"}
	}
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("== Optimized Physical Plan ==\n")
	physical.Explain(&b, rels, slices.Contains(x.Details, "CHANGELOG_MODE"))
	if w := physical.Warnings(rels); len(w) > 0 {
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
