package launch_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// Batch mode emits the final value of a rolling reduce only, streaming mode every value.
func TestAutomaticModeFollowsTheSources(t *testing.T) {
	for _, c := range []struct {
		mode stream.Mode
		want []int64
	}{
		{stream.Automatic, []int64{15}},
		{stream.Batch, []int64{15}},
		{stream.Streaming, []int64{1, 3, 6, 10, 15}},
	} {
		env := stream.NewEnv(stream.RuntimeMode(c.mode))
		out := collect.To[int64]()
		stream.Reduce(stream.KeyBy(numbers(env, 5), func(int64) bool { return true }),
			func(a, b int64) int64 { return a + b }).To(out)
		if err := launch.Run(context.Background(), env, "mode"); err != nil {
			t.Fatal(err)
		}
		if got := out.Results(); !slices.Equal(got, c.want) {
			t.Errorf("mode %d: got %v, want %v", c.mode, got, c.want)
		}
	}
}

func TestAutomaticModeStreamsWithAnUnboundedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := stream.NewEnv(stream.RuntimeMode(stream.Automatic))
		out := collect.To[int64]()
		clk := flotttest.NewClock(time.Unix(60, 0))
		live := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{PerSecond: 1, Start: time.Unix(60, 0)}))
		live.Union(numbers(env, 3)).To(out)
		j, err := launch.Start(t.Context(), env, "mode", launch.Clock(clk))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		clk.Advance(5 * time.Second)
		synctest.Wait()
		if n := len(out.Seen()); n < 8 {
			t.Errorf("%d records have come through", n)
		}
		j.Cancel()
		j.Wait()
	})
}

func TestIngestionTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := flotttest.NewClock(time.Unix(60, 0))
		env := stream.NewEnv()
		out := collect.To[int64]()
		src := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{PerSecond: 10, Start: time.Unix(60, 0)})).
			Watermarks(watermark.Ingestion[int64](clk.Now))
		counts := stream.Aggregate(src.WindowAll(window.Tumbling(time.Second)), agg.Count[int64]())
		stream.Map(counts, func(r stream.Result[stream.All, int64]) int64 { return r.Value }).To(out)
		j, err := launch.Start(t.Context(), env, "ingestion", launch.Clock(clk))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 40 {
			clk.Advance(100 * time.Millisecond)
			synctest.Wait()
		}
		if got := out.Seen(); !slices.Equal(got, []int64{10, 10, 10, 10}) {
			t.Errorf("windows of a second hold %v records", got)
		}
		j.Cancel()
		j.Wait()
	})
}
