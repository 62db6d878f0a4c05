package wire

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Overhead is what a message takes of the credit of its channel besides its length.
const Overhead = 64

// quantumBytes is what a channel may send in its turn, less what it sent too much in the last one.
const quantumBytes = 32 << 10

// Sender is the end of a channel that sends. Its methods never block and may be called by any goroutine.
type Sender struct {
	c    *Conn
	id   ChannelID
	wake func()

	// Guarded by c.out.
	owned   bool // false: so far only the other side has spoken of the channel
	opened  bool // the receiver has granted
	starved bool // the producer waits for room
	ready   bool // it is in c.out.ready
	closed  bool // here
	stopped bool // by the receiver
	ended   bool // the receiver was told
	credit  int64
	bytes   int64 // queued, with overhead
	deficit int64 // credit of the turn, for fairness
	queue   queue[outgoing]
	early   []outgoing // urgent messages from before it was opened
}

// outgoing is a frame that is to be written.
type outgoing struct {
	header
	body   *Buffer // nil: none
	cost   int64   // of a message
	amount int64   // of a credit
}

// outlet is the part of a Conn that sends.
type outlet struct {
	sync.Mutex
	work   sync.Cond     // something is to be written
	writes atomic.Uint64 // odd while a write is under way

	// Guarded by the mutex.
	senders map[ChannelID]*Sender
	ready   queue[*Sender]   // those with messages and credit
	urgent  queue[outgoing]  // before everything else
	control queue[outgoing]  // end, stop
	grants  queue[*Receiver] // that have credit to tell
	queued  int              // messages that are not written
	beats   bool             // a heartbeat is due
	closing bool             // nothing more is taken
	byPeer  bool             // since the other side closes
	byeSent bool
	byeGot  bool
	broken  error // of a write
	stopped bool  // cut
}

// NewSender returns the sending end of a channel. It calls wake when there is room again after Send
// or Room reported that there is none, and when the connection ends.
func (c *Conn) NewSender(id ChannelID, wake func()) (*Sender, error) {
	o := &c.out
	o.Lock()
	defer o.Unlock()
	if err := c.closedLocked(); err != nil {
		return nil, err
	}
	s := c.senderLocked(id)
	if s.owned {
		return nil, &Error{Peer: c.name, Err: fmt.Errorf("sender of channel %d exists", id)}
	}
	s.owned, s.wake = true, wake
	return s, nil
}

// senderLocked returns the sender of that number, which is made if need be: a receiver may be faster.
func (c *Conn) senderLocked(id ChannelID) *Sender {
	s := c.out.senders[id]
	if s == nil {
		s = &Sender{c: c, id: id}
		c.out.senders[id] = s
	}
	return s
}

// Send queues a message, which the channel owns from now on, and reports whether there is room for
// another; without room it is queued all the same. Kind is for the receiver. What is sent to a
// receiver that has closed is dropped. The error is that of the connection, or says that the
// message is too long; the message is freed then.
//
//flott:hot
func (s *Sender) Send(kind uint8, b *Buffer) (room bool, err error) {
	f, err := s.pack(message, kind, b)
	if err != nil {
		return true, err
	}
	o := &s.c.out
	o.Lock()
	defer o.Unlock()
	if err := s.refusesLocked(f); err != nil || s.stopped {
		return true, err
	}
	o.queued++
	s.bytes += f.cost
	s.queue.push(f)
	s.readyLocked()
	return s.roomLocked(), nil
}

// Urgent sends a message that overtakes those that are queued, and needs no room.
func (s *Sender) Urgent(kind uint8, b *Buffer) error {
	f, err := s.pack(urgent, kind, b)
	if err != nil {
		return err
	}
	o := &s.c.out
	o.Lock()
	defer o.Unlock()
	if err := s.refusesLocked(f); err != nil || s.stopped {
		return err
	}
	o.queued++
	if !s.opened {
		s.early = append(s.early, f)
		return nil
	}
	o.urgent.push(f)
	o.work.Signal()
	return nil
}

// Room reports whether there is room for a message; if not, the producer is woken when there is.
func (s *Sender) Room() bool {
	s.c.out.Lock()
	defer s.c.out.Unlock()
	return s.roomLocked()
}

// Stopped reports whether the receiver takes nothing more.
func (s *Sender) Stopped() bool {
	s.c.out.Lock()
	defer s.c.out.Unlock()
	return s.stopped
}

// Close ends the channel on this side. What is queued is still sent.
func (s *Sender) Close() {
	s.c.out.Lock()
	defer s.c.out.Unlock()
	s.closed = true
	s.settleLocked()
}

// pack makes a frame of a message, all but what its place on the connection decides.
func (s *Sender) pack(k kind, tag uint8, b *Buffer) (outgoing, error) {
	n := len(b.B)
	if limit := s.c.o.MessageBytesMax; n > limit {
		b.Free()
		err := fmt.Errorf("channel %d: message of %d bytes, limit %d", s.id, n, limit)
		return outgoing{}, &Error{Peer: s.c.name, Err: err}
	}
	h := header{kind: k, tag: tag, channel: s.id}
	if s.c.o.Compress {
		b, h.flags = compress(b)
	}
	h.length, h.sum = len(b.B), payloadSum(b.B)
	return outgoing{header: h, body: b, cost: int64(n) + Overhead}, nil
}

// refusesLocked frees a message that is not taken any more.
func (s *Sender) refusesLocked(f outgoing) error {
	err := s.c.closedLocked()
	if err == nil && s.closed {
		err = &Error{Peer: s.c.name, Err: fmt.Errorf("channel %d: %w", s.id, ErrClosed)}
	}
	if err != nil || s.stopped {
		f.body.Free()
	}
	return err
}

// closedLocked is the error of sending, nil if it is possible.
func (c *Conn) closedLocked() error {
	switch {
	case c.out.stopped:
		return c.err
	case c.out.byPeer:
		return &Error{Peer: c.name, Err: fmt.Errorf("%w by it", ErrClosed)}
	case c.out.closing:
		return &Error{Peer: c.name, Err: ErrClosed}
	}
	return nil
}

func (s *Sender) roomLocked() bool {
	room := s.credit > s.bytes || s.stopped || s.closed || s.c.closedLocked() != nil
	s.starved = !room
	return room
}

// wakeLocked returns the function that wakes the producer if it waits and there is room.
func (s *Sender) wakeLocked() func() {
	if !s.starved || !s.roomLocked() {
		return nil
	}
	return s.wake
}

// readyLocked gives the channel a turn if it has something to send and may.
func (s *Sender) readyLocked() {
	if s.ready || s.queue.len() == 0 || s.credit <= 0 {
		return
	}
	s.ready = true
	s.c.out.ready.push(s)
	s.c.out.work.Signal()
}

// granted is called when the receiver has sent a credit.
func (s *Sender) grantedLocked(amount int64) {
	o := &s.c.out
	s.opened = true
	s.credit += amount
	for _, f := range s.early {
		o.urgent.push(f)
		o.work.Signal()
	}
	s.early = nil
	s.readyLocked()
	s.settleLocked()
}

// stoppedLocked is called when the receiver takes nothing more.
func (s *Sender) stoppedLocked() {
	s.stopped = true
	for _, f := range s.early {
		f.body.Free()
	}
	s.c.out.queued -= len(s.early) + s.queue.len()
	for s.queue.len() > 0 {
		s.queue.pop().body.Free()
	}
	s.early, s.bytes = nil, 0
	s.settleLocked()
	s.c.out.work.Signal() // a Close may have waited for this queue
}

// settleLocked tells the receiver of the end when everything is sent, and forgets the channel when
// both sides have no more to say.
func (s *Sender) settleLocked() {
	o := &s.c.out
	empty := s.queue.len() == 0 && len(s.early) == 0
	over := s.closed && s.opened && empty || s.stopped && (s.closed || !s.owned)
	if over && !s.ended {
		s.ended = true
		o.control.push(outgoing{header: header{kind: end, channel: s.id}})
		o.work.Signal()
	}
	if s.closed && (s.ended && s.stopped || !s.opened && !s.stopped && empty) {
		delete(o.senders, s.id)
	}
}

// takeTurnLocked hands frames over to p until the turn of the channel is over.
func (s *Sender) takeTurnLocked(p *packet) {
	o := &s.c.out
	s.deficit += quantumBytes
	for s.deficit > 0 && s.credit > 0 && s.queue.len() > 0 {
		f := s.queue.pop()
		s.credit -= f.cost
		s.bytes -= f.cost
		s.deficit -= f.cost
		o.queued--
		p.add(f)
	}
	s.ready = false
	if s.queue.len() == 0 || s.credit <= 0 {
		// What it sent too much is not forgotten, what it left is.
		s.deficit = min(s.deficit, 0)
	}
	s.readyLocked()
	if s.closed {
		s.settleLocked()
	}
}

// beat makes a heartbeat due. It reports whether the other side has closed.
func (c *Conn) beat() bool {
	c.out.Lock()
	defer c.out.Unlock()
	c.out.beats = true
	c.out.work.Signal()
	return c.out.byeGot
}

// closeOut refuses further messages. Producers that wait are woken: what they do next fails.
func (c *Conn) closeOut(byPeer bool) {
	o := &c.out
	o.Lock()
	o.byPeer = o.byPeer || byPeer && !o.closing
	o.closing = true
	o.byeGot = o.byeGot || byPeer
	var wakes []func()
	for _, s := range o.senders {
		if wake := s.wakeLocked(); wake != nil {
			wakes = append(wakes, wake)
		}
	}
	o.work.Signal()
	o.Unlock()
	for _, wake := range wakes {
		wake()
	}
}

// stopOut ends the writing goroutine.
func (c *Conn) stopOut() {
	c.out.Lock()
	c.out.stopped = true
	c.out.work.Signal()
	c.out.Unlock()
}

// emptyOut frees what is queued and returns what wakes the producers.
func (c *Conn) emptyOut() []func() {
	o := &c.out
	o.Lock()
	defer o.Unlock()
	var wakes []func()
	for _, s := range o.senders {
		s.stoppedLocked()
		if s.owned && !s.closed && s.wake != nil {
			wakes = append(wakes, s.wake)
		}
	}
	for o.urgent.len() > 0 {
		o.urgent.pop().body.Free()
	}
	clear(o.senders)
	return wakes
}

// byes tells how far an orderly close is: both sides have said their last.
func (c *Conn) byes() bool {
	c.out.Lock()
	defer c.out.Unlock()
	return c.out.byeSent && c.out.byeGot
}

// unsent is the error of a close that took too long.
func (c *Conn) unsent(cause error) error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.out.byeSent {
		return fmt.Errorf("close: the other side has not closed: %w", cause)
	}
	return fmt.Errorf("close: %d messages are not sent: %w", c.out.queued, cause)
}

// errHalfClosed ends the writing goroutine after the last frame.
var errHalfClosed = errors.New("nothing more to write")
