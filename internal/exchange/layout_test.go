package exchange

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/wire"
)

// layout is a plan of two chains over two processes, which lay it out each for itself: subtasks of even
// number run in the first one.
type layout struct {
	edge    *graph.Edge
	numbers *graph.Channels
	peers   [2]*wire.Peers
	gates   []*Gate
	news    []chan struct{}
	writers []*Writer[record]
	rooms   []chan struct{}
}

func processOf(subtask int) int { return subtask % 2 }

// connectPeers connects two processes; both dial.
func connectPeers(t *testing.T) (peers [2]*wire.Peers) {
	var up sync.WaitGroup
	var at [2]string
	for i := range peers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = l.Addr().String()
		up.Add(1)
		peers[i], err = wire.NewPeers(l, wire.PeersOptions{
			Options: wire.Options{Name: fmt.Sprint("worker-", i)},
			Up:      func(*wire.Conn) { up.Done() }, Down: func(string, error) {},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range peers {
		p.Connect(fmt.Sprint("worker-", 1-i), at[1-i])
	}
	up.Wait()
	return peers
}

// build makes the gates, channels and writers of an attempt, the ends in the order in which two processes
// may happen to make them.
func (l *layout) build(t *testing.T, deployment uint32) {
	e := l.edge
	edge := e.Type.(*Edge[record])
	producers, consumers := e.From.Parallelism, e.To.Parallelism
	l.gates, l.news, l.writers, l.rooms = nil, nil, nil, nil
	for range consumers {
		news := make(chan struct{}, 1)
		l.news = append(l.news, news)
		l.gates = append(l.gates, NewGate(1, true, func() { signal(news) }))
	}
	for from := range producers {
		room := make(chan struct{}, 1)
		l.rooms = append(l.rooms, room)
		wake := func() { signal(room) }
		cfg := WriterConfig{
			Strategy: e.Strategy, MaxParallelism: 128, Subtask: from, Now: func() int64 { return 1 }, TimeoutNanos: -1,
		}
		first, last := e.Strategy.Targets(from, producers, consumers)
		for to := first; to <= last; to++ {
			in := l.gates[to].NewChannel(0, 4<<10, false)
			in.SetProducer(wake)
			here, there := processOf(from), processOf(to)
			if here == there {
				cfg.Channels = append(cfg.Channels, in)
				continue
			}
			failed := func(err error) { t.Errorf("from %d to %d: %v", from, to, err) }
			r := Remote{ID: ChannelID(deployment, l.numbers.Number(e, from, to)), Edge: edge, Failed: failed}
			out := r
			r.Conn = l.peers[there].Conn(fmt.Sprint("worker-", here))
			if err := in.ReceiveFrom(r); err != nil {
				t.Fatal(err)
			}
			out.Conn = l.peers[here].Conn(fmt.Sprint("worker-", there))
			c, err := NewRemoteChannel(out, wake)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Channels = append(cfg.Channels, c)
		}
		l.writers = append(l.writers, NewWriter(edge.Part, nil, cfg))
	}
}

// run sends rows from all producers and returns what each consumer gets.
func (l *layout) run(rows int) [][]record {
	var runs sync.WaitGroup
	got := make([][]record, len(l.gates))
	for i, g := range l.gates {
		runs.Go(func() {
			defer g.Discard()
			for {
				e, ok := g.Poll()
				switch {
				case !ok:
					<-l.news[i]
				case e.Batch != nil:
					got[i] = append(got[i], e.Batch.(*batch.Rows[record]).Vals...)
					e.Batch.Release()
				case e.Control.Kind == operator.EndOfInput && e.Control.Input < 0:
					return
				}
			}
		})
	}
	for from, w := range l.writers {
		runs.Go(func() {
			defer w.Close()
			for n := 0; n < rows; n += 100 {
				b := w.get()
				for i := range 100 {
					b.Add(record{Key: fmt.Sprint("key ", (n+i)%977), Time: int64(from), N: n + i}, 0)
				}
				for room := w.Push(b); !room; room = w.Resume() {
					<-l.rooms[from]
				}
			}
			w.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
		})
	}
	runs.Wait()
	return got
}

// TestPlanOverProcesses runs a keyed exchange over two processes, twice: the channels of the second attempt
// have numbers of their own. All rows come, in order for each producer, to the owner of their key.
func TestPlanOverProcesses(t *testing.T) {
	edge := &Edge[record]{Codec: rowEdge(t).Codec, Part: byKey()}
	e := &graph.Edge{
		From: &graph.Node{Parallelism: 3}, To: &graph.Node{Parallelism: 4}, Strategy: graph.Keyed, Type: edge,
	}
	e.To.In = []*graph.Edge{e}
	numbers, err := graph.NumberChannels(&graph.Plan{Chains: []*graph.Chain{
		{Nodes: []*graph.Node{e.From}}, {Nodes: []*graph.Node{e.To}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := &layout{edge: e, numbers: numbers, peers: connectPeers(t)}
	const rows = 20_000
	for deployment := range uint32(2) {
		l.build(t, deployment)
		owner, count := map[string]int{}, 0
		for subtask, got := range l.run(rows) {
			last := []int{-1, -1, -1}
			for _, r := range got {
				if o, ok := owner[r.Key]; ok && o != subtask {
					t.Fatalf("%q comes to %d and %d", r.Key, o, subtask)
				}
				owner[r.Key] = subtask
				if r.N <= last[r.Time] {
					t.Fatalf("row %d of producer %d comes after %d", r.N, r.Time, last[r.Time])
				}
				last[r.Time] = r.N
				count++
			}
			if len(got) == 0 {
				t.Errorf("subtask %d gets nothing", subtask)
			}
		}
		if count != 3*rows {
			t.Errorf("%d of %d rows have come", count, 3*rows)
		}
	}
	var closing sync.WaitGroup
	errs := make([]error, 2)
	for i, p := range l.peers {
		closing.Go(func() { errs[i] = p.Close(context.Background()) })
	}
	closing.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		t.Error(errs[i])
	}
}
