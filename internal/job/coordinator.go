package job

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/graph"
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

// coordinator runs the enumerator of one source on a goroutine of its own.
type coordinator struct {
	job      *Job
	node     *graph.Node
	state    []byte
	subtasks []*Subtask
	readers  []assignee
	enum     connect.Enumerator
	work     sync.WaitGroup // of Go
	wake     chan struct{}

	mu struct {
		sync.Mutex
		mail    []func()
		stopped bool
	}
}

func newCoordinator(j *Job, n *graph.Node) *coordinator {
	return &coordinator{job: j, node: n, wake: make(chan struct{}, 1)}
}

func (c *coordinator) start(wg *sync.WaitGroup) { wg.Go(c.run) }

// mail runs f on the coordinator's goroutine, soon.
func (c *coordinator) mail(f func()) {
	c.mu.Lock()
	c.mu.mail = append(c.mu.mail, f)
	c.mu.Unlock()
	c.notify()
}

func (c *coordinator) notify() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *coordinator) stop() {
	c.mu.Lock()
	c.mu.stopped = true
	c.mu.Unlock()
	c.notify()
}

func (c *coordinator) run() {
	defer c.work.Wait()
	defer func() {
		if r := recover(); r != nil {
			c.Fail(fmt.Errorf("panic in the enumerator: %v\n%s", r, debug.Stack()))
		}
	}()
	var err error
	c.enum, err = c.node.Source.(SourceFactory).Enumerator(c, c.state)
	if err != nil {
		c.Fail(err)
		return
	}
	defer c.close()
	stop := context.AfterFunc(c.job.ctx, c.stop)
	defer stop()
	for {
		c.mu.Lock()
		mail, stopped := c.mu.mail, c.mu.stopped
		c.mu.mail = nil
		c.mu.Unlock()
		if stopped {
			return
		}
		for _, f := range mail {
			f()
		}
		if len(mail) == 0 {
			<-c.wake
		}
	}
}

func (c *coordinator) close() {
	if err := c.enum.Close(); err != nil {
		c.Fail(err)
	}
}

// receive takes a message of one of the source's subtasks.
func (c *coordinator) receive(msg any) {
	if r, ok := msg.(ops.SourceRequest); ok {
		c.mail(func() { c.enum.Request(r.Subtask) })
	}
}

// snapshot takes the enumerator's state and sends the barriers, with no assignment in between.
func (c *coordinator) snapshot(id int64) {
	c.mail(func() {
		state, err := c.enum.Snapshot()
		for _, s := range c.subtasks {
			s.Trigger(id, c.job.barrierFlags())
		}
		c.job.ackCoordinator(c, id, state, err)
	})
}

// Context is done when the job ends.
func (c *coordinator) Context() context.Context { return c.job.ctx }

// Parallelism is the number of readers.
func (c *coordinator) Parallelism() int { return len(c.readers) }

// Assign gives splits to a reader.
func (c *coordinator) Assign(subtask int, splits ...connect.Split) {
	c.subtasks[subtask].Deliver(func() { c.readers[subtask].Assign(splits) })
}

// NoMoreSplits tells a reader that it will get no more.
func (c *coordinator) NoMoreSplits(subtask int) {
	c.subtasks[subtask].Deliver(c.readers[subtask].NoMoreSplits)
}

// Go runs work on a goroutine and then done on the coordinator's.
func (c *coordinator) Go(work func(ctx context.Context) error, done func(error)) {
	c.work.Go(func() {
		err := work(c.job.ctx)
		c.mail(func() { done(err) })
	})
}

// After runs f on the coordinator's goroutine once d has passed.
func (c *coordinator) After(d time.Duration, f func()) {
	c.job.opts.Clock.AfterFunc(d, func() { c.mail(f) })
}

// Fail fails the job.
func (c *coordinator) Fail(err error) {
	c.job.fail(Failing, fmt.Errorf("source %q: %w", c.node.Name, err))
}
