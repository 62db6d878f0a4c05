//lint:file-ignore U1000 fields are here to be looked at by reflection

package codec_test

import (
	"encoding/binary"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"time"
)

// Types that the tests encode, from plain to awkward.

type (
	level  int16
	title  string
	digest [4]byte
	blob   []byte
)

type numbers struct {
	A int8
	B uint8
	C int16
	D uint16
	E int32
	F uint32
	G int64
	H uint64
	I int
	J uint
	K float32
	L float64
	M complex64
	N complex128
	O bool
	P time.Duration
	Q level
}

type padded struct {
	A    bool
	B    int64
	C    bool
	D, E int16
	F    bool
	G, H uint8
	I    float32
}

type pairOf[A, B any] struct {
	First  A
	Second B
}

type money struct{ cents int64 } // all unexported, ours

type base struct {
	ID      int64
	created time.Time
}

type order struct {
	base
	*extra
	Total  money
	Items  []item
	ByName map[string]*item
	Tags   map[title][]level
	Note   *string
	Pixels [3][2]uint8
	Blob   blob
	Skip   chan int `flott:"-"`
	_      [3]int32
	Label  string `flott:"label_text"`
}

type extra struct{ Weight float64 }

type item struct {
	SKU   string
	Price big.Rat
	Gift  bool
}

type tree struct {
	Value int32
	Left  *tree
	Right *tree
}

type forest struct {
	Name string
	Kids []forest
	Map  map[string]forest
}

type (
	nest    []nest
	mapNest map[string]mapNest
	link    *linkNode
)

// chain refers to itself from inside a struct and an array.
type chain []struct {
	Next chain
	Two  [2]chain
	V    uint8
}

type linkNode struct {
	V    uint8
	Next link
	Two  [2]link
}

type bigs struct {
	I  big.Int
	P  *big.Int
	R  big.Rat
	F  *big.Float
	Is []big.Int
}

type skipper struct {
	Kept    int32
	Skipped int64 `flott:"-"`
}

// holes has bytes that do not lie side by side.
type holes struct {
	A    uint8
	hole uint8 `flott:"-"`
	B    uint8
	C    int8
}

type allSkipped struct {
	X int64 `flott:"-"`
}

// marshaled has its own encoding, and a field that only that can keep.
type marshaled struct {
	n  uint32
	fn func()
}

func (m marshaled) MarshalBinary() ([]byte, error) {
	if m.n == 666 {
		return nil, errMarshaled
	}
	return binary.BigEndian.AppendUint32(nil, m.n), nil
}

func (m *marshaled) UnmarshalBinary(b []byte) error {
	if len(b) != 4 {
		return errMarshaled
	}
	m.n = binary.BigEndian.Uint32(b)
	return nil
}

var errMarshaled = errors.New("bad marshaled")

// appended is marshaled by AppendBinary alone, with pointer receivers.
type appended struct{ s string }

func (a *appended) AppendBinary(dst []byte) ([]byte, error) { return append(dst, a.s...), nil }

func (a *appended) UnmarshalBinary(b []byte) error {
	a.s += string(b) // adds to what is there
	return nil
}

// stamped promotes the marshaler of time.Time, which knows nothing of Name.
type stamped struct {
	time.Time
	Name string
}

// overriding embeds a marshaler too, but has methods of its own.
type overriding struct {
	time.Time
	fn func()
}

func (o overriding) MarshalBinary() ([]byte, error) { return o.Time.MarshalBinary() }

func (o *overriding) UnmarshalBinary(b []byte) error { return o.Time.UnmarshalBinary(b) }

// genericMarshaled is like marshaled, with methods that the compiler wraps.
type genericMarshaled[T any] struct {
	v  uint8
	fn func(T)
}

func (g genericMarshaled[T]) MarshalBinary() ([]byte, error) { return []byte{g.v}, nil }

func (g *genericMarshaled[T]) UnmarshalBinary(b []byte) error {
	if len(b) != 1 {
		return errMarshaled
	}
	g.v = b[0]
	return nil
}

type network struct {
	Addr  netip.Addr
	Ports []netip.AddrPort
	URL   *url.URL
}

// shape is an interface with a registered codec.
type shape interface{ area() float64 }

type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }

func ptr[T any](v T) *T { return &v }
