package keyed

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// Current is the key that a subtask works on, in canonical form.
type Current struct {
	Hash  uint64
	Word  uint64 // of a word key
	Bytes []byte // of another key; valid while the record is processed
}

// State is a keyed state of one subtask, as its Backend sees it.
type State interface {
	Freezer
	// Describe is the form of the entries, without the key's schema.
	Describe() operator.Description
	// RestoreGroup applies a section of a key group: all entries, or for a delta the changes since.
	RestoreGroup(kg int, delta bool, data []byte) error
	// Clear drops everything.
	Clear()
}

// Freezer is a state that is frozen at the barrier and written afterwards, all of it or what has
// changed. What was frozen for a checkpoint counts as changed until the checkpoint is confirmed.
type Freezer interface {
	// Freeze freezes the state for a checkpoint. full asks for all entries.
	Freeze(name string, checkpoint int64, full bool) operator.Frozen
	// Confirm tells that a checkpoint is complete, so that later deltas stand on it.
	Confirm(checkpoint int64)
}

// adapter is a State that can restore what was written in another form.
type adapter interface {
	// Adapt tells the form of what is about to be restored.
	Adapt(d operator.Description)
}

// Backend holds the keyed states of one subtask of an operator and the key it works on.
type Backend struct {
	Current
	IsWord         bool // keys are words
	MaxParallelism int
	First, Last    int // key groups
	// HashOf is the hash of a byte key, where it is not that of its bytes alone. Its high half
	// decides the key group.
	HashOf func(key []byte) uint64
	// Now is the processing time in milliseconds, for states with TTL.
	Now func() int64
	// KeySchema is the schema of the key, for who reads snapshots.
	KeySchema codec.Schema

	// delimit, if not nil, is the length of the byte key at the head of src: the keys delimit
	// themselves.
	delimit func(src []byte) (int, error)

	// known says that the selector that is asked has the current key decoded.
	known  bool
	names  []string
	states []State
	since  int64 // the last checkpoint that is known to be complete, 0 for none
	cold   *cold // the disk behind the tables, nil if there is none

	migrations map[string][]Migration // by state
	groupBytes int64                  // of all sections of the key group that is being restored

	reads bool  // some state needs the time
	held  int64 // the time, if holds
	holds bool
}

// NewBackend returns a backend for the key groups of ctx's subtask.
func NewBackend(ctx *operator.Context, isWord bool) *Backend {
	first, last := ctx.KeyGroups()
	b := &Backend{
		IsWord: isWord, MaxParallelism: ctx.MaxParallelism, First: first, Last: last, Now: ctx.NowMillis,
	}
	b.cold = newCold(ctx)
	ctx.Listen(b)
	return b
}

// Set makes a key in canonical form current, as timers and windows have it: a word or bytes.
func (b *Backend) Set(hash, word uint64, key []byte) {
	b.Current = Current{hash, word, key}
	b.known = false
}

// Add registers a state under a name that is unique in the operator.
func (b *Backend) Add(name string, s State) {
	b.names = append(b.names, name)
	b.states = append(b.states, s)
}

// Snapshot freezes all states.
func (b *Backend) Snapshot(w *operator.Snapshot) {
	native := b.cold.beginTree(w)
	full := w.Full || b.since == 0 || !native && b.cold != nil && b.cold.native
	for i, s := range b.states {
		name := b.names[i]
		w.Describe(name, b.describe(i))
		if native && b.coldNumber(i) > 0 {
			continue
		}
		w.Frozen = append(w.Frozen, s.Freeze(name, w.Checkpoint, full))
		if !full {
			w.Since = b.since
			w.Deltas = append(w.Deltas, name)
		}
	}
	if native {
		b.freezeTree(w, full)
	}
}

// describe is the form of the entries of a state.
func (b *Backend) describe(i int) operator.Description {
	d := b.states[i].Describe()
	d.Key = b.KeySchema
	return d
}

// Completed makes later deltas stand on a checkpoint. A savepoint is none: see operator.Context.
func (b *Backend) Completed(checkpoint int64) error {
	if checkpoint <= b.since {
		return nil // what has changed since then is forgotten
	}
	b.since = checkpoint
	b.cold.confirmTree(checkpoint)
	for _, s := range b.states {
		s.Confirm(checkpoint)
	}
	return nil
}

// Aborted changes nothing: what was frozen still counts as changed.
func (b *Backend) Aborted(checkpoint int64) {
	b.cold.abortTree(checkpoint)
	if fault.Seeded(fault.ConfirmAborted) {
		for _, s := range b.states {
			s.Confirm(checkpoint)
		}
	}
}

// Restore fills the states that have been added.
func (b *Backend) Restore(from *operator.State) error {
	if from == nil {
		return nil
	}
	from.TakeKeyed(b.names...)
	onDisk := b.restoresOnDisk(from)
	rewriters, err := b.adapt(from)
	if err != nil {
		return err
	}
	adopted, err := b.adopt(from, rewriters)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	sizes := groupSizes(from.Keyed)
	for _, section := range from.Keyed {
		i := slices.Index(b.names, section.State)
		if i < 0 || adopted && b.coldNumber(i) > 0 {
			continue
		}
		b.groupBytes = sizes[place{section.State, section.Group}]
		err := eachPart(&section, func(delta bool, data []byte) (err error) {
			if r := rewriters[i]; r != nil {
				if data, err = r.section(delta, data); err != nil {
					return err
				}
			}
			if s, ok := b.states[i].(coldRestorer); ok && onDisk {
				return s.restoreOnDisk(section.Group, delta, data)
			}
			return b.states[i].RestoreGroup(section.Group, delta, data)
		})
		if err != nil {
			return fmt.Errorf("restore state %q, key group %d: %w", section.State, section.Group, err)
		}
		if b.cold != nil {
			b.cold.trim() // not all of it goes past the tables
		}
	}
	if err := b.cold.restored(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// eachPart passes a section, in parts if it has any.
func eachPart(s *operator.Section, f func(delta bool, data []byte) error) error {
	if p, ok := s.Data.(operator.Parted); ok {
		delta := s.Delta
		return p.Parts(func(data []byte) error {
			err := f(delta, data)
			delta = true
			return err
		})
	}
	data, err := s.Data.Load()
	if err != nil {
		return err
	}
	return f(s.Delta, data)
}

// place is where sections belong.
type place struct {
	state string
	group int
}

// groupSizes is the bytes of all sections of each key group.
func groupSizes(sections []operator.Section) map[place]int64 {
	sizes := map[place]int64{}
	for _, s := range sections {
		sizes[place{s.State, s.Group}] += s.Data.Size()
	}
	return sizes
}

// adapt prepares the states for the form of what is restored.
func (b *Backend) adapt(from *operator.State) (rewriters []*rewriter, err error) {
	rewriters = make([]*rewriter, len(b.names))
	for i, name := range b.names {
		d, ok := from.Described[name]
		if !ok {
			continue
		}
		if rewriters[i], err = b.rewriterFor(i, d); err != nil {
			return nil, err
		}
		if s, can := b.states[i].(adapter); can {
			s.Adapt(d)
		}
	}
	return rewriters, nil
}

// Clear drops the contents of all states.
func (b *Backend) Clear() {
	for _, s := range b.states {
		s.Clear()
	}
}

// AppendKey appends a key in the form that TakeKey reads.
func (b *Backend) AppendKey(dst []byte, word uint64, key []byte) []byte {
	if b.IsWord {
		return binary.LittleEndian.AppendUint64(dst, word)
	}
	if b.delimit != nil {
		return append(dst, key...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	return append(dst, key...)
}

// TakeKey reads a key and computes its hash.
func (b *Backend) TakeKey(src []byte) (k Current, rest []byte, err error) {
	k, rest, err = b.takeKey(src)
	switch {
	case err != nil:
	case b.IsWord:
		k.Hash = codec.HashWord(k.Word)
	case b.HashOf != nil:
		k.Hash = b.HashOf(k.Bytes)
	default:
		k.Hash = codec.HashBytes(k.Bytes)
	}
	return k, rest, err
}

// takeKey is TakeKey without the hash.
func (b *Backend) takeKey(src []byte) (k Current, rest []byte, err error) {
	if b.IsWord {
		if len(src) < 8 {
			return k, nil, fmt.Errorf("a key is cut off")
		}
		k.Word = binary.LittleEndian.Uint64(src)
		return k, src[8:], nil
	}
	n, used := binary.Uvarint(src)
	if b.delimit != nil {
		length, err := b.delimit(src)
		if err != nil {
			return k, nil, err
		}
		n, used = uint64(length), 0
	} else if used <= 0 || n > uint64(len(src)-used) {
		return k, nil, fmt.Errorf("a key is cut off")
	}
	k.Bytes = src[used : used+int(n)]
	return k, src[used+int(n):], nil
}

// Selector sets a backend's current key from records.
type Selector[K, T any] struct {
	Of      func(v *T) K
	Key     *codec.Key[K]
	backend *Backend
	scratch []byte
	current K
	hashes  []uint64
}

// NewSelector returns a selector for b.
func NewSelector[K, T any](b *Backend, key *codec.Key[K], of func(v *T) K) *Selector[K, T] {
	return &Selector[K, T]{Of: of, Key: key, backend: b}
}

// Select makes the key of v current. column is the batch's key column entry for v.
//
//flott:hot
func (s *Selector[K, T]) Select(v *T, column uint64) {
	b := s.backend
	if b.IsWord {
		b.Word, b.Hash = column, codec.HashWord(column)
		return
	}
	s.current, b.known = s.Of(v), true
	b.Hash = column
	b.Bytes = s.bytes()
}

// Hashes returns the hashes of the keys in a key column. They are valid until the next call.
//
//flott:hot
func (s *Selector[K, T]) Hashes(column []uint64) []uint64 {
	if !s.backend.IsWord {
		return column
	}
	if cap(s.hashes) < len(column) {
		s.hashes = make([]uint64, max(len(column), batch.MaxRows))
	}
	s.hashes = s.hashes[:len(column)]
	for i, w := range column {
		s.hashes[i] = codec.HashWord(w)
	}
	return s.hashes
}

func (s *Selector[K, T]) bytes() []byte {
	if s.Key.Kind() == codec.KeyString {
		str := *(*string)(unsafe.Pointer(&s.current))
		return unsafe.Slice(unsafe.StringData(str), len(str))
	}
	s.scratch = s.Key.AppendKey(s.scratch[:0], &s.current)
	return s.scratch
}

// Value is the current key.
func (s *Selector[K, T]) Value() K {
	b := s.backend
	if b.known {
		return s.current
	}
	switch s.Key.Kind() {
	case codec.KeyWord:
		return s.Key.FromWord(b.Word)
	case codec.KeyString:
		str := string(b.Bytes)
		s.current = *(*K)(unsafe.Pointer(&str))
	default:
		k, _, err := s.Key.DecodeKey(b.Bytes)
		if err != nil {
			panic(fmt.Errorf("a key in state cannot be decoded: %w", err))
		}
		s.current = k
	}
	b.known = true
	return s.current
}
