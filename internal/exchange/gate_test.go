package exchange

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// gateModel is what a gate should tell, computed anew from all channels after each element.
type gateModel struct {
	channels []modelChannel
	current  int64
	allIdle  bool
	out      []string
}

type modelChannel struct {
	input       int
	watermark   int64
	idle, ended bool
}

func (m *gateModel) combined() int64 {
	low, high, any := int64(batch.MaxTime), int64(batch.MinTime), false
	for _, c := range m.channels {
		high = max(high, c.watermark)
		if !c.idle && !c.ended {
			low, any = min(low, c.watermark), true
		}
	}
	if !any {
		low = high
	}
	return max(m.current, low)
}

func (m *gateModel) batch(i int, marks []batch.Mark) {
	var told []string
	for _, k := range marks {
		m.channels[i].watermark = max(m.channels[i].watermark, k.Time)
		if w := m.combined(); w > m.current {
			m.current = w
			told = append(told, fmt.Sprintf("%d@%d", w, k.Row))
		}
	}
	m.out = append(m.out, fmt.Sprintf("batch of %d %v", m.channels[i].input, told))
}

func (m *gateModel) control(i int, kind operator.ControlKind) {
	c := &m.channels[i]
	if c.ended {
		return
	}
	switch kind {
	case operator.Idle:
		c.idle = true
	case operator.Active:
		c.idle = false
	case operator.EndOfInput:
		c.ended = true
	}
	if w := m.combined(); w > m.current {
		m.current = w
		m.out = append(m.out, fmt.Sprint("watermark ", w))
	}
	open, idle, openOfInput := 0, 0, 0
	for _, o := range m.channels {
		if o.ended {
			continue
		}
		open++
		if o.idle {
			idle++
		}
		if o.input == c.input {
			openOfInput++
		}
	}
	if all := open > 0 && idle == open; open > 0 && all != m.allIdle {
		m.allIdle = all
		m.out = append(m.out, map[bool]string{true: "idle", false: "active"}[all])
	}
	if kind == operator.EndOfInput && openOfInput == 0 {
		m.out = append(m.out, fmt.Sprint("end of ", c.input))
		if open == 0 {
			m.out = append(m.out, "end of -1")
		}
	}
}

// told takes all events of a gate in the words of the model.
func told(g *Gate) (out []string) {
	for {
		e, ok := g.Poll()
		switch {
		case !ok:
			return out
		case e.Batch != nil:
			var marks []string
			for _, m := range *e.Batch.MarkList() {
				marks = append(marks, fmt.Sprintf("%d@%d", m.Time, m.Row))
			}
			out = append(out, fmt.Sprintf("batch of %d %v", e.Input, marks))
			e.Batch.Release()
		case e.Control.Kind == Watermark:
			out = append(out, fmt.Sprint("watermark ", e.Control.ID))
		case e.Control.Kind == operator.Idle:
			out = append(out, "idle")
		case e.Control.Kind == operator.Active:
			out = append(out, "active")
		case e.Control.Kind == operator.EndOfInput:
			out = append(out, fmt.Sprint("end of ", e.Control.Input))
		default:
			out = append(out, fmt.Sprintf("control %d", e.Control.Kind))
		}
	}
}

// TestWatermarksFollowTheModel sends marks in the middle of batches, idleness and ends through any
// number of channels of several inputs.
func TestWatermarksFollowTheModel(t *testing.T) {
	edge := rowEdge(t)
	overEachWay(t, func(t *testing.T, w *way) {
		rapid.Check(t, func(t *rapid.T) { checkWatermarks(t, w, edge) })
	})
}

func checkWatermarks(t *rapid.T, w *way, edge EdgeType) {
	{
		inputs := rapid.IntRange(1, 3).Draw(t, "inputs")
		g, m := NewGate(inputs, true, func() {}), &gateModel{current: batch.MinTime}
		pool := batch.NewPool[record](16)
		var channels []*Channel
		for i := range inputs + rapid.IntRange(0, 3).Draw(t, "more channels") {
			channels = append(channels, w.producer(t, g.NewChannel(i%inputs, 0, false), edge))
			m.channels = append(m.channels, modelChannel{input: i % inputs, watermark: batch.MinTime})
		}
		var got []string
		for range rapid.IntRange(1, 60).Draw(t, "elements") {
			i := rapid.IntRange(0, len(channels)-1).Draw(t, "channel")
			if m.channels[i].ended {
				continue
			}
			kind := rapid.SampledFrom([]operator.ControlKind{
				0, 0, 0, operator.Idle, operator.Active, operator.EndOfInput,
			}).Draw(t, "kind")
			if kind != 0 {
				channels[i].Control(operator.Control{Kind: kind, Input: -1})
				m.control(i, kind)
			} else {
				b := pool.Get()
				for range rapid.IntRange(0, 6).Draw(t, "rows") {
					if rapid.Bool().Draw(t, "mark") {
						b.Mark(rapid.Int64Range(-5, 40).Draw(t, "time"))
					}
					b.Add(record{}, 0)
				}
				if rapid.Bool().Draw(t, "mark at the end") {
					b.Mark(rapid.Int64Range(-5, 40).Draw(t, "last time"))
				}
				m.batch(i, b.Marks)
				channels[i].Send(b)
			}
			w.settle() // the model has one order for all channels
			if rapid.Bool().Draw(t, "poll") {
				got = append(got, told(g)...)
			}
		}
		got = append(got, told(g)...)
		if !slices.Equal(got, m.out) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(m.out, "\n"))
		}
		if g.Watermark() != m.current {
			t.Fatalf("the gate is at %d, the model at %d", g.Watermark(), m.current)
		}
		for i, c := range channels {
			if n := c.inflight.Load(); n != 0 {
				t.Fatalf("channel %d has %d bytes in flight", i, n)
			}
		}
		w.forget(g, channels...)
	}
}

// TestBarriersCutChannels sends batches and barriers, some of which some channels never deliver
// since their checkpoint was given up, gives checkpoints up, and ends channels. When a barrier is
// told, exactly the batches before it must have been delivered; counted, at least those. In the end
// nothing is missing and every channel is in order.
func TestBarriersCutChannels(t *testing.T) {
	for _, align := range []bool{true, false} {
		t.Run(map[bool]string{true: "exactly once", false: "at least once"}[align], func(t *testing.T) {
			edge := rowEdge(t)
			overEachWay(t, func(t *testing.T, w *way) {
				rapid.Check(t, func(t *rapid.T) { checkBarriers(t, w, edge, align) })
			})
		})
	}
}

// sender is one channel of TestBarriersCutChannels.
type sender struct {
	*Channel
	sent, got int
	before    map[int64]int // batches before each barrier
	last      int64
	ended     bool
}

func checkBarriers(t *rapid.T, w *way, edge EdgeType, align bool) {
	g := NewGate(1, align, func() {})
	pool := batch.NewPool[record](2)
	var senders []*sender
	for range rapid.IntRange(1, 4).Draw(t, "channels") {
		c := w.producer(t, g.NewChannel(0, 0, false), edge)
		senders = append(senders, &sender{Channel: c, before: map[int64]int{}})
	}
	aborted := int64(0)
	toldIDs := map[int64]bool{}
	step := func(e Event) {
		if e.Batch != nil {
			v := e.Batch.(*batch.Rows[record]).Vals[0]
			s := senders[v.Time]
			if v.N != s.got {
				t.Fatalf("channel %d delivers batch %d after %d", v.Time, v.N, s.got-1)
			}
			s.got++
			e.Batch.Release()
			return
		}
		if e.Control.Kind != operator.Barrier {
			return
		}
		id := e.Control.ID
		if toldIDs[id] || id <= aborted {
			t.Fatalf("barrier %d is told twice, or given up: %v", id, id <= aborted)
		}
		toldIDs[id] = true
		for i, s := range senders {
			want, delivered := s.before[id]
			if !delivered {
				if !s.ended {
					t.Fatalf("barrier %d is told, and channel %d has not sent it", id, i)
				}
				want = s.sent
			}
			if s.got < want || align && s.got > want {
				t.Fatalf("barrier %d: channel %d has delivered %d batches, want %d", id, i, s.got, want)
			}
		}
	}
	drain := func(n int) {
		w.settle()
		for range n {
			e, ok := g.Poll()
			if !ok {
				return
			}
			step(e)
		}
	}
	next := int64(0)
	for range rapid.IntRange(1, 80).Draw(t, "steps") {
		i := rapid.IntRange(0, len(senders)-1).Draw(t, "channel")
		s := senders[i]
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1, 2, 3:
			if !s.ended {
				s.Send(rowBatch(pool, record{Time: int64(i), N: s.sent}))
				s.sent++
			}
		case 4, 5: // a barrier, perhaps not the next one
			if id := s.last + rapid.Int64Range(1, 2).Draw(t, "ahead"); !s.ended && id <= next+1 {
				s.before[id] = s.sent
				s.last, next = id, max(next, id)
				s.Control(operator.Control{Kind: operator.Barrier, ID: id})
			}
		case 6:
			if next > 0 {
				drain(1 << 30) // what was told before may not have been taken yet
				id := rapid.Int64Range(1, next).Draw(t, "abort")
				aborted = max(aborted, id)
				g.Abort(id)
			}
		case 7:
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 && !s.ended {
				s.ended = true
				s.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
			}
		default:
			drain(rapid.IntRange(1, 10).Draw(t, "events"))
		}
	}
	for _, s := range senders {
		if !s.ended && s.last <= next {
			s.before[next+1] = s.sent
			s.Control(operator.Control{Kind: operator.Barrier, ID: next + 1})
		}
	}
	drain(1 << 30)
	if open := slices.ContainsFunc(senders, func(s *sender) bool { return !s.ended }); open &&
		!toldIDs[next+1] {
		t.Fatalf("barrier %d is on all channels, and not told", next+1)
	}
	for i, s := range senders {
		if s.got != s.sent || s.inflight.Load() != 0 {
			t.Fatalf("channel %d: %d of %d batches, %d bytes in flight", i, s.got, s.sent,
				s.inflight.Load())
		}
		w.forget(g, s.Channel)
	}
}

// TestDiscardGivesAllBack ends a subtask with elements in every place that a gate keeps them.
func TestDiscardGivesAllBack(t *testing.T) { overEachWay(t, checkDiscard) }

func checkDiscard(t *testing.T, w *way) {
	g, edge := NewGate(1, true, func() {}), rowEdge(t)
	a := w.producer(t, g.NewChannel(0, 0, false), edge)
	b := w.producer(t, g.NewChannel(0, 0, false), edge)
	pool := batch.NewPool[record](2)
	a.Send(rowBatch(pool, record{N: 0}))
	a.Control(operator.Control{Kind: operator.Barrier, ID: 1})
	a.Send(rowBatch(pool, record{N: 1})) // to be parked
	w.settle()
	b.Send(rowBatch(pool, record{N: 2}))
	b.Send(rowBatch(pool, record{N: 3}))
	w.settle()
	if got := []any{first(g), first(g)}; !slices.Equal(got, []any{0, 2}) {
		t.Fatalf("got batches %v", got)
	}
	b.Send(rowBatch(pool, record{N: 4})) // not taken from the queue
	w.settle()
	if g.Empty() {
		t.Error("a gate with batches is empty")
	}
	g.Discard()
	if !g.Empty() {
		t.Error("a discarded gate is not empty")
	}
	if x, y := a.inflight.Load(), b.inflight.Load(); x != 0 || y != 0 {
		t.Errorf("%d and %d bytes are in flight", x, y)
	}
}

func first(g *Gate) any {
	e, _ := g.Poll()
	n := e.Batch.(*batch.Rows[record]).Vals[0].N
	e.Batch.Release()
	return n
}

// TestWakeUps counts how often a consumer is told: once, until it has looked.
func TestWakeUps(t *testing.T) { overEachWay(t, checkWakeUps) }

func checkWakeUps(t *testing.T, w *way) {
	var woken atomic.Int64
	g := NewGate(1, true, func() { woken.Add(1) })
	c := w.producer(t, g.NewChannel(0, 0, false), rowEdge(t))
	for range 3 {
		c.Control(operator.Control{Kind: operator.Probe})
	}
	w.settle()
	if n := woken.Load(); n != 1 {
		t.Errorf("woken %d times by three elements", n)
	}
	told(g)
	c.Control(operator.Control{Kind: operator.Probe})
	w.settle()
	if n := woken.Load(); n != 2 {
		t.Errorf("woken %d times, want 2", n)
	}
}

// BenchmarkLocal passes batches through a channel within one process, one at a time.
func BenchmarkLocal(b *testing.B) {
	g := NewGate(1, true, func() {})
	c := g.NewChannel(0, 0, false)
	full := rowBatch(batch.NewPool[record](8), record{})
	b.ReportAllocs()
	for b.Loop() {
		if !c.Room() || !c.Send(full.Ref()) {
			b.Fatal("no room")
		}
		e, _ := g.Poll()
		e.Batch.Release()
	}
}
