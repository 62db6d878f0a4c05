package stream_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

type txn struct {
	User   string
	Amount int64
	At     int64
}

func txnTime(t txn) time.Time { return time.UnixMilli(t.At) }

func TestProcessStatesTimersAndSides(t *testing.T) {
	for _, p := range []int{1, 3} {
		env := stream.NewEnv(stream.Parallelism(p), stream.WatermarkEachRow())
		txns := stream.From(env, slice.Of(
			txn{"ann", 1, 1000}, txn{"bob", 5, 2000}, txn{"ann", 50, 3000}, txn{"carl", 4, 8500}, txn{"ann", 2, 9000},
		)).Parallelism(1).Watermarks(watermark.Monotonous(txnTime))
		last := state.NewValue[txn]("last")
		quiet := stream.NewTimer[string]("quiet")
		odd := stream.NewTag[int64]("odd")
		alerts := stream.Process(stream.KeyBy(txns, func(t txn) string { return t.User }),
			func(c *stream.Ctx[string, string], v txn) error {
				if p, ok := last.Get(c); ok && v.Amount > 10*p.Amount {
					c.Emit(c.Key() + " jumped")
				}
				if p, ok := last.Get(c); ok {
					quiet.DeleteMillis(c, p.At+5000)
				}
				last.Set(c, v)
				quiet.SetMillis(c, v.At+5000, "quiet")
				if v.Amount%2 == 1 {
					odd.Emit(c, v.Amount)
				}
				return nil
			},
			stream.Uses(last),
			stream.On(quiet, func(c *stream.Ctx[string, string], why string) error {
				c.Emit(c.Key() + " " + why + " at " + c.Time().Format("05"))
				return nil
			}))
		out, odds := collect.To[string](), collect.To[int64]()
		alerts.To(out)
		stream.Side(alerts, odd).To(odds)
		if err := launch.Run(context.Background(), env, "alerts"); err != nil {
			t.Fatal(err)
		}
		got := out.Results()
		slices.Sort(got)
		want := []string{"ann jumped", "ann quiet at 08", "ann quiet at 14", "bob quiet at 07", "carl quiet at 13"}
		if !slices.Equal(got, want) {
			t.Errorf("parallelism %d: got %q, want %q", p, got, want)
		}
		o := odds.Results()
		slices.Sort(o)
		if !slices.Equal(o, []int64{1, 5}) {
			t.Errorf("odd: %v", o)
		}
	}
}
