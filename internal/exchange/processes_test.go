package exchange

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/wire"
)

// failer is a testing.TB or a rapid.T.
type failer interface {
	Helper()
	Fatal(...any)
}

// way is how channels lead from producers to a gate: within a process, or from one to another.
type way struct {
	name  string
	p     *processes // nil: within one
	links []*link
}

// overEachWay runs a test with channels of each kind. Those that lead to another process must not have
// failed at its end.
func overEachWay(t *testing.T, test func(*testing.T, *way)) {
	for _, c := range []struct {
		name string
		dial func(testing.TB) (net.Conn, net.Conn)
	}{{"local", nil}, {"pipe", overPipe}, {"tcp", overTCP}} {
		t.Run(c.name, func(t *testing.T) {
			w := &way{name: c.name}
			if c.dial == nil {
				test(t, w)
				return
			}
			w.p = newProcesses(t, c.dial)
			test(t, w)
			for _, l := range w.links {
				l.out.Abandon()
				l.in.gate.Discard()
				if producer, consumer := l.failures(); len(producer)+len(consumer) > 0 {
					t.Errorf("a channel has failed: %v, %v", producer, consumer)
				}
			}
			w.p.close(t)
		})
	}
}

// producer returns the producer's end of a channel of a gate, which is configured.
func (w *way) producer(t failer, in *Channel, edge EdgeType) *Channel {
	t.Helper()
	if w.p == nil {
		return in
	}
	l := w.p.connect(t, in, edge)
	w.links = append(w.links, l)
	return l.out
}

// forget closes channels to a gate that is not needed any more, in a test that makes many.
func (w *way) forget(g *Gate, channels ...*Channel) {
	if w.p == nil {
		return
	}
	g.Discard()
	for _, c := range channels {
		c.Abandon()
		w.links = slices.DeleteFunc(w.links, func(l *link) bool { return l.out == c })
	}
}

// settle waits until what was sent is in the gates.
func (w *way) settle() {
	if w.p != nil {
		w.p.settle()
	}
}

// processes stand for two processes with a connection.
type processes struct {
	a, b        *wire.Conn // of the producers, and of the consumers
	channels    uint32
	there, back *fence
	passed      chan struct{} // there and back
}

// overTCP returns both ends of a connection over loopback.
func overTCP(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// overPipe returns both ends of a connection in memory.
func overPipe(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }

func newProcesses(t testing.TB, dial func(testing.TB) (net.Conn, net.Conn)) *processes {
	t.Helper()
	x, y := dial(t)
	p := connectOver(t, x, y, wire.Options{})
	p.there = newFence(t, p.a, p.b, func() { p.back.send() })
	p.back = newFence(t, p.b, p.a, func() { p.passed <- struct{}{} })
	return p
}

// connectOver shakes hands over two net.Conn.
func connectOver(t testing.TB, x, y net.Conn, o wire.Options) *processes {
	t.Helper()
	p := &processes{passed: make(chan struct{}, 1)}
	client, server := o, o
	client.Name, server.Name = "worker-a", "worker-b"
	shaken := make(chan error, 1)
	go func() {
		var err error
		p.b, err = wire.Server(y, server)
		shaken <- err
	}()
	var err error
	p.a, err = wire.Client(x, client)
	if err := errors.Join(err, <-shaken); err != nil {
		t.Fatal(err)
	}
	return p
}

// fence is a channel whose messages only show that what was sent before them has come.
type fence struct {
	s      *wire.Sender
	r      *wire.Receiver
	passed func()
}

func newFence(t failer, from, to *wire.Conn, passed func()) *fence {
	f := &fence{passed: passed}
	var err1, err2 error
	f.r, err1 = to.NewReceiver(1, 1<<20, f)
	f.s, err2 = from.NewSender(1, func() {})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fence) send() { f.s.Send(1, wire.NewBuffer(0)) }

func (f *fence) Message(m wire.Message) {
	m.Buffer.Free()
	f.r.Grant(m.Cost)
	f.passed()
}

func (f *fence) Failed(error) {}

// settle waits until what was sent has come. It is little and has room: then the connection takes the
// channels in the order in which they were sent on, urgent messages first. Channels that are new
// have the credit that opens them after the first time there and back.
func (p *processes) settle() {
	for range 2 {
		p.there.send()
		<-p.passed
	}
}

// close closes the connection in good order.
func (p *processes) close(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.a.Close(ctx); err != nil {
		t.Error(err)
	}
	<-p.b.Done()
}

// link is a channel from one process to the other.
type link struct {
	in, out *Channel
	room    chan struct{} // the producer was woken

	mu                 sync.Mutex
	producer, consumer []error // what Failed was called with
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (l *link) failures() (producer, consumer []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.producer, l.consumer
}

func (l *link) note(failures *[]error) func(error) {
	return func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		*failures = append(*failures, err)
	}
}

// connect makes both ends of a channel that leads to in.
func (p *processes) connect(t failer, in *Channel, edge EdgeType) *link {
	t.Helper()
	l, err := p.tryConnect(in, edge)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (p *processes) tryConnect(in *Channel, edge EdgeType) (*link, error) {
	p.channels++
	l := &link{in: in, room: make(chan struct{}, 1)}
	r := Remote{Conn: p.b, ID: ChannelID(7, p.channels), Edge: edge, Failed: l.note(&l.consumer)}
	if err := in.ReceiveFrom(r); err != nil {
		return nil, err
	}
	r.Conn, r.Failed = p.a, l.note(&l.producer)
	var err error
	l.out, err = NewRemoteChannel(r, func() { l.woken() })
	return l, err
}

// woken wakes the producer as the channel within one process would.
func (l *link) woken() {
	if l.in.wake != nil {
		l.in.wake()
	}
	signal(l.room)
}
