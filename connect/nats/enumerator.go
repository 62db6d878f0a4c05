package nats

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect"
)

// enumerator finds splits and deals them out.
type enumerator struct {
	ctx    connect.EnumeratorContext
	o      *SourceOptions
	starts map[string]uint64 // by stream, where reading has begun; empty until it was looked
	known  map[string]bool   // ids of splits
	left   [][]connect.Split // by reader, not assigned
}

func newEnumerator(ctx connect.EnumeratorContext, o *SourceOptions, state []byte) (*enumerator, error) {
	e := &enumerator{
		ctx: ctx, o: o, starts: map[string]uint64{}, known: map[string]bool{}, left: make([][]connect.Split, ctx.Parallelism()),
	}
	if state != nil {
		if err := e.restore(state); err != nil {
			return nil, err
		}
	}
	if !e.looked() || e.looksAgain() {
		e.look()
	}
	return e, nil
}

func (e *enumerator) looked() bool { return len(e.starts) > 0 }

// looksAgain reports whether there may be splits later.
func (e *enumerator) looksAgain() bool { return e.o.EachSubject && e.o.Stop == nil }

// look looks for splits in the background.
func (e *enumerator) look() {
	l := &look{o: e.o, starts: maps.Clone(e.starts), known: maps.Clone(e.known)}
	e.ctx.Go(l.run, func(err error) {
		var refused *refusedError
		switch {
		case err == nil:
			e.found(l)
		case !e.looked() || errors.As(err, &refused):
			e.ctx.Fail(err)
			return
		default:
			slog.Warn("flott: nats: new subjects could not be looked for; this is tried again", "cause", err)
		}
		if e.looksAgain() {
			e.ctx.After(e.o.Discover, e.look)
		}
	})
}

func (e *enumerator) found(l *look) {
	first := !e.looked()
	e.starts = l.starts
	for i, s := range l.splits {
		e.known[s.id] = true
		to := i % len(e.left)
		if !first {
			to = owner(s.id, len(e.left))
		}
		e.left[to] = append(e.left[to], s.encode())
	}
	for i := range e.left {
		e.give(i)
	}
}

// give assigns to a reader what is left for it, and tells it when nothing more will come.
func (e *enumerator) give(subtask int) {
	if splits := e.left[subtask]; len(splits) > 0 {
		e.left[subtask] = nil
		e.ctx.Assign(subtask, splits...)
	}
	if e.looked() && !e.looksAgain() {
		e.ctx.NoMoreSplits(subtask)
	}
}

// Request gives a reader what there is.
func (e *enumerator) Request(subtask int) { e.give(subtask) }

// Attached gives a reader that has begun what there is for it.
func (e *enumerator) Attached(subtask int) { e.give(subtask) }

// Back keeps splits for their reader.
func (e *enumerator) Back(subtask int, splits []connect.Split) {
	e.left[subtask] = append(e.left[subtask], splits...)
}

// Snapshot encodes where streams begin, the splits that are known, and those that are not assigned.
func (e *enumerator) Snapshot() ([]byte, error) {
	b := binary.AppendUvarint([]byte{splitVersion}, uint64(len(e.starts)))
	for _, name := range slices.Sorted(maps.Keys(e.starts)) {
		b = binary.AppendUvarint(appendText(b, name), e.starts[name])
	}
	b = binary.AppendUvarint(b, uint64(len(e.known)))
	for _, id := range slices.Sorted(maps.Keys(e.known)) {
		b = appendText(b, id)
	}
	return append(b, connect.EncodeSplits(slices.Concat(e.left...))...), nil
}

func (e *enumerator) restore(b []byte) error {
	d := decoder{b: b}
	if d.byte() != splitVersion {
		return errors.New("nats: the enumerator's state is broken")
	}
	for range d.count() {
		name := d.text()
		e.starts[name] = d.uvarint()
	}
	for range d.count() {
		e.known[d.text()] = true
	}
	if d.broken {
		return errors.New("nats: the enumerator's state is broken")
	}
	splits, err := connect.DecodeSplits(d.b)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	for i, s := range splits {
		to := i % len(e.left)
		e.left[to] = append(e.left[to], s)
	}
	return nil
}

// Close does nothing.
func (e *enumerator) Close() error { return nil }

// look is one search for splits, which a goroutine of its own does.
type look struct {
	o      *SourceOptions
	starts map[string]uint64
	known  map[string]bool
	splits []*split // found
}

func (l *look) run(ctx context.Context) error {
	c, err := l.o.dial(ctx, len(l.starts) > 0)
	if err != nil {
		return err
	}
	defer c.close()
	for _, name := range l.o.Streams {
		if err := c.ask(ctx, &l.o.Connection, func(ctx context.Context) error { return l.stream(ctx, c, name) }); err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
	}
	return nil
}

func (l *look) stream(ctx context.Context, c *client, name string) error {
	s, err := openStream(ctx, c, name)
	if err != nil {
		return err
	}
	start, ok := l.starts[name]
	if !ok {
		if start, err = l.o.Start.resolve(ctx, s); err != nil {
			return err
		}
	} else {
		start = max(start, s.CachedInfo().State.FirstSeq)
	}
	stop := uint64(noStop)
	if l.o.Stop != nil {
		if stop, err = l.o.Stop.resolve(ctx, s); err != nil {
			return err
		}
	}
	filters, err := l.filters(ctx, s)
	if err != nil {
		return err
	}
	if !ok {
		l.starts[name] = start
	}
	for _, f := range filters {
		if sp := newSplit(name, f, start, stop); !l.known[sp.id] {
			l.known[sp.id] = true
			l.splits = append(l.splits, sp)
		}
	}
	return nil
}

// openStream finds a stream that can be read by numbers.
func openStream(ctx context.Context, c *client, name string) (jetstream.Stream, error) {
	s, err := c.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("it is not there; create it, or correct the name ('stream'): %w", err)
	}
	if err != nil {
		return nil, err
	}
	if r := s.CachedInfo().Config.Retention; r != jetstream.LimitsPolicy {
		return nil, &finalError{fmt.Errorf("its retention is %v, which removes what somebody has read, so nothing could be read again after a failure; it must be limits",
			r)}
	}
	return s, nil
}

// filters are those of the splits of a stream.
func (l *look) filters(ctx context.Context, s jetstream.Stream) ([]string, error) {
	asked := l.o.Subjects
	if len(asked) == 0 {
		if !l.o.EachSubject {
			return []string{""}, nil
		}
		asked = []string{">"}
	}
	if !l.o.EachSubject {
		return asked, nil
	}
	var all []string
	for _, f := range asked {
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(f))
		if err != nil {
			return nil, err
		}
		all = append(all, slices.Sorted(maps.Keys(info.State.Subjects))...)
	}
	return all, nil
}
