package stream_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

const second = time.Second

// windowTest runs a script against windows of one key over integers. Each line is
//
//	value@millis   a record with event time
//	wm millis      a watermark
//	clock millis   the processing time
//
// and the result of each line that emits something is "line -> window:values …".
func windowTest(t *testing.T, script string, setUp func(k *stream.Keyed[string, int]) *stream.Windowed[string, int],
	options ...stream.WindowOption,
) (string, *flotttest.Harness[string]) {
	t.Helper()
	in := flotttest.NewInput[int]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		k := stream.KeyBy(in.Stream(env), func(int) string { return "k" })
		return stream.ProcessWindow(setUp(k), func(c *stream.WindowCtx[string, string], vs []int) error {
			w := "all"
			if c.Window() != window.Whole {
				w = fmt.Sprintf("%d-%d", c.Window().Start, c.Window().End)
			}
			c.Emit(w + strings.ReplaceAll(fmt.Sprint(vs), " ", ","))
			return nil
		}, options...)
	})
	var log []string
	for _, line := range strings.Fields(strings.NewReplacer("wm ", "wm", "clock ", "clock").Replace(script)) {
		var a, b int64
		switch {
		case strings.HasPrefix(line, "wm"):
			fmt.Sscanf(line, "wm%d", &a)
			h.Watermark(a)
		case strings.HasPrefix(line, "clock"):
			fmt.Sscanf(line, "clock%d", &a)
			h.AdvanceTo(a)
		default:
			if n, _ := fmt.Sscanf(line, "%d@%d", &a, &b); n < 2 {
				b = flotttest.NoTime
			}
			in.Push(int(a), b)
		}
		if vs := h.Out.Values(); len(vs) > 0 {
			log = append(log, line+" -> "+strings.Join(vs, " "))
		}
	}
	if h.Err() != nil {
		t.Fatal(h.Err())
	}
	return strings.Join(log, "\n"), h
}

func TestTriggers(t *testing.T) {
	tumbling := window.Tumbling(10 * second)
	processing := tumbling.ProcessingTime()
	session := window.Session(5 * second)
	diff := func(a, b int) float64 { return float64(max(a-b, b-a)) }
	cases := []struct {
		name    string
		a       window.Assigner
		trigger window.Trigger[int]
		late    time.Duration
		script  string
		want    string
	}{
		{
			"event time", tumbling, window.EventTime[int](), 2 * second,
			"1@0 2@9999 wm9998 wm9999 3@5000 4@12000 wm11998 5@1 wm11999 6@1",
			"wm9999 -> 0-10000[1,2]\n3@5000 -> 0-10000[1,2,3]\n5@1 -> 0-10000[1,2,3,5]",
		},
		{
			"processing time", processing, window.ProcessingTime[int](), 0,
			"clock100 1 2 clock9999 3 clock10000 4 clock20000",
			"clock10000 -> 0-10000[1,2,3]\nclock20000 -> 10000-20000[4]",
		},
		{
			"count", tumbling, window.Count[int](2), 0,
			"1@0 2@1 3@2 wm5 4@3 5@4 wm10000",
			"2@1 -> 0-10000[1,2]\n4@3 -> 0-10000[1,2,3,4]",
		},
		{
			"purging count", tumbling, window.Purging(window.Count[int](2)), 0,
			"1@0 2@1 3@2 wm5 4@3 5@4 wm10000",
			"2@1 -> 0-10000[1,2]\n4@3 -> 0-10000[3,4]",
		},
		{
			"count, global", window.Global(), window.Count[int](3), 0,
			"1 2 3 wm100 4 5 6", "3 -> all[1,2,3]\n6 -> all[1,2,3,4,5,6]",
		},
		{"never", window.Global(), window.Never[int](), 0, "1 2 3 wm100 clock99", ""},
		{
			"continuous event time", tumbling, window.ContinuousEventTime[int](4 * second), 0,
			"1@1000 wm3999 wm4000 2@5000 wm8000 wm9998 3@9000 wm9999",
			"wm4000 -> 0-10000[1]\nwm8000 -> 0-10000[1,2]\nwm9999 -> 0-10000[1,2,3]",
		},
		{
			"continuous event time, sessions", session, window.ContinuousEventTime[int](4 * second), 0,
			"1@1000 2@9000 wm2000 3@5000 wm4000 wm8000 wm13998 wm13999",
			"wm4000 -> 1000-14000[1,2,3]\nwm8000 -> 1000-14000[1,2,3]\n" +
				"wm13998 -> 1000-14000[1,2,3]\nwm13999 -> 1000-14000[1,2,3]",
		},
		{
			"continuous processing time", processing, window.ContinuousProcessingTime[int](4 * second), 0,
			"clock1000 1 clock4000 clock4001 2 clock8001 3 clock10000 4 clock10500",
			"clock4001 -> 0-10000[1]\nclock8001 -> 0-10000[1,2]\nclock10000 -> 0-10000[1,2,3]",
		},
		{
			"continuous processing time, event windows", tumbling,
			window.ContinuousProcessingTime[int](4 * second), 0,
			"1@1000 clock4001 2@2000 clock8001 wm9999 clock20000",
			"clock4001 -> 0-10000[1]\nclock8001 -> 0-10000[1,2]",
		},
		{
			"delta", window.Global(), window.Delta(5, diff), 0,
			"1 4 6 7 12 13 1", "7 -> all[1,4,6,7]\n13 -> all[1,4,6,7,12,13]\n1 -> all[1,4,6,7,12,13,1]",
		},
		{
			"purging delta", window.Global(), window.Purging(window.Delta(5, diff)), 0,
			"1 4 7 12 13", "7 -> all[1,4,7]\n13 -> all[12,13]",
		},
		{
			"timeout", window.Global(), window.Purging(window.ProcessingTimeout(window.Count[int](3), second)), 0,
			"1 clock500 2 clock1000 clock1001 3 4 5 clock9000 6 clock10000 clock10001",
			"clock1001 -> all[1,2]\n5 -> all[3,4,5]\nclock10001 -> all[6]",
		},
		{
			"renewed timeout", window.Global(),
			window.ProcessingTimeout(window.Count[int](3), second, window.Timeout{Renew: true}), 0,
			"1 clock500 2 clock1001 clock1500 clock1501 3 4 clock3000 5",
			"clock1501 -> all[1,2]\nclock3000 -> all[1,2,3,4]",
		},
		{
			"kept at the timeout", window.Global(),
			window.ProcessingTimeout(window.Count[int](3), second, window.Timeout{Keep: true}), 0,
			"1 2 clock1001 3", "clock1001 -> all[1,2]\n3 -> all[1,2,3]",
		},
		{
			"count, sessions", session, window.Count[int](3), 0,
			"1@0 2@7000 3@3000 4@4000 wm11999 5@30000",
			"3@3000 -> 0-12000[1,2,3]",
		},
		{
			"event time, sessions", session, window.EventTime[int](), 3 * second,
			"1@0 2@7000 wm4998 wm4999 3@4000 wm11999 4@6000 wm14999 5@6000",
			"wm4999 -> 0-5000[1]\nwm11999 -> 0-12000[1,2,3]\n4@6000 -> 0-12000[1,2,3,4]",
		},
		{
			"sliding", window.Sliding(10*second, 5*second), window.Purging(window.EventTime[int]()), 0,
			"1@1000 2@6000 wm4999 wm9999 wm14999",
			"wm4999 -> -5000-5000[1]\nwm9999 -> 0-10000[1,2]\nwm14999 -> 5000-15000[2]",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, h := windowTest(t, c.script, func(k *stream.Keyed[string, int]) *stream.Windowed[string, int] {
				return k.Window(c.a).Trigger(c.trigger).AllowedLateness(c.late)
			})
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if c.a.Kind() != window.KindGlobal {
				h.Watermark(1 << 40)
				h.AdvanceTo(1 << 30)
				if n := h.Snapshot().Bytes(""); n > 0 {
					t.Errorf("%d bytes of state are left after the last window", n)
				}
			}
		})
	}
}

func TestEvictors(t *testing.T) {
	diff := func(a, b int) float64 { return float64(max(a-b, b-a)) }
	cases := []struct {
		name    string
		evictor window.Evictor[int]
		script  string
		want    string
	}{
		{"count", window.CountEvictor[int](2), "1 2 3 4", "2 -> all[1,2]\n4 -> all[3,4]"},
		{
			"count after", window.CountEvictor[int](1, window.AfterFunction), "1 2 3 4 5 6",
			"2 -> all[1,2]\n4 -> all[2,3,4]\n6 -> all[4,5,6]",
		},
		{
			"time", window.TimeEvictor[int](second), "1@0 2@500 3@1600 4@1000 5@1400 6@2600",
			"2@500 -> all[1,2]\n4@1000 -> all[3,4]\n6@2600 -> all[6]",
		},
		{
			"time after", window.TimeEvictor[int](second, window.AfterFunction), "1@0 2@1000 3@1600 4@1000",
			"2@1000 -> all[1,2]\n4@1000 -> all[2,3,4]",
		},
		{"delta", window.DeltaEvictor(3, diff), "1 9 2 8", "9 -> all[9]\n8 -> all[9,8]"},
		{
			"delta after", window.DeltaEvictor(3, diff, window.AfterFunction), "1 9 2 8",
			"9 -> all[1,9]\n8 -> all[9,2,8]",
		},
		{
			"nothing stays", window.CountEvictor[int](0, window.AfterFunction), "1 2 3 4",
			"2 -> all[1,2]\n4 -> all[3,4]",
		},
		{"nothing to see", window.CountEvictor[int](0), "1 2 3 4", "2 -> all[]\n4 -> all[]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _ := windowTest(t, c.script, func(k *stream.Keyed[string, int]) *stream.Windowed[string, int] {
				return k.Window(window.Global()).Trigger(window.Count[int](2)).Evictor(c.evictor)
			})
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestCountWindows(t *testing.T) {
	got, _ := windowTest(t, "1 2 3 4 5", func(k *stream.Keyed[string, int]) *stream.Windowed[string, int] {
		return k.CountWindow(2)
	})
	if want := "2 -> all[1,2]\n4 -> all[3,4]"; got != want {
		t.Errorf("got %q", got)
	}
	got, _ = windowTest(t, "1 2 3 4 5 6", func(k *stream.Keyed[string, int]) *stream.Windowed[string, int] {
		return k.CountWindowSliding(3, 2)
	})
	if want := "2 -> all[1,2]\n4 -> all[2,3,4]\n6 -> all[4,5,6]"; got != want {
		t.Errorf("got %q", got)
	}
}

// TestWindowStates has a window count its firings, and a key the firings of all its windows.
func TestWindowStates(t *testing.T) {
	in := flotttest.NewInput[int]()
	fired, total := state.NewValue[int]("fired"), state.NewValue[int]("total")
	bump := func(v *state.Value[int], c state.Context) int {
		n, _ := v.Get(c)
		v.Set(c, n+1)
		return n + 1
	}
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		k := stream.KeyBy(in.Stream(env), func(int) string { return "k" })
		w := k.Window(window.Tumbling(10 * second)).AllowedLateness(5 * second)
		return stream.AggregateProcess(w, agg.Count[int](),
			func(c *stream.WindowCtx[string, string], n int64) error {
				c.Emit(fmt.Sprintf("%d records, firing %d of %d", n, bump(fired, c.PerWindow()), bump(total, c)))
				return nil
			},
			stream.WindowUses(total), stream.WindowStates(fired),
			stream.OnClear(func(c *stream.WindowCtx[string, string]) {
				n, _ := fired.Get(c.PerWindow())
				c.Emit(fmt.Sprintf("%d cleared after %d", c.Window().Start, n))
			}))
	}, flotttest.Parallelism(2))
	in.Push(1, 0)
	in.Push(2, 15000)
	h.Watermark(10000)
	in.Push(3, 1)
	h.Restore(h.Snapshot(), 1)
	h.Watermark(10001)
	in.Push(4, 2)
	h.Watermark(30000)
	want := "1 records, firing 1 of 1; 2 records, firing 2 of 2; 3 records, firing 3 of 3; " +
		"0 cleared after 3; 1 records, firing 1 of 4; 10000 cleared after 1"
	if got := strings.Join(h.Out.Values(), "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := h.Snapshot(); s.Bytes("") != s.Bytes("total") {
		t.Error("state of windows is left")
	}
}

// pairTrigger fires when a value comes for the second time in a window. It remembers the values in a
// state of its own.
type pairTrigger struct{ seen *state.Map[int, bool] }

func (p pairTrigger) Uses() []window.Handle { return []window.Handle{p.seen} }

func (p pairTrigger) Element(c window.TriggerContext, v *int, _ int64, _ window.Window) window.Decision {
	if again, _ := p.seen.Get(c, *v); again {
		return window.FirePurge
	}
	p.seen.Put(c, *v, true)
	return window.Continue
}

func (pairTrigger) EventTime(window.TriggerContext, int64, window.Window) window.Decision {
	return window.Continue
}

func (pairTrigger) ProcessingTime(window.TriggerContext, int64, window.Window) window.Decision {
	return window.Continue
}
func (pairTrigger) Clear(window.TriggerContext, window.Window) {}

func (p pairTrigger) Merge(c window.MergeContext, _ window.Window) {
	var seen []int
	c.Merged(func(c window.TriggerContext, _ window.Window) {
		for v := range p.seen.All(c) {
			seen = append(seen, v)
		}
	})
	for _, v := range seen {
		p.seen.Put(c, v, true)
	}
}

func TestTriggerWithStates(t *testing.T) {
	for _, c := range []struct {
		a      window.Assigner
		script string
		want   string
	}{
		{
			window.Tumbling(10 * second), "1@0 2@1 1@2 3@12000 1@3 2@11000 3@12000",
			"1@2 -> 0-10000[1,2,1]\n1@3 -> 0-10000[1]\n3@12000 -> 10000-20000[3,2,3]",
		},
		{
			window.Session(5 * second), "1@0 2@9000 3@4500 2@10000 9@30000",
			"2@10000 -> 0-15000[1,2,3,2]",
		},
	} {
		got, h := windowTest(t, c.script, func(k *stream.Keyed[string, int]) *stream.Windowed[string, int] {
			return k.Window(c.a).Trigger(pairTrigger{state.NewMap[int, bool]("seen")})
		})
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.a.Name(), got, c.want)
		}
		h.Watermark(1 << 40)
		if n := h.Snapshot().Bytes(""); n > 0 {
			t.Errorf("%s: %d bytes of state are left", c.a.Name(), n)
		}
	}
}
