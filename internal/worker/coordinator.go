package worker

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// SourceFactory makes the enumerator of a source; graph.Node.Source holds one.
type SourceFactory interface {
	Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error)
}

// assignee is the part of a source operator that a coordinator talks to.
type assignee interface {
	Assign(splits []connect.Split)
	NoMoreSplits()
}

// coordinator runs the enumerator of one source. It survives the restart of its readers.
type coordinator struct {
	host       *Host
	generation int
	node       *graph.Node
	actor      actor.Actor
	ctx        context.Context
	cancel     context.CancelFunc

	// The rest belongs to the actor.
	enum    connect.Enumerator
	readers []*reader
	taken   int64 // the last snapshot
	dead    bool

	backlog atomic.Pointer[connect.Backlog] // of what is not assigned; nil while it is not told
}

// reader is a subtask of the source as its coordinator sees it.
type reader struct {
	link  link // nil while it is not running
	given []given
}

// given is a split that a reader was given after the snapshot number after.
type given struct {
	split connect.Split
	after int64
}

func newCoordinator(h *Host, generation int, n *graph.Node) *coordinator {
	c := &coordinator{host: h, generation: generation, node: n, actor: actor.Actor{Runner: h.runner}}
	c.ctx, c.cancel = context.WithCancel(h.ctx)
	for range n.Parallelism {
		c.readers = append(c.readers, &reader{})
	}
	return c
}

// makeCoordinators makes a new generation of coordinators.
func (h *Host) makeCoordinators(generation int) {
	h.generation = generation
	h.coords = map[string]*coordinator{}
	for _, n := range h.plan.Order {
		if n.Source != nil {
			h.coords[n.UID] = newCoordinator(h, generation, n)
		}
	}
}

func (h *Host) startCoordinators(from *checkpoint.Snapshot) {
	for c := range h.coordinators() {
		var state []byte
		if from != nil {
			if o := from.Operators[c.node.UID]; o != nil {
				state = o.Coordinator
			}
		}
		c.start(state, idOf(from))
	}
}

// coordinators iterates over the coordinators in the order of the plan, so that a simulation can be
// replayed.
func (h *Host) coordinators() func(yield func(*coordinator) bool) {
	return func(yield func(*coordinator) bool) {
		for _, n := range h.plan.Order {
			if c := h.coords[n.UID]; c != nil && !yield(c) {
				return
			}
		}
	}
}

// unassigned is what coordinators tell of splits that no reader has, by uid.
func (h *Host) unassigned() (all map[string]connect.Backlog) {
	for c := range h.coordinators() {
		if b := c.backlog.Load(); b != nil {
			if all == nil {
				all = map[string]connect.Backlog{}
			}
			all[c.node.UID] = *b
		}
	}
	return all
}

// StopCoordinators ends a generation of coordinators.
func (h *Host) StopCoordinators(generation int) {
	if h.generation != generation || len(h.coords) == 0 {
		h.listener.CoordinatorsClosed(generation)
		return
	}
	open := new(atomic.Int64)
	open.Store(int64(len(h.coords)))
	var all []*coordinator
	for c := range h.coordinators() {
		all = append(all, c)
	}
	h.coords = map[string]*coordinator{}
	for _, c := range all {
		c.stop(func() {
			if open.Add(-1) == 0 {
				h.listener.CoordinatorsClosed(generation)
			}
		})
	}
}

// do runs f on the coordinator's actor, unless the coordinator has ended.
func (c *coordinator) do(f func()) {
	c.actor.Post(func() {
		if c.dead {
			return
		}
		defer func() {
			if r := recover(); r != nil {
				c.Fail(fmt.Errorf("panic in the enumerator: %v\n%s", r, debug.Stack()))
			}
		}()
		f()
		if b, ok := c.enum.(connect.Backlogged); ok {
			left := b.Backlog()
			c.backlog.Store(&left)
		}
	})
}

// start makes the enumerator, from its state in the snapshot number from.
func (c *coordinator) start(state []byte, from int64) {
	c.do(func() {
		c.taken = from
		enum, err := c.node.Source.(SourceFactory).Enumerator(c, state)
		if err != nil {
			c.Fail(err)
			return
		}
		c.enum = enum
	})
}

// stop ends the coordinator and then calls done.
func (c *coordinator) stop(done func()) {
	c.cancel()
	c.actor.Post(func() {
		if !c.dead && c.enum != nil {
			if err := c.enum.Close(); err != nil {
				c.Fail(err)
			}
		}
		c.dead = true
		done()
	})
}

// attach tells that a reader runs from the snapshot number from. Splits that it was given since go
// back.
func (c *coordinator) attach(l link, subtask int, from int64) {
	c.do(func() {
		r := c.readers[subtask]
		var back []connect.Split
		for _, g := range r.given {
			if g.after >= from {
				back = append(back, g.split)
			}
		}
		*r = reader{link: l}
		if c.enum == nil {
			return // it has failed
		}
		if len(back) > 0 && !fault.Seeded(fault.LoseSplitsBack) {
			c.enum.Back(subtask, back)
		}
		c.attached(subtask)
	})
}

// attached tells an enumerator that wants to know it that a reader runs.
func (c *coordinator) attached(subtask int) {
	if a, ok := c.enum.(connect.Attacher); ok && c.readers[subtask].link != nil {
		a.Attached(subtask)
	}
}

// detach tells that a reader has failed.
func (c *coordinator) detach(deployment, subtask int) {
	c.do(func() {
		if r := c.readers[subtask]; r.link != nil && r.link.deployment() == deployment {
			r.link = nil
		}
	})
}

// request takes the request of a reader for splits.
func (c *coordinator) request(deployment, subtask int) {
	c.do(func() {
		if r := c.readers[subtask]; c.enum != nil && r.link != nil && r.link.deployment() == deployment {
			c.enum.Request(subtask)
		}
	})
}

// snapshot takes the enumerator's state and sends the barriers, with no assignment in between.
func (c *coordinator) snapshot(id int64, flags operator.Flags) {
	c.do(func() {
		if c.enum == nil {
			return // it has failed
		}
		if fault.Seeded(fault.BarrierFirst) {
			c.sendBarriers(id, flags)
			c.do(func() {
				state, err := c.enum.Snapshot()
				c.snapshotted(id, state, err)
			})
			return
		}
		state, err := c.enum.Snapshot()
		c.taken = id
		c.sendBarriers(id, flags)
		c.snapshotted(id, state, err)
	})
}

func (c *coordinator) snapshotted(id int64, state []byte, err error) {
	if err != nil {
		c.host.listener.Declined(id, err)
		return
	}
	c.host.listener.CoordinatorDelivered(id, describe(c.node), state)
}

func (c *coordinator) sendBarriers(id int64, flags operator.Flags) {
	for _, r := range c.readers {
		if r.link != nil {
			r.link.trigger(id, flags)
		}
	}
}

// completed forgets what only older snapshots would give back.
func (c *coordinator) completed(id int64) {
	c.do(func() {
		for _, r := range c.readers {
			kept := r.given[:0]
			for _, g := range r.given {
				if g.after >= id {
					kept = append(kept, g)
				}
			}
			r.given = kept
		}
	})
}

// Context is done when the coordinator ends.
func (c *coordinator) Context() context.Context { return c.ctx }

// Parallelism is the number of readers.
func (c *coordinator) Parallelism() int { return len(c.readers) }

// Assign gives splits to a reader.
func (c *coordinator) Assign(subtask int, splits ...connect.Split) {
	r := c.readers[subtask]
	if r.link == nil {
		c.do(func() {
			c.enum.Back(subtask, splits)
			c.attached(subtask)
		})
		return
	}
	for _, s := range splits {
		r.given = append(r.given, given{s, c.taken})
	}
	r.link.assign(splits)
}

// NoMoreSplits tells a reader that it will get no more.
func (c *coordinator) NoMoreSplits(subtask int) {
	if r := c.readers[subtask]; r.link != nil {
		r.link.noMoreSplits()
	}
}

// Go runs work, and then done on the coordinator's actor.
func (c *coordinator) Go(work func(ctx context.Context) error, done func(error)) {
	c.host.runner.Go(actor.Enumerate, func() {
		err := work(c.ctx)
		c.do(func() { done(err) })
	})
}

// After runs f on the coordinator's actor once d has passed.
func (c *coordinator) After(d time.Duration, f func()) {
	c.host.opts.Clock.AfterFunc(d, func() { c.do(f) })
}

// Fail fails the job.
func (c *coordinator) Fail(err error) {
	c.host.listener.CoordinatorFailed(c.generation, fmt.Errorf("source %q: %w", c.node.Name, err))
}
