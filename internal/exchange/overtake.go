package exchange

import (
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// This file is how an unaligned barrier gets ahead of the batches in a gate.
//
// A barrier stays in its place in the queue, where it separates what is part of the checkpoint from
// what is not. Besides, its arrival is announced at once:
//
//	           queue of the gate, a channel of three overtaking ones     announced
//	consumer ◀─ a b ┃ c a │ b ▮ c                                         ▮ of channel 2
//	                      └ scanned up to here
//
//   - The first announced barrier makes the checkpoint due, as soon as all channels that only align
//     have delivered theirs in order (check). Overtaking channels that reach theirs before that are
//     blocked as in an aligned checkpoint.
//   - The task drains its chain, passes the barrier on, takes the state and calls Overtake. From then
//     on the gate looks at every element once, in order, when it takes it from the producers' queue:
//     the batches of a channel before its barrier are referred to as in flight (scan).
//   - When all channels have come to their barriers, or ends, the flights are complete (Flights).
//
// With a timeout, aligned barriers are announced as well, and become unaligned when it is over.

// announcement is the arrival of a barrier or an end in the queue.
type announcement struct {
	channel *Channel
	control operator.Control
}

// overtaking is the part of a Gate that belongs to unaligned barriers.
type overtaking struct {
	now       func() int64 // the task's clock, nil for none
	timeout   int64        // after which an aligned barrier becomes unaligned; 0 for never
	enabled   bool         // some channels overtake
	due       operator.Control
	passed    int64            // the last checkpoint whose barrier was told
	asked     operator.Control // the barrier that sources were asked for
	created   int64            // when the barrier was made at its source
	arrived   int64            // when its first one was announced or came
	arrivedAt int64            // bytesIn as of then
	stats     Alignment

	collecting int64 // checkpoint whose flights are collected, 0 for none
	missing    int   // channels that have not come to its barrier
	restored   []*Flight
}

// Alignment tells how the barrier of one checkpoint got through a gate.
type Alignment struct {
	StartDelay int64 // from the barrier's making to its first arrival, in nanoseconds; 0: not known
	Duration   int64 // from there to the last arrival
	Bytes      int64 // taken meanwhile
}

// Configure sets the clock by which the gate measures, and the time after which an aligned barrier
// becomes unaligned (0: never), in nanoseconds. It must be called after the last NewChannel.
func (g *Gate) Configure(now func() int64, timeout int64) {
	g.over.now, g.over.timeout = now, timeout
	loop := false
	for _, c := range g.channels {
		g.over.enabled = g.over.enabled || c.overtakes()
		loop = loop || c.feedback
	}
	g.over.enabled = g.over.enabled && g.align && !loop
}

// Overtakes reports whether an unaligned barrier overtakes on all channels.
func (g *Gate) Overtakes() bool {
	for _, c := range g.channels {
		if !c.overtakes() {
			return false
		}
	}
	return g.over.enabled
}

func (g *Gate) clock() int64 {
	if g.over.now == nil {
		return 0
	}
	return g.over.now()
}

// hastens reports whether the consumer should hear of an element before its turn. Producers call it.
func (g *Gate) hastens(c operator.Control) bool {
	switch {
	case !g.over.enabled:
		return false
	case c.Kind == operator.Barrier:
		return g.over.timeout > 0 || c.Flags.Has(operator.Unaligned)
	default:
		return c.Kind == operator.EndOfInput
	}
}

// announce tells the consumer of an element that is queued next, or comes later from another process.
func (g *Gate) announce(c *Channel, ctl operator.Control) {
	g.mu.Lock()
	g.mu.announced = append(g.mu.announced, announcement{c, ctl})
	g.mu.Unlock()
	g.urgent.Store(true)
	g.wake()
}

// Urgent takes what was announced and returns the barrier that is to be delivered before any other
// input. Nothing may be polled between that and Overtake.
func (g *Gate) Urgent() (operator.Control, bool) {
	if g.urgent.Load() && g.urgent.Swap(false) { // a load is cheap, and asked for once a step
		g.mu.Lock()
		announced := g.mu.announced
		g.mu.announced = nil
		g.mu.Unlock()
		for _, a := range announced {
			if a.control.Kind == operator.EndOfInput {
				g.channels[a.channel.index].endSeen = true
				continue
			}
			g.begin(a.control)
		}
		g.beginAsked()
		g.check()
	}
	if d := g.Deadline(); d != 0 && g.clock() >= d {
		g.flags |= operator.Unaligned
		g.check()
	}
	c := g.over.due
	g.over.due = operator.Control{}
	return c, c.Kind != 0
}

// Deadline is when the barrier that is being aligned becomes unaligned, 0 for never.
func (g *Gate) Deadline() int64 {
	if g.over.timeout == 0 || !g.over.enabled || g.barrier == 0 || !g.flags.MaySwitch() {
		return 0
	}
	from := g.over.created
	if from == 0 {
		from = g.over.arrived
	}
	return from + g.over.timeout
}

// Ask tells that the sources were asked for a barrier. Where all producers have ended, and only the
// processing of what they sent is left, none will come: then it begins here.
func (g *Gate) Ask(barrier operator.Control) {
	if g.over.enabled && (g.over.timeout > 0 || barrier.Flags.Has(operator.Unaligned)) {
		g.over.asked = barrier
		g.beginAsked()
		g.check()
	}
}

func (g *Gate) beginAsked() {
	if g.over.asked.ID <= max(g.over.passed, g.dead, g.barrier) {
		return
	}
	open := false
	for _, c := range g.channels {
		open = open || !c.ended
		if !c.ended && !c.endSeen {
			return
		}
	}
	if open {
		g.begin(g.over.asked)
	}
}

// begin notes that a barrier is somewhere in the gate. It reports false for one of a checkpoint that
// was given up or has been told.
func (g *Gate) begin(barrier operator.Control) bool {
	id := barrier.ID
	if id <= max(g.dead, g.over.passed) || id < g.barrier {
		return false
	}
	if id > g.barrier {
		if g.barrier != 0 {
			g.Abort(g.barrier)
		}
		g.barrier, g.flags = id, 0
		g.over.created, g.over.arrived, g.over.arrivedAt = barrier.Created, g.clock(), g.bytesIn
	}
	g.flags |= barrier.Flags
	return true
}

// check tells the barrier once all channels that have not ended have reached it, except those on which
// it overtakes.
func (g *Gate) check() {
	if g.barrier == 0 {
		return
	}
	over, waiting := g.over.enabled && g.flags.Has(operator.Unaligned), false
	for _, c := range g.channels {
		if c.feedback || c.ended || c.seen == g.barrier {
			continue
		}
		if !over || !c.overtakes() {
			return
		}
		waiting = true
	}
	barrier := operator.Control{
		Kind: operator.Barrier, ID: g.barrier, Flags: g.flags, Created: g.over.created,
	}
	g.over.passed = g.barrier
	g.barrier = 0
	g.over.stats = g.measure()
	if !waiting {
		g.events = append(g.events, Event{Control: barrier})
		g.unblock(false)
		return
	}
	g.dropFlights() // of an older checkpoint
	g.over.due = barrier
	g.over.collecting = barrier.ID // an Abort before Overtake ends it
}

func (g *Gate) measure() (a Alignment) {
	now := g.clock()
	a.Duration, a.Bytes = now-g.over.arrived, g.bytesIn-g.over.arrivedAt
	if g.over.created > 0 {
		a.StartDelay = max(0, g.over.arrived-g.over.created)
	}
	return a
}

// Aligned tells how the barrier that was told last got through.
func (g *Gate) Aligned() Alignment { return g.over.stats }

// Overtake begins to collect what the barrier of a checkpoint has overtaken. It reports false when
// there is nothing to collect: all channels have reached it, or it was given up.
func (g *Gate) Overtake(checkpoint int64) bool {
	if g.over.collecting != checkpoint {
		return false
	}
	for _, c := range g.channels {
		c.flight = nil
		if c.feedback || c.ended {
			continue
		}
		c.flight = &Flight{InFlight: operator.InFlight{
			Input: c.input, From: c.origin.From, Producer: c.origin.Producer,
			Watermark: c.watermark, Idle: c.idle, Combined: g.watermark,
		}, edge: c.origin.Edge}
		if c.collecting = c.seen != checkpoint; c.collecting {
			g.over.missing++
		}
	}
	g.finishCurrent() // the chain has processed it; what waits for its room is wanted now
	g.over.restored = g.replay.copies(g.watermark)
	g.scan(g.ready[g.readyPos:])
	g.scan(g.taken[g.pos:])
	g.unblock(false)
	g.Collect(checkpoint)
	return true
}

// Collect looks at what has arrived since. It reports whether all channels have come to the barrier of
// a checkpoint that was begun by Overtake.
func (g *Gate) Collect(checkpoint int64) (complete bool) {
	if g.over.collecting != checkpoint {
		return false
	}
	if g.over.missing > 0 {
		g.mu.Lock()
		fresh := g.mu.queue
		g.mu.queue = nil
		g.mu.woken = false
		g.mu.Unlock()
		g.scan(fresh)
		g.taken = append(g.taken[g.pos:], fresh...)
		g.pos = 0
	}
	return g.over.missing == 0
}

// scan refers to the batches before the barrier.
func (g *Gate) scan(elements []element) {
	for i := range elements {
		e := &elements[i]
		c := g.channels[e.channel.index]
		switch {
		case !c.collecting || e.batch != nil && fault.Seeded(fault.SkipFlights):
		case e.batch != nil:
			c.flight.batches = append(c.flight.batches, e.batch.Ref())
			if p, ok := e.batch.(*packed); ok {
				p.grantEarly(e)
			}
		case e.control.Kind == operator.EndOfInput,
			e.control.Kind == operator.Barrier && e.control.ID >= g.over.collecting:
			// One of a later checkpoint comes where this one was given up on the way.
			c.collecting = false
			g.over.missing--
		}
	}
	if g.over.missing == 0 {
		a := g.measure()
		g.over.stats.Duration, g.over.stats.Bytes = a.Duration, a.Bytes
	}
}

// Flights are the channels with what was in flight, once Collect has reported true. They belong to the
// caller.
func (g *Gate) Flights() []*Flight {
	flights := g.over.restored
	g.over.restored = nil
	for _, c := range g.channels {
		if c.flight != nil {
			flights = append(flights, c.flight)
			c.flight = nil
		}
	}
	g.over.collecting = 0
	return flights
}

// dropFlights gives up what was collected.
func (g *Gate) dropFlights() {
	for _, f := range g.Flights() {
		f.Discard()
	}
	for _, c := range g.channels {
		c.collecting = false
	}
	g.over.missing = 0
}
