package job

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
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
	job    *Job
	node   *graph.Node
	actor  actor
	ctx    context.Context
	cancel context.CancelFunc

	// The rest belongs to the actor.
	enum    connect.Enumerator
	readers []*reader
	taken   int64 // the last snapshot
	dead    bool
}

// reader is a subtask of the source as its coordinator sees it.
type reader struct {
	subtask  *Subtask // nil while it is not running
	assignee assignee
	given    []given
}

// given is a split that a reader was given after the snapshot number after.
type given struct {
	split connect.Split
	after int64
}

func newCoordinator(j *Job, n *graph.Node) *coordinator {
	c := &coordinator{job: j, node: n, actor: actor{runner: j.runner}}
	c.ctx, c.cancel = context.WithCancel(j.ctx)
	for range n.Parallelism {
		c.readers = append(c.readers, &reader{})
	}
	return c
}

// do runs f on the coordinator's actor, unless the coordinator has ended.
func (c *coordinator) do(f func()) {
	c.actor.post(func() {
		if c.dead {
			return
		}
		defer func() {
			if r := recover(); r != nil {
				c.Fail(fmt.Errorf("panic in the enumerator: %v\n%s", r, debug.Stack()))
			}
		}()
		f()
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
	c.actor.post(func() {
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
func (c *coordinator) attach(s *Subtask, from int64) {
	c.do(func() {
		r := c.readers[s.Index]
		var back []connect.Split
		for _, g := range r.given {
			if g.after >= from {
				back = append(back, g.split)
			}
		}
		*r = reader{subtask: s, assignee: s.nodes[0].(assignee)}
		if len(back) > 0 && c.enum != nil && !fault.Seeded(fault.LoseSplitsBack) {
			c.enum.Back(s.Index, back)
		}
	})
}

// detach tells that a reader has failed.
func (c *coordinator) detach(s *Subtask) {
	c.do(func() {
		if r := c.readers[s.Index]; r.subtask == s {
			r.subtask = nil
		}
	})
}

// receive takes a message of one of the source's subtasks.
func (c *coordinator) receive(from *Subtask, msg any) {
	if r, ok := msg.(ops.SourceRequest); ok {
		c.do(func() {
			if c.enum != nil && c.readers[r.Subtask].subtask == from {
				c.enum.Request(r.Subtask)
			}
		})
	}
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
				c.job.coordinatorSnapshotted(c, id, state, err)
			})
			return
		}
		state, err := c.enum.Snapshot()
		c.taken = id
		c.sendBarriers(id, flags)
		c.job.coordinatorSnapshotted(c, id, state, err)
	})
}

func (c *coordinator) sendBarriers(id int64, flags operator.Flags) {
	for _, r := range c.readers {
		if r.subtask != nil {
			r.subtask.Trigger(id, flags)
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
	if r.subtask == nil {
		c.do(func() { c.enum.Back(subtask, splits) })
		return
	}
	for _, s := range splits {
		r.given = append(r.given, given{s, c.taken})
	}
	to := r.assignee
	r.subtask.Deliver(func() { to.Assign(splits) })
}

// NoMoreSplits tells a reader that it will get no more.
func (c *coordinator) NoMoreSplits(subtask int) {
	if r := c.readers[subtask]; r.subtask != nil {
		r.subtask.Deliver(r.assignee.NoMoreSplits)
	}
}

// Go runs work, and then done on the coordinator's actor.
func (c *coordinator) Go(work func(ctx context.Context) error, done func(error)) {
	c.job.runner.Go(Enumerate, func() {
		err := work(c.ctx)
		c.do(func() { done(err) })
	})
}

// After runs f on the coordinator's actor once d has passed.
func (c *coordinator) After(d time.Duration, f func()) {
	c.job.opts.Clock.AfterFunc(d, func() { c.do(f) })
}

// Fail fails the job.
func (c *coordinator) Fail(err error) {
	c.job.coordinatorFailed(c, fmt.Errorf("source %q: %w", c.node.Name, err))
}
