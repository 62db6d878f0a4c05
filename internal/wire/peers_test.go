package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// network has listeners by address. Its connections are in memory; calls take a while.
type network struct {
	mu        sync.Mutex
	rng       *rand.Rand
	listeners map[string]*listener
}

type listener struct {
	n       *network
	address string
	calls   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newNetwork(seed uint64) *network {
	return &network{rng: rand.New(rand.NewPCG(seed, 7)), listeners: map[string]*listener{}}
}

func (n *network) listen(address string) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &listener{n: n, address: address, calls: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l
}

func (n *network) delay() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Duration(n.rng.IntN(3)) * time.Millisecond
}

func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	time.Sleep(n.delay()) // of the bubble's clock
	n.mu.Lock()
	l := n.listeners[address]
	n.mu.Unlock()
	if l == nil {
		return nil, errors.New("nobody listens")
	}
	a, b := net.Pipe()
	select {
	case l.calls <- &slow{b, n}:
		return &slow{a, n}, nil
	case <-l.closed:
	case <-ctx.Done():
	}
	a.Close()
	b.Close()
	return nil, errors.New("nobody listens")
}

// slow is a net.Conn whose writes may take a while.
type slow struct {
	net.Conn
	n *network
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(s.n.delay())
	return s.Conn.Write(p)
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		if l.n.listeners[l.address] == l {
			delete(l.n.listeners, l.address)
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.address) }

type address string

func (a address) Network() string { return "memory" }
func (a address) String() string  { return string(a) }

// worker is a process with its Peers, and what Up and Down have told.
type worker struct {
	t     *testing.T
	name  string
	peers *Peers

	mu       sync.Mutex
	up       map[string]*Conn
	told     []string
	rejected []error
}

func newWorker(t *testing.T, n *network, name, address string) *worker {
	t.Helper()
	return newWorkerOn(t, n.listen(address), name, PeersOptions{Dial: n.dial})
}

func newWorkerOn(t *testing.T, l net.Listener, name string, o PeersOptions) *worker {
	t.Helper()
	w := &worker{t: t, name: name, up: map[string]*Conn{}}
	o.Name = name
	o.Up = func(c *Conn) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.up[c.Peer()] != nil {
			t.Errorf("%s: a second connection with %s", name, c.Peer())
		}
		w.up[c.Peer()] = c
		w.told = append(w.told, "up "+c.Peer())
	}
	o.Down = func(peer string, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if c := w.up[peer]; c != nil && c.Err() == nil {
			t.Errorf("%s: the connection with %s is there, and said to have ended: %v", name, peer, err)
		}
		delete(w.up, peer)
		w.told = append(w.told, "down "+peer+": "+err.Error())
	}
	o.Rejected = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.rejected = append(w.rejected, err)
	}
	var err error
	if w.peers, err = NewPeers(l, o); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *worker) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

func closeAll(t *testing.T, workers ...*worker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() {
			if err := w.peers.Close(ctx); err != nil && !strings.Contains(err.Error(), ": cut") {
				t.Errorf("close %s: %v", w.name, err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.up) > 0 {
				t.Errorf("%s has closed, and is not told of the end of %v", w.name, w.up)
			}
		})
	}
	wg.Wait()
}

// checkJoined checks that two processes have one connection, the same one.
func checkJoined(t *testing.T, a, b *worker) {
	t.Helper()
	x, y := a.peers.Conn(b.name), b.peers.Conn(a.name)
	if x == nil || y == nil {
		t.Fatalf("%s and %s have the connections %v and %v", a.name, b.name, x, y)
	}
	in := newInbox()
	r := receiver(t, y, 1, 1<<10, in)
	s := sender(t, x, 1, func() {})
	send(t, s, 1, text("hello"))
	checkTexts(t, in.wait(1), "hello")
	s.Close()
	r.Close()
}

// TestPeersDialAtOnce has both sides dial, the one a while after the other.
func TestPeersDialAtOnce(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(seed)
			a, b := newWorker(t, n, "a", "host-a:1"), newWorker(t, n, "b", "host-b:1")
			first, second := a, b
			if seed%2 == 1 {
				first, second = b, a
			}
			at := map[*worker]string{a: "host-a:1", b: "host-b:1"}
			if c := first.peers.Connect(second.name, at[second]); c != nil {
				t.Error("a connection is there before it was made")
			}
			time.Sleep(time.Duration(seed/2%12) * time.Millisecond)
			second.peers.Connect(first.name, at[first])
			time.Sleep(10 * time.Second)
			checkJoined(t, a, b)
			for w, peer := range map[*worker]string{a: "b", b: "a"} {
				if told := w.take(); !slices.Equal(told, []string{"up " + peer}) {
					t.Errorf("seed %d: %s was told %q", seed, w.name, told)
				}
				if len(w.rejected) > 0 {
					t.Errorf("seed %d: %s has rejected %v", seed, w.name, w.rejected)
				}
				if c := w.peers.Connect(peer, "nowhere"); c == nil || c != w.peers.Conn(peer) {
					t.Errorf("Connect returns %v where there is a connection", c)
				}
			}
			closeAll(t, a, b)
		})
	}
}

// TestPeersPrograms has processes connect at random, cuts connections, and lets processes die and start
// again under another name.
func TestPeersPrograms(t *testing.T) {
	for s := range *programs / 2 {
		synctest.Test(t, func(t *testing.T) { runPeers(t, uint64(s+1)) })
		if t.Failed() {
			t.Fatalf("program %d", s+1)
		}
	}
}

func runPeers(t *testing.T, seed uint64) {
	n, rng := newNetwork(seed), rand.New(rand.NewPCG(seed, 0))
	var workers []*worker
	start := func(i int) *worker {
		return newWorker(t, n, fmt.Sprintf("worker-%d", rng.IntN(1_000_000)), fmt.Sprint("host:", i))
	}
	for i := range 2 + rng.IntN(4) {
		workers = append(workers, start(i))
	}
	for range 100 {
		i, k := rng.IntN(len(workers)), rng.IntN(len(workers))
		if i == k {
			continue
		}
		switch a, b := workers[i], workers[k]; rng.IntN(12) {
		case 0:
			if c := a.peers.Conn(b.name); c != nil {
				c.Abort(errors.New("cut"))
			}
		case 1:
			if rng.IntN(4) == 0 {
				time.Sleep(time.Second) // what was cut is
				closeAll(t, a)
				workers[i] = start(i)
			}
		case 2, 3, 4, 5:
			time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		default:
			a.peers.Connect(b.name, fmt.Sprint("host:", k))
		}
	}
	time.Sleep(time.Minute)
	for _, w := range workers {
		w.take()
	}
	for i, a := range workers {
		for k, b := range workers {
			if i != k {
				a.peers.Connect(b.name, fmt.Sprint("host:", k))
			}
		}
	}
	time.Sleep(time.Minute)
	for i, a := range workers {
		for _, b := range workers[i+1:] {
			checkJoined(t, a, b)
		}
	}
	synctest.Wait()
	closeAll(t, workers...)
	for _, w := range workers {
		w.peers.mu.Lock()
		for name, p := range w.peers.mu.peers {
			t.Errorf("%s still knows %s: %+v", w.name, name, p)
		}
		w.peers.mu.Unlock()
	}
}

func TestPeersFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(1)
		a, b := newWorker(t, n, "a", "host-a:1"), newWorker(t, n, "b", "host-b:1")
		check := func(peer, address, want string) {
			t.Helper()
			a.peers.Connect(peer, address)
			time.Sleep(time.Minute)
			told := a.take()
			if len(told) != 1 || !strings.HasPrefix(told[0], "down "+peer+": connection with ") ||
				!strings.Contains(told[0], want) {
				t.Errorf("told %q, want %q", told, want)
			}
		}
		check("c", "host-c:1", "c (host-c:1): nobody listens")
		// b listens where c did. It sees a connection that ends.
		check("c", "host-b:1", "b is at host-b:1, not c")
		check("a", "host-a:1", "a has dialed itself")
		if told := b.take(); len(told) != 2 || told[0] != "up a" {
			t.Errorf("told %q", told)
		}
		if len(a.rejected) != 1 {
			t.Errorf("rejected %v", a.rejected)
		}
		// Somebody listens and says nothing.
		mute := n.listen("host-d:1")
		go func() {
			for {
				c, err := mute.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				buf := make([]byte, 1<<10)
				go func() {
					for {
						if _, err := c.Read(buf); err != nil {
							return
						}
					}
				}()
			}
		}()
		check("d", "host-d:1", "handshake: ")
		a.peers.Connect("d", "host-d:1") // closed while it waits
		time.Sleep(time.Second)
		closeAll(t, a, b)
		if told := a.take(); len(told) != 1 || !strings.Contains(told[0], "d (host-d:1): context canceled") {
			t.Errorf("told %q", told)
		}
		if a.peers.Connect("b", "host-b:1") != nil {
			t.Error("a connection after the close")
		}
		mute.Close()
		synctest.Wait()
	})
}

// TestPeersEncrypted connects processes over TCP that show each other certificates.
func TestPeersEncrypted(t *testing.T) {
	auth := newAuthority(t)
	var workers []*worker
	var at []string
	up := make(chan struct{}, 2)
	for _, name := range []string{"a", "b"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, l.Addr().String())
		w := newWorkerOn(t, l, name, PeersOptions{Options: Options{Compress: true, TLS: auth.config("worker-b")}})
		told := w.peers.o.Up
		w.peers.o.Up = func(c *Conn) { told(c); up <- struct{}{} }
		workers = append(workers, w)
	}
	workers[0].peers.Connect("b", at[1])
	workers[1].peers.Connect("a", at[0])
	<-up
	<-up
	if _, ok := workers[0].peers.Conn("b").nc.(*tls.Conn); !ok {
		t.Error("the connection is not encrypted")
	}
	checkJoined(t, workers[0], workers[1])
	closeAll(t, workers...)
}

func TestPeersOptions(t *testing.T) {
	l := newNetwork(1).listen("x")
	_, err := NewPeers(l, PeersOptions{ConnectTimeout: -1})
	for _, want := range []string{"Name has 0 bytes", "Up and Down are required", "ConnectTimeout is -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is open")
	}
}
