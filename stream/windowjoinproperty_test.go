package stream_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// other is a record of the second stream. The model knows it as a rec with a negative value.
type other struct {
	Key int64
	V   int
}

// TestCoGroupAgainstModel runs random programs through co-groups and the model of windows over the
// records of both streams.
func TestCoGroupAgainstModel(t *testing.T) { rapid.Check(t, checkCoGroup) }

func checkCoGroup(t *rapid.T) {
	m := &windowModel{}
	m.reset()
	a := drawAssigner(t, m)
	if !window.DynamicFor[stream.Either[rec, other]](a) || m.global {
		t.Skip("the assigner is for records of one stream")
	}
	m.lateness = int64(rapid.SampledFrom([]int{0, 0, 5}).Draw(t, "lateness"))
	if m.trigger = window.EventTime[rec](); m.processing {
		m.trigger = window.ProcessingTime[rec]()
	}
	m.show = func(key int64, w window.Window, vs []rec) string {
		var left, right []rec
		for _, v := range vs {
			if v.V < 0 {
				right = append(right, v)
			} else {
				left = append(left, v)
			}
		}
		return show(key, w, fmt.Sprint(numbers(left), numbers(right)))
	}
	general := rapid.Bool().Draw(t, "general")
	left, right := flotttest.NewInput[rec](), flotttest.NewInput[other]()
	lateLeft, lateRight := flotttest.NewProbe[rec](), flotttest.NewProbe[other]()
	h := flotttest.New(quiet{T: t}, func(env *stream.Env) *stream.Stream[string] {
		l := stream.KeyBy(left.Stream(env), func(v rec) int64 { return v.Key })
		r := stream.KeyBy(right.Stream(env), func(v other) int64 { return v.Key })
		lateL, lateR := stream.NewTag[rec]("late left"), stream.NewTag[other]("late right")
		options := []stream.CoOption{
			stream.Lateness(time.Duration(m.lateness) * ms), stream.LateLeftTo(lateL), stream.LateRightTo(lateR),
		}
		if general {
			options = append(options, stream.OnClear(func(*stream.WindowCtx[int64, string]) {}))
		}
		out := stream.CoGroup(l, r, a, func(c *stream.WindowCtx[int64, string], l []rec, r []other) error {
			var rs []rec
			for _, v := range r {
				rs = append(rs, rec(v))
			}
			c.Emit(show(c.Key(), c.Window(), fmt.Sprint(numbers(l), numbers(rs))))
			return nil
		}, options...)
		lateLeft.Read(stream.Side(out, lateL))
		lateRight.Read(stream.Side(out, lateR))
		return out
	}, flotttest.Parallelism(rapid.IntRange(1, 3).Draw(t, "parallelism")))
	compare := func() {
		want, wantLate := m.take()
		var late []string
		for _, v := range lateLeft.Values() {
			late = append(late, fmt.Sprint(v))
		}
		for _, v := range lateRight.Values() {
			late = append(late, fmt.Sprint(v))
		}
		if got := sortedLines(h.Out.Values()); got != want || h.Err() != nil {
			t.Fatalf("got\n%s\nwant\n%s\nerror %v", got, want, h.Err())
		}
		if got := sortedLines(late); got != wantLate {
			t.Fatalf("late: got\n%s\nwant\n%s", got, wantLate)
		}
	}
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		switch step := rapid.IntRange(0, 19).Draw(t, "step"); {
		case step < 12:
			v := rec{rapid.Int64Range(0, 2).Draw(t, "key"), rapid.IntRange(-20, 20).Draw(t, "value")}
			at := max(m.mark, 0) + rapid.Int64Range(-15, 15).Draw(t, "time")
			if v.V < 0 {
				right.Push(other(v), at)
			} else {
				left.Push(v, at)
			}
			m.push(v, at)
		case step < 16:
			m.watermark(max(m.mark, -20) + rapid.Int64Range(0, 12).Draw(t, "watermark"))
			h.Watermark(m.mark)
		case step < 18:
			to := m.clock + rapid.Int64Range(1, 9).Draw(t, "clock")
			h.AdvanceTo(to)
			m.advance(to)
		default:
			h.Restore(h.Snapshot(), rapid.IntRange(1, 3).Draw(t, "new parallelism"))
			if m.mark > math.MinInt64 {
				h.Watermark(m.mark)
				m.watermark(m.mark)
			}
		}
		compare()
	}
	m.watermark(max(m.mark, 0) + 10_000)
	h.Watermark(m.mark)
	h.AdvanceTo(m.clock + 10_000)
	m.advance(m.clock + 10_000)
	compare()
	if n := h.Snapshot().Bytes(""); n > 0 {
		t.Fatalf("%d bytes of state are left after the last window", n)
	}
}
