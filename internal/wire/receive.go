package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// readBytes is what is read ahead. A longer payload is read into its buffer without a copy.
const readBytes = 64 << 10

// Message is a message that has come.
type Message struct {
	Kind   uint8   // as sent
	Urgent bool    // it has overtaken messages that were sent before
	Buffer *Buffer // belongs to the handler
	Cost   int     // what to Grant when it is dealt with; an urgent one costs nothing
}

// Handler is what a channel receives with. It is called on the reading goroutine, one call at a time,
// and must not block.
type Handler interface {
	// Message hands over the next message.
	Message(Message)
	// Failed tells that the connection has ended and nothing more will come.
	Failed(error)
}

// Receiver is the end of a channel that receives. Its methods may be called by any goroutine.
type Receiver struct {
	c       *Conn
	id      ChannelID
	window  int64
	handler Handler
	left    atomic.Int64 // what the sender may still send
	owed    atomic.Int64 // what it may send besides, and has not been told

	// Guarded by c.out.
	listed bool // it is in c.out.grants
	shut   bool // closed: no credit may follow

	// Guarded by c.in.
	closed bool // here
	ended  bool // by the sender
}

// inlet is the part of a Conn that receives.
type inlet struct {
	sync.Mutex
	reads atomic.Uint64 // from the net.Conn
	bye   bool          // has come; of the reading goroutine

	// Guarded by the mutex.
	receivers map[ChannelID]*Receiver
	finished  bool
}

// NewReceiver opens the receiving end of a channel. The sender may send window bytes; Grant gives it
// back what has been dealt with. The handler may be called before NewReceiver returns.
func (c *Conn) NewReceiver(id ChannelID, window int, h Handler) (*Receiver, error) {
	r := &Receiver{c: c, id: id, window: int64(max(window, 1)), handler: h}
	if err := c.add(r); err != nil {
		return nil, err
	}
	r.Grant(int(r.window))
	return r, nil
}

func (c *Conn) add(r *Receiver) error {
	c.in.Lock()
	defer c.in.Unlock()
	if c.in.finished {
		return c.err
	}
	if c.in.receivers[r.id] != nil {
		return &Error{Peer: c.name, Err: fmt.Errorf("receiver of channel %d exists", r.id)}
	}
	c.in.receivers[r.id] = r
	return nil
}

// Grant gives the sender back what messages have cost. The other side is told when it is a quarter of
// the window.
func (r *Receiver) Grant(cost int) {
	if r.owed.Add(int64(cost)) < max(r.window/4, 1) {
		return
	}
	o := &r.c.out
	o.Lock()
	defer o.Unlock()
	if !r.listed && !r.shut && !o.stopped {
		r.listed = true
		o.grants.push(r)
		o.work.Signal()
	}
}

// creditLocked is the frame that tells the sender.
func (r *Receiver) creditLocked() (outgoing, bool) {
	r.listed = false
	if r.shut {
		return outgoing{}, false
	}
	n := r.owed.Swap(0)
	r.left.Add(n)
	return outgoing{
		header: header{kind: credit, channel: r.id, length: payloadBytes[credit]},
		amount: n,
	}, n > 0
}

// Close ends the channel on this side: what still comes is dropped, and the sender stops. A call of
// the handler may be under way when it returns, but no other follows, nor Failed.
func (r *Receiver) Close() {
	i, o := &r.c.in, &r.c.out
	i.Lock()
	again := r.closed
	r.closed = true
	if r.ended {
		delete(i.receivers, r.id)
	}
	i.Unlock()
	if again {
		return
	}
	o.Lock()
	defer o.Unlock()
	r.shut = true
	if !o.stopped {
		o.control.push(outgoing{header: header{kind: stop, channel: r.id}})
		o.work.Signal()
	}
}

// empty ends the receiving side and returns the handlers that are to be told.
func (i *inlet) empty() []Handler {
	i.Lock()
	defer i.Unlock()
	i.finished = true
	var handlers []Handler
	for _, r := range i.receivers {
		if !r.closed {
			handlers = append(handlers, r.handler)
		}
	}
	clear(i.receivers)
	return handlers
}

// counting counts the reads of a net.Conn, which are the signs of life.
type counting struct {
	r io.Reader
	n *atomic.Uint64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(1)
	return n, err
}

// read runs the reading goroutine until the connection ends, and returns why.
func (c *Conn) read() error {
	d := decoder{
		r:         bufio.NewReaderSize(counting{c.nc, &c.in.reads}, readBytes),
		lengthMax: c.o.MessageBytesMax,
	}
	for {
		h, b, err := d.next()
		switch {
		case err == nil:
			err = c.handle(h, b)
		case c.byes():
			return c.closed()
		case !errors.Is(err, ErrDamaged):
			err = c.lost(err)
		}
		if err != nil {
			return err
		}
	}
}

// lost is the cause when the net.Conn cannot be read any more.
func (c *Conn) lost(err error) error {
	c.out.Lock()
	defer c.out.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) && c.out.broken != nil {
		err = c.out.broken
	}
	return fmt.Errorf("%w: %w", ErrLost, unexpected(err))
}

// closed is the cause of an end in good order.
func (c *Conn) closed() error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.out.byPeer {
		return fmt.Errorf("%w by it", ErrClosed)
	}
	return ErrClosed
}

func (c *Conn) handle(h header, b *Buffer) error {
	if c.in.bye && (h.kind == message || h.kind == urgent) {
		b.Free()
		return fmt.Errorf("%w: message on channel %d after bye", ErrProtocol, h.channel)
	}
	switch h.kind {
	case message, urgent:
		return c.receive(h, b)
	case credit:
		n := int64(binary.LittleEndian.Uint64(b.B))
		b.Free()
		return c.credited(h.channel, n)
	case end:
		return c.ended(h.channel)
	case stop:
		c.stopped(h.channel)
	case bye:
		c.in.bye = true
		c.closeOut(true)
	}
	return nil
}

// receive hands a message over to the handler of its channel.
func (c *Conn) receive(h header, b *Buffer) error {
	c.in.Lock()
	r := c.in.receivers[h.channel]
	if r == nil || r.ended {
		c.in.Unlock()
		b.Free()
		return fmt.Errorf("%w: message on channel %d, which is not open", ErrProtocol, h.channel)
	}
	closed := r.closed
	c.in.Unlock()
	m := Message{Kind: h.tag, Urgent: h.kind == urgent, Buffer: b}
	if !m.Urgent {
		m.Cost = len(b.B) + Overhead
		if r.left.Add(-int64(m.Cost))+int64(m.Cost) <= 0 {
			b.Free()
			return fmt.Errorf("%w: message on channel %d without credit", ErrProtocol, h.channel)
		}
	}
	if closed {
		b.Free()
		return nil
	}
	r.handler.Message(m)
	return nil
}

// creditMax limits what a channel may be granted, so that sums do not overflow.
const creditMax = 1 << 50

func (c *Conn) credited(id ChannelID, n int64) error {
	c.out.Lock()
	s := c.senderLocked(id)
	if n <= 0 || n > creditMax || s.credit+n > creditMax || s.stopped {
		c.out.Unlock()
		return fmt.Errorf("%w: credit of %d on channel %d", ErrProtocol, n, id)
	}
	s.grantedLocked(n)
	wake := s.wakeLocked()
	c.out.Unlock()
	if wake != nil {
		wake()
	}
	return nil
}

func (c *Conn) stopped(id ChannelID) {
	c.out.Lock()
	s := c.senderLocked(id)
	s.stoppedLocked()
	wake := s.wakeLocked()
	c.out.Unlock()
	if wake != nil {
		wake()
	}
}

func (c *Conn) ended(id ChannelID) error {
	c.in.Lock()
	defer c.in.Unlock()
	r := c.in.receivers[id]
	if r == nil || r.ended {
		return fmt.Errorf("%w: end of channel %d, which is not open", ErrProtocol, id)
	}
	r.ended = true
	if r.closed {
		delete(c.in.receivers, id)
	}
	return nil
}
