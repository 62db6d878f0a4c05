package exchange

import (
	"sync"
	"sync/atomic"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

// element is what a channel carries: a batch or a control element.
type element struct {
	channel *Channel
	batch   batch.Any
	bytes   int64
	control operator.Control
	piece   spill.Piece // of a batch in the channel's overflow
}

// Event is what a Gate hands to its task: a batch of an input, or a control element that all
// channels have reached.
type Event struct {
	Batch   batch.Any // nil for a control element
	Input   int
	Control operator.Control
	// Returned says that the control element has come back on all feedback channels.
	Returned bool
}

// Gate is the input side of a subtask.
type Gate struct {
	mu struct {
		sync.Mutex
		queue     []element
		woken     bool // the consumer was told and has not looked yet
		announced []announcement
		discarded bool // nothing is taken any more
	}
	urgent atomic.Bool // something is announced
	wake   func()      // of the consumer's task

	// The rest belongs to the consumer.
	channels  []*channelState
	marking   []*channelState // whose watermarks are combined: channels, or those of replay
	inputs    []int           // open channels of each input, without feedback ones
	taken     []element
	pos       int
	ready     []element // elements of channels that were unblocked, ahead of taken
	readyPos  int
	current   element        // batch at work, whose bytes are still in flight
	events    []Event        // to be delivered before anything else is taken
	align     bool           // block channels while barriers are aligned
	barrier   int64          // checkpoint being aligned, 0 for none
	flags     operator.Flags // of the barrier
	dead      int64          // the last checkpoint that was given up: its barriers, and older ones, are dropped
	returning int64          // checkpoint whose barrier comes back on the feedback channels, 0 for none
	waves     []wave         // of the loops that the gate is in or behind
	watermark int64
	allIdle   bool
	bytesIn   int64
	batchesIn int64
	over      overtaking
	replay    replay
}

type channelState struct {
	*Channel
	watermark int64
	idle      bool
	ended     bool
	seen      int64   // the last barrier that arrived
	waves     []int64 // for each of the gate's waves, one more than the last ID that arrived
	blocked   bool
	parked    []element

	endSeen    bool    // its end is in the queue
	collecting bool    // what comes before the barrier is part of flight
	flight     *Flight // what the barrier has overtaken
}

// NewGate returns a gate for inputs logical inputs. wake wakes the consumer's task; align says
// whether barriers are aligned (exactly once) or only counted (at least once).
func NewGate(inputs int, align bool, wake func()) *Gate {
	return &Gate{wake: wake, inputs: make([]int, inputs), align: align, watermark: batch.MinTime}
}

// NewChannel adds a channel to input. limit is in bytes; 0 means DefaultChannelBytes.
func (g *Gate) NewChannel(input int, limit int64, feedback bool) *Channel {
	if limit <= 0 {
		limit = DefaultChannelBytes
	}
	c := &Channel{gate: g, index: len(g.channels), input: input, limit: limit, feedback: feedback}
	g.channels = append(g.channels, &channelState{Channel: c, watermark: batch.MinTime})
	g.marking = g.channels
	if !feedback {
		g.inputs[input]++
	}
	return c
}

// Watermark is the combined watermark.
func (g *Gate) Watermark() int64 { return g.watermark }

// BytesIn is the number of bytes taken so far.
func (g *Gate) BytesIn() int64 { return g.bytesIn }

func (g *Gate) enqueue(e element) {
	g.mu.Lock()
	if g.mu.discarded {
		g.mu.Unlock()
		if e.batch != nil {
			e.batch.Release()
		}
		return
	}
	g.mu.queue = append(g.mu.queue, e)
	tell := !g.mu.woken
	g.mu.woken = true
	g.mu.Unlock()
	if tell {
		g.wake()
	}
}

// Poll returns the next event. The batch of the event before must have been processed: its room is
// given back here.
func (g *Gate) Poll() (Event, bool) {
	g.finishCurrent()
	for {
		if len(g.events) > 0 {
			e := g.events[0]
			g.events = g.events[1:]
			return e, true
		}
		if g.over.due.Kind != 0 {
			return Event{}, true // Urgent tells
		}
		if len(g.replay.flights) > 0 {
			if e, ok := g.nextReplayed(); ok {
				return e, true
			}
		}
		e, ok := g.next()
		if !ok {
			return Event{}, false
		}
		if ev, ok := g.handle(e); ok {
			return ev, true
		}
	}
}

func (g *Gate) finishCurrent() {
	if g.current.channel != nil {
		g.current.channel.done(g.current.bytes)
		g.current = element{}
	}
}

func (g *Gate) next() (element, bool) {
	if g.readyPos < len(g.ready) {
		e := g.ready[g.readyPos]
		g.ready[g.readyPos] = element{}
		g.readyPos++
		return e, true
	}
	g.ready, g.readyPos = g.ready[:0], 0
	if g.pos == len(g.taken) {
		g.mu.Lock()
		g.taken, g.mu.queue = g.mu.queue, g.taken[:0]
		g.mu.woken = false
		g.mu.Unlock()
		g.pos = 0
		if g.over.missing > 0 {
			g.scan(g.taken)
		}
		if len(g.taken) == 0 {
			return element{}, false
		}
	}
	e := g.taken[g.pos]
	g.taken[g.pos] = element{}
	g.pos++
	return e, true
}

// Empty reports whether nothing is waiting, without taking anything.
func (g *Gate) Empty() bool {
	if len(g.events) > 0 || g.replay.left > 0 || g.readyPos < len(g.ready) || g.pos < len(g.taken) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.mu.queue) == 0
}

func (g *Gate) handle(e element) (Event, bool) {
	c := g.channels[e.channel.index]
	if c.blocked {
		c.parked = append(c.parked, e)
		return Event{}, false
	}
	if !e.piece.None() {
		b, err := c.overflow.Take(e.piece)
		if err != nil {
			panic(err)
		}
		e.batch = b
	}
	if e.batch != nil {
		if c.in != nil {
			c.in.unpack(&e)
		}
		return g.batch(c, e)
	}
	switch e.control.Kind {
	case operator.Barrier:
		g.barrierFrom(c, e.control)
	case operator.EndOfInput:
		g.endFrom(c)
	case operator.Idle:
		g.setIdle(c, true)
	case operator.Active:
		g.setIdle(c, false)
	case operator.Epoch, operator.Wave:
		g.waveFrom(c, e.control)
	default:
		if c.feedback {
			return Event{}, false // it has been through the loop once
		}
		return Event{Input: c.input, Control: e.control}, true
	}
	return Event{}, false
}

func (g *Gate) batch(c *channelState, e element) (Event, bool) {
	g.current = e
	g.bytesIn += e.bytes
	g.batchesIn++
	marks := e.batch.MarkList()
	if c.feedback {
		*marks = (*marks)[:0]
	} else if len(*marks) > 0 {
		g.combine(c, marks)
	}
	return Event{Batch: e.batch, Input: c.input}, true
}

// combine turns the marks of one channel into marks of the combined watermark.
func (g *Gate) combine(c *channelState, marks *[]batch.Mark) {
	out := (*marks)[:0]
	for _, m := range *marks {
		if m.Time <= c.watermark {
			continue
		}
		old := c.watermark
		c.watermark = m.Time
		if old > g.watermark {
			continue // the channel was not among those that hold the minimum back
		}
		if w := g.minimum(); w > g.watermark {
			g.watermark = w
			out = append(out, batch.Mark{Row: m.Row, Time: w})
		}
	}
	*marks = out
}

// minimum is the least watermark of the channels that are neither idle nor ended; where there is
// none, the greatest of all.
func (g *Gate) minimum() int64 {
	low, high, any := int64(batch.MaxTime), int64(batch.MinTime), false
	for _, c := range g.marking {
		if c.feedback {
			continue
		}
		high = max(high, c.watermark)
		if !c.idle && !c.ended {
			low, any = min(low, c.watermark), true
		}
	}
	if any {
		return low
	}
	return high
}

// advance queues the watermark as an event of its own, where no batch carries it.
func (g *Gate) advance() {
	if w := g.minimum(); w > g.watermark {
		g.watermark = w
		g.events = append(g.events, Event{Control: operator.Control{Kind: Watermark, ID: w}})
	}
}

// Watermark is the kind of a control element by which a Gate tells a watermark that no batch
// carries, because a channel became idle or ended. It never crosses a channel.
const Watermark operator.ControlKind = 255

func (g *Gate) setIdle(c *channelState, idle bool) {
	if c.idle == idle || c.ended {
		return
	}
	c.idle = idle
	g.advance()
	g.tellIdle()
}

func (g *Gate) tellIdle() {
	all, open := true, false
	for _, c := range g.channels {
		if !c.feedback && !c.ended {
			open = true
			all = all && c.idle
		}
	}
	if all = all && open; all == g.allIdle {
		return
	}
	g.allIdle = all
	kind := operator.Active
	if all {
		kind = operator.Idle
	}
	g.events = append(g.events, Event{Control: operator.Control{Kind: kind}})
}

func (g *Gate) endFrom(c *channelState) {
	if c.ended {
		return
	}
	c.ended = true
	if c.feedback {
		return
	}
	g.advance()
	g.inputs[c.input]--
	open := 0
	for _, n := range g.inputs {
		open += n
	}
	if open > 0 {
		g.tellIdle()
	}
	g.check()
	if g.inputs[c.input] == 0 {
		g.events = append(g.events, Event{
			Input: c.input, Control: operator.Control{Kind: operator.EndOfInput, Input: c.input},
		})
	}
	if open == 0 {
		g.events = append(g.events, Event{
			Control: operator.Control{Kind: operator.EndOfInput, Input: -1},
		})
		return
	}
	for i := range g.waves {
		g.checkWave(i, false)
	}
}

func (g *Gate) barrierFrom(c *channelState, barrier operator.Control) {
	id := barrier.ID
	if c.feedback {
		g.barrierBack(c, id)
		return
	}
	if g.begin(barrier) {
		c.seen = id
		c.blocked = g.align && !fault.Seeded(fault.SkipAlignment)
		g.check()
	}
}

// barrierBack handles a barrier that has been through the loop. What follows it on its channel
// waits until it is back on all: a head logs what precedes it, and does not know channels.
func (g *Gate) barrierBack(c *channelState, id int64) {
	if id <= g.dead || id < g.returning {
		return // of a checkpoint that was given up
	}
	if id > g.returning {
		if g.returning != 0 {
			g.Abort(g.returning)
		}
		g.returning = id
	}
	c.seen = id
	c.blocked = g.align
	for _, o := range g.channels {
		if o.feedback && !o.ended && o.seen != id {
			return
		}
	}
	g.returning = 0
	g.events = append(g.events, Event{
		Control: operator.Control{Kind: operator.Barrier, ID: id}, Returned: true,
	})
	g.unblock(true)
}

// unblock lets the parked elements of one kind of channel go, ahead of what was not taken yet.
func (g *Gate) unblock(feedback bool) {
	rest := g.ready[g.readyPos:]
	var ready []element
	for _, c := range g.channels {
		if c.blocked && c.feedback == feedback {
			c.blocked = false
			ready = append(ready, c.parked...)
			c.parked = nil
		}
	}
	g.ready, g.readyPos = append(ready, rest...), 0
}

// Abort gives the alignment of a checkpoint up, and that of older ones. Its barriers that are still
// to come are dropped: what precedes them has been mixed with what follows.
func (g *Gate) Abort(checkpoint int64) {
	g.dead = max(g.dead, checkpoint)
	if g.barrier != 0 && g.barrier <= checkpoint {
		g.barrier = 0
		g.unblock(false)
	}
	if c := g.over.collecting; c != 0 && c <= checkpoint {
		g.over.due = operator.Control{}
		g.dropFlights()
		g.unblock(false)
	}
	if g.returning != 0 && g.returning <= checkpoint {
		g.returning = 0
		g.unblock(true)
	}
}

// Discard releases everything that waits and closes the channels from other processes. It must be called
// when the subtask ends, or when it never begins.
func (g *Gate) Discard() {
	g.mu.Lock()
	g.mu.discarded = true
	g.mu.Unlock()
	for _, c := range g.channels {
		if c.in != nil {
			c.in.close()
		}
	}
	g.finishCurrent()
	g.dropFlights()
	g.replay.discard()
	for {
		e, ok := g.next()
		if !ok {
			break
		}
		if e.batch != nil {
			e.batch.Release()
			e.channel.done(e.bytes)
		}
	}
	for _, c := range g.channels {
		for _, e := range c.parked {
			if e.batch != nil {
				e.batch.Release()
				e.channel.done(e.bytes)
			}
		}
		c.parked = nil
		if c.overflow != nil {
			c.overflow.Close()
		}
	}
}
