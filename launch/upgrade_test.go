package launch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

const upgradeRecords = 200 // ten in a second

type upgradeJob func(env *stream.Env, out *collect.Sink[string])

func upgradeNumbers(env *stream.Env) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: upgradeRecords, PerSecond: 10})).
		Watermarks(watermark.BoundedMillis(0, func(v *int64) int64 { return *v * 100 })).
		Parallelism(1).UID("numbers")
}

// halfway stops a job in the middle of its input, and returns the savepoint and what was committed.
func halfway(t *testing.T, build upgradeJob) (path string, committed []string) {
	t.Helper()
	out := collect.To[string]()
	env := goldenEnv(2)
	build(env, out)
	j, err := launch.Start(t.Context(), env, "upgraded")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(9*time.Second + 30*time.Millisecond)
	if path, err = j.StopWithSavepoint(t.Context(), t.TempDir(), false); err != nil {
		t.Fatal(err)
	}
	return path, out.Results()
}

// goOn runs a job from a savepoint to its end.
func goOn(t *testing.T, path string, build upgradeJob, options ...launch.Option) ([]string, error) {
	t.Helper()
	out := collect.To[string]()
	env := goldenEnv(3)
	build(env, out)
	err := launch.Run(t.Context(), env, "upgraded", append(options, launch.RestoreFrom(path, launch.NoClaim))...)
	return out.Results(), err
}

// counter counts the records of five keys.
func counter(s *stream.Stream[int64], uid, name string) *stream.Stream[string] {
	return stream.Scan(stream.KeyBy(s, func(v int64) int64 { return v % 5 }),
		func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
			*n++
			c.Emit(fmt.Sprintf("%s %d %03d", uid, c.Key(), *n))
			return nil
		}).UID(uid).Name(name)
}

func twoCounters(env *stream.Env, out *collect.Sink[string]) {
	s := upgradeNumbers(env)
	counter(s, "first", "First").Union(counter(s, "second", "Second")).To(out).UID("out")
}

// wantCounters are the results of whole runs of counters.
func wantCounters(uids ...string) (want []string) {
	for _, uid := range uids {
		for k := range 5 {
			for n := range upgradeRecords / 5 {
				want = append(want, fmt.Sprintf("%s %d %03d", uid, k, n+1))
			}
		}
	}
	slices.Sort(want)
	return want
}

// TestRestoreUpgradedJob restores one savepoint into jobs with other graphs: state is found by uid.
func TestRestoreUpgradedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, before := halfway(t, twoCounters)
		if len(before) == 0 || len(before) == 2*upgradeRecords {
			t.Fatalf("%d results before the savepoint", len(before))
		}
		jobs := map[string]upgradeJob{
			"the same": twoCounters,
			"renamed": func(env *stream.Env, out *collect.Sink[string]) {
				s := upgradeNumbers(env).Name("other numbers")
				counter(s, "first", "Second").Union(counter(s, "second", "a counter")).To(out).UID("out").Name("x")
			},
			"reordered": func(env *stream.Env, out *collect.Sink[string]) {
				s := upgradeNumbers(env)
				second := counter(s, "second", "Second")
				second.Union(counter(s, "first", "First")).To(out).UID("out")
			},
			"stateless operators added": func(env *stream.Env, out *collect.Sink[string]) {
				s := stream.Map(upgradeNumbers(env), func(v int64) int64 { return v }).UID("added")
				first := counter(s.Rebalance().Filter(func(int64) bool { return true }), "first", "First")
				first.Union(counter(s, "second", "Second")).To(out).UID("out")
			},
		}
		for name, build := range jobs {
			after, err := goOn(t, path, build)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := slices.Sorted(slices.Values(slices.Concat(before, after)))
			if want := wantCounters("first", "second"); !slices.Equal(got, want) {
				t.Errorf("%s: %d results, want %d", name, len(got), len(want))
			}
		}
	})
}

// TestRestoreWithOperatorsAddedAndRemoved: an added operator begins empty, a removed one must be allowed.
func TestRestoreWithOperatorsAddedAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, before := halfway(t, twoCounters)
		build := func(env *stream.Env, out *collect.Sink[string]) {
			s := upgradeNumbers(env)
			counter(s, "third", "Second").Union(counter(s, "first", "First")).To(out).UID("out")
		}
		_, err := goOn(t, path, build)
		wantError(t, err, `"Second" (uid second)`, "allow non-restored state")
		after, err := goOn(t, path, build, launch.AllowNonRestoredState())
		if err != nil {
			t.Fatal(err)
		}
		thirds := slices.DeleteFunc(slices.Clone(after), func(s string) bool { return s[:5] != "third" })
		if want := upgradeRecords - len(before)/2; len(thirds) != want || !slices.Contains(thirds, "third 0 001") {
			t.Errorf("the added operator has %d results, want %d from 1 on", len(thirds), want)
		}
		all := slices.DeleteFunc(slices.Concat(before, after), func(s string) bool { return s[:5] != "first" })
		if slices.Sort(all); !slices.Equal(all, wantCounters("first")) {
			t.Errorf("%d results of the operator that stayed", len(all))
		}
	})
}

// TestVanishedStateIsRefused: a state that an operator does not declare any more must be allowed to go.
func TestVanishedStateIsRefused(t *testing.T) {
	job := func(gone bool) upgradeJob {
		return func(env *stream.Env, out *collect.Sink[string]) {
			s := upgradeNumbers(env)
			kept, old := state.NewValue[int64]("kept"), state.NewMap[string, int64]("old totals")
			uses := []state.Handle{kept}
			if gone {
				uses = append(uses, old)
			}
			totals := stream.Process(stream.KeyBy(s, func(v int64) int64 { return v % 5 }),
				func(c *stream.Ctx[int64, string], v int64) error {
					n, _ := kept.Get(c)
					kept.Set(c, n+1)
					if gone {
						old.Put(c, "n", v)
					}
					c.Emit(fmt.Sprintf("totals %d %03d", c.Key(), n+1))
					return nil
				}, stream.Uses(uses...)).UID("totals")
			buffer := stream.ProcessEach(s.Rebalance(), func(t *stream.Task) (func(*stream.Emitter[string], int64) error, error) {
				if !gone {
					return func(*stream.Emitter[string], int64) error { return nil }, nil
				}
				items, err := stream.OperatorList[int64](t, "buffered")
				return func(_ *stream.Emitter[string], v int64) error { items.Add(v); return nil }, err
			}).UID("buffer")
			windows := goldenPanes(stream.KeyBy(s, goldenByText).Window(window.Session(time.Second)), "sessions", false)
			totals.Union(buffer, windows.Filter(func(string) bool { return false })).To(out).UID("out")
		}
	}
	synctest.Test(t, func(t *testing.T) {
		path, before := halfway(t, job(true))
		_, err := goOn(t, path, job(false))
		if err == nil {
			t.Fatal("state has been dropped silently")
		}
		keyed, listed := `(uid totals) that it does not declare: "old totals";`,
			`(uid buffer) that it does not declare: list state "buffered";`
		if text := err.Error(); !strings.Contains(text, keyed) && !strings.Contains(text, listed) {
			t.Errorf("the error names neither operator with its state: %v", err)
		}
		wantError(t, err, "allow non-restored state")
		after, err := goOn(t, path, job(false), launch.AllowNonRestoredState())
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(slices.Concat(before, after)))
		if want := wantCounters("totals"); !slices.Equal(got, want) {
			t.Errorf("%d results, want %d", len(got), len(want))
		}
	})
}

type (
	readingV1 struct {
		Gone string
		N    int32
	}
	readingV2 struct {
		N    int64
		Note string
	}
)

func readingV1Of(n int64) readingV1 { return readingV1{"x", int32(n)} }
func readingV2Of(n int64) readingV2 { return readingV2{n, "x"} }
func numberOfV1(r readingV1) int64  { return int64(r.N) }
func numberOfV2(r readingV2) int64  { return r.N }
func earlierOf[E any](a, _ E) E     { return a }
func keyOfNumber(n int64) int64     { return n % 5 }

// evolving is a job whose windows, joins and calls hold values of type E. What it emits does not depend
// on the type.
func evolving[E any](kind string, of func(int64) E, number func(E) int64) upgradeJob {
	key := func(e E) int64 { return keyOfNumber(number(e)) }
	return func(env *stream.Env, out *collect.Sink[string]) {
		s := stream.Map(upgradeNumbers(env), of).UID("readings")
		keyed := stream.KeyBy(s.Filter(func(e E) bool { return number(e)%40 < 30 }), key)
		reduced := func(a window.Assigner) *stream.Stream[string] {
			return stream.Map(stream.ReduceWindow(keyed.Window(a), earlierOf[E]).UID(kind),
				func(r stream.Result[int64, E]) string { return fmt.Sprint(r.Key, r.Window, number(r.Value)) })
		}
		panes := func(w *stream.Windowed[int64, E]) *stream.Stream[string] {
			return stream.ProcessWindow(w, func(c *stream.WindowCtx[int64, string], es []E) error {
				var ns []int64
				for _, e := range es {
					ns = append(ns, number(e))
				}
				c.Emit(fmt.Sprint(c.Key(), c.Window(), ns))
				return nil
			}).UID(kind)
		}
		var result *stream.Stream[string]
		switch kind {
		case "accumulators":
			result = reduced(window.Tumbling(3 * time.Second))
		case "shared slices":
			result = reduced(window.Sliding(4*time.Second, 2*time.Second))
		case "sessions":
			result = reduced(window.Session(900 * time.Millisecond))
		case "panes":
			result = panes(keyed.Window(window.Sliding(6*time.Second, 3*time.Second)))
		case "triggered panes":
			result = panes(keyed.Window(window.Tumbling(6 * time.Second)).Trigger(window.Count[E](3)))
		case "evicted sessions":
			result = panes(keyed.Window(window.Session(900 * time.Millisecond)).Evictor(window.CountEvictor[E](4)))
		case "interval join":
			right := stream.KeyBy(s.Filter(func(e E) bool { return number(e)%4 != 0 }), key)
			result = stream.IntervalJoin(keyed, right, -time.Second, 2*time.Second,
				func(c *stream.Ctx[int64, string], l, r *E) error {
					c.Emit(fmt.Sprint(number(*l), number(*r)))
					return nil
				}, stream.IntervalOptions[E, E]{}).UID(kind)
		case "calls":
			result = stream.Async(s.Rebalance(), func(ctx context.Context, e E) (string, error) {
				select {
				case <-time.After(1500 * time.Millisecond):
					return fmt.Sprint(number(e)), nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}, stream.AsyncOptions[E, string]{}).UID(kind)
		}
		result.To(out).UID("out")
	}
}

// TestEngineStateEvolves: what the engine keeps of a user's types is converted as the user's states are.
func TestEngineStateEvolves(t *testing.T) {
	for _, kind := range []string{
		"accumulators", "shared slices", "sessions", "panes", "triggered panes", "evicted sessions",
		"interval join", "calls",
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is := evolving(kind, readingV2Of, numberOfV2)
				whole := collect.To[string]()
				env := goldenEnv(1)
				is(env, whole)
				if err := launch.Run(t.Context(), env, "whole"); err != nil {
					t.Fatal(err)
				}
				path, before := halfway(t, evolving(kind, readingV1Of, numberOfV1))
				after, err := goOn(t, path, is)
				if err != nil {
					t.Fatal(err)
				}
				want := slices.Sorted(slices.Values(whole.Results()))
				got := slices.Sorted(slices.Values(slices.Concat(before, after)))
				if !slices.Equal(got, want) {
					t.Errorf("%d results before the savepoint and %d after it, want %d", len(before), len(after), len(want))
				}
			})
		})
	}
}
