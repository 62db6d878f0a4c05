package sqltest

import (
	"errors"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// goldTypes are the functions that the golden cases register, by their types.
type goldTypes struct{}

func (goldTypes) Scalar(name string) *builtin.Def {
	if name != "GOLD_COUNT_CHAR" {
		return nil
	}
	return &builtin.Def{
		Func: expr.Func{Name: name}, Args: []builtin.Arg{{Name: "s", Accepts: builtin.Text}, {Name: "c", Accepts: builtin.Text}},
		Result: builtin.Is(row.Of(row.Int)), Nullable: true,
	}
}

func (goldTypes) Aggregate(name string) *agg.Func {
	if name != "GOLD_WAVG" {
		return nil
	}
	return &agg.Func{Name: name, Least: 2, Most: 2, AlwaysNull: true, Result: func([]expr.Expr) (*row.Type, error) { return row.Of(row.BigInt), nil }}
}

func (goldTypes) Table(name string) *logical.TableFunc {
	cols := map[string][]row.Field{
		"GOLD_SPLIT":  {{Name: "word", Type: row.StringType()}, {Name: "len", Type: row.Of(row.Int)}},
		"GOLD_REPEAT": {{Name: "i", Type: row.Of(row.Int)}},
	}[name]
	if cols == nil {
		return nil
	}
	return &logical.TableFunc{Name: name, Infer: func(args []expr.Expr) ([]expr.Expr, []row.Field, error) {
		if len(args) == 0 {
			return nil, nil, errors.New("no arguments")
		}
		return args, cols, nil
	}}
}

func (goldTypes) Names() []string {
	return []string{"GOLD_COUNT_CHAR", "GOLD_WAVG", "GOLD_SPLIT", "GOLD_REPEAT"}
}
