package worker

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/internal/logging"
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
	host   *Host
	region *deployment
	from   *checkpoint.Snapshot // to be restored, nil for a fresh start
	chain  map[*graph.Node]*graph.Chain
	// gates holds, for each chain, the gate of each subtask; nil for sources.
	gates map[*graph.Chain][]*exchange.Gate
	// blocking holds the gates of chains whose inputs are blocking, in batch mode.
	blocking map[*graph.Chain][]*exchange.BatchGate
	// channels holds, for each edge and producing subtask, the channels in order of the target.
	channels map[*graph.Edge][][]*exchange.Channel
	subtasks map[*graph.Chain][]*Subtask
	// members holds, for each chain and subtask of the region, its place; -1 for those of other regions.
	// They are subtasks, and those in other processes.
	members map[*graph.Chain][]int
	// remote are the channels from other processes.
	remote []remoteInput
	// dealing holds the writers by key of the subtask that is being made, by who reads them.
	dealing map[*graph.Node][]exchange.Companion
}

// remoteInput is a channel that another process fills.
type remoteInput struct {
	channel *exchange.Channel
	from    exchange.Remote
}

// newBuilder returns the builder of a deployment, with its subtasks.
func newBuilder(h *Host, r *deployment, from *checkpoint.Snapshot) *builder {
	b := &builder{
		host: h, region: r, from: from, chain: map[*graph.Node]*graph.Chain{},
		gates:    map[*graph.Chain][]*exchange.Gate{},
		blocking: map[*graph.Chain][]*exchange.BatchGate{},
		channels: map[*graph.Edge][][]*exchange.Channel{},
		subtasks: map[*graph.Chain][]*Subtask{}, members: map[*graph.Chain][]int{},
	}
	for _, c := range h.plan.Chains {
		for _, n := range c.Nodes {
			b.chain[n] = c
		}
		b.subtasks[c] = make([]*Subtask, c.Head().Parallelism)
		b.members[c] = slices.Repeat([]int{-1}, c.Head().Parallelism)
	}
	for _, place := range r.Tasks {
		p := h.all[place]
		b.members[p.chain][p.index] = place
		if _, here := h.workerOf(place); !here {
			continue
		}
		s := &Subtask{Chain: p.chain, Index: p.index, host: h, deployment: r, place: place}
		s.about = logging.Task{
			Job: h.opts.Job, JobID: h.opts.JobID, Vertex: p.chain.Name(), Subtask: p.index, Attempt: r.Attempt,
		}
		s.log = s.about.Logger(h.opts.Log)
		r.tasks = append(r.tasks, s)
		b.subtasks[s.Chain][s.Index] = s
	}
	return b
}

func (b *builder) build() error {
	for _, c := range b.host.plan.Chains {
		b.makeGates(c)
	}
	for _, c := range b.host.plan.Chains {
		for _, e := range c.Head().In {
			if err := b.makeChannels(e); err != nil {
				return err
			}
		}
	}
	for _, n := range b.host.plan.Order {
		if p, ok := n.Loop.(ops.LoopProtocol); ok && b.coordinates(n) {
			b.host.loops[n.UID] = &loopCoordinator{core: ops.NewLoopCoordinator(p, n.Parallelism)}
		}
	}
	for _, s := range b.region.tasks {
		if err := b.makeTask(s); err != nil {
			return err
		}
	}
	b.expectAligned()
	for _, r := range b.remote {
		if err := r.channel.ReceiveFrom(r.from); err != nil {
			return err
		}
	}
	return nil
}

// expectAligned has sources here wait for those of their alignment groups in other processes.
func (b *builder) expectAligned() {
	for _, place := range b.region.Tasks {
		p := b.host.all[place]
		n := p.chain.Head()
		if _, here := b.host.workerOf(place); here || n.Source == nil {
			continue
		}
		if a, ok := n.New().(interface{ JoinAlignment(*operator.Context) }); ok {
			var groups operator.AlignmentGroups
			a.JoinAlignment(&operator.Context{UID: n.UID, Subtask: p.index, Alignment: &groups})
			b.host.alignment.Expect(&groups)
		}
	}
}

// coordinates reports whether the coordinator of a loop's head in the region is in this process.
func (b *builder) coordinates(n *graph.Node) bool {
	return b.host.coordinates() && b.members[b.chain[n]][0] >= 0
}

// linkLoops tells the coordinators of loops in the region of their heads.
func (b *builder) linkLoops() {
	for _, n := range b.host.plan.Order {
		if n.Loop == nil || !b.coordinates(n) {
			continue
		}
		l := b.host.loops[n.UID]
		for _, place := range b.members[b.chain[n]] {
			l.heads = append(l.heads, b.host.linkTo(b.region.Number, place))
		}
	}
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
			if b.blocks(head) {
				b.blocking[c] = append(b.blocking[c], nil)
			} else {
				b.gates[c] = append(b.gates[c], nil)
			}
			continue
		}
		wake := func() { s.Wake() }
		if b.blocks(head) {
			b.blocking[c] = append(b.blocking[c], exchange.NewBatchGate(inputs, &b.host.spill, wake))
			continue
		}
		b.gates[c] = append(b.gates[c], exchange.NewGate(inputs, !b.host.opts.AtLeastOnce, wake))
	}
}

// batch reports whether a node runs in batch mode: loops are pipelined in any case.
func (b *builder) batch(n *graph.Node) bool { return b.host.opts.Batch && n.InLoop == 0 }

// blocks reports whether exchanges that lead to a node are blocking.
func (b *builder) blocks(n *graph.Node) bool { return b.batch(n) && !b.host.opts.Pipelined }

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
			ch.SpillBeyond(&b.host.spill, e.Type.(exchange.EdgeType))
		}
		return ch
	}
	edge := e.Type.(exchange.EdgeType)
	sorted := e.Strategy == graph.Keyed && e.To.KeySchema != "" && edge.Sorts()
	return g[to].NewChannel(e.Input, edge, sorted, e.Strategy == graph.Broadcast)
}

// makeChannels connects the producing subtasks of an edge with the gates of its target, as far as either
// is in this process.
func (b *builder) makeChannels(e *graph.Edge) error {
	from, to := b.chain[e.From], b.chain[e.To]
	producers, consumers := e.From.Parallelism, e.To.Parallelism
	if b.host.opts.Stages != nil && b.blocks(e.To) {
		return b.makeResults(e)
	}
	width := 0
	for _, in := range e.To.In {
		width += in.From.Parallelism
	}
	limit := int64(min(exchange.DefaultChannelBytes, max(channelBytesMin, gateBytes/max(1, width))))
	all := make([][]*exchange.Channel, producers)
	for p := range producers {
		if b.members[from][p] < 0 {
			continue
		}
		producer := b.subtasks[from][p]
		first, last := e.Strategy.Targets(p, producers, consumers)
		for c := first; c <= last; c++ {
			if producer != nil && b.subtasks[to][c] == nil {
				ch, err := b.outgoing(e, producer, c)
				if err != nil {
					return err
				}
				all[p] = append(all[p], ch)
				continue
			}
			if b.subtasks[to][c] == nil {
				continue
			}
			ch := b.makeChannel(e, c, limit)
			b.mayOvertake(ch, e, p)
			if producer == nil {
				if err := b.incoming(e, ch, p, c); err != nil {
					return err
				}
				continue
			}
			ch.SetProducer(func() { producer.Wake() })
			all[p] = append(all[p], ch)
		}
	}
	b.channels[e] = all
	return nil
}

// outgoing makes the channel from a subtask here to one in another process.
func (b *builder) outgoing(e *graph.Edge, producer *Subtask, to int) (*exchange.Channel, error) {
	r, err := b.remoteOf(e, producer.Index, to, b.members[b.chain[e.To]][to])
	if err != nil {
		return nil, err
	}
	r.Failed = producer.disconnected
	return exchange.NewRemoteChannel(r, producer.wake)
}

// incoming has a channel to a subtask here filled by one in another process.
func (b *builder) incoming(e *graph.Edge, ch *exchange.Channel, from, to int) error {
	r, err := b.remoteOf(e, from, to, b.members[b.chain[e.From]][from])
	if err != nil {
		return err
	}
	r.Failed = b.subtasks[b.chain[e.To]][to].disconnected
	b.remote = append(b.remote, remoteInput{ch, r})
	return nil
}

// remoteOf is the channel of an edge to or from the subtask at a place in another process.
func (b *builder) remoteOf(e *graph.Edge, from, to, place int) (exchange.Remote, error) {
	if err := exchange.CheckRemote(e, b.blocks(e.To)); err != nil {
		return exchange.Remote{}, err
	}
	numbers, err := b.host.channels()
	if err != nil {
		return exchange.Remote{}, err
	}
	w, _ := b.host.workerOf(place)
	return exchange.Remote{
		Conn: b.host.layout.Conn(w), Edge: e.Type.(exchange.EdgeType),
		ID: exchange.ChannelID(uint32(b.region.Number), numbers.Number(e, from, to)),
	}, nil
}

// makeTask makes the nodes of one subtask of a chain, its writers and the task.
func (b *builder) makeTask(s *Subtask) error {
	b.dealing = map[*graph.Node][]exchange.Companion{}
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
	s.setTask(task.New(task.Config{
		Name: s.Chain.Name(), Subtask: s.Index, Nodes: s.nodes, Contexts: s.contexts,
		Gate: b.gate(s.Chain, s.Index), Inlets: inlets, Clock: b.host.opts.Clock, Listener: s,
		AlignedTimeout: b.host.opts.AlignedTimeout, Stall: b.host.stallHook(s),
		Restore: b.restoreFlights(s.Chain, s.Index, made),
	}))
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
		return edge.Consumer(made[e.To].Receiver(e.Input), &b.host.spill), nil
	}
	timeout := b.host.plan.BufferTimeout
	if e.From.BufferTimeout != nil {
		timeout = *e.From.BufferTimeout
	}
	if b.blocks(e.To) {
		timeout = -1 // nobody waits for single records
	}
	w := edge.NewWriter(exchange.WriterConfig{
		Channels: b.channels[e][s.Index], MaxParallelism: e.To.MaxParallelism, Subtask: s.Index,
		Strategy: e.Strategy, Seed: seed(e.To.UID), TimeoutNanos: timeout.Nanoseconds(),
		Now: func() int64 { return s.Now() },
	})
	if o, ok := w.(interface{ HotKeys() *hotkey.Sketch }); ok && o.HotKeys() != nil {
		s.keyed = append(s.keyed, keyedOutput{b.chain[e.To].ID, o.HotKeys()})
	}
	if c, ok := w.(exchange.Companion); ok && e.Strategy == graph.Keyed && timeout >= 0 {
		for _, other := range b.dealing[e.To] {
			c.Accompany(other)
			other.Accompany(c)
		}
		b.dealing[e.To] = append(b.dealing[e.To], c)
	}
	ctx := *s.contexts[from]
	s.add(w, nil, &ctx)
	return edge.Consumer(w.Receiver(0), &b.host.spill), nil
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

// coldFor is cold for a node. One that takes the rows of one key at a time keeps them in memory.
func (b *builder) coldFor(n *graph.Node) func() operator.Cold {
	for _, e := range n.In {
		if edge, ok := e.Type.(exchange.EdgeType); ok && edge.Sorts() && b.batch(n) {
			return nil
		}
	}
	return b.host.cold()
}

// cold is how operators get to the disk behind their state, nil for state in memory.
func (h *Host) cold() func() operator.Cold {
	if h.opts.Cold != nil {
		return h.opts.Cold
	}
	return lsm.Opener(h.plan.State.Name, h.plan.State.Bytes, h.opts.TempDir)
}

// context makes what the operator n of a subtask knows; position is its place in the chain.
func (b *builder) context(s *Subtask, n *graph.Node, position int) *operator.Context {
	h := b.host
	ctx := &operator.Context{
		Job: h.opts.Job, Operator: n.Name, UID: n.UID, Subtask: s.Index,
		Parallelism: n.Parallelism, MaxParallelism: n.MaxParallelism, Attempt: b.region.Attempt,
		Batch: b.batch(n), Params: h.plan.Params, Metrics: &metric.Group{}, Log: s.log, Clock: h.opts.Clock,
		Loop: n.InLoop, Cancelled: s.about.Context(b.region.ctx), BatchRows: h.opts.BatchRows,
		Alignment: &h.alignment, AllowNonRestored: h.opts.AllowNonRestored,
		Temp: &h.spill.Dir, Cold: b.coldFor(n), Native: h.opts.Native,
		Mail: func(f func()) { s.Mail(f) },
		WakeAt: func(millis int64) {
			if millis < math.MaxInt64/int64(time.Millisecond) {
				s.WakeAt(position, millis*int64(time.Millisecond))
			}
		},
		WakeAtTime: func(t time.Time) { s.WakeAt(position, t.UnixNano()) },
		Send:       func(c operator.Control) { s.Send(position, c) },
	}
	if h.opts.Runner != nil {
		ctx.Go = func(work func()) { h.runner.Go(actor.Call, work) }
	}
	if h.opts.CountBatches != nil {
		ctx.Hold, ctx.Read = h.hold, h.countBatch
	}
	ctx.Coordinator = h.toCoordinator(s, n)
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

// OnDisk reports whether keyed state of a plan lies on disk; cold is that of Options.
func OnDisk(plan *graph.Plan, cold func() operator.Cold) bool {
	return cold != nil || lsm.Opener(plan.State.Name, plan.State.Bytes, "") != nil
}
