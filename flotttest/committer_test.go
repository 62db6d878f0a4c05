package flotttest_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

const timedCount = 300

// timedAt is the time of a record: up to two seconds out of order.
func timedAt(i int64) int64 { return i*100 + i*7919%2000 }

// together is a sink that commits by one committer, and what its runs have committed: it checks what a
// connect.GlobalCommitter is promised.
type together struct {
	*collect.Sink[int64]
	mu       sync.Mutex
	portions map[string]int   // of committables, by the first Commit that had them
	prepared map[string]int64 // the checkpoint of each committable; nil where some are given up
	count    int
	ended    bool
}

func (s *together) GlobalCommitter(ctx connect.WriterContext, state []byte) (connect.GlobalCommitter, error) {
	if ctx.Parallelism != 1 {
		return nil, fmt.Errorf("there are %d committers", ctx.Parallelism)
	}
	c, err := s.Sink.Committer(ctx)
	return &togetherCommitter{Committer: c, sink: s, watermark: math.MinInt64, state: state}, err
}

func (s *together) Writer(ctx connect.WriterContext, states [][]byte) (connect.Writer[int64], error) {
	w, err := s.Sink.Writer(ctx, states)
	return &togetherWriter{Writer: w, sink: s, watermark: math.MinInt64}, err
}

// togetherWriter checks that no record is late.
type togetherWriter struct {
	connect.Writer[int64]
	sink      *together
	watermark int64
}

func (w *togetherWriter) Watermark(millis int64) { w.watermark = millis }

func (w *togetherWriter) Write(records []int64, times []int64) error {
	for _, t := range times {
		if t <= w.watermark {
			return fmt.Errorf("a record of %d comes at %d", t, w.watermark)
		}
	}
	return w.Writer.Write(records, times)
}

func (w *togetherWriter) Prepare(checkpoint int64) ([][]byte, error) {
	items, err := w.Writer.(connect.Preparer).Prepare(checkpoint)
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	for _, b := range items {
		if w.sink.prepared != nil {
			w.sink.prepared[string(b)] = checkpoint
		}
	}
	return items, err
}

type togetherCommitter struct {
	connect.Committer
	sink      *together
	watermark int64
	state     []byte
}

func (c *togetherCommitter) Snapshot() ([]byte, error) { return c.state, nil }

// Commit checks that a portion comes as a whole each time, and that all records up to the watermark are visible.
func (c *togetherCommitter) Commit(p *connect.Prepared) error {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended && len(p.Committables) > 0 {
		return fmt.Errorf("%d committables come after the end", len(p.Committables))
	}
	s.ended = s.ended || p.End
	s.count++
	for i, b := range p.Committables {
		if at, ok := s.prepared[string(b)]; ok && at != math.MaxInt64 && p.End {
			return fmt.Errorf("committable %d of %d was prepared for checkpoint %d and comes at the end", i, len(p.Committables), at)
		}
		if n, ok := s.portions[string(b)]; ok && n != s.portions[string(p.Committables[0])] {
			return fmt.Errorf("committable %d of %d was in portion %d", i, len(p.Committables), n)
		} else if !ok && i > 0 && s.portions[string(p.Committables[0])] != s.count {
			return fmt.Errorf("committable %d of %d is new", i, len(p.Committables))
		}
		s.portions[string(b)] = s.count
	}
	if p.Watermark < c.watermark {
		return fmt.Errorf("the watermark goes back from %d to %d", c.watermark, p.Watermark)
	}
	c.watermark = p.Watermark
	if err := c.Committer.Commit(p.Committables); err != nil {
		return err
	}
	visible := s.Results()
	for i := range int64(timedCount) {
		if timedAt(i) <= p.Watermark && !slices.Contains(visible, i) {
			return fmt.Errorf("record %d of %d is not visible at %d", i, timedAt(i), p.Watermark)
		}
	}
	c.state = append([]byte{}, byte(s.count))
	return nil
}

func timed(env *stream.Env) *stream.Stream[int64] {
	return stream.From(env, slice.Func(timedCount, func(i int64) int64 { return i })).
		Watermarks(watermark.BoundedMillis(2*time.Second, func(i *int64) int64 { return timedAt(*i) }))
}

// TestGlobalCommitter: what all writers have prepared is committed by one, when all of it is there.
func TestGlobalCommitter(t *testing.T) {
	for name, unaligned := range map[string]bool{"aligned": false, "unaligned": true} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			sinks := map[*collect.Sink[int64]]*together{}
			flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[int64]) {
				mu.Lock()
				defer mu.Unlock()
				if sinks[sink] == nil {
					sinks[sink] = &together{Sink: sink, portions: map[string]int{}, prepared: map[string]int64{}}
				}
				timed(env).Rebalance().To(sinks[sink]).UID("out")
			}, flotttest.RestoreOptions{Unaligned: unaligned, Seeds: 20})
			for _, s := range sinks {
				if !s.ended {
					t.Error("no commit was the last one")
				}
			}
		})
	}
}

// TestGlobalCommitterRuns: a job with checkpoints, one without, and one of batch mode.
func TestGlobalCommitterRuns(t *testing.T) {
	for name, options := range map[string][]stream.Option{
		"checkpoints": {stream.Checkpoint(time.Millisecond)},
		"none":        {},
		"batch":       {stream.RuntimeMode(stream.Batch)},
	} {
		t.Run(name, func(t *testing.T) {
			s := &together{Sink: collect.To[int64](), portions: map[string]int{}}
			env := stream.NewEnv(append(options, stream.Parallelism(3))...)
			timed(env).To(s)
			if err := launch.Run(context.Background(), env, name, launch.BatchRows(2)); err != nil {
				t.Fatal(err)
			}
			if len(s.Results()) != timedCount || !s.ended {
				t.Errorf("%d records are committed, want %d; ended: %v", len(s.Results()), timedCount, s.ended)
			}
		})
	}
}
