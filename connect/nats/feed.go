package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/internal/clock"
)

// feed is a split whose messages a goroutine has the server send.
type feed struct {
	*split
	r   *reader
	out []Message // taken, of which the first ones are delivered already

	// Of the goroutine, and of the library's that calls receive.
	received uint64 // the number of the message that the server is to send next
	count    uint64 // messages that the present consumer has sent

	room chan struct{} // Poll has taken what was there
	mu   sync.Mutex
	buf  []Message // sent, not taken
	// passed is where the position may move to when nothing is in buf: the server has no message of the split before it.
	passed  uint64
	pending uint64 // messages that the server had not sent when it sent the last one
	ended   bool   // nothing will be sent any more
	err     error
}

const (
	bufferMax  = 2048     // messages that wait for Poll
	aheadMax   = 1024     // messages that the server may send without being asked again
	aheadBytes = 16 << 20 // and their bytes
	checkEvery = 5 * time.Second
	heartbeat  = 2 * time.Second
	pullExpiry = 30 * time.Second
	// inactive is how long a consumer stays on the server when nobody asks it for messages.
	inactive = 5 * time.Minute
)

func newFeed(s *split, r *reader) *feed {
	return &feed{split: s, r: r, received: s.next, room: make(chan struct{}, 1)}
}

// take takes what was sent, if nothing is left of what was taken before. ready says that there is something to tell.
func (f *feed) take() (ready bool, err error) {
	if len(f.out) > 0 {
		return true, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.buf) == 0 {
		f.next = max(f.next, f.passed)
		return f.ended && f.err == nil, f.err
	}
	f.out, f.buf = f.buf, make([]Message, 0, cap(f.buf))
	select {
	case f.room <- struct{}{}:
	default:
	}
	return true, nil
}

// deliver has messages dealt with that were taken.
func (f *feed) deliver(out output, do func(m *Message) error) error {
	for out.Room() > 0 && len(f.out) > 0 {
		m := &f.out[0]
		if err := do(m); err != nil {
			return err
		}
		f.next, f.out = m.Sequence+1, f.out[1:]
	}
	return nil
}

// isAtEnd reports whether all is delivered, and nothing will come.
func (f *feed) isAtEnd() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next >= f.stop || f.ended && f.err == nil && len(f.out) == 0 && len(f.buf) == 0
}

func (f *feed) backlog() uint64 {
	if len(f.out) > 0 {
		return f.out[0].pending + 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.buf) > 0 {
		return f.buf[0].pending + 1
	}
	return f.pending
}

// end notes that nothing more is sent.
func (f *feed) end(err error) {
	f.mu.Lock()
	f.ended, f.err = true, err
	f.mu.Unlock()
	f.r.ctx.Wake()
}

// run has messages sent, by one consumer after the other, until the split ends or cannot be read.
func (f *feed) run(ctx context.Context) {
	if f.received >= f.stop {
		f.end(nil)
		return
	}
	c, err := f.r.line.open(ctx, &f.r.o.Connection)
	if err != nil {
		f.end(err)
		return
	}
	for warned := false; ctx.Err() == nil; {
		before := f.received
		err := f.session(ctx, c)
		if err == nil {
			f.end(nil)
			return
		}
		if ctx.Err() != nil {
			return
		}
		if failed := c.failure(&f.r.o.Connection, err); failed != nil {
			f.end(failed)
			return
		}
		if !isPassing(err) {
			f.end(fmt.Errorf("nats: stream %s: %w", f.stream, err))
			return
		}
		if f.received > before {
			warned = false
		}
		if !warned {
			slog.WarnContext(ctx, "flott: nats: messages do not come; this is tried again", "split", f.id, "cause", err)
			warned = true
		}
		clock.Wait(ctx, retryBackoff)
	}
}

// errGap is a message that the server has sent and that has not come.
var errGap = errors.New("a message was lost on the way")

// session has a consumer of its own send messages. It returns nil when there are no more before the split's end.
func (f *feed) session(ctx context.Context, c *client) error {
	asking, done := context.WithTimeout(ctx, askTimeout)
	defer done()
	s, err := openStream(asking, c, f.stream)
	if err != nil {
		return err
	}
	if err := f.checkPosition(&s.CachedInfo().State); err != nil {
		return err
	}
	consumer, err := s.CreateConsumer(asking, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.received,
		FilterSubject: f.filter, MemoryStorage: true, Replicas: 1, InactiveThreshold: inactive,
	})
	if err != nil {
		return err
	}
	f.count = 0
	defer func() {
		asking, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if c.nc.IsConnected() {
			_ = s.DeleteConsumer(asking, consumer.CachedInfo().Name)
		}
	}()
	left := consumer.CachedInfo().NumPending
	f.mu.Lock()
	f.pending = left
	f.mu.Unlock()
	if f.stop != noStop && left == 0 {
		return nil
	}
	lost := c.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer c.nc.RemoveStatusListener(lost)
	return f.consume(ctx, lost, s, consumer)
}

// checkPosition wants the messages to be there that are read next.
func (f *feed) checkPosition(state *jetstream.StreamState) error {
	if f.received > state.LastSeq+1 && f.stop == noStop {
		return &finalError{fmt.Errorf("message %d is to be read next, and the last one is %d: the stream has been made anew, or a server has lost messages",
			f.received, state.LastSeq)}
	}
	if f.received < state.FirstSeq && f.received > 1 && !f.r.o.IgnoreLost {
		return &finalError{fmt.Errorf("message %d is to be read next, and the first one that is left is %d: what was before it is lost, as by "+
			"limits of the stream; to go on without it, set 'scan.lost-messages' = 'ignore'", f.received, state.FirstSeq)}
	}
	return nil
}

// consume receives until something goes wrong or the split ends.
func (f *feed) consume(ctx context.Context, lost <-chan nats.Status, s jetstream.Stream, consumer jetstream.Consumer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan error, 1) // the first reason counts
	stop := func(err error) {
		select {
		case over <- err:
		default:
		}
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		if ctx.Err() != nil {
			return
		}
		if end, err := f.receive(ctx, m); err != nil || end {
			stop(err)
			cancel()
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(aheadMax, aheadBytes), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(heartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { stop(err) }))
	if err != nil {
		return err
	}
	defer func() {
		cancel()
		consuming.Stop()
		<-consuming.Closed()
	}()
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-over:
			return err
		case <-lost:
			return nats.ErrDisconnected
		case <-ctx.Done():
			select {
			case err := <-over:
				return err
			default:
				return ctx.Err()
			}
		case <-tick.C:
			if end, err := f.look(ctx, s, consumer); err != nil || end {
				return err
			}
		}
	}
}

// receive keeps a message for Poll, and waits while too many are kept. end says that the split has no more.
func (f *feed) receive(ctx context.Context, m jetstream.Msg) (end bool, err error) {
	d, err := m.Metadata()
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	f.count++
	if d.Sequence.Consumer != f.count {
		f.mu.Unlock()
		return false, errGap
	}
	if d.Sequence.Stream >= f.stop {
		f.mu.Unlock()
		return true, nil
	}
	if d.Sequence.Stream >= f.received {
		f.buf = append(f.buf, Message{
			Stream: d.Stream, Subject: m.Subject(), Sequence: d.Sequence.Stream, Timestamp: d.Timestamp, Header: m.Headers(),
			Data: m.Data(), pending: d.NumPending,
		})
		f.received = d.Sequence.Stream + 1
	}
	f.pending = d.NumPending
	first, full := len(f.buf) == 1, len(f.buf) >= bufferMax
	end = f.stop != noStop && (d.NumPending == 0 || f.received >= f.stop)
	f.mu.Unlock()
	if first {
		f.r.ctx.Wake()
	}
	if full && !end {
		select {
		case <-f.room:
		case <-ctx.Done():
		}
	}
	return end, nil
}

// look asks whether the server has messages that it has not sent. If it has none, the position moves on, or the split ends.
func (f *feed) look(ctx context.Context, s jetstream.Stream, consumer jetstream.Consumer) (end bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := s.Info(ctx)
	if err != nil {
		return false, err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if info.NumPending > 0 || info.Delivered.Consumer != f.count {
		return false, nil
	}
	f.received = max(f.received, stream.State.LastSeq+1)
	f.passed = f.received
	return f.stop != noStop, nil
}
