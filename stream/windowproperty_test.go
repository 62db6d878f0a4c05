package stream_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

const ms = time.Millisecond

// byValue is an assigner whose windows depend on the record.
type byValue struct{ merging bool }

func (b byValue) Assign(dst []window.Window, v *rec, t int64) []window.Window {
	dst = append(dst, window.Window{Start: t, End: t + 1 + int64(v.V%7)})
	if v.V%3 == 0 && !b.merging {
		dst = append(dst, window.Window{Start: t - 5, End: t + 2})
	}
	return dst
}

func (b byValue) Merging() bool { return b.merging }

// drawAssigner draws an assigner, and sets the model to it.
func drawAssigner(t *rapid.T, m *windowModel) window.Assigner {
	n := func(name string, low, high int) int64 { return int64(rapid.IntRange(low, high).Draw(t, name)) }
	ceil := func(a, b int64) int64 { return int64(math.Ceil(float64(a) / float64(b))) }
	d := func(n int64) time.Duration { return time.Duration(n) * ms }
	var a window.Assigner
	switch rapid.SampledFrom([]string{"tumbling", "sliding", "cumulating", "session", "dynamic", "custom", "merging", "global"}).Draw(t, "assigner") {
	case "tumbling":
		size, offset := n("size", 1, 10), n("offset", -15, 15)
		a = window.Tumbling(d(size)).Offset(d(offset))
		m.assign = func(_ *rec, t int64) []window.Window {
			start := (ceil(t-offset+1, size)-1)*size + offset
			return []window.Window{{Start: start, End: start + size}}
		}
	case "sliding":
		size, slide, offset := n("size", 1, 12), n("slide", 1, 12), n("offset", -15, 15)
		a = window.Sliding(d(size), d(slide)).Offset(d(offset))
		m.assign = func(_ *rec, t int64) (ws []window.Window) {
			for i := ceil(t-size+1-offset, slide); i*slide+offset <= t; i++ {
				ws = append(ws, window.Window{Start: i*slide + offset, End: i*slide + offset + size})
			}
			return ws
		}
	case "cumulating":
		step, steps, offset := n("step", 1, 5), n("steps", 1, 4), n("offset", -15, 15)
		size := step * steps
		a = window.Cumulating(d(size), d(step)).Offset(d(offset))
		m.assign = func(_ *rec, t int64) (ws []window.Window) {
			start := (ceil(t-offset+1, size)-1)*size + offset
			for end := start + step; end <= start+size; end += step {
				if t < end {
					ws = append(ws, window.Window{Start: start, End: end})
				}
			}
			return ws
		}
	case "session":
		gap := n("gap", 1, 8)
		a, m.merging = window.Session(d(gap)), true
		m.assign = func(_ *rec, t int64) []window.Window { return []window.Window{{Start: t, End: t + gap}} }
	case "dynamic":
		a, m.merging = window.DynamicSession(func(v rec) time.Duration { return time.Duration(v.V%5+1) * ms }), true
		m.assign = func(v *rec, t int64) []window.Window {
			return []window.Window{{Start: t, End: t + int64(v.V%5+1)}}
		}
	case "custom":
		a = window.Of[rec](byValue{})
		m.assign = func(v *rec, t int64) []window.Window { return byValue{}.Assign(nil, v, t) }
	case "merging":
		a, m.merging = window.Of[rec](byValue{true}), true
		m.assign = func(v *rec, t int64) []window.Window { return byValue{true}.Assign(nil, v, t) }
	default:
		a, m.global = window.Global(), true
		m.assign = func(*rec, int64) []window.Window { return []window.Window{window.Whole} }
		return a
	}
	if m.processing = rapid.Bool().Draw(t, "processing"); m.processing {
		a = a.ProcessingTime()
	}
	return a
}

func drawTrigger(t *rapid.T, m *windowModel) window.Trigger[rec] {
	diff := func(a, b rec) float64 { return math.Abs(float64(a.V - b.V)) }
	triggers := map[string]window.Trigger[rec]{
		"event": window.EventTime[rec](), "count": window.Count[rec](3),
		"purging count":         window.Purging(window.Count[rec](2)),
		"purging event":         window.Purging(window.EventTime[rec]()),
		"continuous event":      window.ContinuousEventTime[rec](3 * ms),
		"continuous processing": window.ContinuousProcessingTime[rec](4 * ms),
		"processing":            window.ProcessingTime[rec](),
	}
	if !m.merging {
		triggers["delta"] = window.Delta(4, diff)
		triggers["timeout"] = window.ProcessingTimeout(window.Count[rec](3), 5*ms)
		triggers["purging timeout"] = window.Purging(window.ProcessingTimeout(window.EventTime[rec](), 5*ms, window.Timeout{Renew: true}))
	}
	names := []string{"none", "none", "none"}
	for name := range triggers {
		names = append(names, name)
	}
	slices.Sort(names)
	name := rapid.SampledFrom(names).Draw(t, "trigger")
	if t, ok := triggers[name]; ok {
		m.trigger = t
		return t
	}
	switch {
	case m.global:
		m.trigger = window.Never[rec]()
	case m.processing:
		m.trigger = window.ProcessingTime[rec]()
	default:
		m.trigger = window.EventTime[rec]()
	}
	return nil
}

func drawEvictor(t *rapid.T) window.Evictor[rec] {
	moment := rapid.SampledFrom([]window.Moment{window.BeforeFunction, window.AfterFunction}).Draw(t, "moment")
	switch rapid.SampledFrom([]string{"none", "none", "none", "count", "time", "delta"}).Draw(t, "evictor") {
	case "count":
		return window.CountEvictor[rec](2, moment)
	case "time":
		return window.TimeEvictor[rec](4*ms, moment)
	case "delta":
		return window.DeltaEvictor(4, func(a, b rec) float64 { return math.Abs(float64(a.V - b.V)) }, moment)
	}
	return nil
}

// windowFunction is a window function of the job and of the model.
type windowFunction struct {
	apply func(w windowed) *stream.Stream[string]
	show  func(key int64, w window.Window, vs []rec) string
}

type windowed interface {
	count(merge bool) *stream.Stream[string]
	reduce() *stream.Stream[string]
	process(general bool) *stream.Stream[string]
}

// typedWindows are windows over keys of type K.
type typedWindows[K any] struct{ w *stream.Windowed[K, rec] }

func show(key any, w window.Window, v any) string {
	return fmt.Sprintf("%v %d-%d %v", key, w.Start, w.End, v)
}

type spread struct{ N, Sum, Max int }

func (s *spread) add(v *rec) { s.N, s.Sum, s.Max = s.N+1, s.Sum+v.V, max(s.Max, v.V) }

func (t typedWindows[K]) count(merge bool) *stream.Stream[string] {
	a := agg.Aggregate[rec, spread, spread]{
		Add: (*spread).add, Result: func(s *spread) spread { return *s },
	}
	if merge {
		a.Merge = func(into, from *spread) {
			into.N, into.Sum, into.Max = into.N+from.N, into.Sum+from.Sum, max(into.Max, from.Max)
		}
	}
	return stream.AggregateProcess(t.w, a, func(c *stream.WindowCtx[K, string], s spread) error {
		if c.Millis() != c.Window().Max() {
			return errors.New("the result has another time than its window")
		}
		c.Emit(show(c.Key(), c.Window(), s))
		return nil
	})
}

func (t typedWindows[K]) reduce() *stream.Stream[string] {
	return stream.ReduceProcess(t.w, func(a, b rec) rec { return rec{0, a.V + b.V} },
		func(c *stream.WindowCtx[K, string], v rec) error {
			c.Emit(show(c.Key(), c.Window(), v.V))
			return nil
		})
}

func (t typedWindows[K]) process(general bool) *stream.Stream[string] {
	var options []stream.WindowOption
	if general {
		options = append(options, stream.OnClear(func(*stream.WindowCtx[K, string]) {}))
	}
	return stream.ProcessWindow(t.w, func(c *stream.WindowCtx[K, string], vs []rec) error {
		c.Emit(show(c.Key(), c.Window(), numbers(vs)))
		return nil
	}, options...)
}

func numbers(vs []rec) []int {
	ns := []int{}
	for _, v := range vs {
		ns = append(ns, v.V)
	}
	slices.Sort(ns)
	return ns
}

func drawFunction(t *rapid.T) windowFunction {
	countShow := func(key int64, w window.Window, vs []rec) string {
		var s spread
		for i := range vs {
			s.add(&vs[i])
		}
		return show(key, w, s)
	}
	processShow := func(key int64, w window.Window, vs []rec) string { return show(key, w, numbers(vs)) }
	switch rapid.SampledFrom([]string{"merge", "no merge", "reduce", "process", "options"}).Draw(t, "function") {
	case "merge":
		return windowFunction{func(w windowed) *stream.Stream[string] { return w.count(true) }, countShow}
	case "no merge":
		return windowFunction{func(w windowed) *stream.Stream[string] { return w.count(false) }, countShow}
	case "reduce":
		return windowFunction{
			func(w windowed) *stream.Stream[string] { return w.reduce() },
			func(key int64, w window.Window, vs []rec) string {
				sum := 0
				for _, v := range vs {
					sum += v.V
				}
				if len(vs) == 0 {
					return ""
				}
				return show(key, w, sum)
			},
		}
	case "process":
		return windowFunction{func(w windowed) *stream.Stream[string] { return w.process(false) }, processShow}
	}
	return windowFunction{func(w windowed) *stream.Stream[string] {
		return w.process(true)
	}, processShow}
}

// setUp finishes the windows of any key.
func setUp[K any](k *stream.Keyed[K, rec], a window.Assigner, m *windowModel, trigger window.Trigger[rec],
	late *stream.Tag[rec],
) windowed {
	w := k.Window(a).AllowedLateness(time.Duration(m.lateness) * ms).Evictor(m.evictor).LateTo(late)
	if trigger != nil {
		w.Trigger(trigger)
	}
	return typedWindows[K]{w}
}

// TestWindowsAgainstModel runs random programs through window operators and the model.
func TestWindowsAgainstModel(t *testing.T) { rapid.Check(t, checkWindows) }

func checkWindows(t *rapid.T) {
	m := &windowModel{}
	m.reset()
	a := drawAssigner(t, m)
	trigger := drawTrigger(t, m)
	m.evictor = drawEvictor(t)
	m.lateness = int64(rapid.SampledFrom([]int{0, 0, 1, 5, 30}).Draw(t, "lateness"))
	f := drawFunction(t)
	m.show = f.show
	text := rapid.Bool().Draw(t, "text keys")
	rows := rapid.SampledFrom([]int{1, 1, 3, 100}).Draw(t, "batch rows")
	options := []flotttest.Option{
		flotttest.Parallelism(rapid.IntRange(1, 3).Draw(t, "parallelism")), flotttest.BatchRows(rows),
	}
	if rapid.Bool().Draw(t, "slow") {
		options = append(options, flotttest.Slow())
	}
	in, lates := flotttest.NewInput[rec](), flotttest.NewProbe[rec]()
	h := flotttest.New(quiet{T: t}, func(env *stream.Env) *stream.Stream[string] {
		s := in.Stream(env)
		late := stream.NewTag[rec]("late")
		var w windowed
		if text {
			w = setUp(stream.KeyBy(s, func(v rec) string { return fmt.Sprint(v.Key) }), a, m, trigger, late)
		} else {
			w = setUp(stream.KeyBy(s, func(v rec) int64 { return v.Key }), a, m, trigger, late)
		}
		out := f.apply(w)
		lates.Read(stream.Side(out, late))
		return out
	}, options...)
	compare := func() {
		want, wantLate := m.take()
		got := sortedLines(h.Out.Values())
		var late []string
		for _, v := range lates.Values() {
			late = append(late, fmt.Sprint(v))
		}
		if h.Err() != nil {
			t.Fatal(h.Err())
		}
		if got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		if got := sortedLines(late); got != wantLate {
			t.Fatalf("late: got\n%s\nwant\n%s", got, wantLate)
		}
	}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		switch step := rapid.IntRange(0, 19).Draw(t, "step"); {
		case step < 12:
			v := rec{rapid.Int64Range(0, 3).Draw(t, "key"), rapid.IntRange(0, 20).Draw(t, "value")}
			at := max(m.mark, 0) + rapid.Int64Range(-15, 15).Draw(t, "time")
			t.Logf("push %v at %d", v, at)
			in.Push(v, at)
			m.push(v, at)
		case step < 16:
			m.watermark(max(m.mark, -20) + rapid.Int64Range(0, 12).Draw(t, "watermark"))
			t.Logf("watermark %d", m.mark)
			h.Watermark(m.mark)
		case step < 18:
			h.Flush() // the rows take the time before
			to := m.clock + rapid.Int64Range(1, 9).Draw(t, "clock")
			t.Logf("clock %d", to)
			h.AdvanceTo(to)
			m.advance(to)
		case step < 19:
			compare()
			t.Logf("restore")
			h.Restore(h.Snapshot(), rapid.IntRange(1, 3).Draw(t, "new parallelism"))
			if m.mark > math.MinInt64 { // sources send their watermark again
				h.Watermark(m.mark)
				m.watermark(m.mark)
			}
		}
		if rows == 1 {
			compare()
		}
	}
	compare()
	m.watermark(max(m.mark, 0) + 10_000)
	h.Watermark(m.mark)
	if !m.global {
		h.AdvanceTo(m.clock + 10_000)
		m.advance(m.clock + 10_000)
		compare()
		if n := h.Snapshot().Bytes(""); n > 0 {
			t.Fatalf("%d bytes of state are left after the last window", n)
		}
	}
}

// quiet is a testing.TB of a rapid test.
type quiet struct {
	testing.TB
	T *rapid.T
}

func (q quiet) Helper()           {}
func (q quiet) Cleanup(f func())  { q.T.Cleanup(f) }
func (q quiet) Name() string      { return "windows" }
func (q quiet) Fatal(args ...any) { q.T.Fatal(args...) }
