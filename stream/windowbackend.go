package stream

import (
	"encoding/binary"
	"errors"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/window"
)

// windowBackend keeps states for each key and window. Its keys are bytes:
//
//	┌──────────────────────────┬───────┬───────┐
//	│ key, as the backend of   │ start │ end   │
//	│ the keys writes it       │ 8     │ 8     │
//	└──────────────────────────┴───────┴───────┘
//
// The high half of their hash is that of the key's, so that key and window belong to the key's
// group; the window is mixed into the low half, which spreads entries within a table.
type windowBackend struct {
	*keyed.Backend
	keys    *keyed.Backend
	scratch []byte
}

const windowBytes = 16

// windowSchema says what stands behind the key.
var windowSchema = codec.Schema{Kind: codec.KindStruct, Name: "window.Window", Fields: []codec.Field{
	{Name: "Start", Schema: codec.Schema{Kind: codec.KindInt64}},
	{Name: "End", Schema: codec.Schema{Kind: codec.KindInt64}},
}}

func newWindowBackend(ctx *operator.Context, keys *keyed.Backend) *windowBackend {
	b := &windowBackend{Backend: keyed.NewBackend(ctx, false), keys: keys}
	b.KeySchema, b.Namespace = keys.KeySchema, windowSchema
	b.HashOf = func(key []byte) uint64 {
		k, w, err := b.split(key)
		if err != nil {
			return codec.HashBytes(key)
		}
		return windowHash(k.Hash, w)
	}
	return b
}

func windowHash(key uint64, w window.Window) uint64 {
	const low = 1<<32 - 1
	return key&^low | codec.HashWord(key^uint64(w.Start)^uint64(w.End)<<1)&low
}

// enter makes w of the current key the current window.
func (b *windowBackend) enter(w window.Window) {
	k := b.keys.Current
	b.scratch = b.keys.AppendKey(b.scratch[:0], k.Word, k.Bytes)
	b.scratch = binary.BigEndian.AppendUint64(b.scratch, uint64(w.Start))
	b.scratch = binary.BigEndian.AppendUint64(b.scratch, uint64(w.End))
	b.Set(windowHash(k.Hash, w), 0, b.scratch)
}

// current is the current window, as a timer has set it; its key becomes the current key.
func (b *windowBackend) current() (window.Window, error) {
	k, w, err := b.split(b.Bytes)
	if err == nil {
		b.keys.Set(k.Hash, k.Word, k.Bytes)
	}
	return w, err
}

var errWindowKey = errors.New("a window in state cannot be decoded")

func (b *windowBackend) split(key []byte) (k keyed.Current, w window.Window, err error) {
	k, rest, err := b.keys.TakeKey(key)
	if err != nil {
		return k, w, err
	}
	if len(rest) != windowBytes {
		return k, w, errWindowKey
	}
	w.Start = int64(binary.BigEndian.Uint64(rest))
	w.End = int64(binary.BigEndian.Uint64(rest[8:]))
	return k, w, nil
}
