package stream_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

type keyedRow struct{ Key, N int64 }

// marksCase is an operator that emits "key: sum" for each window [0 10), [10 20), … in seconds.
type marksCase struct {
	name  string
	build func(in *flotttest.Input[keyedRow]) func(env *stream.Env) *stream.Stream[string]
}

func windowsCase(name string, over func(k *stream.Keyed[int64, keyedRow],
) *stream.Windowed[int64, keyedRow],
) marksCase {
	return marksCase{name, func(in *flotttest.Input[keyedRow]) func(*stream.Env) *stream.Stream[string] {
		return func(env *stream.Env) *stream.Stream[string] {
			k := stream.KeyBy(in.Stream(env), func(r keyedRow) int64 { return r.Key })
			return stream.AggregateProcess(over(k), agg.Sum(func(r keyedRow) int64 { return r.N }),
				func(c *stream.WindowCtx[int64, string], sum int64) error {
					c.Emit(fmt.Sprintf("%d@%d: %d", c.Key(), c.Window().Start/1000, sum))
					return nil
				})
		}
	}}
}

func marksCases() []marksCase {
	type (
		in  = *stream.Keyed[int64, keyedRow]
		out = *stream.Windowed[int64, keyedRow]
	)
	return []marksCase{
		windowsCase("slices", func(k in) out { return k.Window(window.Tumbling(10 * time.Second)) }),
		windowsCase("sessions", func(k in) out { return k.Window(window.Session(3 * time.Second)) }),
		windowsCase("key and window", func(k in) out {
			return k.Window(window.Tumbling(10 * time.Second)).
				Trigger(window.EventTime[keyedRow]())
		}),
	}
}

// keysOfSubtasks are two keys of each of two subtasks.
func keysOfSubtasks(t *testing.T, c marksCase) (first, second int64) {
	t.Helper()
	second = -1
	for key := int64(1); key < 64; key++ {
		in := flotttest.NewInput[keyedRow]()
		h := flotttest.New(t, c.build(in), flotttest.Parallelism(2))
		in.Push(keyedRow{key, 1}, 1000)
		h.WatermarkOf(0, 50_000)
		if len(h.Out.Values()) > 0 {
			first = key
		} else {
			second = key
		}
		if first > 0 && second > 0 {
			return first, second
		}
	}
	t.Fatal("all keys belong to one subtask")
	return 0, 0
}

// TestKeyGroupsKeepTheirWatermarks restores subtasks that had come to different watermarks, as with an
// unaligned snapshot, to fewer, as many and more of them.
func TestKeyGroupsKeepTheirWatermarks(t *testing.T) {
	for _, c := range marksCases() {
		ahead, behind := keysOfSubtasks(t, c)
		for _, parallelism := range []int{1, 2, 3} {
			t.Run(fmt.Sprint(c.name, " to ", parallelism), func(t *testing.T) {
				in := flotttest.NewInput[keyedRow]()
				h := flotttest.New(t, c.build(in), flotttest.Parallelism(2))
				in.Push(keyedRow{ahead, 1}, 5_000)
				in.Push(keyedRow{behind, 1}, 5_000)
				h.WatermarkOf(0, 12_000)
				expect(t, h.Out.Values(), fmt.Sprintf("%d@%d: 1", ahead, start(c, 5)))

				again := h.Snapshot()
				for range 2 { // a snapshot while the groups differ is like the one before
					h.Restore(again, parallelism)
					again = h.Snapshot()
				}
				// These were in flight. That of the group ahead is late, the other one is not.
				in.Push(keyedRow{ahead, 10}, 6_000)
				in.Push(keyedRow{behind, 10}, 6_000)
				in.Push(keyedRow{ahead, 100}, 15_000)
				h.Watermark(11_500)
				expect(t, h.Out.Values(), fmt.Sprintf("%d@%d: 11", behind, start(c, 5)))
				if n := h.Counter("numLateRecordsDropped"); n != 1 {
					t.Errorf("%d records were late, want 1", n)
				}
				// Now that one is late everywhere.
				in.Push(keyedRow{behind, 20}, 6_000)
				h.Watermark(30_000)
				expect(t, h.Out.Values(), fmt.Sprintf("%d@%d: 100", ahead, start(c, 15)))
				in.Push(keyedRow{behind, 1000}, 35_000)
				in.Push(keyedRow{ahead, 1000}, 35_000)
				h.Watermark(50_000)
				expect(t, h.Out.Values(), fmt.Sprintf("%d@%d: 1000", ahead, start(c, 35)),
					fmt.Sprintf("%d@%d: 1000", behind, start(c, 35)))
			})
		}
	}
}

// TestSliceOfGroupsThatDiffer has a group that is ahead make a slice over which a window has fired for
// it, and only for it.
func TestSliceOfGroupsThatDiffer(t *testing.T) {
	c := windowsCase("cumulating", func(k *stream.Keyed[int64, keyedRow],
	) *stream.Windowed[int64, keyedRow] {
		return k.Window(window.Cumulating(10*time.Second, 5*time.Second))
	})
	ahead, behind := keysOfSubtasks(t, c)
	in := flotttest.NewInput[keyedRow]()
	h := flotttest.New(t, c.build(in), flotttest.Parallelism(2))
	h.WatermarkOf(0, 6_000)
	h.Restore(h.Snapshot(), 1)
	in.Push(keyedRow{ahead, 1}, 3_000)
	in.Push(keyedRow{behind, 2}, 3_000)
	h.Watermark(7_000)
	expect(t, h.Out.Values(), fmt.Sprintf("%d@0: 2", behind))
	h.Watermark(10_000)
	expect(t, h.Out.Values(), fmt.Sprintf("%d@0: 1", ahead), fmt.Sprintf("%d@0: 2", behind))
}

// start is where the window of a record begins.
func start(c marksCase, second int64) int64 {
	if c.name == "sessions" {
		return second
	}
	return second / 10 * 10
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
