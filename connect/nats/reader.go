package nats

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// reader is the part of a reader that does not know what messages become: its splits, and the goroutines that have their
// messages sent.
type reader struct {
	o      *SourceOptions
	ctx    connect.ReaderContext
	feeds  []*feed
	turn   int // of the feed that is looked at first
	paused map[string]bool
	noMore bool

	running context.Context // of the goroutines, done by stop
	stop    context.CancelFunc
	wg      sync.WaitGroup
	line    line
	errors  *metric.Counter
}

// line is the connection that a reader's feeds share. The first that needs it connects.
type line struct {
	once   sync.Once
	client *client
	err    error
}

func (l *line) open(ctx context.Context, c *Connection) (*client, error) {
	l.once.Do(func() { l.client, l.err = c.dial(ctx, false) })
	return l.client, l.err
}

func newReader(o *SourceOptions, ctx connect.ReaderContext) *reader {
	r := &reader{o: o, ctx: ctx, paused: map[string]bool{}, errors: ctx.Metrics.Counter("numRecordsInErrors")}
	r.running, r.stop = context.WithCancel(ctx.Context)
	return r
}

// Assign adds splits, and has their messages sent.
func (r *reader) Assign(splits []connect.Split) error {
	for _, sp := range splits {
		s, err := decodeSplit(sp)
		if err != nil {
			return err
		}
		f := newFeed(s, r)
		r.feeds = append(r.feeds, f)
		r.wg.Go(func() { f.run(r.running) })
	}
	return nil
}

// NoMoreSplits tells the reader that it has all its splits.
func (r *reader) NoMoreSplits() { r.noMore = true }

// output is what the engine gives a reader to fill.
type output interface {
	Split(id string)
	Finished()
	Room() int
}

// poll has messages of one split dealt with, while there is room.
func (r *reader) poll(out output, do func(m *Message) error) (connect.Status, error) {
	for range r.feeds {
		r.turn = (r.turn + 1) % len(r.feeds)
		f := r.feeds[r.turn]
		if r.paused[f.id] {
			continue
		}
		ready, err := f.take()
		if err != nil {
			return connect.Waiting, err
		}
		if !ready {
			continue
		}
		out.Split(f.id)
		if err := f.deliver(out, do); err != nil {
			return connect.More, err
		}
		if f.isAtEnd() {
			out.Finished()
			r.leave(f)
		}
		return connect.More, nil
	}
	if len(r.feeds) == 0 && r.noMore {
		return connect.Ended, nil
	}
	return connect.Waiting, nil
}

// leave gives up a split that is read to its end.
func (r *reader) leave(f *feed) {
	r.feeds = slices.DeleteFunc(r.feeds, func(o *feed) bool { return o == f })
	if len(r.feeds) == 0 && !r.noMore {
		r.ctx.Request()
	}
}

// bad deals with a message that cannot be decoded.
func (r *reader) bad(m *Message, err error) error {
	return r.o.OnBad.Handle(err, m.Data, func() string {
		return fmt.Sprintf("stream %s, subject %s, message %d", m.Stream, m.Subject, m.Sequence)
	}, r.errors)
}

// Pause stops and resumes splits.
func (r *reader) Pause(stop, goOn []string) {
	for _, id := range stop {
		r.paused[id] = true
	}
	for _, id := range goOn {
		delete(r.paused, id)
	}
}

// Backlog is what the servers had more when they sent the last message of each split.
func (r *reader) Backlog() connect.Backlog {
	b := connect.Backlog{Bytes: -1}
	for _, f := range r.feeds {
		n := f.backlog()
		if f.stop != noStop {
			n = min(n, f.stop-min(f.next, f.stop))
		}
		b.Records += int64(n)
	}
	return b
}

// Snapshot has the splits at their positions.
func (r *reader) Snapshot() ([]connect.Split, error) {
	splits := make([]connect.Split, 0, len(r.feeds))
	for _, f := range r.feeds {
		splits = append(splits, f.encode())
	}
	return splits, nil
}

// Close disconnects.
func (r *reader) Close() error {
	r.stop()
	r.wg.Wait()
	if r.line.client != nil {
		r.line.client.close()
	}
	return nil
}
