package flotttest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type event struct {
	Key  string
	N    int64
	Time int64
}

// events are n records of seven keys, up to two seconds out of order.
func events(n int64) func(env *stream.Env) *stream.Stream[event] {
	return func(env *stream.Env) *stream.Stream[event] {
		return stream.From(env, slice.Func(n, func(i int64) event {
			return event{fmt.Sprintf("key-%d", i*i%7), i, i*100 + i*7919%2000}
		})).Watermarks(watermark.BoundedMillis(10*time.Minute, func(e *event) int64 { return e.Time }))
	}
}

func byKey(s *stream.Stream[event]) *stream.Keyed[string, event] {
	return stream.KeyBy(s, func(e event) string { return e.Key })
}

func TestScanSurvivesRestore(t *testing.T) {
	flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[string]) {
		stream.Scan(byKey(events(200)(env)), func(c *stream.Ctx[string, string], sum *int64, e event) error {
			*sum += e.N % 3
			c.Emit(fmt.Sprint(c.Key(), e.N%3))
			return nil
		}).To(sink)
	}, flotttest.RestoreOptions{})
}

func TestWindowsSurviveRestore(t *testing.T) {
	for _, a := range []window.Assigner{
		window.Tumbling(5 * time.Second), window.Sliding(6*time.Second, 2*time.Second),
		window.Cumulating(6*time.Second, 2*time.Second), window.Session(300 * time.Millisecond),
	} {
		t.Run(a.Name(), func(t *testing.T) {
			flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[string]) {
				sums := stream.Aggregate(byKey(events(300)(env)).Window(a),
					agg.Sum(func(e event) int64 { return e.N }))
				stream.Map(sums, func(r stream.Result[string, int64]) string {
					return fmt.Sprint(r.Key, r.Window, r.Value)
				}).To(sink)
			}, flotttest.RestoreOptions{})
		})
	}
}

func TestWindowsSurviveUnalignedRestore(t *testing.T) {
	for _, a := range []window.Assigner{
		window.Tumbling(5 * time.Second), window.Sliding(6*time.Second, 2*time.Second),
		window.Cumulating(6*time.Second, 2*time.Second), window.Session(300 * time.Millisecond),
	} {
		t.Run(a.Name(), func(t *testing.T) {
			flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[string]) {
				in := stream.From(env, slice.Func(600, func(i int64) event {
					return event{fmt.Sprintf("key-%d", i*i%7), i, i*100 + i*7919%2000}
				})).Watermarks(watermark.BoundedMillis(2*time.Second, func(e *event) int64 { return e.Time }))
				sums := stream.Aggregate(byKey(in).Window(a), agg.Sum(func(e event) int64 { return e.N }))
				stream.Map(sums, func(r stream.Result[string, int64]) string {
					return fmt.Sprint(r.Key, r.Window, r.Value)
				}).To(sink)
			}, flotttest.RestoreOptions{Unaligned: true, Seeds: 40})
		})
	}
}

func TestTimersSurviveRestore(t *testing.T) {
	flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[string]) {
		seen, due := state.NewList[int64]("seen"), stream.NewTimer[int64]("due")
		stream.Process(byKey(events(200)(env)),
			func(c *stream.Ctx[string, string], e event) error {
				seen.Add(c, e.N)
				due.SetMillis(c, e.Time+3000, e.N)
				return nil
			},
			stream.Uses(seen),
			stream.On(due, func(c *stream.Ctx[string, string], n int64) error {
				c.Emit(fmt.Sprint(c.Key(), c.Millis(), n))
				return nil
			})).To(sink)
	}, flotttest.RestoreOptions{})
}
