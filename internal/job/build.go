package job

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/metric"
)

// gateBytes is what all channels of a gate together may have in flight, in a wide exchange.
const (
	gateBytes       = 8 << 20
	channelBytesMin = 64 << 10
)

// builder makes the tasks of a region.
type builder struct {
	job    *Job
	region *region
	from   *checkpoint.Snapshot // to be restored, nil for a fresh start
	chain  map[*graph.Node]*graph.Chain
	// gates holds, for each chain, the gate of each subtask; nil for sources.
	gates map[*graph.Chain][]*exchange.Gate
	// blocking holds the gates of chains whose inputs are blocking, in batch mode.
	blocking map[*graph.Chain][]*exchange.BatchGate
	// channels holds, for each edge and producing subtask, the channels in order of the target.
	channels map[*graph.Edge][][]*exchange.Channel
	subtasks map[*graph.Chain][]*Subtask
}

// buildRegion makes the next attempt of a region's tasks.
func (j *Job) buildRegion(r *region, from *checkpoint.Snapshot) error {
	r.attempt++
	r.failure, r.more, r.waiting = nil, nil, false
	r.ctx, r.cancel = context.WithCancelCause(j.ctx)
	b := &builder{
		job: j, region: r, from: from, chain: map[*graph.Node]*graph.Chain{},
		gates:    map[*graph.Chain][]*exchange.Gate{},
		blocking: map[*graph.Chain][]*exchange.BatchGate{},
		channels: map[*graph.Edge][][]*exchange.Channel{},
		subtasks: map[*graph.Chain][]*Subtask{},
	}
	for _, c := range j.plan.Chains {
		for _, n := range c.Nodes {
			b.chain[n] = c
		}
		b.subtasks[c] = make([]*Subtask, c.Head().Parallelism)
	}
	for i, old := range r.tasks {
		s := &Subtask{Chain: old.Chain, Index: old.Index, job: j, region: r, place: old.place}
		r.tasks[i] = s
		b.subtasks[s.Chain][s.Index] = s
	}
	if err := b.build(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.tasks = slices.Clone(j.mu.tasks) // readers keep the old one
	for _, s := range r.tasks {
		j.mu.tasks[s.place] = s
	}
	return nil
}

func (b *builder) build() error {
	for _, c := range b.job.plan.Chains {
		b.makeGates(c)
	}
	for _, c := range b.job.plan.Chains {
		for _, e := range c.Head().In {
			b.makeChannels(e)
		}
	}
	for _, n := range b.job.plan.Order {
		if p, ok := n.Loop.(ops.LoopProtocol); ok && b.subtasks[b.chain[n]][0] != nil {
			b.job.m.loops[n.UID] = &loopCoordinator{core: ops.NewLoopCoordinator(p, n.Parallelism)}
		}
	}
	for _, s := range b.region.tasks {
		if err := b.makeTask(s); err != nil {
			return err
		}
	}
	for _, n := range b.job.plan.Order {
		l := b.job.m.loops[n.UID]
		if l == nil || b.subtasks[b.chain[n]][0] == nil {
			continue
		}
		for _, s := range b.subtasks[b.chain[n]] {
			l.subtasks = append(l.subtasks, s)
			l.heads = append(l.heads, s.nodes[0].(loopHead))
		}
	}
	return nil
}

func (b *builder) makeGates(c *graph.Chain) {
	head := c.Head()
	inputs := 0
	for _, e := range head.In {
		inputs = max(inputs, e.Input+1)
	}
	if inputs == 0 {
		b.gates[c] = make([]*exchange.Gate, head.Parallelism)
		return
	}
	for _, s := range b.subtasks[c] {
		if s == nil { // of another region
			if b.batch(head) {
				b.blocking[c] = append(b.blocking[c], nil)
			} else {
				b.gates[c] = append(b.gates[c], nil)
			}
			continue
		}
		wake := func() { s.Wake() }
		if b.batch(head) {
			b.blocking[c] = append(b.blocking[c], exchange.NewBatchGate(inputs, &b.job.spill, wake))
			continue
		}
		b.gates[c] = append(b.gates[c], exchange.NewGate(inputs, !b.job.opts.AtLeastOnce, wake))
	}
}

// batch reports whether a node runs in batch mode: loops are pipelined in any case.
func (b *builder) batch(n *graph.Node) bool { return b.job.opts.Batch && n.InLoop == 0 }

// gate is the input side of a subtask, nil for a source.
func (b *builder) gate(c *graph.Chain, subtask int) task.Gate {
	if g := b.blocking[c]; g != nil {
		return g[subtask]
	}
	if g := b.gates[c][subtask]; g != nil {
		return g
	}
	return nil
}

// makeChannel makes one channel of an edge to a subtask.
func (b *builder) makeChannel(e *graph.Edge, to int, limit int64) *exchange.Channel {
	c := b.chain[e.To]
	g := b.blocking[c]
	if g == nil {
		ch := b.gates[c][to].NewChannel(e.Input, limit, e.Strategy == graph.Feedback)
		if e.Strategy == graph.Feedback {
			ch.SpillBeyond(&b.job.spill, e.Type.(exchange.EdgeType))
		}
		return ch
	}
	edge := e.Type.(exchange.EdgeType)
	sorted := e.Strategy == graph.Keyed && e.To.KeySchema != "" && edge.Sorts()
	return g[to].NewChannel(e.Input, edge, sorted, e.Strategy == graph.Broadcast)
}

// makeChannels connects the producing subtasks of an edge with the gates of its target.
func (b *builder) makeChannels(e *graph.Edge) {
	producers, consumers := e.From.Parallelism, e.To.Parallelism
	width := 0
	for _, in := range e.To.In {
		width += in.From.Parallelism
	}
	limit := int64(min(exchange.DefaultChannelBytes, max(channelBytesMin, gateBytes/max(1, width))))
	all := make([][]*exchange.Channel, producers)
	for from := range producers {
		if b.subtasks[b.chain[e.From]][from] == nil {
			continue
		}
		first, last := targets(e.Strategy, from, producers, consumers)
		for to := first; to <= last; to++ {
			ch := b.makeChannel(e, to, limit)
			b.mayOvertake(ch, e, from)
			producer := b.subtasks[b.chain[e.From]][from]
			ch.SetProducer(func() { producer.Wake() })
			all[from] = append(all[from], ch)
		}
	}
	b.channels[e] = all
}

// targets is the range of consumers that a producer has channels to.
func targets(s graph.Strategy, from, producers, consumers int) (first, last int) {
	switch s {
	case graph.Forward, graph.Feedback:
		return from, from
	case graph.Rescale:
		if producers >= consumers {
			to := from * consumers / producers
			return to, to
		}
		first = (from*consumers + producers - 1) / producers
		return first, ((from+1)*consumers - 1) / producers
	default:
		return 0, consumers - 1
	}
}

// makeTask makes the nodes of one subtask of a chain, its writers and the task.
func (b *builder) makeTask(s *Subtask) error {
	made := map[*graph.Node]operator.Node{}
	for i, n := range s.Chain.Nodes {
		made[n] = n.New()
		ctx := b.context(s, n, i)
		s.add(made[n], n, ctx)
		if a, ok := made[n].(interface{ JoinAlignment(*operator.Context) }); ok {
			a.JoinAlignment(ctx)
		}
	}
	for i, n := range s.Chain.Nodes {
		for _, e := range n.Out {
			receiver, err := b.consumer(s, e, made, i)
			if err != nil {
				return err
			}
			if err := made[n].Connect(e.Tag, receiver); err != nil {
				return fmt.Errorf("connect %q to %q: %w", n.Name, e.To.Name, err)
			}
		}
	}
	inlets, err := b.inlets(s.Chain.Head(), made[s.Chain.Head()])
	if err != nil {
		return err
	}
	s.Task = task.New(task.Config{
		Name: s.Chain.Name(), Subtask: s.Index, Nodes: s.nodes, Contexts: s.contexts,
		Gate: b.gate(s.Chain, s.Index), Inlets: inlets, Clock: b.job.opts.Clock, Listener: s,
		AlignedTimeout: b.job.opts.AlignedTimeout, Stall: b.job.stallHook(s),
		Restore: b.restoreFlights(s.Chain, s.Index, made),
	})
	return nil
}

// consumer is the receiver at the end of an edge: an operator of the same chain, or a writer.
func (b *builder) consumer(s *Subtask, e *graph.Edge, made map[*graph.Node]operator.Node, from int,
) (any, error) {
	edge, ok := e.Type.(exchange.EdgeType)
	if !ok {
		return nil, fmt.Errorf("edge from %q to %q has no type", e.From.Name, e.To.Name)
	}
	if e.Chainable() {
		return edge.Consumer(made[e.To].Receiver(e.Input), &b.job.spill), nil
	}
	timeout := b.job.plan.BufferTimeout
	if e.From.BufferTimeout != nil {
		timeout = *e.From.BufferTimeout
	}
	if b.batch(e.To) {
		timeout = -1 // nobody waits for single records
	}
	w := edge.NewWriter(exchange.WriterConfig{
		Channels: b.channels[e][s.Index], MaxParallelism: e.To.MaxParallelism, Subtask: s.Index,
		Strategy: e.Strategy, Seed: seed(e.To.UID), TimeoutNanos: timeout.Nanoseconds(),
		Now: func() int64 { return s.Now() },
	})
	ctx := *s.contexts[from]
	s.add(w, nil, &ctx)
	return edge.Consumer(w.Receiver(0), &b.job.spill), nil
}

func seed(uid string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(uid))
	return h.Sum64()
}

func (b *builder) inlets(head *graph.Node, node operator.Node) ([]task.Inlet, error) {
	var inlets []task.Inlet
	for _, e := range head.In {
		for len(inlets) <= e.Input {
			inlets = append(inlets, task.Inlet{})
		}
		if inlets[e.Input].Push != nil {
			continue
		}
		edge, ok := e.Type.(exchange.EdgeType)
		if !ok {
			return nil, fmt.Errorf("edge from %q to %q has no type", e.From.Name, e.To.Name)
		}
		push, mark, err := edge.Inlet(node.Receiver(e.Input))
		if err != nil {
			return nil, fmt.Errorf("connect %q to %q: %w", e.From.Name, e.To.Name, err)
		}
		inlets[e.Input] = task.Inlet{Push: push, Mark: mark}
	}
	return inlets, nil
}

// cold is how operators get to the disk behind their state, nil for state in memory.
func (j *Job) cold() func() operator.Cold {
	if j.opts.Cold != nil {
		return j.opts.Cold
	}
	return lsm.Opener(j.plan.State.Name, j.plan.State.Bytes, j.opts.TempDir)
}

// context makes what the operator n of a subtask knows; position is its place in the chain.
func (b *builder) context(s *Subtask, n *graph.Node, position int) *operator.Context {
	j := b.job
	ctx := &operator.Context{
		Job: j.opts.Name, Operator: n.Name, UID: n.UID, Subtask: s.Index,
		Parallelism: n.Parallelism, MaxParallelism: n.MaxParallelism, Attempt: b.region.attempt,
		Batch: b.batch(n), Params: j.plan.Params, Metrics: &metric.Group{}, Clock: j.opts.Clock,
		Loop: n.InLoop, Cancelled: b.region.ctx, BatchRows: j.opts.BatchRows,
		Alignment: &j.alignment, AllowNonRestored: j.opts.AllowNonRestored,
		Temp: &j.spill.Dir, Cold: j.cold(), Native: j.opts.Checkpoints.Flags.Has(operator.Native),
		Mail: func(f func()) { s.Mail(f) },
		WakeAt: func(millis int64) {
			if millis < math.MaxInt64/int64(time.Millisecond) {
				s.WakeAt(position, millis*int64(time.Millisecond))
			}
		},
		WakeAtTime: func(t time.Time) { s.WakeAt(position, t.UnixNano()) },
		Send:       func(c operator.Control) { s.Send(position, c) },
	}
	if j.opts.Runner != nil {
		ctx.Go = func(work func()) { j.runner.Go(Call, work) }
	}
	if j.opts.CountBatches != nil {
		ctx.Hold, ctx.Read = j.hold, j.countBatch
	}
	if n.Source != nil {
		c := j.m.coords[n.UID]
		ctx.Coordinator = func(msg any) { c.receive(s, msg) }
	}
	if l := j.m.loops[n.UID]; l != nil {
		ctx.Coordinator = l.receive
	}
	if b.from != nil {
		if o := b.from.Operators[n.UID]; o != nil {
			ctx.Restored = restored(o, n, s.Index)
		}
	}
	return ctx
}

func restored(o *checkpoint.OperatorState, n *graph.Node, subtask int) *operator.State {
	s := operator.Redistribute(o.Subtasks, n.MaxParallelism, n.Parallelism, subtask)
	first, last := operator.KeyGroupRange(n.MaxParallelism, n.Parallelism, subtask)
	for _, t := range s.Trees {
		s.Keyed = append(s.Keyed, lsm.Sections(t, s.Described, first, last)...)
	}
	return s
}
