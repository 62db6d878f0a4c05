package result

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/flott-dev/flott/internal/wire"
)

// fetchWindow is how many bytes of a part may be under way to its consumer.
const fetchWindow = 512 << 10

// Client asks a TaskManager for results. Its methods may be called by any goroutine.
type Client struct {
	conn   *wire.Conn
	sender *wire.Sender
	last   atomic.Uint64 // channel
}

// NewClient returns the client on a connection with a TaskManager, which serves it there.
func NewClient(c *wire.Conn) (*Client, error) {
	sender, err := c.NewSender(requests, func() {})
	if err != nil {
		return nil, err
	}
	k := &Client{conn: c, sender: sender}
	k.last.Store(requests)
	return k, nil
}

// Fetch is the Source of a part of a job's file. about is what errors say: all but Err and Lost.
func (k *Client) Fetch(job string, about Error, number int) Source {
	return &fetch{client: k, about: about, q: request{id: about.ID, part: number, job: job}}
}

// fetch is a Source of another machine.
type fetch struct {
	client   *Client
	about    Error
	q        request
	receiver *wire.Receiver
	cost     int // of the block that the consumer has
	buffer   *wire.Buffer
	pieces   []byte
	taken    uint64 // blocks

	mu struct {
		sync.Mutex
		wake    func()
		queue   []wire.Message
		waiting bool
		err     error
		over    bool
	}
}

// Start sends the request.
func (f *fetch) Start(wake func()) {
	if f.receiver != nil {
		return
	}
	f.mu.wake = wake
	f.q.channel = wire.ChannelID(f.client.last.Add(1))
	receiver, err := f.client.conn.NewReceiver(f.q.channel, fetchWindow, f)
	if err != nil {
		f.Failed(err)
		return
	}
	f.receiver = receiver
	m := wire.NewBuffer(64)
	m.B = f.q.append(m.B)
	if _, err := f.client.sender.Send(requestMessage, m); err != nil {
		f.Failed(err)
	}
}

// Message queues what has come. It is called by the connection.
func (f *fetch) Message(m wire.Message) {
	f.mu.Lock()
	if f.mu.over {
		f.mu.Unlock()
		m.Buffer.Free()
		return
	}
	f.mu.queue = append(f.mu.queue, m)
	wake := f.wakeLocked()
	f.mu.Unlock()
	wake()
}

// Failed notes that nothing more comes. It is called by the connection.
func (f *fetch) Failed(err error) {
	f.mu.Lock()
	if f.mu.err == nil {
		f.mu.err = err
	}
	wake := f.wakeLocked()
	f.mu.Unlock()
	wake()
}

// wakeLocked is what wakes the consumer if it waits.
func (f *fetch) wakeLocked() func() {
	if !f.mu.waiting || f.mu.over {
		return func() {}
	}
	f.mu.waiting = false
	return f.mu.wake
}

// take takes a message out of the queue.
func (f *fetch) take() (wire.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.queue) > 0 {
		m := f.mu.queue[0]
		f.mu.queue = f.mu.queue[1:]
		return m, nil
	}
	if f.mu.err != nil {
		return wire.Message{}, f.mu.err
	}
	f.mu.waiting = true
	return wire.Message{}, ErrWait
}

// Next takes a block that has come.
func (f *fetch) Next() ([]byte, error) {
	f.free()
	m, err := f.take()
	if err == ErrWait {
		return nil, err
	}
	if err != nil {
		return nil, f.fail(err, false)
	}
	f.buffer, f.cost = m.Buffer, m.Cost
	b := m.Buffer.B
	switch m.Kind {
	case blockMessage:
		f.taken++
		if f.pieces, err = unpack(f.pieces, b); err != nil {
			return nil, f.fail(err, true)
		}
		return f.pieces, nil
	case endMessage:
		if n, k := binary.Uvarint(b); k <= 0 || n != f.taken {
			return nil, f.fail(fmt.Errorf("%w: %d blocks came of %d", wire.ErrProtocol, f.taken, n), false)
		}
		f.Close()
		return nil, io.EOF
	case failedMessage:
		if len(b) > 0 {
			return nil, f.fail(errors.New(string(b[1:])), b[0] == 1)
		}
	}
	return nil, f.fail(fmt.Errorf("%w: message of kind %d", wire.ErrProtocol, m.Kind), false)
}

// free gives back the room of the block that the consumer had.
func (f *fetch) free() {
	if f.buffer != nil {
		f.buffer.Free()
		f.buffer = nil
		f.receiver.Grant(f.cost)
	}
}

func (f *fetch) fail(err error, lost bool) error {
	e := f.about
	e.Err, e.Lost = err, lost
	return &e
}

// Close ends the channel.
func (f *fetch) Close() {
	if f.receiver == nil || f.mu.over {
		return
	}
	f.mu.Lock()
	f.mu.over = true
	queue := f.mu.queue
	f.mu.queue = nil
	f.mu.Unlock()
	for _, m := range queue {
		m.Buffer.Free()
	}
	f.free()
	f.receiver.Close()
}
