package main

import (
	"maps"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(env *stream.Env, sink *collect.Sink[Count]) { job(env, "testdata/*.txt").To(sink) }

// last is the final count of each word.
func last(counts []Count) map[string]int64 {
	final := map[string]int64{}
	for _, c := range counts {
		final[c.Word] = max(final[c.Word], c.N)
	}
	return final
}

func run(t *testing.T, options ...stream.Option) []Count {
	t.Helper()
	env := stream.NewEnv(options...)
	return flotttest.Collect(t, env, job(env, "testdata/*.txt"))
}

func TestCounts(t *testing.T) {
	got := run(t, stream.Parallelism(3))
	n := last(got)
	if len(got) != 69 || n["the"] != 12 || n["wind"] != 4 || n["sea"] != 1 {
		t.Errorf("%d counts, at the end %v", len(got), n)
	}
}

func TestRestore(t *testing.T) {
	flotttest.CheckRestore(t, build, flotttest.RestoreOptions{})
}

func TestUnalignedRestore(t *testing.T) {
	flotttest.CheckRestore(t, build, flotttest.RestoreOptions{Unaligned: true})
}

// Batch mode may leave out counts that are not final.
func TestBatch(t *testing.T) {
	streaming := last(run(t, stream.Parallelism(2)))
	batch := last(run(t, stream.Parallelism(2), stream.RuntimeMode(stream.Batch)))
	if !maps.Equal(streaming, batch) {
		t.Errorf("streaming counts %v, batch %v", streaming, batch)
	}
}
