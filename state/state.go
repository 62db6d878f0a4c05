// Package state has the handles by which functions keep state for each key.
//
// A handle is a value: it names a state and its type. It is declared where the operator is built
// (stream.Uses) and used through the context of the function, which knows the current key:
//
//	last := state.NewValue[Txn]("last")
//	stream.Process(stream.KeyBy(txns, user), func(c *stream.Ctx[string, Alert], t Txn) error {
//		if p, ok := last.Get(c); ok && t.Amount > 10*p.Amount {
//			c.Emit(Alert{c.Key()})
//		}
//		last.Set(c, t)
//		return nil
//	}, stream.Uses(last))
//
// State is part of every snapshot and moves with its key when the job is rescaled. It may have a time
// to live: see TTL.
//
// # When a type changes
//
// A snapshot says how each state is encoded. If a job is restored whose types have changed since, its
// state is converted, where that is possible without the program's help:
//
//   - a field comes: it is zero; a field goes: it is dropped; fields change places
//   - a field gets another name, if its tag says the old one: `flott:"name,was=old"`, or `flott:",was=Old"`
//     for a field without a name of its own
//   - a number gets a wider type that holds all of the old one's: int32 to int64, uint32 to int64 or
//     float64, float32 to float64
//   - a value becomes a pointer to it, or a pointer a value (nil is the zero)
//   - a type, or its package, gets another name
//   - any of these within slices, arrays of the same length, values of maps, and recursive types
//
// Everything else is refused with the path of the field, and needs Migrate. The kind of a state, the
// key of the operator and the key of a Map cannot change.
//
// Data flow: an operator binds its handles to its keyed backend when it opens; Get and Set go
// straight to the backend's tables.
package state

import (
	"iter"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
)

// Context is the context of a keyed function.
type Context interface {
	// StateOf is the subtask's state behind a handle of this package.
	StateOf(handle any) any
}

// Handle is a handle of any kind.
type Handle interface {
	// StateName is the name it was made with.
	StateName() string
	// Kind is value, list, map, reducing or aggregating.
	Kind() string
	// Schema is the schema of the stored values, or why they cannot be stored.
	Schema(r *codec.Registry) (string, error)
	// Bind makes the state of a subtask. Only the engine calls it.
	Bind(b *keyed.Backend, r *codec.Registry) (any, error)
}

// base is what all handles share; V is what is stored for each key.
type base[V any] struct {
	name, kind string
	settings
}

func makeBase[V any](name, kind string, options []Option) base[V] {
	return base[V]{name, kind, settingsOf(options)}
}

func (h *base[V]) StateName() string { return h.name }
func (h *base[V]) Kind() string      { return h.kind }

func (h *base[V]) Schema(r *codec.Registry) (string, error) {
	c, err := codec.For[V](r)
	if err == nil {
		err = h.err
	}
	if err == nil {
		_, err = h.steps(r)
	}
	if err != nil {
		return "", err
	}
	return c.Schema().String(), nil
}

func (h *base[V]) Bind(b *keyed.Backend, r *codec.Registry) (any, error) {
	c, err := codec.For[V](r)
	if err != nil {
		return nil, err
	}
	var s values[V] = keyed.NewValues(b, c)
	if h.ttl != nil {
		timed, err := timedCodec[V](r)
		if err != nil {
			return nil, err
		}
		s = keyed.NewTTLValues(b, timed, c, *h.ttl)
	}
	return s, h.add(b, r, s)
}

// current is the value of the current key for the caller to change.
func (h *base[V]) current(c Context, handle any) (v *V, fresh bool) {
	if h.ttl != nil {
		return c.StateOf(handle).(*keyed.TTLValues[V]).Current()
	}
	return c.StateOf(handle).(*keyed.Values[V]).Current()
}

// lookup is the value of the current key, nil when there is none.
func (h *base[V]) lookup(c Context, handle any) *V {
	if h.ttl != nil {
		return c.StateOf(handle).(*keyed.TTLValues[V]).Lookup()
	}
	return c.StateOf(handle).(*keyed.Values[V]).Lookup()
}

func (h *base[V]) drop(c Context, handle any) { c.StateOf(handle).(values[V]).Drop() }

// Value holds one value for each key.
type Value[V any] struct{ base[V] }

// NewValue returns a handle. The name must be unique in the operator.
func NewValue[V any](name string, options ...Option) *Value[V] {
	return &Value[V]{makeBase[V](name, "value", options)}
}

// Get is the value of the current key; ok is false when there is none.
func (h *Value[V]) Get(c Context) (v V, ok bool) {
	if p := h.lookup(c, h); p != nil {
		return *p, true
	}
	return v, false
}

// Set sets the value of the current key. What v refers to must not be changed afterwards, nor what
// Get returned.
func (h *Value[V]) Set(c Context, v V) {
	p, _ := h.current(c, h)
	*p = v
}

// Clear deletes the value of the current key.
func (h *Value[V]) Clear(c Context) { h.drop(c, h) }

// List holds a list for each key. To add to a list costs the same however long it is.
type List[E any] struct{ base[[]E] }

// NewList returns a handle. The name must be unique in the operator.
func NewList[E any](name string, options ...Option) *List[E] {
	return &List[E]{makeBase[[]E](name, "list", options)}
}

// Bind makes the state of a subtask. Only the engine calls it.
func (h *List[E]) Bind(b *keyed.Backend, r *codec.Registry) (any, error) {
	c, err := codec.For[E](r)
	if err != nil {
		return nil, err
	}
	var s list[E] = keyed.NewList(b, c)
	if h.ttl != nil {
		timed, err := timedCodec[E](r)
		if err != nil {
			return nil, err
		}
		s = keyed.NewTTLList(b, timed, c, *h.ttl)
	}
	return s, h.add(b, r, s)
}

// list is keyed.List and keyed.TTLList.
type list[E any] interface {
	keyed.State
	Add(items ...E)
	Get() []E
	Set(items []E)
	Drop()
}

func (h *List[E]) in(c Context) list[E] { return c.StateOf(h).(list[E]) }

// Add appends to the list of the current key.
func (h *List[E]) Add(c Context, items ...E) { h.in(c).Add(items...) }

// Get is a copy of the list of the current key.
func (h *List[E]) Get(c Context) []E { return h.in(c).Get() }

// Set replaces the list of the current key by a copy of items.
func (h *List[E]) Set(c Context, items []E) { h.in(c).Set(items) }

// Clear deletes the list of the current key.
func (h *List[E]) Clear(c Context) { h.in(c).Drop() }

// Map holds a map for each key. Each entry is read, written and put into snapshots by itself.
type Map[MK comparable, V any] struct{ base[map[MK]V] }

// NewMap returns a handle. The name must be unique in the operator.
func NewMap[MK comparable, V any](name string, options ...Option) *Map[MK, V] {
	return &Map[MK, V]{makeBase[map[MK]V](name, "map", options)}
}

// Schema is the schema of a map, or why it cannot be stored.
func (h *Map[MK, V]) Schema(r *codec.Registry) (string, error) {
	if _, err := codec.KeyFor[MK](r); err != nil {
		return "", err
	}
	return h.base.Schema(r)
}

// Bind makes the state of a subtask. Only the engine calls it.
func (h *Map[MK, V]) Bind(b *keyed.Backend, r *codec.Registry) (any, error) {
	mk, err := codec.KeyFor[MK](r)
	if err != nil {
		return nil, err
	}
	c, err := codec.For[V](r)
	if err != nil {
		return nil, err
	}
	var s mapping[MK, V] = keyed.NewMapState(b, mk, c)
	if h.ttl != nil {
		timed, err := timedCodec[V](r)
		if err != nil {
			return nil, err
		}
		s = keyed.NewTTLMap(b, mk, timed, c, *h.ttl)
	}
	return s, h.add(b, r, s)
}

// mapping is keyed.MapState and keyed.TTLMap.
type mapping[MK comparable, V any] interface {
	keyed.State
	Get(mk MK) (v V, ok bool)
	Put(mk MK, v V)
	Remove(mk MK)
	Len() int
	All(yield func(MK, V) bool)
	Drop()
}

func (h *Map[MK, V]) in(c Context) mapping[MK, V] { return c.StateOf(h).(mapping[MK, V]) }

// Get is the entry of mk in the map of the current key.
func (h *Map[MK, V]) Get(c Context, mk MK) (v V, ok bool) { return h.in(c).Get(mk) }

// Put sets an entry.
func (h *Map[MK, V]) Put(c Context, mk MK, v V) { h.in(c).Put(mk, v) }

// Remove deletes an entry; a map without entries is no state.
func (h *Map[MK, V]) Remove(c Context, mk MK) { h.in(c).Remove(mk) }

// Len is the number of entries.
func (h *Map[MK, V]) Len(c Context) int { return h.in(c).Len() }

// All iterates over the entries, in no particular order. The loop may change the map; it does not
// visit entries that it adds.
func (h *Map[MK, V]) All(c Context) iter.Seq2[MK, V] { return h.in(c).All }

// Clear deletes the map of the current key.
func (h *Map[MK, V]) Clear(c Context) { h.in(c).Drop() }

// Reducing holds one value for each key, into which values are folded.
type Reducing[V any] struct {
	base[V]
	reduce func(a, b V) V
}

// NewReducing returns a handle. The name must be unique in the operator.
func NewReducing[V any](name string, reduce func(a, b V) V, options ...Option) *Reducing[V] {
	return &Reducing[V]{makeBase[V](name, "reducing", options), reduce}
}

// Add folds v into the value of the current key.
func (h *Reducing[V]) Add(c Context, v V) {
	p, fresh := h.current(c, h)
	if fresh {
		*p = v
		return
	}
	*p = h.reduce(*p, v)
}

// Get is the folded value of the current key.
func (h *Reducing[V]) Get(c Context) (v V, ok bool) {
	if p := h.lookup(c, h); p != nil {
		return *p, true
	}
	return v, false
}

// Clear deletes the value of the current key.
func (h *Reducing[V]) Clear(c Context) { h.drop(c, h) }

// Aggregating holds an accumulator for each key, into which values of another type are added.
type Aggregating[In, Acc, Out any] struct {
	base[Acc]
	add    func(acc *Acc, v In)
	result func(acc *Acc) Out
}

// NewAggregating returns a handle. The name must be unique in the operator. The zero Acc is empty.
func NewAggregating[In, Acc, Out any](name string, add func(acc *Acc, v In),
	result func(acc *Acc) Out, options ...Option,
) *Aggregating[In, Acc, Out] {
	return &Aggregating[In, Acc, Out]{makeBase[Acc](name, "aggregating", options), add, result}
}

// Add adds v to the accumulator of the current key.
func (h *Aggregating[In, Acc, Out]) Add(c Context, v In) {
	p, _ := h.current(c, h)
	h.add(p, v)
}

// Get is the result of the current key's accumulator.
func (h *Aggregating[In, Acc, Out]) Get(c Context) (v Out, ok bool) {
	if p := h.lookup(c, h); p != nil {
		return h.result(p), true
	}
	return v, false
}

// Clear deletes the accumulator of the current key.
func (h *Aggregating[In, Acc, Out]) Clear(c Context) { h.drop(c, h) }
