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
type Timers[P any] struct {
	b     *Backend
	codec *codec.Codec[P]
	words *timer.Queue[uint64, P] // one of both, by the kind of key
	texts *timer.Queue[string, P]
}

// NewTimers returns an empty set of timers of b.
func NewTimers[P any](b *Backend, c *codec.Codec[P]) *Timers[P] {
	t := &Timers[P]{b: b, codec: c}
	if b.IsWord {
		t.words = &timer.Queue[uint64, P]{}
	} else {
		t.texts = &timer.Queue[string, P]{}
	}
	return t
}

// Set sets a timer of the current key.
func (t *Timers[P]) Set(at int64, payload P) {
	if t.words != nil {
		t.words.Set(at, t.b.Hash, t.b.Word, payload)
		return
	}
	t.texts.Set(at, t.b.Hash, string(t.b.Bytes), payload)
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
			return f(e.At, e.Payload)
		})
	}
	return t.texts.Advance(to, func(e *timer.Entry[string, P]) bool {
		t.b.Set(e.Hash, 0, unsafe.Slice(unsafe.StringData(e.Key), len(e.Key)))
		return f(e.At, e.Payload)
	})
}

// Snapshot encodes all timers.
func (t *Timers[P]) Snapshot(emit func(kg int, data []byte)) {
	groups := make([][]byte, t.b.Last-t.b.First+1)
	add := func(at int64, hash, word uint64, key []byte, payload *P) {
		kg := codec.KeyGroup(hash, t.b.MaxParallelism) - t.b.First
		data := binary.AppendVarint(groups[kg], at)
		groups[kg] = t.codec.Append(t.b.AppendKey(data, word, key), payload)
	}
	if t.words != nil {
		t.words.Range(func(e *timer.Entry[uint64, P]) bool {
			add(e.At, e.Hash, e.Key, nil, &e.Payload)
			return true
		})
	} else {
		t.texts.Range(func(e *timer.Entry[string, P]) bool {
			add(e.At, e.Hash, 0, []byte(e.Key), &e.Payload)
			return true
		})
	}
	for i, data := range groups {
		if len(data) > 0 {
			emit(t.b.First+i, data)
		}
	}
}

// Describe is the form of the entries.
func (t *Timers[P]) Describe() operator.Description {
	return operator.Description{Kind: "timer", Value: t.codec.Schema()}
}

// RestoreGroup adds timers.
func (t *Timers[P]) RestoreGroup(_ int, _ bool, src []byte) error {
	if fault.Seeded(fault.SkipTimers) {
		return nil
	}
	saved := t.b.Current
	defer func() { t.b.Current = saved }()
	for len(src) > 0 {
		at, n := binary.Varint(src)
		if n <= 0 {
			return fmt.Errorf("a timer is cut off")
		}
		k, rest, err := t.b.TakeKey(src[n:])
		if err != nil {
			return err
		}
		var p P
		if src, err = t.codec.Decode(rest, &p); err != nil {
			return err
		}
		t.b.Current = k
		t.Set(at, p)
	}
	return nil
}

// Clear drops all timers.
func (t *Timers[P]) Clear() {
	if t.words != nil {
		t.words.Clear()
	} else {
		t.texts.Clear()
	}
}
