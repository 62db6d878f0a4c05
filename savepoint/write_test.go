package savepoint_test

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"

	"github.com/flott-dev/flott/agg"
)

// totals adds numbers up by their last digit, and emits each sum.
func totals(s *stream.Stream[int64]) *stream.Stream[[2]int64] {
	total := state.NewValue[int64]("total")
	return stream.Process(stream.KeyBy(s, func(v int64) int64 { return v % 10 }),
		func(c *stream.Ctx[int64, [2]int64], v int64) error {
			sum, _ := total.Get(c)
			total.Set(c, sum+v)
			c.Emit([2]int64{c.Key(), sum + v})
			return nil
		}, stream.Uses(total)).UID("totals")
}

// lastOf runs the job over numbers, and returns the last sum of each key.
func lastOf(t *testing.T, from string, numbers ...int64) map[int64]int64 {
	t.Helper()
	out := collect.To[[2]int64]()
	env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
	totals(stream.From(env, slice.Of(numbers...))).To(out)
	if err := launch.Run(t.Context(), env, "totals", launch.RestoreFrom(from, launch.NoClaim)); err != nil {
		t.Fatal(err)
	}
	last := map[int64]int64{}
	for _, r := range out.Results() {
		last[r[0]] = r[1]
	}
	return last
}

// bootstrapped is a savepoint of totals over numbers.
func bootstrapped(t *testing.T, numbers ...int64) *savepoint.Snapshot {
	t.Helper()
	env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
	totals(stream.From(env, slice.Of(numbers...))).To(collect.To[[2]int64]())
	path, err := launch.Bootstrap(t.Context(), env, "bootstrap", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := savepoint.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func written(t *testing.T, w *savepoint.Writer) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new")
	if err := w.Write(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBootstrap(t *testing.T) {
	s := bootstrapped(t, 11, 21, 2)
	w := savepoint.NewWriter(nil)
	w.Graft(s, "totals")
	got := lastOf(t, written(t, w), 1, 3)
	if want := map[int64]int64{1: 33, 3: 3}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChange(t *testing.T) {
	s := bootstrapped(t, 11, 21, 2, 5)
	w := savepoint.NewWriter(nil)
	w.Graft(s, "totals")
	savepoint.Change(w, "totals", "total", func(e savepoint.Typed[int64, int64]) (int64, bool) {
		return e.Value * 100, e.Key != 5
	})
	path := written(t, w)
	if got, want := lastOf(t, path, 1, 5, 2), (map[int64]int64{1: 3201, 2: 202, 5: 5}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	changed, err := savepoint.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := changed.State("totals", "total")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok, err := savepoint.Get[int64, int64](st, 1); v != 3200 || !ok || err != nil {
		t.Errorf("key 1 has %d, %v, %v", v, ok, err)
	}
	if _, ok, err := savepoint.Get[int64, int64](st, 5); ok || err != nil {
		t.Errorf("key 5 is still there: %v", err)
	}
	rows, err := st.Get("2")
	if err != nil || len(rows) != 1 || rows[0].Value != int64(200) {
		t.Errorf("key 2 has %v, %v", rows, err)
	}
	if _, _, err := savepoint.Get[string, int64](st, "1"); err == nil || !strings.Contains(err.Error(), "int64") {
		t.Errorf("a key of another type: %v", err)
	}
}

func TestRenameAndRemove(t *testing.T) {
	s := bootstrapped(t, 11)
	w := savepoint.NewWriter(s)
	w.Rename("totals", "sums")
	renamed, err := savepoint.Open(context.Background(), written(t, w))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renamed.State("sums", "total"); err != nil {
		t.Error(err)
	}
	if _, err := renamed.State("totals", "total"); err == nil {
		t.Error("the old uid is still there")
	}
	w = savepoint.NewWriter(renamed)
	w.Remove("sums")
	w.Remove("sum")
	err = w.Write(t.Context(), filepath.Join(t.TempDir(), "x"))
	if err == nil || !strings.Contains(err.Error(), `no operator "sum"`) {
		t.Errorf("got %v", err)
	}
}

func TestOperatorStates(t *testing.T) {
	s := bootstrapped(t, 11)
	w := savepoint.NewWriter(s)
	savepoint.SetList(w, "totals", "list", "a", "b", "c")
	savepoint.SetUnion(w, "totals", "union", int64(1), 2)
	w.SetBytes("totals", "broadcast", "rules", []byte("x"))
	got, err := savepoint.Open(context.Background(), written(t, w))
	if err != nil {
		t.Fatal(err)
	}
	o, err := got.Operator("totals")
	if err != nil {
		t.Fatal(err)
	}
	list, errL := savepoint.Items[string](o, "list", "list")
	union, errU := savepoint.Items[int64](o, "union", "union")
	rules := o.Items("broadcast", "rules")
	if errL != nil || errU != nil || len(list) != 3 || len(union) != 2 || len(rules) != 1 || string(rules[0]) != "x" {
		t.Errorf("got %v %v %q %v %v", list, union, rules, errL, errU)
	}
}

func steppedText(v int64) string { return strings.Repeat("k", int(v%13)) }

func stepped(env *stream.Env, out *collect.Sink[string]) {
	steppedBy(env, out, steppedText, func(k string) string { return k })
}

// steppedBy has process state with timers, and windows of two kinds, over twenty seconds of records. What
// it emits depends on the text of a key, not on the key.
func steppedBy[K any](env *stream.Env, out *collect.Sink[string], key func(int64) K, name func(K) string) {
	s := stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: 2000, PerSecond: 100})).
		Watermarks(watermark.BoundedMillis(0, func(v *int64) int64 { return *v * 10 })).UID("numbers")
	count, due := state.NewValue[int64]("count"), stream.NewTimer[int64]("due")
	text := func(what string, key K, n int64) string {
		return what + " " + name(key) + " " + savepoint.Text(n)
	}
	stream.Process(stream.KeyBy(s, key), func(c *stream.Ctx[K, string], v int64) error {
		n, _ := count.Get(c)
		count.Set(c, n+1)
		due.SetMillis(c, v*10+1500, n)
		return nil
	}, stream.Uses(count), stream.On(due, func(c *stream.Ctx[K, string], n int64) error {
		c.Emit(text("timer", c.Key(), n))
		return nil
	})).UID("timers").To(out)
	for uid, a := range map[string]window.Assigner{
		"aligned": window.Sliding(4*time.Second, time.Second), "sessions": window.Session(100 * time.Millisecond),
	} {
		stream.Map(stream.Aggregate(stream.KeyBy(s, key).Window(a), agg.Count[int64]()).UID(uid),
			func(r stream.Result[K, int64]) string { return text(uid, r.Key, r.Value) }).To(out)
	}
	stream.ProcessWindow(stream.KeyBy(s, key).Window(window.Tumbling(3*time.Second)).
		Trigger(window.Count[int64](5)), func(c *stream.WindowCtx[K, string], vs []int64) error {
		c.Emit(text("panes", c.Key(), int64(len(vs))))
		return nil
	}).UID("panes").To(out)
}

func countsOf(results []string) map[string]int {
	m := map[string]int{}
	for _, r := range results {
		m[r]++
	}
	return m
}

func TestRehash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := collect.To[string]()
		env := stream.NewEnv(stream.MaxParallelism(8))
		stepped(env, whole)
		if err := launch.Run(t.Context(), env, "whole"); err != nil {
			t.Fatal(err)
		}
		want := countsOf(whole.Results())
		for _, backend := range []string{"hashmap", "pebble"} {
			out, dir := collect.To[string](), t.TempDir()
			options := []stream.Option{stream.StateBackend(backend), stream.StateMemory(1), stream.Parallelism(2)}
			env := stream.NewEnv(append(options, stream.MaxParallelism(8))...)
			stepped(env, out)
			j, err := launch.Start(t.Context(), env, "first")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(7*time.Second + 3*time.Millisecond)
			path, err := j.StopWithSavepoint(t.Context(), dir, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range []int{27, 3} {
				to := filepath.Join(dir, "rehashed", savepoint.Text(i))
				if err := savepoint.Rehash(t.Context(), n, path, to); err != nil {
					t.Fatal(err)
				}
				rest := collect.To[string]()
				env := stream.NewEnv(append(options, stream.MaxParallelism(n))...)
				stepped(env, rest)
				if err := launch.Run(t.Context(), env, "second", launch.RestoreFrom(to, launch.NoClaim)); err != nil {
					t.Fatal(err)
				}
				got := countsOf(append(out.Results(), rest.Results()...))
				if len(rest.Results()) == 0 || len(out.Results()) == 0 || !maps.Equal(got, want) {
					t.Errorf("%s, %d key groups: %d and %d results, which are not those of an undisturbed run", backend, n,
						len(out.Results()), len(rest.Results()))
				}
			}
		}
	})
}
