package savepoint_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// place is a key that is neither a number nor a string.
type place struct {
	City string
	Tags []string
	Near bool
	At   time.Time
}

// visit is a value of many kinds.
type visit struct {
	N     int64
	Took  time.Duration
	Notes map[string][]int8
	Next  *visit
}

func visitOf(n int64) visit {
	return visit{N: n, Took: time.Second, Notes: map[string][]int8{"n": {int8(n)}}, Next: &visit{N: -n}}
}

func placeOf(n int64) place {
	return place{City: fmt.Sprint("c\x00", n%7), Tags: []string{"t"}, Near: n%2 == 0, At: time.Unix(n%7, 0)}
}

// events are n numbers, a hundred in a second, which are their event times in tenths of a second.
func events(env *stream.Env, n int64) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: n, PerSecond: 100})).
		Watermarks(watermark.BoundedMillis(0, func(v *int64) int64 { return *v * 100 })).UID("numbers")
}

func drain[T any](s *stream.Stream[T], uid string) {
	s.UID(uid).Name(uid).To(discard.To[T]())
}

// keptStates is a process function with all kinds of handles.
func keptStates[K any](s *stream.Stream[int64], uid string, key func(int64) K) {
	val, list := state.NewValue[visit]("value"), state.NewList[visit]("list")
	m := state.NewMap[spot, string]("map")
	sum := state.NewReducing("reducing", func(a, b int64) int64 { return a + b })
	mean := state.NewAggregating("aggregating", func(a *[2]int64, v int64) { a[0], a[1] = a[0]+v, a[1]+1 },
		func(a *[2]int64) int64 { return a[0] / a[1] })
	ttl := state.TTL(time.Hour)
	oldVal, oldList := state.NewValue[visit]("old value", ttl), state.NewList[int64]("old list", ttl)
	oldMap := state.NewMap[string, int64]("old map", ttl)
	none := state.NewList[struct{}]("empty items")
	late, clock := stream.NewTimer[visit]("late"), stream.NewProcessingTimer[string]("clock")
	drain(stream.Process(stream.KeyBy(s, key), func(c *stream.Ctx[K, string], n int64) error {
		if n%50 == 49 {
			val.Clear(c) // so that deltas have deleted keys
			m.Remove(c, spot{"x", n})
			return nil
		}
		val.Set(c, visitOf(n))
		list.Add(c, visitOf(n))
		m.Put(c, spot{"x", n}, "x")
		sum.Add(c, n)
		mean.Add(c, n)
		oldVal.Set(c, visitOf(n))
		oldList.Add(c, n)
		oldMap.Put(c, "k", n)
		none.Add(c, struct{}{})
		late.SetMillis(c, 1e15, visitOf(n))
		clock.Set(c, c.Now().Add(1000*time.Hour), "c")
		return nil
	}, stream.Uses(val, list, m, sum, mean, oldVal, oldList, oldMap, none),
		stream.On(late, func(*stream.Ctx[K, string], visit) error { return nil }),
		stream.On(clock, func(*stream.Ctx[K, string], string) error { return nil })), uid)
}

// allKinds is a job with keyed states of all kinds.
func allKinds(env *stream.Env, n int64) {
	s := events(env, n)
	byNumber := func(v int64) int64 { return v % 7 }
	byText := func(v int64) string { return fmt.Sprint("k", v%7) }
	keptStates(s, "by number", byNumber)
	keptStates(s, "by text", byText)
	keptStates(s, "by place", placeOf)
	keptStates(s, "by flag", func(v int64) bool { return v%2 == 0 })
	keptStates(s, "by float", func(v int64) float32 { return float32(v%7) - 3 })
	text, number, places := stream.KeyBy(s, byText), stream.KeyBy(s, byNumber), stream.KeyBy(s, placeOf)
	hour := time.Hour
	drain(stream.Aggregate(places.Window(window.Tumbling(hour)), agg.TopN(3, func(a, b int64) int {
		return int(b - a)
	})), "tumbling")
	drain(stream.Aggregate(number.Window(window.Sliding(2*hour, hour)), agg.Count[int64]()), "sliding")
	drain(stream.Aggregate(text.Window(window.Session(hour)), agg.Count[int64]()), "sessions")
	everyTwo := window.Count[int64](2)
	fired, total := state.NewValue[visit]("fired", state.TTL(hour)), state.NewMap[string, int]("total")
	panes := func(c *stream.WindowCtx[place, int], vs []int64) error {
		fired.Set(c.PerWindow(), visitOf(vs[0]))
		total.Put(c.PerWindow(), "k", 1)
		return nil
	}
	drain(stream.ProcessWindow(places.Window(window.Tumbling(hour)).Trigger(everyTwo), panes,
		stream.WindowStates(fired, total)), "panes")
	drain(stream.ProcessWindow(number.Window(window.Session(hour)).Evictor(window.CountEvictor[int64](2)),
		func(*stream.WindowCtx[int64, int], []int64) error { return nil }), "merging")
	drain(stream.JoinWindow(text, stream.KeyBy(s, byText), window.Tumbling(hour),
		func(a, b int64) int64 { return a }), "window join")
	drain(stream.IntervalJoin(number, stream.KeyBy(s, byNumber), 0, hour,
		func(*stream.Ctx[int64, int], *int64, *int64) error { return nil },
		stream.IntervalOptions[int64, int64]{}), "interval join")
	drain(stream.Scan(text, func(_ *stream.Ctx[string, int], sum *visit, v int64) error {
		*sum = visitOf(v)
		return nil
	}), "scan")
}

// walk reads all rows of all keyed states, and returns how many each has.
func walk(t *testing.T, s *savepoint.Snapshot) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, o := range s.Operators {
		for _, st := range o.States {
			name := o.UID + "/" + st.Name
			for row, err := range st.Rows() {
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if row.Key == nil || savepoint.Text(row.Key) == "" {
					t.Fatalf("%s has a row without key: %v", name, row)
				}
				counts[name]++
			}
			skew, err := st.Skew()
			if err != nil || skew.Entries.Total != int64(counts[name]) {
				t.Errorf("%s: %+v, %v, but %d rows", name, skew, err, counts[name])
			}
		}
	}
	return counts
}

// snapshotsOf runs a job, and returns its directory of checkpoints and a savepoint.
func snapshotsOf(t *testing.T, native bool, options ...stream.Option) (chk, path string) {
	t.Helper()
	var form []launch.SavepointOption
	if native {
		options = append(options, stream.NativeCheckpoints())
		form = append(form, launch.NativeSavepoint())
	}
	chk = t.TempDir()
	env := stream.NewEnv(append([]stream.Option{
		stream.Parallelism(2), stream.MaxParallelism(8), stream.CheckpointDir(chk),
		stream.Checkpoint(time.Second),
	}, options...)...)
	allKinds(env, 10000)
	j, err := launch.Start(t.Context(), env, "kinds")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5*time.Second + 50*time.Millisecond)
	if path, err = j.Savepoint(t.Context(), t.TempDir(), form...); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1 * time.Second)
	j.Cancel()
	if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
		t.Fatal(err)
	}
	return chk, path
}

func TestEveryStateIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, backend := range []string{"hashmap", "pebble", "native"} {
			native := backend == "native"
			if native {
				backend = "pebble"
			}
			chk, path := snapshotsOf(t, native, stream.StateBackend(backend), stream.StateMemory(1))
			for _, p := range []string{chk, path} {
				s, err := savepoint.Open(context.Background(), p)
				if err != nil {
					t.Fatal(err)
				}
				checkKinds(t, walk(t, s))
			}
		}
	})
}

// checkKinds compares the numbers of rows.
func checkKinds(t *testing.T, counts map[string]int) {
	t.Helper()
	var missing []string
	for _, name := range []string{
		"value", "list", "map", "reducing", "aggregating", "old value", "old list", "old map", "empty items",
		"timer late", "timer clock",
	} {
		for _, uid := range []string{"by number", "by text", "by place", "by flag", "by float"} {
			if counts[uid+"/"+name] == 0 {
				missing = append(missing, uid+"/"+name)
			}
		}
	}
	for _, name := range []string{
		"tumbling/slices", "sliding/slices", "sessions/sessions", "sessions/timers", "panes/window contents",
		"panes/window event timers", "panes/fired", "panes/total", "merging/open windows",
		"merging/window contents", "interval join/left", "interval join/right", "interval join/done", "scan/state",
	} {
		if counts[name] == 0 {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("no rows of %v, but of %v", missing, counts)
	}
}

// spot is the key of a map.
type spot struct {
	Name string
	N    int64
}
