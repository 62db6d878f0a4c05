package savepoint_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/stream"
)

// history is a savepoint of the sums of last year's numbers.
func history(ctx context.Context, dir string) *savepoint.Snapshot {
	env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
	totals(stream.From(env, slice.Of[int64](11, 21, 5))).To(discard.To[[2]int64]())
	path, err := launch.Bootstrap(ctx, env, "last year", dir)
	if err != nil {
		panic(err)
	}
	s, err := savepoint.Open(ctx, path)
	if err != nil {
		panic(err)
	}
	return s
}

// Rows are read without the job's code.
func ExampleState_Rows() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	sums, err := history(context.Background(), dir).State("totals", "total")
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range sums.Rows() {
		fmt.Println(savepoint.Text(row.Key), savepoint.Text(row.Value), err)
	}
	// Unordered output:
	// 1 32 <nil>
	// 5 5 <nil>
}

// State that a bounded job has made, changed by the way, is what another job begins with.
func ExampleWriter() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	w := savepoint.NewWriter(nil)
	w.Graft(history(ctx, dir), "totals")
	savepoint.Change(w, "totals", "total", func(e savepoint.Typed[int64, int64]) (int64, bool) {
		return e.Value * 100, e.Key != 5
	})
	start := filepath.Join(dir, "start")
	if err := w.Write(ctx, start); err != nil {
		fmt.Println(err)
		return
	}
	env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
	totals(stream.From(env, slice.Of[int64](1, 5))).To(print.Sink[[2]int64]())
	if err := launch.Run(ctx, env, "this year", launch.RestoreFrom(start, launch.NoClaim)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [1 3201]
	// [5 5]
}
