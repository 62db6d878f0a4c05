package stream_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

type leftRow struct {
	ID, Key int
	At      int64
	Low     int64 // watermark before the row, for the reference
}

type rightRow struct {
	ID  int
	Key string
	At  int64
}

func leftTime(r leftRow) time.Time   { return time.UnixMilli(r.At) }
func rightTime(r rightRow) time.Time { return time.UnixMilli(r.At) }

func showJoin(l *leftRow, r *rightRow, at int64) string {
	a, b := "-", "-"
	if l != nil {
		a = fmt.Sprint(l.ID)
	}
	if r != nil {
		b = fmt.Sprint(r.ID)
	}
	return fmt.Sprintf("%s,%s@%d", a, b, at)
}

// joinCase is a random join.
type joinCase struct {
	left         []leftRow
	right        []rightRow
	lower, upper int64
	options      stream.IntervalOptions[leftRow, rightRow]
}

func randomJoin(rng *rand.Rand) *joinCase {
	c := &joinCase{}
	c.lower = rng.Int64N(41) - 20
	c.upper = c.lower + rng.Int64N(20) + 2
	c.options.Kind = stream.JoinKind(rng.IntN(4))
	c.options.LowerExclusive, c.options.UpperExclusive = rng.IntN(2) == 0, rng.IntN(2) == 0
	at := int64(0)
	for i := range rng.IntN(80) {
		at += rng.Int64N(4)
		c.left = append(c.left, leftRow{ID: i, Key: rng.IntN(3), At: at})
	}
	at = 0
	for i := range rng.IntN(80) {
		at += rng.Int64N(4)
		c.right = append(c.right, rightRow{ID: i, Key: fmt.Sprint(rng.IntN(3)), At: at})
	}
	return c
}

// want joins naively; no row is late, as each side's rows come in order.
func (c *joinCase) want() (out []string) {
	kind := c.options.Kind
	matched := map[int]bool{}
	for i := range c.left {
		l, found := &c.left[i], false
		for j := range c.right {
			r := &c.right[j]
			d := r.At - l.At
			if fmt.Sprint(l.Key) != r.Key || d < c.lower || d > c.upper ||
				d == c.lower && c.options.LowerExclusive || d == c.upper && c.options.UpperExclusive {
				continue
			}
			found, matched[r.ID] = true, true
			out = append(out, showJoin(l, r, max(l.At, r.At)))
		}
		if !found && (kind == stream.LeftJoin || kind == stream.FullJoin) {
			out = append(out, showJoin(l, nil, l.At))
		}
	}
	for j := range c.right {
		if r := &c.right[j]; !matched[r.ID] && (kind == stream.RightJoin || kind == stream.FullJoin) {
			out = append(out, showJoin(nil, r, r.At))
		}
	}
	return sorted(out)
}

// build adds the join and a check that nothing it emits is late.
func (c *joinCase) build(env *stream.Env, pace time.Duration) *stream.Stream[string] {
	left := stream.From(env, slice.Of(c.left...)).Parallelism(1).
		Watermarks(watermark.Monotonous(leftTime))
	right := stream.From(env, slice.Of(c.right...)).Parallelism(1).
		Watermarks(watermark.Monotonous(rightTime))
	if pace > 0 {
		left = stream.Map(left, func(l leftRow) leftRow {
			time.Sleep(pace)
			return l
		}).Parallelism(1)
	}
	joined := stream.IntervalJoin(
		stream.KeyBy(left, func(l leftRow) string { return fmt.Sprint(l.Key) }),
		stream.KeyBy(right, func(r rightRow) string { return r.Key }),
		time.Duration(c.lower)*time.Millisecond, time.Duration(c.upper)*time.Millisecond,
		func(c *stream.Ctx[string, string], l *leftRow, r *rightRow) error {
			if l != nil && fmt.Sprint(l.Key) != c.Key() || r != nil && r.Key != c.Key() {
				return fmt.Errorf("key %q", c.Key())
			}
			c.Emit(showJoin(l, r, c.Millis()))
			return nil
		}, c.options)
	onTime := func(c *stream.Emitter[string], v string) error {
		if c.Millis() <= c.WatermarkMillis() {
			return fmt.Errorf("%s is late: the watermark is %d", v, c.WatermarkMillis())
		}
		c.Emit(v)
		return nil
	}
	return stream.CoProcess(stream.Connect(joined, joined.Filter(func(string) bool { return false })),
		onTime, onTime)
}

func TestIntervalJoinRandom(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 6))
		c := randomJoin(rng)
		p := 1 + rng.IntN(3)
		env := stream.NewEnv(stream.Parallelism(p), stream.WatermarkEachRow())
		out := collect.To[string]()
		c.build(env, 0).To(out)
		if err := launch.Run(context.Background(), env, "join"); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got, want := sorted(out.Results()), c.want(); !slices.Equal(got, want) {
			t.Fatalf("seed %d, parallelism %d, [%d, %d] %+v:\ngot  %v\nwant %v", seed, p, c.lower,
				c.upper, c.options, got, want)
		}
	}
}

func TestIntervalJoinRestored(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			c := randomJoin(rng)
			p := 1 + rng.IntN(3)
			out := collect.To[string]()
			withRestores(t, rng, 3, 30*time.Millisecond, func() *stream.Env {
				env := stream.NewEnv(stream.Parallelism(p), stream.WatermarkEachRow(),
					stream.BufferTimeout(0))
				c.build(env, time.Millisecond).To(out)
				return env
			})
			if got, want := sorted(out.Results()), c.want(); !slices.Equal(got, want) {
				t.Errorf("seed %d:\ngot  %v\nwant %v", seed, got, want)
			}
		})
	}
}

func TestIntervalJoinLate(t *testing.T) {
	env := stream.NewEnv(stream.WatermarkEachRow())
	left := stream.From(env, slice.Of(leftRow{ID: 1, At: 100}, leftRow{ID: 2, At: 50},
		leftRow{ID: 3, At: 101})).Watermarks(watermark.Monotonous(leftTime))
	right := stream.From(env, slice.Of[rightRow]()).Watermarks(watermark.Monotonous(rightTime))
	late := stream.NewTag[leftRow]("late")
	joined := stream.IntervalJoin(
		stream.KeyBy(left, func(l leftRow) string { return fmt.Sprint(l.Key) }),
		stream.KeyBy(right, func(r rightRow) string { return r.Key }), 0, time.Second,
		func(c *stream.Ctx[string, string], l *leftRow, r *rightRow) error {
			c.Emit(showJoin(l, r, c.Millis()))
			return nil
		}, stream.IntervalOptions[leftRow, rightRow]{Kind: stream.LeftJoin, LeftLate: late})
	out, lates := collect.To[string](), collect.To[leftRow]()
	joined.To(out)
	stream.Side(joined, late).To(lates)
	if err := launch.Run(context.Background(), env, "late"); err != nil {
		t.Fatal(err)
	}
	// The right side is empty: whether its end is there before the left rows is left open.
	if n := len(out.Results()) + len(lates.Results()); n != 3 {
		t.Errorf("%d of 3 rows: %v, late %v", n, out.Results(), lates.Results())
	}
}

func TestIntervalJoinErrors(t *testing.T) {
	env := stream.NewEnv()
	left := stream.KeyBy(stream.From(env, slice.Of(leftRow{ID: 1})), func(l leftRow) int { return 0 })
	none := func(*stream.Ctx[int, int], *leftRow, *leftRow) error { return nil }
	stream.IntervalJoin(left, left, 2*time.Second, time.Second, none,
		stream.IntervalOptions[leftRow, leftRow]{}).To(collect.To[int]())
	err := launch.Run(context.Background(), env, "bounds")
	if err == nil || !strings.Contains(err.Error(), "no time lies between") {
		t.Errorf("got %v", err)
	}
	env = stream.NewEnv()
	left = stream.KeyBy(stream.From(env, slice.Of(leftRow{ID: 1})), func(l leftRow) int { return 0 })
	stream.IntervalJoin(left, left, 0, time.Second, none,
		stream.IntervalOptions[leftRow, leftRow]{}).To(collect.To[int]())
	err = launch.Run(context.Background(), env, "no times")
	if err == nil || !strings.Contains(err.Error(), "needs event times") {
		t.Errorf("got %v", err)
	}
}
