package stream_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// wide fills a batch with few rows.
type wide struct {
	Key int64
	N   int64
	Pad [1000]byte
}

// TestFiringIsSuspended has windows of more keys than a batch holds, and consumers that refuse to
// go on after each batch.
func TestFiringIsSuspended(t *testing.T) {
	const keys = 1000
	type windows = *stream.Windowed[int64, int64]
	kinds := map[string]func(k *stream.Keyed[int64, int64], processing bool) windows{
		"aligned": func(k *stream.Keyed[int64, int64], processing bool) windows {
			return k.Window(in(window.Tumbling(second), processing))
		},
		"sliding": func(k *stream.Keyed[int64, int64], processing bool) windows {
			return k.Window(in(window.Sliding(second, 500*ms), processing))
		},
		"session": func(k *stream.Keyed[int64, int64], processing bool) windows {
			return k.Window(in(window.Session(second), processing))
		},
		"general": func(k *stream.Keyed[int64, int64], processing bool) windows {
			w := k.Window(in(window.Tumbling(second), processing))
			if processing {
				return w.Trigger(window.ProcessingTime[int64]())
			}
			return w.Trigger(window.EventTime[int64]())
		},
	}
	for name, kind := range kinds {
		for _, processing := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/processing=%v", name, processing), func(t *testing.T) {
				input := flotttest.NewInput[int64]()
				h := flotttest.New(t, func(env *stream.Env) *stream.Stream[wide] {
					k := stream.KeyBy(input.Stream(env), func(v int64) int64 { return v })
					return stream.AggregateProcess(kind(k, processing), agg.Count[int64](),
						func(c *stream.WindowCtx[int64, wide], n int64) error {
							c.Emit(wide{Key: c.Key(), N: n})
							return nil
						})
				}, flotttest.Slow(), flotttest.BatchRows(1000), flotttest.Parallelism(2))
				for i := range int64(2 * keys) {
					input.Push(i%keys, 600)
				}
				h.AdvanceTo(5000)
				h.Watermark(5000)
				seen := map[int64]int64{}
				for _, r := range h.Out.Values() {
					seen[r.Key] += r.N
				}
				if h.Err() != nil {
					t.Fatal(h.Err())
				}
				want := int64(2)
				if name == "sliding" {
					want = 4
				}
				for k := range int64(keys) {
					if seen[k] != want {
						t.Fatalf("key %d was counted %d times, want %d", k, seen[k], want)
					}
				}
				if n := h.Snapshot().Bytes(""); n > 0 {
					t.Errorf("%d bytes of state are left", n)
				}
			})
		}
	}
}

func in(a window.Assigner, processing bool) window.Assigner {
	if processing {
		return a.ProcessingTime()
	}
	return a
}

// TestEndOfKey ends a key as batch mode does: all its windows fire, and nothing is left.
func TestEndOfKey(t *testing.T) {
	type windows = *stream.Windowed[string, int]
	for name, set := range map[string]func(k *stream.Keyed[string, int]) windows{
		"aligned": func(k *stream.Keyed[string, int]) windows { return k.Window(window.Tumbling(10 * ms)) },
		"session": func(k *stream.Keyed[string, int]) windows { return k.Window(window.Session(5 * ms)) },
		"general": func(k *stream.Keyed[string, int]) windows {
			return k.Window(window.Tumbling(10 * ms)).Trigger(window.EventTime[int]())
		},
		"continuous": func(k *stream.Keyed[string, int]) windows {
			return k.Window(window.Tumbling(10 * ms)).Trigger(window.Purging(window.ContinuousEventTime[int](10 * ms)))
		},
		"processing": func(k *stream.Keyed[string, int]) windows {
			return k.Window(window.Global()).
				Trigger(window.Purging(window.ContinuousProcessingTime[int](time.Second)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			input := flotttest.NewInput[int]()
			h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
				k := stream.KeyBy(input.Stream(env), func(v int) string { return fmt.Sprint(v / 10) })
				return stream.ProcessWindow(set(k).AllowedLateness(time.Hour),
					func(c *stream.WindowCtx[string, string], vs []int) error {
						c.Emit(fmt.Sprint(c.Key(), vs))
						return nil
					})
			})
			for key := range 3 {
				input.Push(10*key+1, 100)
				input.Push(10*key+2, 0)
				input.Push(10*key+3, 101)
				h.EndOfKey()
				got := strings.Join(h.Out.Values(), " ")
				want := fmt.Sprintf("%d[%d] %d[%d %d]", key, 10*key+2, key, 10*key+1, 10*key+3)
				if name == "processing" {
					want = fmt.Sprintf("%d[%d %d %d]", key, 10*key+1, 10*key+2, 10*key+3)
				}
				if got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if n := h.Snapshot().Bytes(""); n > 0 {
					t.Errorf("%d bytes of state are left", n)
				}
			}
		})
	}
}

// TestWindowMistakes has what Plan reports.
func TestWindowMistakes(t *testing.T) {
	type build = func(k *stream.Keyed[string, int]) *stream.Stream[string]
	process := func(w *stream.Windowed[string, int], options ...stream.WindowOption) *stream.Stream[string] {
		return stream.ProcessWindow(w, func(*stream.WindowCtx[string, string], []int) error { return nil }, options...)
	}
	for want, f := range map[string]build{
		"does not": func(k *stream.Keyed[string, int]) *stream.Stream[string] {
			return process(k.Window(window.Session(second)).Trigger(window.Delta(1, func(a, b int) float64 { return 0 })))
		},
		"another type": func(k *stream.Keyed[string, int]) *stream.Stream[string] {
			return process(k.Window(window.DynamicSession(func(string) time.Duration { return second })))
		},
		"function of OnClear": func(k *stream.Keyed[string, int]) *stream.Stream[string] {
			return process(k.Window(window.Tumbling(second)), stream.OnClear(func(*stream.WindowCtx[int, string]) {}))
		},
		"negative": func(k *stream.Keyed[string, int]) *stream.Stream[string] {
			return process(k.Window(window.Tumbling(second)).AllowedLateness(-1))
		},
	} {
		env := stream.NewEnv()
		f(stream.KeyBy(flotttest.NewInput[int]().Stream(env), func(int) string { return "" }))
		if _, _, err := env.Plan(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestRecordWithoutTime(t *testing.T) {
	for _, general := range []bool{false, true} {
		input := flotttest.NewInput[int]()
		h := flotttest.New(t, func(env *stream.Env) *stream.Stream[stream.Result[stream.All, int64]] {
			w := input.Stream(env).WindowAll(window.Tumbling(second))
			if general {
				w.Trigger(window.Count[int](1))
			}
			return stream.Aggregate(w, agg.Count[int]())
		})
		input.Push(1, flotttest.NoTime)
		if err := h.Err(); err == nil || !strings.Contains(err.Error(), "no event time") {
			t.Errorf("got %v", err)
		}
	}
}
