package exchange

import (
	"fmt"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// replay is what was in flight when the snapshot was taken that the job was restored from. It comes
// before anything that the producers send.
//
// The watermark of the subtask is that of the snapshot, from the start. Where the subtasks are the
// same, the old channels with their watermarks stand in for the new ones, so that the batches' marks
// are combined as they would have been; the new channels begin at the smallest watermark, since
// their producers may read other splits than the old ones.
type replay struct {
	channels []*channelState // stand-ins
	flights  []*Flight       // of the same index
	at       int
	left     int // flights with batches
}

// Restored is what a subtask gets of a snapshot's flights.
type Restored struct {
	Flights []*Flight
	// Marks says that the flights are all those of the subtask's predecessor.
	Marks bool
	// Watermark is the watermark to begin with.
	Watermark int64
}

// NewFlight decodes what was in flight, converting records of an older type. keep is applied to every batch and returns what is left of it,
// nil for nothing.
func NewFlight(f *operator.InFlight, edge EdgeType, keep func(batch.Any) batch.Any,
) (*Flight, error) {
	flight := &Flight{InFlight: *f, edge: edge}
	flight.Data, flight.Records = nil, 0
	if f.Data == nil {
		return flight, nil
	}
	read, err := edge.BatchReader(f.Type)
	if err != nil {
		return nil, fmt.Errorf("%w; a savepoint has no records in flight: take one with the program that took "+
			"this checkpoint, and restore from that", err)
	}
	data, err := f.Data.Load()
	for err == nil && len(data) > 0 {
		var b batch.Any
		if b, data, err = readFlight(read, data); err != nil {
			break
		}
		if b = keep(b); b != nil {
			flight.batches = append(flight.batches, b)
		}
	}
	if err != nil {
		flight.Discard()
		return nil, err
	}
	return flight, nil
}

// Restore makes the gate begin with what was in flight. It must be called before the first Poll.
func (g *Gate) Restore(r Restored) {
	if r.Watermark > g.watermark {
		g.watermark = r.Watermark
		g.events = append(g.events, Event{Control: operator.Control{Kind: Watermark, ID: r.Watermark}})
	}
	for _, f := range r.Flights {
		c := &channelState{
			Channel:   &Channel{input: f.Input, origin: Origin{f.From, f.Producer, f.edge}},
			watermark: batch.MinTime,
		}
		if r.Marks {
			c.watermark, c.idle = f.Watermark, f.Idle
		}
		g.replay.channels = append(g.replay.channels, c)
		g.replay.flights = append(g.replay.flights, f)
		if !f.Empty() {
			g.replay.left++
		}
	}
	if g.replay.left > 0 {
		g.marking = g.replay.channels
	}
}

// nextReplayed is the next restored batch.
func (g *Gate) nextReplayed() (Event, bool) {
	r := &g.replay
	for ; r.at < len(r.flights); r.at++ {
		f := r.flights[r.at]
		if len(f.batches) == 0 {
			continue
		}
		b := f.batches[0]
		f.batches[0] = nil
		f.batches = f.batches[1:]
		if f.Empty() {
			r.left--
		}
		c := r.channels[r.at]
		n := int64(b.Bytes())
		g.bytesIn += n
		g.batchesIn++
		if marks := b.MarkList(); len(*marks) > 0 {
			g.combine(c, marks)
		}
		return Event{Batch: b, Input: c.input}, true
	}
	g.marking, g.replay = g.channels, replay{}
	return Event{}, false
}

// copies are the flights as they stand now, with references of their own.
func (r *replay) copies(combined int64) (flights []*Flight) {
	for i, f := range r.flights {
		c := &Flight{InFlight: f.InFlight, edge: f.edge}
		c.Watermark, c.Combined = r.channels[i].watermark, combined
		for _, b := range f.batches {
			c.batches = append(c.batches, b.Ref())
		}
		flights = append(flights, c)
	}
	return flights
}

func (r *replay) discard() {
	for _, f := range r.flights {
		f.Discard()
	}
	*r = replay{}
}
