package worker

import (
	"fmt"
	"runtime"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// mayOvertake lets unaligned barriers overtake in a channel from a producing subtask of e. Over edges
// between neighbours a subtask's records go where its other records go, in order: dealt out to other
// subtasks, as after a change of the parallelism, what is in flight would lose its place. What is
// broadcast must reach all subtasks at the same point of their checkpoint, and so must what an aligned edge carries. Within a loop a barrier that
// overtook would come back to a head that has not sent its own yet.
func (b *builder) mayOvertake(ch *exchange.Channel, e *graph.Edge, from int) {
	edge, ok := e.Type.(exchange.EdgeType)
	if !ok || e.Aligned || b.batch(e.To) || e.From.InLoop != 0 && e.To.InLoop != 0 {
		return
	}
	switch e.Strategy {
	case graph.Keyed, graph.Rebalance, graph.Shuffle, graph.Global, graph.Custom:
		ch.MayOvertake(exchange.Origin{From: e.From.UID, Producer: from, Edge: edge})
	}
}

// restoreFlights returns the function by which a subtask takes what was in flight in the snapshot: its
// gate does, and the task for operators that had an exchange before them and are chained now.
func (b *builder) restoreFlights(c *graph.Chain, subtask int, made map[*graph.Node]operator.Node,
) func() ([]func(), error) {
	from := b.from
	if from == nil {
		return nil
	}
	return func() (pushes []func(), err error) {
		for i := len(c.Nodes) - 1; i >= 0; i-- {
			n := c.Nodes[i]
			o := from.Operators[n.UID]
			if o == nil || len(n.In) == 0 {
				continue
			}
			r, err := flightsOf(o.Subtasks, n, subtask)
			if err != nil {
				return nil, fmt.Errorf("restore what was on the way to %q (uid %s) %w", n.Name, n.UID, err)
			}
			if i == 0 {
				b.gates[c][subtask].Restore(r)
				continue
			}
			for _, f := range r.Flights {
				more, err := pushesOf(f, n, made[n])
				if err != nil {
					return nil, err
				}
				pushes = append(pushes, more...)
			}
		}
		return pushes, nil
	}
}

// pushesOf pushes the batches of f into an operator within a chain, one with each call.
func pushesOf(f *exchange.Flight, n *graph.Node, made operator.Node) (pushes []func(), err error) {
	if f.Empty() {
		return nil, nil
	}
	edge := edgeOf(n, &f.InFlight).Type.(exchange.EdgeType)
	push, _, err := edge.Inlet(made.Receiver(f.Input))
	if err != nil {
		return nil, err
	}
	for _, b := range f.Take() {
		*b.MarkList() = (*b.MarkList())[:0]
		pushes = append(pushes, func() { push(b) })
	}
	return pushes, nil
}

// flightsOf picks what was in flight to the old subtasks of an operator for one of the new ones. With
// the same parallelism it is what its predecessor had. Else rows of edges that have a rule for single
// rows go where the rule says; the others are dealt out channel by channel, so that those of one
// channel keep their order.
func flightsOf(old []*operator.State, head *graph.Node, subtask int) (exchange.Restored, error) {
	same := len(old) == head.Parallelism
	r := exchange.Restored{Marks: same, Watermark: startingWatermark(old, same, subtask)}
	dealt := 0
	for i, s := range old {
		if s == nil || same && i != subtask {
			continue
		}
		for k := range s.InFlight {
			f := &s.InFlight[k]
			e := edgeOf(head, f)
			switch {
			case same:
			case f.Data == nil:
				continue
			case e != nil && e.Strategy == graph.Keyed:
				if !sharesGroups(head, len(old), i, subtask) {
					continue
				}
			case e != nil && e.Strategy == graph.Custom:
			case e != nil && e.Strategy == graph.Global:
				if subtask != 0 {
					continue
				}
			default:
				if dealt++; (dealt-1)%head.Parallelism != subtask {
					continue
				}
			}
			flight, err := restoreFlight(f, e, head, same, subtask)
			if err != nil {
				from := f.From
				if e != nil {
					from = e.From.Name
				}
				return r, fmt.Errorf("from %q: %w", from, err)
			}
			r.Flights = append(r.Flights, flight)
		}
	}
	return r, nil
}

func restoreFlight(f *operator.InFlight, e *graph.Edge, head *graph.Node, same bool, subtask int,
) (*exchange.Flight, error) {
	if e == nil {
		if f.Data != nil {
			return nil, fmt.Errorf("it has no input %d any more", f.Input)
		}
		return exchange.NewFlight(f, nil, nil)
	}
	edge := e.Type.(exchange.EdgeType)
	share := exchange.Share{
		Strategy: e.Strategy, MaxParallelism: head.MaxParallelism,
		Parallelism: head.Parallelism, Subtask: subtask,
	}
	return exchange.NewFlight(f, edge, func(b batch.Any) batch.Any {
		if same {
			return b
		}
		*b.MarkList() = (*b.MarkList())[:0]
		if edge.Keep(b, share); b.Len() > 0 {
			return b
		}
		b.Release()
		return nil
	})
}

// edgeOf is the edge on which f was in flight, or another one to the same input.
func edgeOf(head *graph.Node, f *operator.InFlight) (edge *graph.Edge) {
	for _, e := range head.In {
		if e.Input != f.Input {
			continue
		}
		if e.From.UID == f.From {
			return e
		}
		if edge == nil {
			edge = e
		}
	}
	return edge
}

// sharesGroups reports whether an old subtask had key groups of a new one.
func sharesGroups(n *graph.Node, old, oldSubtask, subtask int) bool {
	a, b := operator.KeyGroupRange(n.MaxParallelism, old, oldSubtask)
	first, last := operator.KeyGroupRange(n.MaxParallelism, n.Parallelism, subtask)
	return a <= last && first <= b
}

// startingWatermark is the watermark that the old subtasks had all reached, the smallest where that
// is not known: after an aligned snapshot it comes from the sources.
func startingWatermark(old []*operator.State, same bool, subtask int) int64 {
	low := int64(batch.MaxTime)
	for i, s := range old {
		if same && i != subtask {
			continue
		}
		switch {
		case s != nil && len(s.InFlight) > 0:
			low = min(low, s.InFlight[0].Combined)
		case s == nil || !s.Finished:
			return batch.MinTime
		}
	}
	if low == batch.MaxTime {
		return batch.MinTime
	}
	return low
}

// stallHook is the task.Config.Stall of a subtask.
func (h *Host) stallHook(s *Subtask) func() bool {
	if h.opts.StallBatches <= 0 || h.opts.SnapshotAtBatch <= 0 {
		return nil
	}
	if s.Chain.Head().Source != nil {
		h.reading.Add(1)
	}
	// Any number that differs from task to task and from snapshot to snapshot.
	mixed := uint64(s.Chain.ID*131+s.Index*31) + uint64(h.opts.SnapshotAtBatch)*0x9e3779b97f4a7c15
	from := h.opts.SnapshotAtBatch - int64(mixed>>33)%h.opts.StallBatches
	return func() bool { return h.reading.Load() > 0 && h.opts.CountBatches.Load() >= from }
}

// unstall lets the tasks go on when all sources have ended before the snapshot.
func (h *Host) unstall(ended *Subtask) {
	if h.reading.Load() == 0 || ended.Chain.Head().Source == nil {
		return
	}
	if h.reading.Add(-1) == 0 {
		for _, s := range h.Subtasks() {
			if s != nil {
				s.Wake()
			}
		}
	}
}

// hold tells a source that it reads nothing more: a snapshot was wanted at the last batch, and whoever
// wanted it is to cancel the job.
func (h *Host) hold() bool {
	if h.opts.StallBatches > 0 {
		runtime.Gosched() // lets the others keep pace until they stall
	}
	return h.holding.Load()
}

// countBatch counts the sources' batches and asks for the snapshot that is wanted at one of them.
func (h *Host) countBatch() {
	if h.opts.CountBatches.Add(1) == h.opts.SnapshotAtBatch {
		h.holding.Store(true)
		h.opts.AtBatch()
	}
}
