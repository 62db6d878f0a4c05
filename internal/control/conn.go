package control

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/wire"
)

const (
	channel     = 1 // of each direction
	windowBytes = 64 << 20
	message     = 1 // the kind
)

// Conn sends messages of type Out and receives messages of type In. Its methods may be called by any
// goroutine.
type Conn[Out, In any] struct {
	conn   *wire.Conn
	sender *wire.Sender

	mu struct {
		sync.Mutex
		enc *gob.Encoder
		out bytes.Buffer
	}
}

// Handler hears from a Conn, one call at a time. It must not block.
type Handler[In any] interface {
	// Receive takes a message.
	Receive(m *In)
	// Lost tells that nothing more comes, with a *wire.Error.
	Lost(err error)
}

// Attach makes a Conn of a connection, which has no other channels of number 1. The handler may be called
// before it returns.
func Attach[Out, In any](c *wire.Conn, h Handler[In]) (*Conn[Out, In], error) {
	sender, err := c.NewSender(channel, func() {})
	if err != nil {
		return nil, err
	}
	o := &Conn[Out, In]{conn: c, sender: sender}
	o.mu.enc = gob.NewEncoder(&o.mu.out)
	r := &reader[In]{conn: c, handler: h}
	r.dec = gob.NewDecoder(&r.in)
	r.mu.Lock() // until it has its receiver
	defer r.mu.Unlock()
	if r.receiver, err = c.NewReceiver(channel, windowBytes, r); err != nil {
		return nil, err
	}
	return o, nil
}

// Send queues a message. If the connection has ended, it is lost, and the handler is told so.
func (c *Conn[Out, In]) Send(m *Out) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.out.Reset()
	if err := c.mu.enc.Encode(m); err != nil {
		c.conn.Abort(fmt.Errorf("encode %T: %w", m, err))
		return
	}
	b := wire.NewBuffer(c.mu.out.Len())
	b.B = append(b.B, c.mu.out.Bytes()...)
	c.sender.Send(message, b)
}

// Abort ends the connection. Both sides hear of err.
func (c *Conn[Out, In]) Abort(err error) { c.conn.Abort(err) }

// Heard is when the other side has given its last sign of life.
func (c *Conn[Out, In]) Heard() time.Time { return c.conn.Heard() }

// reader is the receiving end of a Conn.
type reader[In any] struct {
	conn     *wire.Conn
	handler  Handler[In]
	mu       sync.Mutex
	receiver *wire.Receiver
	in       bytes.Buffer
	dec      *gob.Decoder
}

// Message decodes a message.
func (r *reader[In]) Message(m wire.Message) {
	r.in.Write(m.Buffer.B)
	m.Buffer.Free()
	in := new(In)
	if err := r.dec.Decode(in); err != nil {
		r.conn.Abort(fmt.Errorf("%w: a message cannot be read: %w", wire.ErrProtocol, err))
		return
	}
	r.mu.Lock()
	receiver := r.receiver
	r.mu.Unlock()
	receiver.Grant(m.Cost)
	r.handler.Receive(in)
}

// Failed tells the handler.
func (r *reader[In]) Failed(err error) { r.handler.Lost(err) }
