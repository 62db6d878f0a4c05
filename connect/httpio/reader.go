package httpio

import (
	"context"
	"sync"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// buffer is between the goroutine of an origin and Poll.
type buffer struct {
	wake func()
	room chan struct{} // Poll has taken what was there

	mu    sync.Mutex
	items []item
	moved *position // where the position moves to behind the items
	ended bool
	err   error
}

// itemsMax is how many records wait for Poll.
const itemsMax = 4096

// put keeps a record, and waits while too many are kept. It returns false when ctx is done.
func (b *buffer) put(ctx context.Context, i item) bool {
	for {
		b.mu.Lock()
		if len(b.items) < itemsMax {
			b.items = append(b.items, i)
			b.moved = nil
			first := len(b.items) == 1
			b.mu.Unlock()
			if first {
				b.wake()
			}
			return ctx.Err() == nil
		}
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-ctx.Done():
			return false
		}
	}
}

// offer keeps all of some records, or none if there is no room.
func (b *buffer) offer(all []item) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || len(b.items) > 0 && len(b.items)+len(all) > itemsMax {
		return false
	}
	b.items = append(b.items, all...)
	b.wake()
	return true
}

// move moves the position behind what was put.
func (b *buffer) move(p position) {
	b.mu.Lock()
	b.moved = &p
	b.mu.Unlock()
}

func (b *buffer) end(err error) {
	b.mu.Lock()
	b.ended, b.err = true, err
	b.mu.Unlock()
	b.wake()
}

// reader is the part of a reader that does not know what records become.
type reader struct {
	o      origin
	onBad  connect.BadPolicy
	ctx    connect.ReaderContext
	errors *metric.Counter

	split  string // "" for none
	at     position
	taken  []item
	noMore bool

	buffer  buffer
	running context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
	posts   posts
}

func newReader(o origin, onBad connect.BadPolicy, ctx connect.ReaderContext) *reader {
	r := &reader{o: o, onBad: onBad, ctx: ctx, errors: ctx.Metrics.Counter("numRecordsInErrors")}
	r.buffer.wake, r.buffer.room = ctx.Wake, make(chan struct{}, 1)
	r.running, r.stop = context.WithCancel(ctx.Context)
	return r
}

// Assign begins to read the split.
func (r *reader) Assign(splits []connect.Split) error {
	for _, s := range splits {
		p, err := decodeSplit(s)
		if err != nil {
			return err
		}
		r.split, r.at = s.ID, p
		r.wg.Go(func() {
			err := r.o.run(r.running, p, &r.buffer)
			if r.running.Err() == nil {
				r.buffer.end(err)
			}
		})
	}
	return nil
}

// NoMoreSplits tells the reader that it has its split.
func (r *reader) NoMoreSplits() { r.noMore = true }

// output is what the engine gives a reader to fill.
type output interface {
	Split(id string)
	Finished()
	Room() int
}

// poll has records dealt with, while there is room.
func (r *reader) poll(out output, do func(i *item) error) (connect.Status, error) {
	if r.split == "" {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	ended, err := r.take()
	if err != nil {
		return connect.Waiting, err
	}
	if len(r.taken) == 0 && !ended {
		return connect.Waiting, nil
	}
	out.Split(r.split)
	for out.Room() > 0 && len(r.taken) > 0 {
		i := &r.taken[0]
		if err := do(i); err != nil {
			return connect.More, err
		}
		r.at, r.taken = i.behind, r.taken[1:]
		r.posts.read(i.post)
	}
	if ended && len(r.taken) == 0 {
		out.Finished()
		if r.split = ""; !r.noMore {
			r.ctx.Request()
		}
	}
	return connect.More, nil
}

// take takes what is kept, if nothing is left of what was taken before. ended says that nothing more will come.
func (r *reader) take() (ended bool, err error) {
	b := &r.buffer
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(r.taken) > 0 {
		return b.ended && b.err == nil && len(b.items) == 0, nil
	}
	r.taken, b.items = b.items, nil
	if len(r.taken) == 0 {
		if b.moved != nil {
			r.at = *b.moved
		}
		return b.ended, b.err
	}
	select {
	case b.room <- struct{}{}:
	default:
	}
	return b.ended && b.err == nil, nil
}

// bad deals with a record that cannot be decoded.
func (r *reader) bad(i *item, err error) error {
	return r.onBad.Handle(err, i.Data, func() string {
		if i.ID != "" {
			return r.split + ", event " + i.ID
		}
		return r.split
	}, r.errors)
}

// Snapshot has the split at its position.
func (r *reader) Snapshot() ([]connect.Split, error) {
	if r.split == "" {
		return nil, nil
	}
	return []connect.Split{encodeSplit(r.split, r.at)}, nil
}

// Snapshotted keeps which posts a checkpoint has.
func (r *reader) Snapshotted(checkpoint int64) { r.posts.snapshotted(checkpoint) }

// Completed answers the posts that a checkpoint has.
func (r *reader) Completed(checkpoint int64) { r.posts.completed(checkpoint) }

// Close ends the origin.
func (r *reader) Close() error {
	r.stop()
	r.wg.Wait()
	return nil
}
