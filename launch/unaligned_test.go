package launch_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// wide is a record of which a few thousand fill all channels.
type wide struct {
	N    int64
	Rest [64]int64
}

// tokenSink writes a batch for each token, then passes it on.
type tokenSink struct {
	*collect.Sink[int64]
	tokens chan struct{}
}

type tokenWriter struct {
	writerOfTwoPhases
	sink *tokenSink
	ctx  context.Context
}

type writerOfTwoPhases interface {
	connect.Writer[int64]
	connect.Preparer
}

func (s *tokenSink) Writer(ctx connect.WriterContext, states [][]byte) (connect.Writer[int64], error) {
	w, err := s.Sink.Writer(ctx, states)
	if err != nil {
		return nil, err
	}
	return &tokenWriter{w.(writerOfTwoPhases), s, ctx.Context}, nil
}

func (w *tokenWriter) Write(records []int64, times []int64) error {
	select {
	case <-w.sink.tokens:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	return w.writerOfTwoPhases.Write(records, times)
}

const wideRecords = 40_000

// pressed is a job whose sink decides on the speed of everything.
func pressed(sink connect.Sink[int64], options ...stream.Option) *stream.Env {
	env := stream.NewEnv(append([]stream.Option{stream.Parallelism(2)}, options...)...)
	in := stream.From(env, slice.Func(wideRecords, func(i int64) wide { return wide{N: i} }))
	key := func(w wide) int64 { return w.N }
	same := func(c *stream.Ctx[int64, wide], seen *int64, w wide) error {
		*seen++
		w.Rest[0] += *seen // more than 1 when it is processed twice
		c.Emit(w)
		return nil
	}
	first := stream.Scan(stream.KeyBy(in, key), same)
	second := stream.Scan(stream.KeyBy(first, key), same)
	numbers := stream.Map(second.Global(), func(w wide) int64 { return w.N*10 + w.Rest[0] })
	numbers.To(sink)
	return env
}

// snapshotUnderPressure takes a snapshot while every channel is full, and grants the sink some batches.
// It returns the sink, and no snapshot when it was not complete then.
func snapshotUnderPressure(t *testing.T, wait time.Duration, tokens int, options ...stream.Option,
) (s *launch.Snapshot, out *collect.Sink[int64]) {
	t.Helper()
	out = collect.To[int64]()
	synctest.Test(t, func(t *testing.T) {
		sink := &tokenSink{out, make(chan struct{})}
		j, err := launch.Start(t.Context(), pressed(sink, options...), "pressed")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s, _ = j.Snapshot(ctx)
		}()
		synctest.Wait()
		if wait > 0 {
			<-time.After(wait)
			synctest.Wait()
		}
		for range tokens {
			sink.tokens <- struct{}{}
			synctest.Wait()
		}
		cancel()
		<-done
		j.Cancel()
		j.Wait()
	})
	return s, out
}

// TestSnapshotsUnderBackpressure has a sink that processes one more batch. That is enough for an
// unaligned snapshot, and far from it for an aligned one.
func TestSnapshotsUnderBackpressure(t *testing.T) {
	if s, _ := snapshotUnderPressure(t, 0, 20); s != nil {
		t.Error("an aligned snapshot is complete although the sink hardly moves")
	}
	const tokens = 2 // one is at work, and the sink writes what precedes a watermark by itself
	timeout := stream.AlignedTimeout(time.Minute)
	if s, _ := snapshotUnderPressure(t, 59*time.Second, tokens, timeout); s != nil {
		t.Error("the timeout is not over, but the snapshot is complete")
	}
	t.Run("unaligned", func(t *testing.T) { checkPressed(t, 0, tokens, stream.Unaligned()) })
	t.Run("timeout", func(t *testing.T) { checkPressed(t, time.Minute, tokens, timeout) })
}

// checkPressed takes a snapshot, which must be complete with some tokens, and restores it.
func checkPressed(t *testing.T, wait time.Duration, tokens int, option stream.Option) {
	t.Helper()
	for _, parallelism := range []int{1, 2, 3} {
		s, out := snapshotUnderPressure(t, wait, tokens, option)
		if s == nil {
			t.Fatal("the snapshot is not complete")
		}
		if s.InFlight() < 1000 {
			t.Errorf("%d records are in flight, the channels hold more", s.InFlight())
		}
		env := pressed(out, stream.Parallelism(parallelism))
		if err := launch.Run(t.Context(), env, "restored", launch.Restore(s)); err != nil {
			t.Fatal(err)
		}
		all := slices.Sorted(slices.Values(out.Results()))
		for i, r := range all {
			if r != int64(i)*10+2 { // seen once by both operators
				t.Fatalf("result %d of %d is %d", i, len(all), r)
			}
		}
		if len(all) != wideRecords {
			t.Errorf("%d results, want %d", len(all), wideRecords)
		}
	}
}
