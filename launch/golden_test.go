package launch_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// A golden savepoint is kept of every format version that was released, and must restore forever:
//
//	testdata/savepoints/v<version of the manifest>/savepoint     of the job below, halfway through its input
//	testdata/savepoints/v<version of the manifest>/results.txt   what the job commits from there to its end
//
// The job, its types included, belongs to the savepoints and must not change: what it lacks goes to a
// job of its own. A new version is written, once, by
//
//	go test ./launch -run TestGoldenSavepoints -update
//
// which writes the version of today and leaves the older ones alone.
var update = flag.Bool("update", false, "write the golden savepoint of the current format version anew")

const (
	goldenVersion = "v1"
	goldenNative  = "v1-native"
	goldenRecords = 240 // at 40 in a second
	goldenStop    = 3*time.Second + 11*time.Millisecond
)

// goldenKey is a key that is neither a number nor a string.
type goldenKey struct {
	Name string
	Odd  bool
}

// goldenRow is a value of many kinds.
type goldenRow struct {
	N     int64
	Took  time.Duration
	At    time.Time
	Share float64
	Notes map[string][]int8
	Next  *goldenRow
}

func goldenRowOf(n int64) goldenRow {
	return goldenRow{
		N: n, Took: time.Duration(n) * time.Second, At: time.UnixMilli(n).UTC(), Share: float64(n) / 4,
		Notes: map[string][]int8{"n": {int8(n % 100)}}, Next: &goldenRow{N: -n},
	}
}

func (r goldenRow) String() string {
	next := int64(0)
	if r.Next != nil {
		next = r.Next.N
	}
	return fmt.Sprint(r.N, r.Took, r.At.UnixMilli(), r.Share, r.Notes, next)
}

func goldenNumbers(env *stream.Env) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: goldenRecords, PerSecond: 40})).
		Watermarks(watermark.BoundedMillis(0, func(v *int64) int64 { return *v * 100 })).
		Parallelism(1).UID("numbers")
}

func goldenByNumber(v int64) int64  { return v % 5 }
func goldenByText(v int64) string   { return fmt.Sprint("k", v%5) }
func goldenByRow(v int64) goldenKey { return goldenKey{Name: fmt.Sprint("k", v%3), Odd: v%2 == 1} }

// goldenProcess has all kinds of handles, and timers of both kinds.
func goldenProcess[K any](s *stream.Stream[int64], uid string, key func(int64) K) *stream.Stream[string] {
	val, list := state.NewValue[goldenRow]("value"), state.NewList[goldenRow]("list")
	m := state.NewMap[string, int64]("map")
	sum := state.NewReducing("reducing", func(a, b int64) int64 { return a + b })
	mean := state.NewAggregating("aggregating", func(a *[2]int64, v int64) { a[0], a[1] = a[0]+v, a[1]+1 },
		func(a *[2]int64) int64 { return a[0] / a[1] })
	ttl := state.TTL(time.Hour)
	oldVal, oldList := state.NewValue[int64]("old value", ttl), state.NewList[int64]("old list", ttl)
	oldMap := state.NewMap[int64, int64]("old map", ttl)
	late, clock := stream.NewTimer[goldenRow]("late"), stream.NewProcessingTimer[int64]("clock")
	return stream.Process(stream.KeyBy(s, key), func(c *stream.Ctx[K, string], n int64) error {
		before, _ := val.Get(c)
		mapped, _ := m.Get(c, fmt.Sprint(n%3))
		total, _ := sum.Get(c)
		middle, _ := mean.Get(c)
		old, _ := oldVal.Get(c)
		oldMapped, _ := oldMap.Get(c, n%3)
		rows := list.Get(c)
		if len(rows) > 0 {
			c.Emit(fmt.Sprint(uid, n, " ", before, len(rows), rows[0].N, " ", m.Len(c), mapped, total, middle, old,
				oldList.Get(c), oldMapped))
		}
		val.Set(c, goldenRowOf(n))
		list.Add(c, goldenRowOf(n))
		m.Put(c, fmt.Sprint(n%3), n)
		sum.Add(c, n)
		mean.Add(c, n)
		oldVal.Set(c, n)
		oldMap.Put(c, n%3, n)
		if oldList.Add(c, n); len(rows) == 7 {
			list.Clear(c)
			oldList.Clear(c)
		}
		late.SetMillis(c, n*100+2500, goldenRowOf(n))
		if n <= 120 { // those that are set after a restore may be due after the job's end
			clock.Set(c, c.Now().Add(time.Second), n)
		}
		return nil
	}, stream.Uses(val, list, m, sum, mean, oldVal, oldList, oldMap),
		stream.On(late, func(c *stream.Ctx[K, string], r goldenRow) error {
			c.Emit(fmt.Sprint(uid, " late ", r.N, r.Next.N))
			return nil
		}),
		stream.On(clock, func(c *stream.Ctx[K, string], n int64) error {
			c.Emit(fmt.Sprint(uid, " clock ", n))
			return nil
		})).UID(uid)
}

// goldenAggregate makes lines of a window's results.
func goldenAggregate[K, A, O any](w *stream.Windowed[K, int64], uid string, a agg.Aggregate[int64, A, O],
) *stream.Stream[string] {
	return stream.Map(stream.Aggregate(w, a).UID(uid), func(r stream.Result[K, O]) string {
		return fmt.Sprint(uid, r.Key, " ", r.Window.Start, r.Window.End, r.Value)
	}).UID(uid + " lines")
}

// goldenPanes makes lines of windows that keep their elements, with states of the key and of the window.
func goldenPanes[K any](w *stream.Windowed[K, int64], uid string, perWindow bool) *stream.Stream[string] {
	fired, total := state.NewValue[goldenRow]("fired"), state.NewMap[string, int64]("total")
	options := []stream.WindowOption{stream.WindowUses(total)}
	if perWindow {
		options = append(options, stream.WindowStates(fired))
	}
	return stream.ProcessWindow(w, func(c *stream.WindowCtx[K, string], vs []int64) error {
		n, _ := total.Get(c, "n")
		total.Put(c, "n", n+int64(len(vs)))
		before := goldenRow{}
		if perWindow {
			before, _ = fired.Get(c.PerWindow())
			fired.Set(c.PerWindow(), goldenRowOf(vs[len(vs)-1]))
		}
		c.Emit(fmt.Sprint(uid, c.Key(), " ", c.Window().Start, vs, n, before.N))
		return nil
	}, options...).UID(uid)
}

func goldenWindows(s *stream.Stream[int64]) []*stream.Stream[string] {
	number, text := stream.KeyBy(s, goldenByNumber), stream.KeyBy(s, goldenByText)
	rows := stream.KeyBy(s, goldenByRow)
	top := agg.TopN(3, func(a, b int64) int { return int(b - a) })
	return []*stream.Stream[string]{
		goldenAggregate(rows.Window(window.Tumbling(4*time.Second)), "tumbling", top),
		goldenAggregate(number.Window(window.Sliding(4*time.Second, 2*time.Second)), "sliding", agg.Count[int64]()),
		goldenAggregate(number.Window(window.Cumulating(6*time.Second, 2*time.Second)), "cumulating",
			agg.Sum(func(v int64) int64 { return v })),
		goldenAggregate(stream.KeyBy(s.Filter(func(v int64) bool { return v%40 < 30 }).Parallelism(1), goldenByText).
			Window(window.Session(900*time.Millisecond)), "sessions", agg.Count[int64]()),
		goldenPanes(rows.Window(window.Tumbling(5*time.Second)).Trigger(window.Count[int64](2)), "panes", true),
		goldenPanes(text.Window(window.Sliding(4*time.Second, 2*time.Second)).
			Trigger(window.ContinuousEventTime[int64](time.Second)), "continuous", true),
		goldenPanes(stream.KeyBy(s.Filter(func(v int64) bool { return v%40 < 30 }).Parallelism(1), goldenByNumber).
			Window(window.Session(900*time.Millisecond)).Evictor(window.CountEvictor[int64](4)), "merging", false),
		goldenPanes(text.CountWindow(6), "counted", false),
	}
}

func goldenJoins(s *stream.Stream[int64]) []*stream.Stream[string] {
	some := s.Filter(func(v int64) bool { return v%4 != 0 }).Parallelism(1)
	text := func(v *int64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(*v)
	}
	interval := stream.IntervalJoin(stream.KeyBy(s, goldenByText), stream.KeyBy(some, goldenByText), 0, 600*time.Millisecond,
		func(c *stream.Ctx[string, string], l, r *int64) error {
			c.Emit(fmt.Sprint("interval ", text(l), " ", text(r)))
			return nil
		}, stream.IntervalOptions[int64, int64]{Kind: stream.FullJoin, LowerExclusive: true}).UID("interval join")
	group := stream.CoGroup(stream.KeyBy(s, goldenByRow), stream.KeyBy(some, goldenByRow),
		window.Tumbling(4*time.Second), func(c *stream.WindowCtx[goldenKey, string], l, r []int64) error {
			c.Emit(fmt.Sprint("group ", c.Key(), c.Window().Start, l, r))
			return nil
		}).UID("group")
	return []*stream.Stream[string]{interval, group}
}

// goldenOperatorStates are broadcast state, list and union state, and calls in flight.
func goldenOperatorStates(env *stream.Env, s *stream.Stream[int64]) []*stream.Stream[string] {
	rules := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: 5})).
		Parallelism(1).UID("rules")
	last := state.NewValue[int64]("last")
	ruled := stream.KeyedWithBroadcast(stream.KeyBy(s, goldenByNumber), rules,
		func(c *stream.Ctx[int64, string], rules *stream.Rules[int64, goldenRow], v int64) error {
			if v >= 40 { // all rules are there by then
				r, _ := rules.Get(c.Key())
				before, _ := last.Get(c)
				c.Emit(fmt.Sprint("ruled ", v, before, r))
			}
			last.Set(c, v)
			return nil
		}, func(_ *stream.Emitter[string], rules *stream.RulesWriter[int64, goldenRow], n int64) error {
			rules.Put(n, goldenRowOf(n))
			return nil
		}, stream.Uses(last)).UID("ruled")
	kept := stream.ProcessEach(s.Rebalance(), goldenKept).UID("kept")
	called := stream.Async(s.Rebalance(), func(ctx context.Context, v int64) (string, error) {
		select {
		case <-time.After(500 * time.Millisecond):
			return fmt.Sprint("called ", v), nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}, stream.AsyncOptions[int64, string]{}).UID("called")
	return []*stream.Stream[string]{ruled, kept, called}
}

// goldenKept holds what comes before record 160 back until a later one comes, and has the first ten
// records in a union state, which it emits at record 200.
func goldenKept(t *stream.Task) (func(c *stream.Emitter[string], v int64) error, error) {
	held, err := stream.OperatorList[goldenRow](t, "held")
	if err != nil {
		return nil, err
	}
	first, err := stream.OperatorUnion[int64](t, "first")
	if err != nil {
		return nil, err
	}
	return func(c *stream.Emitter[string], v int64) error {
		if v < 10 {
			first.Add(v)
		}
		if v == 200 {
			all := slices.Sorted(slices.Values(first.Get()))
			c.Emit(fmt.Sprint("first ", all))
		}
		if v < 160 {
			held.Add(goldenRowOf(v))
			return nil
		}
		for _, r := range held.Get() {
			c.Emit(fmt.Sprint("held ", r))
		}
		held.Set(nil)
		return nil
	}, nil
}

// goldenJob is the job of the golden savepoints. It must not change.
func goldenJob(env *stream.Env, out *collect.Sink[string]) {
	s := goldenNumbers(env)
	all := []*stream.Stream[string]{goldenProcess(s, "by text", goldenByText), goldenProcess(s, "by row", goldenByRow)}
	all = append(all, stream.Scan(stream.KeyBy(s, goldenByNumber),
		func(c *stream.Ctx[int64, string], sum *goldenRow, v int64) error {
			*sum = goldenRowOf(sum.N + v)
			c.Emit(fmt.Sprint("scan ", sum))
			return nil
		}).UID("scan"))
	all = append(all, goldenWindows(s)...)
	all = append(all, goldenJoins(s)...)
	all = append(all, goldenOperatorStates(env, s)...)
	all[0].Union(all[1:]...).To(out).UID("out")
}

// goldenEnv has a watermark behind each record, so that triggers do not depend on how many records come
// at once, as they do after a restore.
func goldenEnv(parallelism int, options ...stream.Option) *stream.Env {
	return stream.NewEnv(append([]stream.Option{
		stream.Parallelism(parallelism), stream.MaxParallelism(8), stream.WatermarkEachRow(),
	}, options...)...)
}

// writeGolden writes the savepoint of today's version, in a form. The results are those of a run that is not
// disturbed, less what the run with the savepoint has committed, so that they owe nothing to a restore.
func writeGolden(t *testing.T, dir string, form ...launch.SavepointOption) {
	t.Helper()
	whole, half := collect.To[string](), collect.To[string]()
	env := goldenEnv(1)
	goldenJob(env, whole)
	if err := launch.Run(t.Context(), env, "golden"); err != nil {
		t.Fatal(err)
	}
	env = goldenEnv(2)
	if len(form) > 0 {
		env = goldenEnv(2, stream.StateBackend("pebble"), stream.StateMemory(1))
	}
	goldenJob(env, half)
	j, err := launch.Start(t.Context(), env, "golden")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(goldenStop)
	path, err := j.StopWithSavepoint(t.Context(), dir, false, form...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "savepoint")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(strings.TrimPrefix(path, "file://"), filepath.Join(dir, "savepoint")); err != nil {
		t.Fatal(err)
	}
	rest := map[string]int{}
	for _, line := range whole.Results() {
		rest[line]++
	}
	for _, line := range half.Results() {
		if rest[line]--; rest[line] < 0 {
			t.Fatalf("only the run with the savepoint has committed %q", line)
		}
	}
	var lines []string
	for _, line := range slices.Sorted(maps.Keys(rest)) {
		lines = append(lines, slices.Repeat([]string{line + "\n"}, rest[line])...)
	}
	if err := os.WriteFile(filepath.Join(dir, "results.txt"), []byte(strings.Join(lines, "")), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestGoldenSavepoints(t *testing.T) {
	root, err := filepath.Abs("testdata/savepoints")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		synctest.Test(t, func(t *testing.T) { writeGolden(t, filepath.Join(root, goldenVersion)) })
		synctest.Test(t, func(t *testing.T) {
			writeGolden(t, filepath.Join(root, goldenNative), launch.NativeSavepoint())
		})
	}
	versions, err := os.ReadDir(root)
	if err != nil || len(versions) == 0 {
		t.Fatalf("no golden savepoints: %v", err)
	}
	for _, version := range versions {
		for _, backend := range []string{"hashmap", "pebble"} {
			for _, parallelism := range []int{1, 2, 3} { // that of a native savepoint is 2
				t.Run(fmt.Sprint(version.Name(), "/", backend, "/", parallelism), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						restoreGolden(t, filepath.Join(root, version.Name()),
							goldenEnv(parallelism, stream.StateBackend(backend), stream.StateMemory(1)))
					})
				})
			}
		}
	}
}

func restoreGolden(t *testing.T, dir string, env *stream.Env) {
	t.Helper()
	stored, err := os.ReadFile(filepath.Join(dir, "results.txt"))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // it was not written today
	out := collect.To[string]()
	goldenJob(env, out)
	err = launch.Run(t.Context(), env, "golden", launch.RestoreFrom(filepath.Join(dir, "savepoint"), launch.NoClaim))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(stored), "\n"), "\n")
	got := slices.Sorted(slices.Values(out.Results()))
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("%d results, want %d; from line %d on\n got %q\nwant %q", len(got), len(want), i+1,
				got[min(i, len(got)):min(i+3, len(got))], want[min(i, len(want)):min(i+3, len(want))])
		}
	}
}
