package sql

import (
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/plan"
)

// Rewrite reads a plan and writes it again.
func Rewrite(s *Session, file string) ([]byte, error) {
	rels, c, restore, err := s.readPlan(ast.Span{}, file)
	if err != nil {
		return nil, err
	}
	defer restore()
	return plan.Write(rels, s.planOptions(c), plan.All)
}
