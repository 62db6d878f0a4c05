package worker

import (
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/internal/wire"
)

// Layout says which processes the subtasks of a job run in, where they are more than one.
type Layout struct {
	// Self is this worker's number.
	Self int
	// Places has the worker of each subtask, by its place; -1 for those that are not part of what is being
	// deployed.
	Places []int32
	// Coordinator is the worker that has the coordinators.
	Coordinator int
	// Results has where the results are that is read of earlier stages, by the place of who has made them.
	Results map[int]Stored
	// Conn is the connection to another worker. It must be there.
	Conn func(worker int) *wire.Conn
	// Send sends mail to another worker. It does not block.
	Send func(worker int, m *Mail)
	// Broadcast sends mail to all workers that there is a connection with, but one; "" leaves out none.
	Broadcast func(m *Mail, except string)
}

// Lay sets the layout of what is deployed next.
func (h *Host) Lay(l *Layout) {
	h.layout = l
	h.latest.Store(l)
}

// tellAligned tells the other workers of the watermark of a source here, by way of the one that has the
// coordinators: that is connected with all that have sources.
func (h *Host) tellAligned(w operator.Aligned) {
	l := h.latest.Load()
	m := &Mail{Watermarks: []operator.Aligned{w}}
	switch {
	case l == nil:
	case l.Coordinator == l.Self:
		l.Broadcast(m, "")
	default:
		l.Send(l.Coordinator, m)
	}
}

// workerOf is the worker of a subtask, and whether it is this one.
func (h *Host) workerOf(place int) (worker int, here bool) {
	if h.layout == nil {
		return 0, true
	}
	w := int(h.layout.Places[place])
	return w, w == h.layout.Self
}

// coordinates reports whether the coordinators are in this process.
func (h *Host) coordinates() bool {
	return h.layout == nil || h.layout.Coordinator == h.layout.Self
}

// channels numbers the channels between processes.
func (h *Host) channels() (*graph.Channels, error) {
	if h.numbers == nil {
		numbers, err := graph.NumberChannels(h.plan)
		if err != nil {
			return nil, err
		}
		h.numbers = numbers
	}
	return h.numbers, nil
}

// linkTo is the link to a subtask of a deployment that was built.
func (h *Host) linkTo(number, place int) link {
	w, here := h.workerOf(place)
	if here {
		return local{h.subtask(place)}
	}
	return remote{h, w, number, place}
}

// toCoordinator is how a subtask talks to its coordinator; nil if it has none.
func (h *Host) toCoordinator(s *Subtask, n *graph.Node) func(msg any) {
	if n.Source == nil && n.Loop == nil {
		return nil
	}
	number, place, layout := s.deployment.Number, s.place, h.layout
	if !h.coordinates() {
		return func(msg any) {
			m := &Mail{Deployment: number, Place: place}
			switch msg := msg.(type) {
			case ops.SourceRequest:
				m.Request = true
			case ops.LoopReport:
				m.Report = &msg
			}
			layout.Send(layout.Coordinator, m)
		}
	}
	if n.Source != nil {
		c := h.coords[n.UID]
		return func(any) { c.request(number, s.Index) }
	}
	l := h.loops[n.UID]
	return func(msg any) {
		if r, ok := msg.(ops.LoopReport); ok {
			l.receive(r)
		}
	}
}
