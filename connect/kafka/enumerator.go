package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/connect"
)

// enumerator finds partitions and deals them out.
type enumerator struct {
	ctx    connect.EnumeratorContext
	cfg    *config
	finder *finder // nil when nothing more is looked for
	known  map[Partition]bool
	looked bool              // once, at least
	left   [][]connect.Split // by reader, not assigned
	asked  []bool            // readers that wait for splits
}

func newEnumerator(ctx connect.EnumeratorContext, cfg *config, state []byte) (*enumerator, error) {
	p := ctx.Parallelism()
	e := &enumerator{
		ctx: ctx, cfg: cfg, known: map[Partition]bool{}, left: make([][]connect.Split, p), asked: make([]bool, p),
	}
	if state != nil {
		if err := e.restore(state); err != nil {
			return nil, err
		}
	}
	if e.looked && !e.looksAgain() {
		return e, nil
	}
	var err error
	if e.finder, err = newFinder(cfg); err == nil {
		e.look()
	}
	return e, err
}

// looksAgain reports whether there may be partitions later.
func (e *enumerator) looksAgain() bool { return e.cfg.Stop == nil && e.cfg.Discover > 0 }

// look looks for partitions in the background.
func (e *enumerator) look() {
	start := e.cfg.Start
	if e.looked {
		start = Earliest()
	}
	known := make(map[Partition]bool, len(e.known))
	for p := range e.known {
		known[p] = true
	}
	var found []*split
	finder := e.finder
	e.ctx.Go(func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, e.cfg.timeout)
		defer cancel()
		found, err = finder.find(ctx, start, func(p Partition) bool { return !known[p] })
		return err
	}, func(err error) {
		switch {
		case err == nil:
			e.found(found)
		case !e.looked:
			e.ctx.Fail(err)
			return
		case finder.refused.Load() != nil:
			e.ctx.Fail(fmt.Errorf("kafka: new partitions cannot be looked for: %w", *finder.refused.Load()))
			return
		default:
			warn("flott: kafka: new partitions could not be looked for; this is tried again", "cause", err)
		}
		if e.looksAgain() {
			e.ctx.After(e.cfg.Discover, e.look)
		} else {
			e.Close()
		}
	})
}

func (e *enumerator) found(splits []*split) {
	if len(splits) == 0 && !e.looked {
		warn("flott: kafka: there is no partition to read yet", "topics", e.cfg.Topics, "pattern", e.cfg.TopicPattern)
	}
	e.looked = true
	for _, s := range splits {
		e.known[s.Partition] = true
		if s.next < s.stop {
			e.put(s.encode(), s.Partition)
		}
	}
	for i := range e.left {
		e.give(i)
	}
}

func (e *enumerator) put(s connect.Split, p Partition) {
	to := owner(p, len(e.left))
	e.left[to] = append(e.left[to], s)
}

// give assigns to a reader what is left for it, and tells it when nothing more will come.
func (e *enumerator) give(subtask int) {
	if splits := e.left[subtask]; len(splits) > 0 {
		e.left[subtask], e.asked[subtask] = nil, false
		e.ctx.Assign(subtask, splits...)
	}
	if e.looked && !e.looksAgain() {
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

// Snapshot encodes the partitions that are known, and those that are not assigned.
func (e *enumerator) Snapshot() ([]byte, error) {
	b := []byte{splitVersion, 0}
	if e.looked {
		b[1] = 1
	}
	known := make([]Partition, 0, len(e.known))
	for p := range e.known {
		known = append(known, p)
	}
	slices.SortFunc(known, comparePartitions)
	b = binary.AppendUvarint(b, uint64(len(known)))
	for _, p := range known {
		b = binary.AppendUvarint(b, uint64(p.Number))
		b = binary.AppendUvarint(b, uint64(len(p.Topic)))
		b = append(b, p.Topic...)
	}
	return append(b, connect.EncodeSplits(slices.Concat(e.left...))...), nil
}

func (e *enumerator) restore(b []byte) error {
	broken := errors.New("kafka: the enumerator's state is broken")
	if len(b) < 2 || b[0] != splitVersion {
		return broken
	}
	e.looked, b = b[1] == 1, b[2:]
	take := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	for range take() {
		number, length := take(), take()
		if length > uint64(len(b)) {
			return broken
		}
		e.known[Partition{string(b[:length]), int32(number)}] = true
		b = b[length:]
	}
	splits, err := connect.DecodeSplits(b)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	for _, sp := range splits {
		s, err := decodeSplit(sp)
		if err != nil {
			return err
		}
		e.put(sp, s.Partition)
	}
	return nil
}

// Close disconnects.
func (e *enumerator) Close() error {
	if e.finder != nil {
		e.finder.close()
		e.finder = nil
	}
	return nil
}
