package builtin

import (
	"fmt"
	"log/slog"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("temporal", &Def{
		Func: expr.Func{Name: "SOURCE_WATERMARK", Volatile: true, Compile: func(*expr.Call) expr.Kernel {
			return func(_ *expr.Context, n int, _ []*column.Vector, _ *column.Vector) {
				if n > 0 {
					expr.Fail(0, "the connector of the table gives no watermarks, so that SOURCE_WATERMARK() has none")
				}
			}
		}},
		Doc:    "In WATERMARK FOR: the watermarks of the connector. No connector of Flott gives any.",
		Result: Is(row.TimestampLTZOf(3)),
	})
	add("other",
		&Def{
			// The binder puts the name in its place.
			Func: expr.Func{Name: "CURRENT_DATABASE", Strict: true, Compile: func(*expr.Call) expr.Kernel {
				return func(*expr.Context, int, []*column.Vector, *column.Vector) { expr.Fail(0, "there is no session") }
			}},
			Doc: "The name of the current database.", Result: isString,
		},
		&Def{
			Func:  expr.Func{Name: "PRINT", Volatile: true, Compile: printKernel},
			Doc:   "The second argument. It is written into the log of the process behind the text, for each row.",
			Infer: inferPrint,
		})
}

func inferPrint(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
	if len(args) != 2 || !args[0].Type().IsText() {
		return nil, nil, fmt.Errorf("PRINT takes a text and a value")
	}
	return args, args[1].Type().Computed(), nil
}

func printKernel(*expr.Call) expr.Kernel {
	return func(c *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		out.Reset()
		for i := range n {
			var text []byte
			for _, a := range args {
				if a.IsNull(i) {
					text = append(text, "null"...)
				} else {
					text = AppendText(text, c, a, i)
				}
			}
			slog.Info(string(text))
			out.AppendFrom(args[1], i)
		}
	}
}
