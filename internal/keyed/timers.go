package keyed

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/timer"
)

// Timers are the timers of one kind of a subtask: for each key a set of times, each with a payload.
//
// A payload is copied when it is set and when it fires, if it refers to memory that can be changed:
// what a snapshot has not written yet must stay as it was.
type Timers[P any] struct {
	ledger    // with one chain for all groups
	b         *Backend
	codec     *codec.Codec[P]
	copies    bool                    // payloads
	words     *timer.Queue[uint64, P] // one of both, by the kind of key
	texts     *timer.Queue[string, P]
	since     uint64 // timer.Frozen.Op of the confirmed freeze
	forgotten uint64 // no increment may stand on freezes up to this one
	scratch   []byte
}

// NewTimers returns an empty set of timers of b.
func NewTimers[P any](b *Backend, c *codec.Codec[P]) *Timers[P] {
	t := &Timers[P]{b: b, codec: c, copies: !c.Immutable()}
	if b.IsWord {
		t.words = &timer.Queue[uint64, P]{}
	} else {
		t.texts = &timer.Queue[string, P]{}
	}
	return t
}

// Set sets a timer of the current key.
func (t *Timers[P]) Set(at int64, payload P) {
	if t.copies {
		payload = t.copied(&payload)
	}
	t.set(at, payload)
}

func (t *Timers[P]) set(at int64, payload P) {
	if t.words != nil {
		t.words.Set(at, t.b.Hash, t.b.Word, payload)
		return
	}
	t.texts.Set(at, t.b.Hash, string(t.b.Bytes), payload)
}

// copied is a deep copy of a payload.
func (t *Timers[P]) copied(p *P) (c P) {
	t.scratch = t.codec.Append(t.scratch[:0], p)
	if _, err := t.codec.Decode(t.scratch, &c); err != nil {
		panic(err) // what was encoded here
	}
	return c
}

// Delete deletes a timer of the current key.
func (t *Timers[P]) Delete(at int64) {
	if t.words != nil {
		t.words.Delete(at, t.b.Hash, t.b.Word)
		return
	}
	t.texts.Delete(at, t.b.Hash, string(t.b.Bytes))
}

// Next is a time not after the earliest timer's; ok is false when there is none.
func (t *Timers[P]) Next() (at int64, ok bool) {
	if t.words != nil {
		return t.words.Next()
	}
	return t.texts.Next()
}

// Fire calls f for each timer up to to, in order of time, with the backend's hash, word and bytes
// set to its key. f returns false to stop after it; Fire then reports false.
func (t *Timers[P]) Fire(to int64, f func(at int64, payload P) bool) bool {
	if t.words != nil {
		return t.words.Advance(to, func(e *timer.Entry[uint64, P]) bool {
			t.b.Set(e.Hash, e.Key, nil)
			if t.copies {
				return f(e.At, t.copied(&e.Payload))
			}
			return f(e.At, e.Payload)
		})
	}
	return t.texts.Advance(to, func(e *timer.Entry[string, P]) bool {
		t.b.Set(e.Hash, 0, bytesOf(e.Key))
		if t.copies {
			return f(e.At, t.copied(&e.Payload))
		}
		return f(e.At, e.Payload)
	})
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Freeze freezes the timers for a checkpoint; it costs a few words for each bucket.
func (t *Timers[P]) Freeze(name string, checkpoint int64, full bool) operator.Frozen {
	if t.chains == nil {
		t.chains = make([]chain, 1)
	}
	if t.isLost() {
		t.forget()
		t.forgotten = t.freezeN
	}
	record := t.begin(checkpoint)
	w := timersWriter{name: name, full: full, kind: scanDelta, number: record.number}
	since := t.since
	if c := &record.chains[0]; full || !c.has || c.isLong(0) {
		w.kind, since = scanFull, 0
	}
	if t.words != nil {
		view := t.words.Freeze(since)
		record.op = view.Op
		return newFrozenTimers(t, view, w, func(dst []byte, e *timer.Entry[uint64, P]) []byte {
			return t.b.AppendKey(dst, e.Key, nil)
		})
	}
	view := t.texts.Freeze(since)
	record.op = view.Op
	return newFrozenTimers(t, view, w, func(dst []byte, e *timer.Entry[string, P]) []byte {
		return t.b.AppendKey(dst, 0, bytesOf(e.Key))
	})
}

// isLost reports whether there is no telling what has gone since the last freeze.
func (t *Timers[P]) isLost() bool {
	if t.words != nil {
		return t.words.Lost()
	}
	return t.texts.Lost()
}

// Confirm makes increments stand on a checkpoint. What is being written does not change by that.
func (t *Timers[P]) Confirm(checkpoint int64) {
	f, ok := t.confirm(checkpoint)
	if !ok {
		return
	}
	t.since = f.op
	if t.words != nil {
		t.words.Confirm(f.op)
	} else {
		t.texts.Confirm(f.op)
	}
}

// Describe is the form of the entries.
func (t *Timers[P]) Describe() operator.Description {
	return operator.Description{Kind: "timer", Value: t.codec.Schema()}
}

// RestoreGroup deletes and adds timers.
func (t *Timers[P]) RestoreGroup(_ int, delta bool, src []byte) (err error) {
	if fault.Seeded(fault.SkipTimers) {
		return nil
	}
	saved := t.b.Current
	defer func() { t.b.Current = saved }()
	if delta {
		n, used := binary.Uvarint(src)
		if used <= 0 {
			return fmt.Errorf("the number of deleted timers is cut off")
		}
		src = src[used:]
		for range n {
			var at int64
			if at, src, err = t.take(src); err != nil {
				return err
			}
			t.Delete(at)
		}
	}
	for len(src) > 0 {
		at, rest, err := t.take(src)
		if err != nil {
			return err
		}
		var p P
		if src, err = t.codec.Decode(rest, &p); err != nil {
			return err
		}
		t.set(at, p)
	}
	return nil
}

// take reads a time and a key, which becomes the current one.
func (t *Timers[P]) take(src []byte) (at int64, rest []byte, err error) {
	at, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil, fmt.Errorf("a timer is cut off")
	}
	t.b.Current, rest, err = t.b.TakeKey(src[n:])
	return at, rest, err
}

// Clear drops all timers. What is written next is full.
func (t *Timers[P]) Clear() {
	if t.words != nil {
		t.words.Clear()
	} else {
		t.texts.Clear()
	}
}
