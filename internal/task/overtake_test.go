package task_test

import (
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/internal/wire"
)

// pipe is a task between two exchanges: two channels in, one out, whose consumer is the test.
type pipe struct {
	*task.Task
	t        *testing.T
	log      []string
	node     *pass
	in       [2]*exchange.Channel
	out      *exchange.Gate
	clock    *clock.Manual
	pool     *batch.Pool[int]
	states   []*operator.Snapshot
	stats    task.SnapshotStats
	channels uint32
}

type keep struct{}

func (keep) Room() bool                    { return true }
func (keep) Discard()                      {}
func (keep) PutTree(*operator.Captured)    {}
func (keep) Put(data []byte) operator.Blob { return operator.Bytes(data) }

func (p *pipe) Upload(*task.Task, int64) task.Upload { return keep{} }
func (p *pipe) Ended(*task.Task, error)              {}
func (p *pipe) Snapshotted(t *task.Task, _ int64, states []*operator.Snapshot, err error) {
	if err != nil {
		p.t.Error(err)
	}
	p.states, p.stats = states, t.SnapshotStats()
}

// way is where the producers and the consumer of a pipe are.
type way struct {
	remote bool  // in another process
	window int64 // of the producers
}

// overEachWay runs a test with all in one process, and with producers and consumer in another one that
// have room for all they send, or for one batch.
func overEachWay(t *testing.T, test func(*testing.T, way)) {
	for name, w := range map[string]way{
		"local": {}, "remote": {remote: true}, "remote with little room": {remote: true, window: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, w) })
		})
	}
}

// connect returns both ends of a connection with another process.
func connect(t *testing.T) (here, there *wire.Conn) {
	t.Helper()
	a, b := net.Pipe()
	served := make(chan error, 1)
	go func() {
		var err error
		there, err = wire.Server(b, wire.Options{Name: "there"})
		served <- err
	}()
	here, err := wire.Client(a, wire.Options{Name: "here"})
	if err := errors.Join(err, <-served); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		over := errors.New("the test is over")
		here.Abort(over)
		there.Abort(over)
		<-here.Done()
		<-there.Done()
	})
	return here, there
}

// link connects a channel of a gate in one process with its producer in another one.
func (p *pipe) link(in *exchange.Channel, from, to *wire.Conn, edge exchange.EdgeType, wake func()) *exchange.Channel {
	p.t.Helper()
	p.channels++
	r := exchange.Remote{
		Conn: to, ID: exchange.ChannelID(1, p.channels), Edge: edge, Failed: func(err error) {},
	}
	if err := in.ReceiveFrom(r); err != nil {
		p.t.Fatal(err)
	}
	r.Conn = from
	out, err := exchange.NewRemoteChannel(r, wake)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func newPipe(t *testing.T, how way, timeout time.Duration) *pipe {
	t.Helper()
	p := &pipe{t: t, clock: clock.NewManual(time.UnixMilli(1000)), pool: batch.NewPool[int](4)}
	c, err := codec.For[int](nil)
	if err != nil {
		t.Fatal(err)
	}
	edge := &exchange.Edge[int]{Codec: c}
	gate := exchange.NewGate(1, true, func() { p.Wake() })
	for i := range p.in {
		p.in[i] = gate.NewChannel(0, how.window, false)
		p.in[i].MayOvertake(exchange.Origin{From: "up", Producer: i, Edge: edge})
	}
	p.out = exchange.NewGate(1, true, func() {})
	channel := p.out.NewChannel(0, 1, false) // has room for nothing
	channel.MayOvertake(exchange.Origin{From: "a", Edge: edge})
	channel.SetProducer(func() { p.Wake() })
	p.out.Configure(func() int64 { return 0 }, 0)
	var here, there *wire.Conn
	if how.remote {
		here, there = connect(t)
		channel = p.link(channel, here, there, edge, func() { p.Wake() })
	}
	p.node = newPass("a", &p.log)
	p.node.Ctx = &operator.Context{Operator: "a", Parallelism: 1, Clock: p.clock}
	w := edge.NewWriter(exchange.WriterConfig{
		Channels: []*exchange.Channel{channel}, Strategy: graph.Forward,
		Now: func() int64 { return 0 },
	})
	if err := p.node.Connect("", w.Receiver(0)); err != nil {
		t.Fatal(err)
	}
	push, mark, err := edge.Inlet(p.node.Receiver(0))
	if err != nil {
		t.Fatal(err)
	}
	p.Task = task.New(task.Config{
		Name: "chain", Nodes: []operator.Node{p.node, w}, Gate: gate, Clock: p.clock, Listener: p,
		Contexts: []*operator.Context{p.node.Ctx, p.node.Ctx}, AlignedTimeout: timeout,
		Inlets: []task.Inlet{{Push: push, Mark: mark}},
	})
	if how.remote {
		for i, in := range p.in {
			p.in[i] = p.link(in, there, here, edge, func() {})
		}
	}
	synctest.Wait()
	return p
}

func (p *pipe) send(channel int, values ...int) {
	b := p.pool.Get()
	for _, v := range values {
		b.Add(v, 0)
	}
	p.in[channel].Send(b)
	synctest.Wait()
}

func (p *pipe) barrier(channel int, id int64, flags operator.Flags) {
	p.in[channel].Control(operator.Control{
		Kind: operator.Barrier, ID: id, Flags: flags, Created: p.clock.Now().UnixNano(),
	})
	synctest.Wait()
}

// steps takes steps until several do not progress: what one gives back may bring something from another
// process.
func (p *pipe) steps() operator.Status {
	p.t.Helper()
	resting := 0
	for range 100 {
		s, err := p.Step()
		if err != nil {
			p.t.Fatal(err)
		}
		synctest.Wait()
		if resting++; s == operator.Progressed {
			resting = 0
		}
		if resting == 4 {
			return s
		}
	}
	p.t.Fatal("the task does not come to rest")
	return 0
}

// received takes what the task has sent: rows, and 1000 + ID for barriers.
func (p *pipe) received() (got []int) {
	for {
		synctest.Wait()
		if c, ok := p.out.Urgent(); ok {
			got = append(got, 1000+int(c.ID))
			p.out.Overtake(c.ID)
			p.out.Abort(c.ID)
		}
		e, ok := p.out.Poll()
		switch {
		case !ok:
			return got
		case e.Batch != nil:
			got = append(got, e.Batch.(*batch.Rows[int]).Vals...)
			e.Batch.Release()
		case e.Control.Kind == operator.Barrier:
			got = append(got, 1000+int(e.Control.ID))
		}
	}
}

func (p *pipe) wantInFlight(want int64) {
	p.t.Helper()
	if p.states == nil {
		p.t.Fatal("the snapshot was not reported")
	}
	var n int64
	for _, f := range p.states[0].State.InFlight {
		n += f.Records
	}
	if n != want || p.stats.InFlightRecords != want {
		p.t.Errorf("%d records are in flight, %d by the statistics, want %d", n,
			p.stats.InFlightRecords, want)
	}
}

// block fills the chain: the output has no room, a batch is at work, others wait.
func (p *pipe) block() {
	p.t.Helper()
	p.send(0, 1, 2)
	p.send(0, 3, 4)
	p.send(1, 5, 6)
	if s := p.steps(); s != operator.Blocked {
		p.t.Fatalf("the task is %d, want blocked", s)
	}
}

func TestUnalignedBarrierPassesBlockedChain(t *testing.T) {
	overEachWay(t, checkUnalignedBarrierPassesBlockedChain)
}

func checkUnalignedBarrierPassesBlockedChain(t *testing.T, w way) {
	p := newPipe(t, w, 0)
	p.block()
	p.barrier(0, 7, operator.Unaligned)
	p.send(0, 8)
	if s := p.steps(); s != operator.Blocked {
		t.Errorf("the task is %d, want blocked", s)
	}
	if p.states != nil {
		t.Fatal("the snapshot was reported before the other barrier")
	}
	p.clock.Advance(time.Second)
	p.barrier(1, 7, operator.Unaligned)
	p.steps()
	p.wantInFlight(4)
	if p.stats.Alignment != time.Second {
		t.Errorf("the alignment took %v, want 1s", p.stats.Alignment)
	}
	var all []int
	for range 10 {
		all = append(all, p.received()...)
		p.steps()
	}
	second := func(v int) bool { return v == 5 || v == 6 } // of the channels
	if want := []int{1007, 1, 2, 3, 4, 8}; !slices.Equal(slices.DeleteFunc(slices.Clone(all), second), want) {
		t.Errorf("the task sent %v, want %v, and 5 and 6 anywhere behind the barrier", all, want)
	}
	if at := slices.Index(all, 5); at < 1 || all[at+1] != 6 {
		t.Errorf("the task sent %v, want 5 and 6 in order", all)
	}
}

func TestAlignedBarrierWaitsInBlockedChain(t *testing.T) {
	overEachWay(t, checkAlignedBarrierWaitsInBlockedChain)
}

func checkAlignedBarrierWaitsInBlockedChain(t *testing.T, w way) {
	p := newPipe(t, w, 0)
	p.block()
	p.barrier(0, 7, 0)
	p.send(1, 8)
	p.barrier(1, 7, 0)
	p.clock.Advance(time.Hour)
	if s := p.steps(); s != operator.Blocked || p.states != nil {
		t.Errorf("the task is %d, the snapshot %v", s, p.states)
	}
	for range 10 {
		p.received()
		p.steps()
	}
	p.wantInFlight(0)
	// With little room the first barrier comes when what is before it has been processed.
	if p.stats.AlignedBytes == 0 && w.window == 0 {
		t.Error("nothing was processed during the alignment")
	}
}

func TestAlignedBarrierSwitches(t *testing.T) { overEachWay(t, checkAlignedBarrierSwitches) }

func checkAlignedBarrierSwitches(t *testing.T, w way) {
	p := newPipe(t, w, time.Minute)
	p.block()
	p.barrier(0, 7, 0)
	p.barrier(1, 7, 0)
	p.clock.Advance(59 * time.Second)
	if p.steps(); p.states != nil {
		t.Fatal("the barrier has switched too early")
	}
	p.clock.Advance(time.Second)
	p.steps()
	p.wantInFlight(4)
}

// TestBarrierInChainSwitches has the barrier come through the gate in time and wait for the chain.
func TestBarrierInChainSwitches(t *testing.T) { overEachWay(t, checkBarrierInChainSwitches) }

func checkBarrierInChainSwitches(t *testing.T, w way) {
	p := newPipe(t, w, time.Minute)
	p.send(0, 1, 2)
	p.barrier(0, 7, 0)
	p.barrier(1, 7, 0)
	for range 3 {
		if _, err := p.Step(); err != nil {
			t.Fatal(err)
		}
	}
	p.clock.Advance(time.Minute)
	p.steps()
	p.wantInFlight(0)
	if got := p.received(); !slices.Equal(got, []int{1007, 1, 2}) && !slices.Equal(got, []int{1, 2, 1007}) {
		t.Errorf("the task sent %v", got)
	}
}

func TestAbortedUnalignedSnapshot(t *testing.T) { overEachWay(t, checkAbortedUnalignedSnapshot) }

func checkAbortedUnalignedSnapshot(t *testing.T, w way) {
	p := newPipe(t, w, 0)
	p.block()
	p.barrier(0, 7, operator.Unaligned)
	p.steps()
	p.Tell(7, false)
	p.steps()
	p.barrier(1, 7, operator.Unaligned)
	p.steps()
	if p.states != nil {
		t.Error("an aborted snapshot was reported")
	}
	p.barrier(0, 8, operator.Unaligned)
	p.barrier(1, 8, operator.Unaligned)
	p.steps()
	p.wantInFlight(4)
}
