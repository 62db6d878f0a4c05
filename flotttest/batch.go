package flotttest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// BatchOptions say how CheckBatch runs a job. The zero value is a sensible default.
type BatchOptions struct {
	// ParallelismMax bounds the parallelism of the runs, each of which is made in both modes; 0
	// means 3.
	ParallelismMax int
	// Options are the environment's.
	Options []stream.Option
	// Final reduces the results to what must be the same. A job that emits a result again and
	// again, as it changes, needs it: batch mode emits only the last. By default all results
	// count, in no particular order.
	Final func(results []string) []string
}

// CheckBatch runs the job that build makes, whose sources are bounded, in streaming and in batch
// mode at several parallelisms, and wants the same results. build adds the job to env and ends it
// in sink; it is called once for each run.
func CheckBatch[T any](t *testing.T, build func(env *stream.Env, sink *collect.Sink[T]),
	o BatchOptions,
) {
	t.Helper()
	run := func(m stream.Mode, parallelism int) []string {
		t.Helper()
		env, sink := stream.NewEnv(append([]stream.Option{
			stream.Parallelism(parallelism), stream.MaxParallelism(16), stream.RuntimeMode(m),
		}, o.Options...)...), collect.To[T]()
		build(env, sink)
		if err := launch.Run(t.Context(), env, t.Name()); err != nil {
			t.Fatal(err)
		}
		return final(sink.Results(), o.Final)
	}
	want := run(stream.Streaming, 1)
	for p := range orDefault(o.ParallelismMax, 3) {
		for name, m := range map[string]stream.Mode{
			"streaming": stream.Streaming, "batch": stream.Batch,
		} {
			if diff := difference(want, run(m, p+1)); diff != "" {
				t.Errorf("%s mode at parallelism %d differs from streaming at 1: %s", name, p+1, diff)
			}
		}
	}
}

// final renders results so that they can be compared, and reduces them.
func final[T any](results []T, reduce func([]string) []string) []string {
	var lines []string
	for _, r := range results {
		lines = append(lines, fmt.Sprintf("%+v", r))
	}
	slices.Sort(lines)
	if reduce != nil {
		lines = reduce(lines)
	}
	return lines
}
