package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure one side of a connection. Name is required.
type Options struct {
	// Name is what the other side calls this one in its errors.
	Name string
	// Hello is handed to the other side's Check, up to 1 MiB. Default none.
	Hello []byte
	// Check looks at what the other side sent; its error refuses the connection, and a server tells
	// the client why. Default nil: everybody is welcome.
	Check func(name string, hello []byte) error
	// TLS encrypts the connection; both sides must have it. Default nil: it is not encrypted.
	TLS *tls.Config
	// Compress has messages sent compressed with s2 where that makes them shorter. A side receives
	// compressed messages in any case. Default false.
	Compress bool
	// MessageBytesMax is how long a message may be, in both directions; at most 1 GiB. Default 64 MiB.
	MessageBytesMax int
	// HandshakeTimeout limits the handshake. Default 10 s.
	HandshakeTimeout time.Duration
	// Heartbeat is the time between two heartbeats of this side. Default 2 s.
	Heartbeat time.Duration
	// Timeout is how long the other side may be silent, or take nothing that is sent to it, until it
	// is taken for dead; also how long it may take to let this side flush when it closes. It is rounded
	// up to whole heartbeats, and must be more than one. Default 10 s.
	Timeout time.Duration

	version uint16 // of tests; 0: Version
}

func (o *Options) validate() error {
	orDefault(&o.MessageBytesMax, 64<<20)
	orDefault(&o.HandshakeTimeout, 10*time.Second)
	orDefault(&o.Heartbeat, 2*time.Second)
	orDefault(&o.Timeout, 10*time.Second)
	orDefault(&o.version, Version)
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("wire: "+format, args...))
		}
	}
	refuse(o.Name == "" || len(o.Name) > nameBytesMax, "Name has %d bytes, want 1 to %d",
		len(o.Name), nameBytesMax)
	refuse(len(o.Hello) > payloadBytesMax, "Hello has %d bytes, limit %d",
		len(o.Hello), payloadBytesMax)
	refuse(o.MessageBytesMax < 0 || o.MessageBytesMax > 1<<30,
		"MessageBytesMax is %d, want 1 to %d", o.MessageBytesMax, 1<<30)
	refuse(o.HandshakeTimeout < 0, "HandshakeTimeout is %v", o.HandshakeTimeout)
	refuse(o.Heartbeat < 0, "Heartbeat is %v", o.Heartbeat)
	refuse(o.Timeout <= o.Heartbeat, "Timeout is %v, want more than one Heartbeat, %v",
		o.Timeout, o.Heartbeat)
	return errors.Join(errs...)
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Error is an error of a connection.
type Error struct {
	Peer string // its name, as far as it is known, and address
	Err  error
}

// Error names the peer and the cause.
func (e *Error) Error() string { return "connection with " + e.Peer + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	// ErrClosed is the cause when one of the sides has closed the connection in good order.
	ErrClosed = errors.New("closed")
	// ErrLost is among the causes when the net.Conn has failed or ended: the other side is gone.
	ErrLost = errors.New("lost")
	// ErrSilent is the cause when the other side is taken for dead.
	ErrSilent = errors.New("no sign of life")
	// ErrProtocol is the cause when the other side does what it must not.
	ErrProtocol = errors.New("protocol violated")
)

// ChannelID is the number of a channel. Each direction has numbers of its own. One that both ends have
// closed must not be used again.
type ChannelID uint64

// Conn is a connection. Its methods may be called by any goroutine.
type Conn struct {
	nc   net.Conn
	o    Options
	them hello
	name string // of the peer, for errors

	in  inlet
	out outlet

	heard atomic.Int64 // when the other side has last given a sign of life

	cut  chan struct{} // closed when the connection has failed or is closed
	done chan struct{} // closed when also nothing runs any more
	runs sync.WaitGroup
	once sync.Once
	err  error // why it was cut
}

func start(nc net.Conn, o Options, s handshake) *Conn {
	c := &Conn{
		nc: nc, o: o, them: s.them, name: s.peer(),
		cut: make(chan struct{}), done: make(chan struct{}),
	}
	c.heard.Store(time.Now().UnixNano())
	c.in.receivers = map[ChannelID]*Receiver{}
	c.out.senders = map[ChannelID]*Sender{}
	c.out.work.L = &c.out
	c.runs.Go(c.watch)
	c.runs.Go(c.write)
	go func() {
		c.fail(c.read())
		c.runs.Wait()
		c.finish()
		close(c.done)
	}()
	return c
}

// Peer is the name of the other side.
func (c *Conn) Peer() string { return c.them.name }

// Hello is what the other side sent in the handshake.
func (c *Conn) Hello() []byte { return c.them.payload }

// Heard is when the other side has last given a sign of life, to a heartbeat.
func (c *Conn) Heard() time.Time { return time.Unix(0, c.heard.Load()) }

// Done is closed when the connection has ended and all its channels know.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is an *Error that says why the connection has ended, nil while it has not.
func (c *Conn) Err() error {
	select {
	case <-c.cut:
		return c.err
	default:
		return nil
	}
}

// Abort cuts the connection: what is queued is lost. The cause is what its channels fail with.
func (c *Conn) Abort(cause error) { c.fail(cause) }

// Close sends what is queued, has the other side do the same, and ends the connection. From the
// call on nothing can be sent, but messages come until the end. When ctx is done before, the connection
// is cut. The error is nil if each side has everything that the other one had queued.
//
// The other side need not call Close: it sends what is queued as well, for Options.Timeout at most.
func (c *Conn) Close(ctx context.Context) error {
	c.closeOut(false)
	select {
	case <-c.done:
	case <-ctx.Done():
		c.fail(c.unsent(ctx.Err()))
		<-c.done
	}
	if errors.Is(c.err, ErrClosed) {
		return nil
	}
	return c.err
}

// fail ends the connection. Only the first cause counts.
func (c *Conn) fail(cause error) {
	c.once.Do(func() {
		c.err = &Error{Peer: c.name, Err: cause}
		close(c.cut)
		c.stopOut()
		// TLS would first try to tell the other side, which may not be reading.
		if t, ok := c.nc.(interface{ NetConn() net.Conn }); ok {
			t.NetConn().Close()
		}
		c.nc.Close()
	})
}

// finish tells all channels. Nothing else runs any more.
func (c *Conn) finish() {
	wakes := c.emptyOut()
	for _, h := range c.in.empty() {
		h.Failed(c.err)
	}
	for _, wake := range wakes {
		wake()
	}
}

// watch sends the heartbeats, and cuts the connection if the other side gives no sign of life.
func (c *Conn) watch() {
	tick := time.NewTicker(c.o.Heartbeat)
	defer tick.Stop()
	limit := int((c.o.Timeout + c.o.Heartbeat - 1) / c.o.Heartbeat)
	reads := still{limit: limit, of: &c.in.reads}
	writes := still{limit: limit, of: &c.out.writes}
	closing := 0
	for {
		select {
		case <-c.cut:
			return
		case <-tick.C:
		}
		if c.beat() {
			closing++
		}
		silent := reads.tick(true)
		if reads.ticks == 0 {
			c.heard.Store(time.Now().UnixNano())
		}
		switch {
		case silent:
			c.fail(fmt.Errorf("%w: nothing received for %v", ErrSilent, c.o.Timeout))
		case writes.tick(c.out.writes.Load()%2 == 1):
			c.fail(fmt.Errorf("%w: it takes nothing for %v", ErrSilent, c.o.Timeout))
		case closing > limit:
			c.fail(c.unsent(fmt.Errorf("it closed %v ago", c.o.Timeout)))
		}
	}
}

// still tells when a counter that should move has not done so for some ticks.
type still struct {
	of    *atomic.Uint64
	limit int
	ticks int
	last  uint64
}

func (s *still) tick(moves bool) bool {
	if n := s.of.Load(); n != s.last || !moves {
		s.last, s.ticks = n, 0
		return false
	}
	s.ticks++
	return s.ticks >= s.limit
}
