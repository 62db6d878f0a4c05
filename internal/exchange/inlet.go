package exchange

import (
	"fmt"
	"sync/atomic"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/wire"
)

// inlet is the consumer's end of a channel from another process. It queues what comes as it is; the
// consumer decodes a batch when the gate takes it.
type inlet struct {
	remote   Remote
	channel  *Channel
	read     func([]byte) (batch.Any, error) // of the consumer
	receiver *wire.Receiver
	opened   chan struct{} // closed when receiver is set
	over     atomic.Bool   // it was closed, has failed, or the end of the input has come
}

// ReceiveFrom has a channel of a Gate filled by a producer in another process. The window of the
// producer is the channel's limit. It must be called after Configure, and before the task runs: the task
// may be woken at once. The channel is closed by Discard, also where the task never runs.
func (c *Channel) ReceiveFrom(r Remote) error {
	if c.gate == nil || c.feedback {
		return fmt.Errorf("a channel of a blocking exchange, or a feedback, cannot come from another process")
	}
	if err := r.check(); err != nil {
		return err
	}
	read, err := r.Edge.BatchReader(r.Edge.FlightType())
	if err != nil {
		return err
	}
	i := &inlet{remote: r, channel: c, read: read, opened: make(chan struct{})}
	c.in = i // before the first message
	if i.receiver, err = r.Conn.NewReceiver(r.ID, int(c.limit), i); err != nil {
		c.in = nil
		return err
	}
	close(i.opened)
	return nil
}

// Message queues a message. It is called by the connection.
func (i *inlet) Message(m wire.Message) {
	<-i.opened // NewReceiver is about to return
	err := i.take(m)
	if err != nil {
		m.Buffer.Free()
		i.receiver.Close()
		i.Failed(i.blame(err))
	}
}

// take takes the message over, unless there is an error.
func (i *inlet) take(m wire.Message) error {
	g := i.channel.gate
	switch m.Kind {
	case batchMessage:
		rows, data, err := parseBatch(m.Buffer.B)
		if err != nil {
			return err
		}
		p := &packed{rows: rows, data: data, message: m.Buffer}
		p.refs.Store(1)
		g.enqueue(element{channel: i.channel, batch: p, bytes: int64(m.Cost)})
		return nil
	case controlMessage:
		c, err := parseControl(m.Buffer.B)
		if err != nil {
			return err
		}
		m.Buffer.Free()
		if m.Urgent {
			if g.hastens(c) {
				g.announce(i.channel, c)
			}
			return nil
		}
		if c.Kind == operator.EndOfInput {
			i.over.Store(true)
		}
		i.receiver.Grant(m.Cost) // it needs no room
		g.enqueue(element{channel: i.channel, control: c})
		return nil
	}
	return fmt.Errorf("message of kind %d", m.Kind)
}

// Failed reports that nothing more comes. It is called by the connection. The gate gets nothing: a
// cut is no end.
func (i *inlet) Failed(err error) {
	if !i.over.Swap(true) {
		i.remote.Failed(err)
	}
}

// blame names the other process as the one that sent what is wrong.
func (i *inlet) blame(err error) error {
	return &wire.Error{
		Peer: i.remote.Conn.Peer(), Err: fmt.Errorf("%w on channel %d: %w", wire.ErrProtocol, i.remote.ID, err),
	}
}

// unpack decodes the batch of an element.
func (i *inlet) unpack(e *element) {
	p := e.batch.(*packed)
	b, err := readBatch(i.read, p.rows, p.data)
	if err != nil {
		panic(i.blame(err))
	}
	if p.granted {
		i.channel.gate.bytesIn += e.bytes
		e.bytes = 0
	}
	p.Release()
	e.batch = b
}

func (i *inlet) close() {
	i.over.Store(true)
	i.receiver.Close()
}

// packed is a batch as it has come from another process.
type packed struct {
	rows    int
	data    []byte       // the batch, in message
	message *wire.Buffer // freed with the last reference
	refs    atomic.Int32
	granted bool // the producer has its room back; of the consumer
}

// grantEarly gives the room of a batch back that is still to be processed.
func (p *packed) grantEarly(e *element) {
	if !p.granted {
		p.granted = true
		e.channel.done(e.bytes)
	}
}

// Len is the number of rows.
func (p *packed) Len() int { return p.rows }

// MarkList is empty: the marks are not decoded.
func (p *packed) MarkList() *[]batch.Mark { return new([]batch.Mark) }

// Bytes is the length of the encoding.
func (p *packed) Bytes() int { return len(p.data) }

// Ref returns the batch itself.
func (p *packed) Ref() batch.Any {
	p.refs.Add(1)
	return p
}

// Release gives a reference up.
func (p *packed) Release() {
	if n := p.refs.Add(-1); n == 0 {
		p.message.Free()
	} else if n < 0 {
		panic("exchange: packed batch is released twice")
	}
}
