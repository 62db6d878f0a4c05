package stream

import (
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
)

// Keyed is a stream partitioned by a key: all records with one key are processed by one subtask, in
// the order in which their producer sent them.
//
// Keys are equal when their encodings are: -0 and 0 are different keys, all NaN are one, and a
// time.Time is an instant without location. Pointers, interfaces, maps and channels are refused
// inside a key.
type Keyed[K, T any] struct {
	stream *Stream[T]
	of     func(v *T) K
	key    *codec.Key[K]
	err    error
}

// KeyBy partitions s by the key that of gives.
func KeyBy[K, T any](s *Stream[T], of func(v T) K) *Keyed[K, T] {
	return KeyByRef(s, func(v *T) K { return of(*v) })
}

// KeyByRef is KeyBy with a function that takes a pointer, which spares wide records a copy. The
// pointer is valid during the call only.
func KeyByRef[K, T any](s *Stream[T], of func(v *T) K) *Keyed[K, T] {
	k := &Keyed[K, T]{of: of}
	k.key, k.err = codec.KeyFor[K](&s.env.codecs)
	k.stream = &Stream[T]{env: s.env, from: s.from, strategy: graph.Keyed}
	if k.err == nil {
		k.stream.part = partitionBy(k.key, of)
	}
	return k
}

func partitionBy[K, T any](key *codec.Key[K], of func(v *T) K) exchange.Partitioner[T] {
	p := exchange.Partitioner[T]{Key: key.Schema(), Encode: func(dst []byte, v *T) []byte {
		k := of(v)
		return key.AppendKey(dst, &k)
	}, Text: func(v *T) string { return operator.Render(of(v)) }}
	if key.Kind() == codec.KeyWord {
		p.Hash = codec.HashWord
		p.Keys = func(dst []uint64, rows []T) {
			for i := range rows {
				k := of(&rows[i])
				dst[i] = key.Word(&k)
			}
		}
		return p
	}
	p.Keys = func(dst []uint64, rows []T) {
		for i := range rows {
			k := of(&rows[i])
			dst[i] = key.Hash(&k)
		}
	}
	return p
}

// into makes k input number input of n.
func (k *Keyed[K, T]) into(n *graph.Node, input int) {
	if k.err != nil {
		n.Fail(k.err)
	} else {
		n.KeySchema = k.key.Schema().String()
	}
	k.stream.into(n, input)
}

// addKeyed adds an operator with the keyed input k and output O.
func addKeyed[K, T, O any](k *Keyed[K, T], kind string, make func() operator.Node) *Stream[O] {
	n := k.stream.env.graph.Add(kind)
	n.New = make
	k.into(n, 0)
	return newStream[O](k.stream.env, n)
}

// open makes the backend and the selector of a subtask.
func (k *Keyed[K, T]) open(ctx *operator.Context) (*keyed.Backend, *keyed.Selector[K, T]) {
	b := keyed.NewBackend(ctx, k.key.Kind() == codec.KeyWord)
	b.KeySchema = k.key.Schema()
	return b, keyed.NewSelector(b, k.key, k.of)
}
