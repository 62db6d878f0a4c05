package exchange

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/wire"
)

// outlet is the producer's end of a channel to another process.
type outlet struct {
	remote   Remote
	sender   *wire.Sender
	wake     func()
	full     atomic.Bool // there was no room, and the connection has not woken the producer since
	over     atomic.Bool // it was closed, or has failed
	rowBytes int         // of the last batch, encoded
}

// NewRemoteChannel returns the producer's end of a channel whose consumer is in another process. wake
// wakes the producer's task when there is room again, and when the connection has ended, which may be before
// there is a task. Writers close the channel with them; who makes no writer calls Abandon.
func NewRemoteChannel(r Remote, wake func()) (*Channel, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	o := &outlet{remote: r, wake: wake}
	var err error
	if o.sender, err = r.Conn.NewSender(r.ID, o.woken); err != nil {
		return nil, err
	}
	return &Channel{out: o}, nil
}

// woken is called by the connection.
func (o *outlet) woken() {
	if err := o.remote.Conn.Err(); err != nil {
		o.fail(err)
	}
	o.full.Store(false)
	o.wake()
}

// fail reports what has ended the channel. What is sent from then on is dropped.
func (o *outlet) fail(err error) {
	if !o.over.Swap(true) {
		o.remote.Failed(err)
	}
}

// send encodes b and releases it.
func (o *outlet) send(b batch.Any) bool {
	if o.over.Load() {
		b.Release()
		return true
	}
	rows := b.Len()
	guess := b.Bytes()
	if o.rowBytes > 0 {
		guess = rows * (o.rowBytes + o.rowBytes/8)
	}
	m := wire.NewBuffer(guess + 64)
	m.B = o.remote.Edge.AppendBatch(binary.AppendUvarint(m.B, uint64(rows)), b)
	b.Release()
	if rows > 0 {
		o.rowBytes = len(m.B)/rows + 1
	}
	return o.queue(batchMessage, m)
}

func (o *outlet) control(c operator.Control) {
	if o.over.Load() {
		return
	}
	if c.Kind == operator.Barrier || c.Kind == operator.EndOfInput {
		// Whether the consumer wants to hear of it before its turn, its gate knows.
		if err := o.sender.Urgent(controlMessage, messageOf(c)); err != nil {
			o.fail(err)
			return
		}
	}
	o.queue(controlMessage, messageOf(c))
}

func messageOf(c operator.Control) *wire.Buffer {
	m := wire.NewBuffer(0)
	m.B = appendControl(m.B, c)
	return m
}

func (o *outlet) queue(kind uint8, m *wire.Buffer) bool {
	room, err := o.sender.Send(kind, m)
	if err != nil {
		o.fail(err)
		return true
	}
	if !room {
		o.full.Store(true)
	}
	return room
}

// room asks the connection, which has a lock for all its channels, only after it has said no.
func (o *outlet) room() bool {
	if !o.full.Load() {
		return true
	}
	if !o.sender.Room() {
		return false
	}
	o.full.Store(false)
	return true
}

// close ends the channel. What is queued is still sent.
func (o *outlet) close() {
	o.over.Store(true)
	o.sender.Close()
}
