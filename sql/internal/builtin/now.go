package builtin

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	instant := row.TimestampLTZOf(3).Nullable(false)
	proctime := row.TimestampLTZOf(3).Nullable(false)
	proctime.Attribute = row.Proctime
	for _, f := range []struct {
		name, alias, doc string
		t                *row.Type
	}{
		{"CURRENT_DATE", "", "Today's date in the session's time zone.", row.Of(row.Date)},
		{"LOCALTIME", "CURRENT_TIME", "The time of day in the session's time zone.", row.TimeOf(0)},
		{"LOCALTIMESTAMP", "", "The date and time in the session's time zone.", row.TimestampOf(3)},
		{"CURRENT_TIMESTAMP", "NOW", "The current time. It is read once for each batch of rows.", instant},
		{"CURRENT_ROW_TIMESTAMP", "", "The time at which the row is processed. It is read once for each batch of rows.", instant},
		{"PROCTIME", "", "The processing-time attribute: the time at which the row is processed.", proctime},
	} {
		d := &Def{
			Func: expr.Func{Name: f.name, Strict: true, Volatile: true, Compile: clockKernel},
			Doc:  f.doc, Result: Is(f.t),
		}
		if f.alias != "" {
			d.Aliases = []string{f.alias}
		}
		add("temporal", d)
	}
	add("temporal", &Def{
		Func: expr.Func{Name: "CURRENT_WATERMARK", Strict: false, Volatile: true, Compile: func(*expr.Call) expr.Kernel {
			return func(c *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
				for i := range n {
					if c.HasWatermark {
						setTimestamp(out, i, c.Watermark*1000, 0)
					} else {
						out.SetNull(i)
					}
				}
			}
		}},
		Doc: "The watermark of the event-time attribute where the row is processed, NULL before the first one.",
		Infer: func(args []expr.Expr) ([]expr.Expr, *row.Type, error) {
			if len(args) != 1 || args[0].Type().Attribute != row.Rowtime {
				return nil, nil, fmt.Errorf("CURRENT_WATERMARK takes an event-time attribute: a column that has a watermark")
			}
			return args, &row.Type{Kind: args[0].Type().Kind, Precision: 3}, nil
		},
	})
}

func clockKernel(call *expr.Call) expr.Kernel {
	return func(c *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
		micros := c.Now.UnixMilli() * 1000
		local := toLocal(c.Zone, micros)
		for i := range n {
			switch call.T.Kind {
			case row.Date:
				out.I32[i] = int32(floorQuo(local, dayMicros))
			case row.Time:
				out.I32[i] = int32(floorMod(local, dayMicros) / 1_000_000 * 1000)
			case row.Timestamp:
				setTimestamp(out, i, local, 0)
			default:
				setTimestamp(out, i, micros, 0)
			}
		}
	}
}
