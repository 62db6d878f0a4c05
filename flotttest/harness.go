package flotttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/stream"
)

// Harness drives one operator, whose inputs are Inputs. It belongs to one goroutine.
type Harness[O any] struct {
	// Out is the operator's main output.
	Out *Probe[O]

	core
	build func(env *stream.Env) *stream.Stream[O]
}

// core is the part of a Harness that does not depend on types.
type core struct {
	t        testing.TB
	cfg      config
	clock    *clock.Manual
	subtasks []*subtask
	inputs   []input
	cold     func() operator.Cold
	failure  error
}

// subtask is one instance of the operator.
type subtask struct {
	node   operator.Node
	ctx    *operator.Context
	wakeUp []int64 // processing times that were asked for
}

type config struct {
	parallelism int
	rows        int
	slow        bool
	start       time.Time
	options     []stream.Option
}

// Option is a setting of a Harness.
type Option func(*config)

// Parallelism is the number of subtasks. The default is 1.
func Parallelism(n int) Option { return func(c *config) { c.parallelism = n } }

// BatchRows is how many rows an Input gathers before it pushes them. The default is 1. Harness
// methods push what is gathered, except Watermark, whose watermark takes its place between rows.
func BatchRows(n int) Option { return func(c *config) { c.rows = max(n, 1) } }

// Slow makes the consumers refuse to go on after every batch that the operator emits, until it is
// resumed.
func Slow() Option { return func(c *config) { c.slow = true } }

// StartAt is where the clock starts. The default is the Unix epoch.
func StartAt(t time.Time) Option { return func(c *config) { c.start = t } }

// OnDisk keeps the operator's state on disk, with nothing in memory between batches.
func OnDisk() Option { return With(stream.StateBackend("pebble"), stream.StateMemory(1)) }

// With passes options on to the environment.
func With(options ...stream.Option) Option {
	return func(c *config) { c.options = append(c.options, options...) }
}

// New opens the operator that build adds last: its result must be the operator's output, and the
// operator's inputs must be streams of Inputs.
func New[O any](t testing.TB, build func(env *stream.Env) *stream.Stream[O],
	options ...Option,
) *Harness[O] {
	t.Helper()
	h := &Harness[O]{Out: NewProbe[O](), build: build}
	h.t = t
	h.cfg = config{parallelism: 1, rows: 1, start: time.Unix(0, 0)}
	for _, o := range options {
		o(&h.cfg)
	}
	h.clock = clock.NewManual(h.cfg.start)
	h.open(nil)
	t.Cleanup(func() {
		for _, s := range h.subtasks {
			if err := s.ctx.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return h
}

// open makes the operator's subtasks.
func (h *Harness[O]) open(from *Snapshot) {
	h.t.Helper()
	env := stream.NewEnv(append([]stream.Option{stream.Parallelism(h.cfg.parallelism)},
		h.cfg.options...)...)
	out := h.build(env)
	h.Out.Read(out)
	plan, _, err := env.Plan()
	if err != nil {
		h.t.Fatal(err)
	}
	h.cold = lsm.Opener(plan.State.Name, plan.State.Bytes, "")
	node := operatorOf(plan, h.Out)
	h.subtasks, h.inputs = nil, nil
	for i := range h.cfg.parallelism {
		s := &subtask{node: node.New()}
		s.ctx = h.context(node, s, i)
		if from != nil {
			s.ctx.Restored = operator.Redistribute(from.states, node.MaxParallelism,
				node.Parallelism, i)
		}
		h.subtasks = append(h.subtasks, s)
		for _, e := range node.Out {
			if err := s.node.Connect(e.Tag, probes.of(e.To).receiver(&h.core)); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	for _, e := range node.In {
		h.inputs = append(h.inputs, attach(&h.core, e))
	}
	for _, s := range h.subtasks {
		if h.try(func() { err = s.node.Open(s.ctx) }); err != nil {
			h.t.Fatal(err)
		}
	}
}

// operatorOf is the node that out reads.
func operatorOf(plan *graph.Plan, out anyProbe) *graph.Node {
	for _, n := range plan.Nodes {
		if probes.of(n) == out {
			return n.In[0].From
		}
	}
	panic("flotttest: no operator")
}

func (c *core) context(n *graph.Node, s *subtask, index int) *operator.Context {
	return &operator.Context{
		Job: "test", Operator: n.Name, UID: n.UID, Subtask: index, Parallelism: n.Parallelism,
		MaxParallelism: n.MaxParallelism, Attempt: 1, Metrics: &metric.Group{}, Clock: c.clock,
		Cancelled: context.Background(),
		Cold:      c.cold,
		Mail:      func(f func()) { f() },
		WakeAt: func(millis int64) {
			if i, ok := slices.BinarySearch(s.wakeUp, millis); !ok {
				s.wakeUp = slices.Insert(s.wakeUp, i, millis)
			}
		},
		Send: func(operator.Control) {},
	}
}

// try runs f and notes a failure of the operator. After one nothing is done any more.
func (c *core) try(f func()) {
	if c.failure != nil {
		return
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *operator.Error:
			c.failure = r
		default:
			panic(r)
		}
	}()
	f()
}

// Err is the error that the operator failed with, nil when it has not.
func (c *core) Err() error { return c.failure }

// settle resumes a subtask until nothing is pending.
func (s *subtask) settle(done bool) {
	for !done {
		done = s.node.Resume()
	}
}

// Watermark advances the watermark of all inputs to t, in milliseconds.
func (c *core) Watermark(t int64) {
	for i, in := range c.inputs {
		if i > 0 {
			in.flush()
		}
	}
	if len(c.inputs) > 0 {
		c.inputs[0].mark(t)
	}
}

// WatermarkOf advances the watermark of one subtask, as where the others have not got it yet.
func (c *core) WatermarkOf(subtask int, t int64) {
	c.Flush()
	c.inputs[0].markOf(subtask, t)
}

// EndOfKey ends the key in all subtasks, as batch mode does.
func (c *core) EndOfKey() { c.control(operator.Control{Kind: operator.EndOfKey}) }

func (c *core) control(k operator.Control) {
	c.Flush()
	for _, s := range c.subtasks {
		c.try(func() {
			s.node.Control(k)
			s.settle(s.node.Resume())
		})
	}
}

// Flush pushes the rows that the inputs have gathered.
func (c *core) Flush() {
	for _, in := range c.inputs {
		in.flush()
	}
	for _, s := range c.subtasks {
		c.try(s.ctx.RunBetween)
	}
}

// Now is the time of the clock, in milliseconds.
func (c *core) Now() int64 { return c.clock.Now().UnixMilli() }

// AdvanceTo moves the clock to t, in milliseconds, and stops on the way at the times that the
// operator asked for.
func (c *core) AdvanceTo(t int64) {
	c.Flush()
	for {
		next := t
		for _, s := range c.subtasks {
			if len(s.wakeUp) > 0 {
				next = min(next, s.wakeUp[0])
			}
		}
		if d := next - c.Now(); d > 0 {
			c.clock.Advance(time.Duration(d) * time.Millisecond)
		}
		woken := false
		for _, s := range c.subtasks {
			woken = c.wake(s) || woken
		}
		if next == t && !woken {
			return
		}
	}
}

func (c *core) wake(s *subtask) bool {
	now := c.Now()
	n, _ := slices.BinarySearch(s.wakeUp, now+1)
	if n == 0 {
		return false
	}
	s.wakeUp = slices.Delete(s.wakeUp, 0, n)
	c.try(func() {
		for !s.node.(operator.TimeListener).ProcessingTime(now) {
			s.settle(false)
		}
		s.settle(s.node.Resume())
	})
	return true
}

// Counter is the sum of a counter over the subtasks, such as numLateRecordsDropped.
func (c *core) Counter(name string) int64 {
	c.Flush()
	sum := int64(0)
	for _, s := range c.subtasks {
		sum += s.ctx.Metrics.Counter(name).Value()
	}
	return sum
}

// Snapshot is the state of all subtasks.
type Snapshot struct{ states []*operator.State }

// Bytes is the size of the keyed state with the given name; all of it for "".
func (s *Snapshot) Bytes(name string) int {
	sum := 0
	for _, st := range s.states {
		for _, section := range st.Keyed {
			if name == "" || section.State == name {
				sum += int(section.Data.Size())
			}
		}
	}
	return sum
}

// Snapshot takes the operator's state.
func (c *core) Snapshot() *Snapshot {
	c.Flush()
	all := &Snapshot{}
	for _, s := range c.subtasks {
		snap := operator.Snapshot{Checkpoint: 1}
		if err := s.node.Snapshot(&snap); err != nil {
			c.t.Fatal(fmt.Errorf("snapshot: %w", err))
		}
		snap.Finish()
		all.states = append(all.states, &snap.State)
	}
	return all
}

// Restore replaces the operator by one that starts from s with the given parallelism. What was
// emitted before stays in the probes.
func (h *Harness[O]) Restore(s *Snapshot, parallelism int) {
	h.t.Helper()
	h.Flush()
	for _, sub := range h.subtasks {
		if err := errors.Join(sub.node.Close(), sub.ctx.Close()); err != nil {
			h.t.Fatal(err)
		}
	}
	h.cfg.parallelism = parallelism
	h.open(s)
}
