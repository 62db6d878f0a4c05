package logical

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Replicate is a table function that gives so many rows.
var Replicate = &TableFunc{
	Name: "$REPLICATE",
	Infer: func(args []expr.Expr) ([]expr.Expr, []row.Field, error) {
		return args, []row.Field{{Name: "$n", Type: row.Of(row.BigInt).Nullable(false)}}, nil
	},
	New: func([]*row.Type, []row.Field) Table { return replicator{} },
}

type replicator struct{}

func (replicator) Append(args []*column.Vector, i int, out []*column.Vector) int {
	n := args[0].I64[i]
	for k := range n {
		out[0].AppendI64(k)
	}
	return int(n)
}
