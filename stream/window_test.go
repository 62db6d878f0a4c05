package stream_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

func TestWindowsOfEachKind(t *testing.T) {
	in := []txn{{"a", 1, 0}, {"b", 2, 1000}, {"a", 3, 4000}, {"a", 4, 11000}, {"b", 5, 12500}, {"a", 6, 30000}}
	cases := []struct {
		a    window.Assigner
		want []string
	}{
		{window.Tumbling(10 * time.Second), []string{
			"a [00 10) 2", "a [10 20) 1", "a [30 40) 1", "b [00 10) 1", "b [10 20) 1",
		}},
		{window.Sliding(10*time.Second, 5*time.Second), []string{
			"a [00 10) 2", "a [05 15) 1", "a [10 20) 1", "a [25 35) 1", "a [30 40) 1", "a [55 05) 2",
			"b [00 10) 1", "b [05 15) 1", "b [10 20) 1", "b [55 05) 1",
		}},
		{window.Cumulating(10*time.Second, 5*time.Second), []string{
			"a [00 05) 2", "a [00 10) 2", "a [10 15) 1", "a [10 20) 1", "a [30 35) 1", "a [30 40) 1",
			"b [00 05) 1", "b [00 10) 1", "b [10 15) 1", "b [10 20) 1",
		}},
		{window.Session(5 * time.Second), []string{
			"a [00 09) 2", "a [11 16) 1", "a [30 35) 1", "b [01 06) 1", "b [12 17) 1",
		}},
	}
	for _, c := range cases {
		for _, p := range []int{1, 3} {
			env := stream.NewEnv(stream.Parallelism(p), stream.WatermarkEachRow())
			s := stream.From(env, slice.Of(in...)).Parallelism(1).Watermarks(watermark.Monotonous(txnTime))
			k := stream.KeyBy(s, func(t txn) string { return t.User })
			counts := stream.Aggregate(k.Window(c.a), agg.Count[txn]())
			out := collect.To[string]()
			stream.Map(counts, func(r stream.Result[string, int64]) string {
				return fmt.Sprintf("%s [%s %s) %d", r.Key, r.Window.From().Format("05"), r.Window.Until().Format("05"), r.Value)
			}).To(out)
			if err := launch.Run(context.Background(), env, "windows"); err != nil {
				t.Fatal(err)
			}
			got := out.Results()
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, parallelism %d:\n got %q\nwant %q", c.a.Name(), p, got, c.want)
			}
		}
	}
}
