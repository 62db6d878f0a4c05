package file

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/flott-dev/flott/connect"
)

// enumerator lists the files, once or every interval, and hands out a split at each request.
type enumerator struct {
	ctx       connect.EnumeratorContext
	cfg       *config
	listed    bool              // once, at least
	seen      map[string]bool   // paths that were taken up; only a watching enumerator needs them
	growing   map[string]listed // files that may still be written, as the last listing found them
	left      []connect.Split
	leftBytes int64 // of left
	waiting   []int // readers that asked in vain
}

func newEnumerator(ctx connect.EnumeratorContext, cfg *config, state []byte) (*enumerator, error) {
	e := &enumerator{ctx: ctx, cfg: cfg, seen: map[string]bool{}, growing: map[string]listed{}}
	if state != nil {
		if err := e.restore(state); err != nil {
			return nil, err
		}
	}
	if !e.listed || cfg.watched {
		e.list()
	}
	return e, nil
}

func (e *enumerator) list() {
	var files []listed
	e.ctx.Go(func(ctx context.Context) (err error) {
		files, err = e.cfg.list(ctx)
		return err
	}, func(err error) {
		if err != nil {
			e.ctx.Fail(err)
			return
		}
		e.take(files)
		e.answer()
		if e.cfg.watched {
			e.ctx.After(e.cfg.watch, e.list)
		}
	})
}

// take adds the splits of new files.
func (e *enumerator) take(files []listed) {
	e.listed = true
	growing := map[string]listed{}
	for _, f := range files {
		if e.cfg.watched {
			if e.seen[f.path] {
				continue
			}
			if e.growing[f.path] != f {
				growing[f.path] = f
				continue
			}
			e.seen[f.path] = true
		}
		if f.size == 0 {
			continue
		}
		rangeBytes := e.cfg.splitBytes
		if !e.cfg.ranges {
			rangeBytes = 0
		}
		for _, s := range splitsOf(f, rangeBytes) {
			sp := s.encode()
			e.left, e.leftBytes = append(e.left, sp), e.leftBytes+bytesOf(sp)
		}
	}
	e.growing = growing
}

// answer gives waiting readers what there is.
func (e *enumerator) answer() {
	for len(e.waiting) > 0 && len(e.left) > 0 {
		e.leftBytes -= bytesOf(e.left[0])
		e.ctx.Assign(e.waiting[0], e.left[0])
		e.waiting, e.left = e.waiting[1:], e.left[1:]
	}
	if !e.listed || e.cfg.watched {
		return
	}
	for _, subtask := range e.waiting {
		e.ctx.NoMoreSplits(subtask)
	}
	e.waiting = nil
}

// Request hands out the next split, now or when there is one.
func (e *enumerator) Request(subtask int) {
	if !slices.Contains(e.waiting, subtask) {
		e.waiting = append(e.waiting, subtask)
	}
	e.answer()
}

// Back puts splits in front.
func (e *enumerator) Back(_ int, splits []connect.Split) {
	e.left, e.leftBytes = append(slices.Clone(splits), e.left...), e.leftBytes+bytesOf(splits...)
	e.answer()
}

// Snapshot encodes the splits that are left and, when watching, the paths that were seen.
func (e *enumerator) Snapshot() ([]byte, error) {
	b := []byte{0}
	if e.listed {
		b[0] = 1
	}
	paths := make([]string, 0, len(e.seen))
	for p := range e.seen {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	b = binary.AppendUvarint(b, uint64(len(paths)))
	for _, p := range paths {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return append(b, connect.EncodeSplits(e.left)...), nil
}

func (e *enumerator) restore(b []byte) (err error) {
	errCut := errors.New("file: the enumerator's state is cut off")
	if len(b) == 0 {
		return errCut
	}
	e.listed, b = b[0] != 0, b[1:]
	take := func() (uint64, bool) {
		v, n := binary.Uvarint(b)
		b = b[max(0, n):]
		return v, n > 0
	}
	n, ok := take()
	if !ok {
		return errCut
	}
	for range n {
		size, ok := take()
		if !ok || size > uint64(len(b)) {
			return errCut
		}
		e.seen[string(b[:size])] = true
		b = b[size:]
	}
	e.left, err = connect.DecodeSplits(b)
	e.leftBytes = bytesOf(e.left...)
	return err
}

// Close does nothing: what lists belongs to the context.
func (e *enumerator) Close() error { return nil }
