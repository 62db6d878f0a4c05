package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// options are those of a side in tests.
func options(name string) Options { return Options{Name: name} }

// connect shakes hands over two net.Conn.
func connect(t testing.TB, client, server net.Conn, co, so Options) (*Conn, *Conn) {
	t.Helper()
	type opened struct {
		c   *Conn
		err error
	}
	served := make(chan opened, 1)
	go func() {
		c, err := Server(server, so)
		served <- opened{c, err}
	}()
	c, err := Client(client, co)
	s := <-served
	if err := errors.Join(err, s.err); err != nil {
		t.Fatal(err)
	}
	return c, s.c
}

// pair is a connection in memory.
func pair(t testing.TB) (*Conn, *Conn) {
	a, b := net.Pipe()
	return connect(t, a, b, options("worker-a"), options("worker-b"))
}

// tcp returns both ends of a connection over loopback.
func tcp(t testing.TB) (net.Conn, net.Conn) {
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

// closeBoth closes two connections at the same time.
func closeBoth(t testing.TB, a, b *Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range []*Conn{a, b} {
		wg.Go(func() {
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// checkForgotten fails if a connection still knows a channel.
func checkForgotten(t testing.TB, conns ...*Conn) {
	t.Helper()
	for _, c := range conns {
		c.out.Lock()
		for id, s := range c.out.senders {
			t.Errorf("sender of channel %d is left: opened %v, closed %v, stopped %v, ended %v, %d queued",
				id, s.opened, s.closed, s.stopped, s.ended, s.queue.len())
		}
		if c.out.queued != 0 {
			t.Errorf("%d messages count as queued", c.out.queued)
		}
		c.out.Unlock()
		c.in.Lock()
		for id, r := range c.in.receivers {
			t.Errorf("receiver of channel %d is left: closed %v, ended %v", id, r.closed, r.ended)
		}
		c.in.Unlock()
	}
}

// inbox is a handler that keeps what comes.
type inbox struct {
	mu     sync.Mutex
	got    []Message
	failed []error
	news   chan struct{} // has an item when something has come since it was taken
}

func newInbox() *inbox { return &inbox{news: make(chan struct{}, 1)} }

func (i *inbox) Message(m Message) {
	i.mu.Lock()
	i.got = append(i.got, m)
	i.mu.Unlock()
	i.tell()
}

func (i *inbox) Failed(err error) {
	i.mu.Lock()
	i.failed = append(i.failed, err)
	i.mu.Unlock()
	i.tell()
}

func (i *inbox) tell() {
	select {
	case i.news <- struct{}{}:
	default:
	}
}

// take returns what has come and waits for nothing.
func (i *inbox) take() []Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	got := i.got
	i.got = nil
	return got
}

// texts are the messages that have come.
func (i *inbox) texts() []string {
	var texts []string
	for _, m := range i.take() {
		texts = append(texts, string(m.Buffer.B))
		m.Buffer.Free()
	}
	return texts
}

// wait waits for n messages.
func (i *inbox) wait(n int) []string {
	var texts []string
	for len(texts) < n {
		<-i.news
		texts = append(texts, i.texts()...)
	}
	return texts
}

func (i *inbox) failures() []error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.failed)
}

func text(s string) *Buffer {
	b := NewBuffer(len(s))
	b.B = append(b.B, s...)
	return b
}

func sender(t testing.TB, c *Conn, id ChannelID, wake func()) *Sender {
	t.Helper()
	s, err := c.NewSender(id, wake)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func receiver(t testing.TB, c *Conn, id ChannelID, window int, h Handler) *Receiver {
	t.Helper()
	r, err := c.NewReceiver(id, window, h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func send(t testing.TB, s *Sender, kind uint8, b *Buffer) bool {
	t.Helper()
	room, err := s.Send(kind, b)
	if err != nil {
		t.Fatal(err)
	}
	return room
}

func sendUrgent(t testing.TB, s *Sender, kind uint8, b *Buffer) {
	t.Helper()
	if err := s.Urgent(kind, b); err != nil {
		t.Fatal(err)
	}
}

// checkError checks that an error has the cause and names the peer.
func checkError(t testing.TB, err, cause error, parts ...string) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Fatalf("error %v, want one that is %v", err, cause)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not have %q", err, p)
		}
	}
}

func checkTexts(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// raw is the other side of a connection, played by a test with frames made by hand.
type raw struct {
	t    testing.TB
	nc   net.Conn
	sent uint64
	d    decoder
}

// against returns a connection, called worker-a, and the other side of it, called worker-b.
func against(t testing.TB, o Options) (*Conn, *raw) {
	t.Helper()
	a, b := net.Pipe()
	return againstOn(t, a, b, o)
}

func againstOn(t testing.TB, a, b net.Conn, o Options) (*Conn, *raw) {
	t.Helper()
	shaken := make(chan error, 1)
	go func() {
		if _, err := readHello(b); err != nil {
			shaken <- err
			return
		}
		_, err := b.Write(hello{version: Version, name: "worker-b"}.append(nil))
		shaken <- err
	}()
	c, err := Client(a, o)
	if err := errors.Join(err, <-shaken); err != nil {
		t.Fatal(err)
	}
	return c, &raw{t: t, nc: b, d: decoder{r: b, lengthMax: 64 << 20}}
}

// frame appends a frame as the other side would send it next.
func (r *raw) frame(b []byte, h header, payload []byte) []byte {
	h.length, h.sum = len(payload), payloadSum(payload)
	b = append(appendHeader(b, h, r.sent), payload...)
	r.sent++
	return b
}

func creditOf(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// send writes a frame. The connection may have been cut, which is for the test to see.
func (r *raw) send(h header, payload []byte) { r.nc.Write(r.frame(nil, h, payload)) }

// next reads a frame that is no heartbeat.
func (r *raw) next() (header, []byte) {
	r.t.Helper()
	for {
		h, b, err := r.d.next()
		if err != nil {
			r.t.Fatal(err)
		}
		if h.kind == heartbeat {
			continue
		}
		if b == nil {
			return h, nil
		}
		payload := bytes.Clone(b.B)
		b.Free()
		return h, payload
	}
}

// drain reads and drops what comes until the end.
func (r *raw) drain() { io.Copy(io.Discard, r.nc) }

// chunked reads and writes little at a time, and sometimes not for a while.
type chunked struct {
	net.Conn
	mu    sync.Mutex
	rng   *rand.Rand
	bytes int           // at most at a time
	stall time.Duration // at most
}

func (c *chunked) draw() (n int, stall time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = 1 + c.rng.IntN(c.bytes)
	if c.rng.IntN(8) == 0 {
		stall = time.Duration(c.rng.Int64N(int64(c.stall)))
	}
	return n, stall
}

func (c *chunked) Read(p []byte) (int, error) {
	n, stall := c.draw()
	time.Sleep(stall) // of the bubble's clock
	return c.Conn.Read(p[:min(n, len(p))])
}

func (c *chunked) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, stall := c.draw()
		time.Sleep(stall)
		n, err := c.Conn.Write(p[done:min(done+n, len(p))])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
