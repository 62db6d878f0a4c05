package worker

import (
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/internal/schedule"
)

// link leads from a coordinator to a subtask, in order. Its methods do not block; what is sent to a
// subtask that has ended is lost.
type link interface {
	deployment() int
	assign(splits []connect.Split)
	noMoreSplits()
	trigger(checkpoint int64, flags operator.Flags)
	command(c ops.LoopCommand)
}

// local is the link to a subtask in this process.
type local struct{ *Subtask }

func (l local) deployment() int { return l.Subtask.deployment.Number }

func (l local) assign(splits []connect.Split) {
	to := l.nodes[0].(assignee)
	l.Deliver(func() { to.Assign(splits) })
}

func (l local) noMoreSplits() { l.Deliver(l.nodes[0].(assignee).NoMoreSplits) }

func (l local) trigger(checkpoint int64, flags operator.Flags) { l.Trigger(checkpoint, flags) }

func (l local) command(c ops.LoopCommand) {
	head := l.nodes[0].(loopHead)
	l.Deliver(func() { head.Command(c) })
}

// remote is the link to a subtask in another process.
type remote struct {
	host   *Host
	worker int
	number int // of the deployment
	place  int
}

func (r remote) deployment() int { return r.number }

func (r remote) send(m *Mail) {
	m.Deployment, m.Place = r.number, r.place
	r.host.layout.Send(r.worker, m)
}

func (r remote) assign(splits []connect.Split) { r.send(&Mail{Assign: splits}) }
func (r remote) noMoreSplits()                 { r.send(&Mail{NoMoreSplits: true}) }
func (r remote) command(c ops.LoopCommand)     { r.send(&Mail{Command: &c}) }

func (r remote) trigger(checkpoint int64, flags operator.Flags) {
	r.send(&Mail{Trigger: checkpoint, Flags: flags})
}

// Mail is what a coordinator and a subtask, of which one is in another process, tell each other.
type Mail struct {
	// Deployment and Place are those of the subtask.
	Deployment, Place int

	// To the subtask:

	Assign       []connect.Split
	NoMoreSplits bool
	Trigger      int64 // a checkpoint
	Flags        operator.Flags
	Command      *ops.LoopCommand

	// To the coordinator:

	Request bool // for splits
	Report  *ops.LoopReport

	// Watermarks are those of subtasks whose sources are in alignment groups, for all workers.
	Watermarks []operator.Aligned
}

// Receive takes mail of another worker. What is for a deployment that is still to come is kept.
func (h *Host) Receive(m *Mail, from string) {
	for _, w := range m.Watermarks {
		if h.exists(w) {
			h.alignment.Set(w)
		}
	}
	if len(m.Watermarks) > 0 && h.layout != nil && h.coordinates() {
		h.layout.Broadcast(m, from)
	}
	if m.Deployment == 0 {
		return
	}
	var r *deployment
	if m.Place < len(h.regions) {
		r = h.deployments[h.regions[m.Place]]
	}
	switch {
	case r == nil || r.Number < m.Deployment:
		h.early[m.Deployment] = append(h.early[m.Deployment], m)
	case r.Number == m.Deployment:
		h.deliver(m)
	}
}

// exists reports whether the job has a subtask, as it runs now.
func (h *Host) exists(w operator.Aligned) bool {
	for _, n := range h.plan.Order {
		if n.UID == w.UID {
			return w.Subtask < n.Parallelism
		}
	}
	return false
}

// deliverEarly delivers what has come before a deployment that runs now.
func (h *Host) deliverEarly(n schedule.Deployment) {
	for _, m := range h.early[n.Number] {
		h.deliver(m)
	}
	for number, mail := range h.early {
		if place := mail[0].Place; number <= n.Number && (place >= len(h.regions) || h.regions[place] == n.Region) {
			delete(h.early, number)
		}
	}
}

// deliver hands mail on to a subtask, or to its coordinator.
func (h *Host) deliver(m *Mail) {
	p := h.all[m.Place]
	if m.Request || m.Report != nil {
		head := p.chain.Head()
		if c := h.coords[head.UID]; c != nil && m.Request {
			c.request(m.Deployment, p.index)
		}
		if l := h.loops[head.UID]; l != nil && m.Report != nil {
			l.receive(*m.Report)
		}
		return
	}
	s := h.subtask(m.Place)
	switch {
	case s == nil:
	case m.Assign != nil:
		local{s}.assign(m.Assign)
	case m.NoMoreSplits:
		local{s}.noMoreSplits()
	case m.Trigger != 0:
		s.Trigger(m.Trigger, m.Flags)
	case m.Command != nil:
		local{s}.command(*m.Command)
	}
}
