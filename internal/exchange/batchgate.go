package exchange

import (
	"bytes"
	"sync/atomic"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/result"
)

// BatchGate is the input side of a subtask in batch mode. It has nothing to give until the producers
// of all channels have ended; then it gives, one after the other,
//
//   - the inputs that are broadcast, each to its end,
//   - the other inputs that are not sorted,
//   - the sorted inputs, key by key: the rows of all of them in order of time, then EndOfKey,
//   - the last watermark and the ends.
type BatchGate struct {
	wake   func()
	spill  *Spill
	inputs []batchInput
	open   atomic.Int64 // channels that have not ended
	waits  atomic.Bool  // for what comes from another machine

	// The rest belongs to the consumer.
	phase   batchPhase
	input   int // at work in a phase
	events  []Event
	bytesIn int64
	done    bool
}

type batchInput struct {
	edge      EdgeType
	sorted    bool
	broadcast bool
	parts     []partitionReader
	sorter    Sorter
}

type batchPhase uint8

const (
	batchBroadcast batchPhase = iota
	batchPlain
	batchSort
	batchMerge
	batchEnd
)

// NewBatchGate returns a gate for inputs logical inputs. wake wakes the consumer's task.
func NewBatchGate(inputs int, disk *Spill, wake func()) *BatchGate {
	return &BatchGate{wake: wake, spill: disk, inputs: make([]batchInput, inputs)}
}

// NewChannel adds a channel to an input. sorted and broadcast hold for the whole input.
func (g *BatchGate) NewChannel(input int, edge EdgeType, sorted, broadcast bool) *Channel {
	in := &g.inputs[input]
	in.edge, in.sorted, in.broadcast = edge, sorted, broadcast
	p := edge.NewPartition(g.spill)
	in.parts = append(in.parts, p)
	g.open.Add(1)
	return &Channel{input: input, partition: p, ended: g.channelEnded}
}

// AddResult adds what a producer of an earlier stage has made for this consumer. sorted and broadcast hold
// for the whole input.
func (g *BatchGate) AddResult(input int, edge EdgeType, sorted, broadcast bool, from result.Source) {
	in := &g.inputs[input]
	in.edge, in.sorted, in.broadcast = edge, sorted, broadcast
	in.parts = append(in.parts, &resultReader{from: from, form: edge.pieces()})
}

// arrived is called on the goroutine of a connection.
func (g *BatchGate) arrived() {
	g.waits.Store(false)
	g.wake()
}

// channelEnded is called on a producer's goroutine.
func (g *BatchGate) channelEnded() {
	if g.open.Add(-1) == 0 {
		g.wake()
	}
}

// Poll returns the next event; an event without content is a pause in long work.
func (g *BatchGate) Poll() (Event, bool) {
	if len(g.events) > 0 {
		e := g.events[0]
		g.events = g.events[1:]
		return e, true
	}
	if g.Empty() {
		return Event{}, false
	}
	g.waits.Store(true) // before it looks: what comes meanwhile takes it back
	e, err := g.next()
	if err == result.ErrWait {
		return Event{}, false
	}
	g.waits.Store(false)
	if err != nil {
		panic(err)
	}
	return e, true
}

// Empty reports whether nothing is to be had now.
func (g *BatchGate) Empty() bool {
	return len(g.events) == 0 && (g.open.Load() > 0 || g.done || g.waits.Load())
}

func (g *BatchGate) next() (Event, error) {
	switch g.phase {
	case batchBroadcast, batchPlain:
		return g.readInput()
	case batchSort:
		return g.sortInput()
	case batchMerge:
		return g.nextOfKey()
	}
	g.done = true
	g.events = append(g.events, Event{Control: operator.Control{Kind: Watermark, ID: batch.MaxTime}})
	for i := range g.inputs {
		g.events = append(g.events, Event{
			Input: i, Control: operator.Control{Kind: operator.EndOfInput, Input: i},
		})
	}
	g.events = append(g.events, Event{Control: operator.Control{Kind: operator.EndOfInput, Input: -1}})
	return Event{}, nil
}

// readInput reads the next batch of the inputs of the phase.
func (g *BatchGate) readInput() (Event, error) {
	for ; g.input < len(g.inputs); g.input++ {
		in := &g.inputs[g.input]
		if in.sorted || in.broadcast != (g.phase == batchBroadcast) {
			continue
		}
		b, err := in.next(g.arrived)
		if b != nil || err != nil {
			return g.event(b, g.input), err
		}
	}
	g.input = 0
	g.phase++
	return Event{}, nil
}

// next reads the partitions one after the other. What comes from another machine is asked for while the one
// before it is read.
func (in *batchInput) next(arrived func()) (batch.Any, error) {
	for len(in.parts) > 0 {
		for _, p := range in.parts[:min(2, len(in.parts))] {
			if r, ok := p.(*resultReader); ok {
				r.from.Start(arrived)
			}
		}
		b, err := in.parts[0].Next()
		if b != nil || err != nil {
			return b, err
		}
		in.parts = in.parts[1:]
	}
	return nil, nil
}

func (g *BatchGate) event(b batch.Any, input int) Event {
	if b == nil {
		return Event{}
	}
	g.bytesIn += int64(b.Bytes())
	return Event{Batch: b, Input: input}
}

// sortInput gives the next batch to the sorter of its input.
func (g *BatchGate) sortInput() (Event, error) {
	for ; g.input < len(g.inputs); g.input++ {
		in := &g.inputs[g.input]
		if !in.sorted {
			continue
		}
		if in.sorter == nil {
			in.sorter = in.edge.NewSorter(g.spill)
		}
		b, err := in.next(g.arrived)
		if err != nil {
			return Event{}, err
		}
		if b != nil {
			return Event{}, in.sorter.Add(b)
		}
		if err := in.sorter.Sort(); err != nil {
			return Event{}, err
		}
	}
	g.phase++
	return Event{}, nil
}

// nextOfKey returns rows of the least key, in order of time: those of the first input up to the head
// of the next one.
func (g *BatchGate) nextOfKey() (Event, error) {
	first, second := -1, []byte(nil)
	for i := range g.inputs {
		in := &g.inputs[i]
		if in.sorter == nil || in.sorter.Head() == nil {
			continue
		}
		head := in.sorter.Head()
		switch {
		case first < 0:
			first = i
		case bytes.Compare(head, g.inputs[first].sorter.Head()) < 0:
			second, first = g.inputs[first].sorter.Head(), i
		case second == nil || bytes.Compare(head, second) < 0:
			second = head
		}
	}
	if first < 0 {
		g.phase++
		return Event{}, nil
	}
	s := g.inputs[first].sorter
	key := append([]byte(nil), s.Head()[:len(s.Head())-timeBytes]...)
	b, err := s.Next(second)
	if err != nil {
		return Event{}, err
	}
	if !g.more(key) {
		g.events = append(g.events, Event{Control: operator.Control{Kind: operator.EndOfKey}})
	}
	return g.event(b, first), nil
}

// more reports whether a sorted input has rows of a key.
func (g *BatchGate) more(key []byte) bool {
	for i := range g.inputs {
		s := g.inputs[i].sorter
		if s == nil {
			continue
		}
		if head := s.Head(); head != nil && bytes.Equal(head[:len(head)-timeBytes], key) {
			return true
		}
	}
	return false
}

// Watermark is the watermark: there is none before the end.
func (g *BatchGate) Watermark() int64 {
	if g.done {
		return batch.MaxTime
	}
	return batch.MinTime
}

// BytesIn is the number of bytes given so far.
func (g *BatchGate) BytesIn() int64 { return g.bytesIn }

// Abort does nothing: there are no barriers in batch mode.
func (g *BatchGate) Abort(int64) {}

// Discard releases what was not read. The files go with the Spill.
func (g *BatchGate) Discard() {
	if g.open.Load() > 0 {
		return // producers may be writing; the memory goes with the gate
	}
	for i := range g.inputs {
		for _, p := range g.inputs[i].parts {
			p.Close()
		}
		if s := g.inputs[i].sorter; s != nil {
			s.Close()
		}
	}
	g.done = true
}
