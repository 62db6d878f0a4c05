//lint:file-ignore U1000 fields are here to be looked at by reflection

package codec_test

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/flott-dev/flott/internal/codec"
)

type (
	withCallback struct{ Items []callbackItem }
	callbackItem struct {
		ID       int
		Callback func()
	}
	withMutex struct {
		N  int
		mu sync.Mutex
	}
	withRegexp  struct{ Pattern *regexp.Regexp }
	withForeign struct{ B bytes.Buffer }
	withOther   struct{ R *codec.Registry }
	sameName    struct {
		A int `flott:"x"`
		B int `flott:"x"`
	}
	badName struct {
		A int `flott:"a;b"`
	}
	clock2   time.Time
	withBlob struct{ Inner struct{ Data []blob } }
)

func valueError[T any]() error { _, err := codec.For[T](nil); return err }

func keyError[K any]() error { _, err := codec.KeyFor[K](nil); return err }

func TestTypeErrors(t *testing.T) {
	const field = `; remove the field, tag it flott:"-", or register a codec with stream.WithCodec`
	const root = `; use another type, or register a codec with stream.WithCodec`
	const opaque = ` has only unexported fields of another package and cannot be `
	for _, tt := range []struct {
		err  error
		want string // after "codec: ", with _test.go's package spelled P
	}{
		{valueError[func()](), `func() cannot be encoded` + root},
		{valueError[chan int](), `chan int cannot be encoded` + root},
		{valueError[any](), `interface {} cannot be encoded` + root},
		{valueError[error](), `error cannot be encoded` + root},
		{valueError[uintptr](), `uintptr cannot be encoded` + root},
		{valueError[unsafe.Pointer](), `unsafe.Pointer cannot be encoded` + root},
		{valueError[[]any](), `[]interface {}[]: interface {} cannot be encoded` + root},
		{
			valueError[map[string]chan bool](),
			`map[string]chan bool[value]: chan bool cannot be encoded` + root,
		},
		{valueError[map[any]int](), `map[interface {}]int[key]: interface {} cannot be encoded` + root},
		{valueError[withCallback](), `P.withCallback.Items[].Callback: func() cannot be encoded` + field},
		{
			valueError[*withCallback](),
			`*P.withCallback.Items[].Callback: func() cannot be encoded` + field,
		},
		{valueError[withMutex](), `P.withMutex.mu: sync.Mutex` + opaque + `encoded` + field},
		{valueError[sync.Mutex](), `sync.Mutex` + opaque + `encoded` + root},
		{valueError[atomic.Int64](), `atomic.Int64` + opaque + `encoded` + root},
		{valueError[withRegexp](), `P.withRegexp.Pattern: regexp.Regexp` + opaque + `encoded` + field},
		{valueError[withForeign](), `P.withForeign.B: bytes.Buffer` + opaque + `encoded` + field},
		{valueError[withOther](), `P.withOther.R: codec.Registry` + opaque + `encoded` + field},
		{valueError[pairOf[withOther, int]](), `P.pairOf[github.com/flott-dev/flott/internal/` +
			`codec_test.withOther,int].First.R: codec.Registry` + opaque + `encoded` + field},
		{valueError[clock2](), `P.clock2` + opaque + `encoded` + root},
		{valueError[sameName](), `P.sameName.B: int has the bad or repeated name x; ` +
			`give every field a name of its own, of letters, digits, '_', '-' and '.'`},
		{valueError[badName](), `P.badName.A: int has the bad or repeated name a;b; ` +
			`give every field a name of its own, of letters, digits, '_', '-' and '.'`},

		{keyError[*int](), `*int cannot be part of a key` + root},
		{keyError[map[int]int](), `map[int]int cannot be part of a key` + root},
		{keyError[any](), `interface {} cannot be part of a key` + root},
		{keyError[func()](), `func() cannot be part of a key` + root},
		{
			keyError[struct{ C chan int }](),
			`struct { C chan int }.C: chan int cannot be part of a key` + field,
		},
		{keyError[tree](), `P.tree.Left: *P.tree cannot be part of a key` + field},
		{keyError[[]map[int]int](), `[]map[int]int[]: map[int]int cannot be part of a key` + root},
		{keyError[big.Float](), `big.Float cannot be part of a key` + root},
		{keyError[withMutex](), `P.withMutex.mu: sync.Mutex` + opaque + `part of a key` + field},
	} {
		want := "codec: " + strings.ReplaceAll(tt.want, "P.", "codec_test.")
		var typed *codec.TypeError
		if !errors.As(tt.err, &typed) || tt.err.Error() != want {
			t.Errorf("got  %v\nwant %s", tt.err, want)
		}
	}
	if err := valueError[withBlob](); err != nil {
		t.Error(err)
	}
}

// A type of another package is the user's own business if the codec is asked for that type itself,
// or through a generic wrapper.
func TestOpaqueOfUser(t *testing.T) {
	check(t, money{5}, money{-1})
	check(t, []money{{5}}, nil)
	check(t, codecPair[money]{})
}

type codecPair[T any] struct{ A, B pairOf[T, string] }

func recoverMarshalError(t *testing.T, f func()) (e *codec.MarshalError) {
	t.Helper()
	defer func() {
		e, _ = recover().(*codec.MarshalError)
		if e == nil {
			t.Error("no *MarshalError was raised")
		}
	}()
	f()
	return nil
}

func TestMarshalErrors(t *testing.T) {
	c := mustCodec[[]marshaled](t, nil)
	e := recoverMarshalError(t, func() { c.Append(nil, &[]marshaled{{n: 666}}) })
	if !errors.Is(e, errMarshaled) || e.Error() != "codec: encode codec_test.marshaled: bad marshaled" {
		t.Errorf("got %v", e)
	}

	r := new(codec.Registry)
	codec.Register(r, "cut", func([]byte, *shape) []byte { return nil },
		func(src []byte, _ *shape) ([]byte, error) { return src, nil })
	s := mustCodec[shape](t, r)
	var v shape
	recoverMarshalError(t, func() { s.Append(nil, &v) })

	cyclic := &tree{}
	cyclic.Left = cyclic
	if e := recoverMarshalError(t, func() { mustCodec[tree](t, nil).Append(nil, cyclic) }); !errors.Is(
		e, codec.ErrDepth) {
		t.Errorf("got %v", e)
	}
	loop := make(nest, 1)
	loop[0] = loop
	recoverMarshalError(t, func() { mustCodec[nest](t, nil).Append(nil, &loop) })
	recoverMarshalError(t, func() { mustKey[nest](t, nil).Hash(&loop) })
	recoverMarshalError(t, func() { mustKey[nest](t, nil).Equal(&loop, &loop) })
	mapLoop := mapNest{}
	mapLoop["x"] = mapLoop
	recoverMarshalError(t, func() { mustCodec[mapNest](t, nil).Append(nil, &mapLoop) })
}

// Both directions have the same limit, so that what could be encoded can be decoded.
func TestDepth(t *testing.T) {
	c := mustCodec[tree](t, nil)
	list := func(n int) *tree {
		root := &tree{}
		for range n {
			root = &tree{Left: root}
		}
		return root
	}
	b := c.Append(nil, list(10000))
	var v tree
	if _, err := c.Decode(b, &v); err != nil {
		t.Fatal(err)
	}
	recoverMarshalError(t, func() { c.Append(nil, list(10001)) })
	deeper := append(bytes.Repeat([]byte{0, 0, 0, 0, 1}, 10001), 0, 0, 0, 0, 0, 0)
	if _, err := c.Decode(deeper, &v); !errors.Is(err, codec.ErrDepth) {
		t.Errorf("got %v", err)
	}
	n := mustCodec[nest](t, nil)
	var x nest
	if _, err := n.Decode(bytes.Repeat([]byte{2}, 1<<20), &x); !errors.Is(err, codec.ErrDepth) {
		t.Errorf("got %v", err)
	}
	if _, _, err := mustKey[nest](t, nil).DecodeKey(bytes.Repeat([]byte{1}, 1<<20)); !errors.Is(
		err, codec.ErrDepth) {
		t.Errorf("got %v", err)
	}
}

func decodeError[T any](t *testing.T, src string) error {
	t.Helper()
	var v T
	_, err := mustCodec[T](t, nil).Decode([]byte(src), &v)
	return err
}

func decodeKeyError[K any](t *testing.T, src string) error {
	t.Helper()
	_, _, err := mustKey[K](t, nil).DecodeKey([]byte(src))
	return err
}

func TestDecodeErrors(t *testing.T) {
	huge := "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	for i, tt := range []struct {
		err  error
		want string
	}{
		{decodeError[bool](t, "\x02"), "bool at byte 0: bool is neither 0 nor 1"},
		{
			decodeError[padded](t, "\x01"+strings.Repeat("\x00", 8)+"\x02"+strings.Repeat("\x00", 11)),
			"codec_test.padded at byte 9: bool is neither 0 nor 1",
		},
		{decodeError[[2]bool](t, "\x01\x02"), "[2]bool at byte 1: bool is neither 0 nor 1"},
		{decodeError[struct {
			A uint8
			B bool
		}](t, "\x01\x03"), "struct { A uint8; B bool } at byte 1: bool is neither 0 nor 1"},
		{decodeError[string](t, ""), "string at byte 0: input ends early"},
		{decodeError[string](t, "\x05four"), "string at byte 0: input ends early"},
		{decodeError[string](t, "\x81\x00x"), "string at byte 0: malformed length"},
		{decodeError[string](t, huge), "string at byte 0: input ends early"},
		{decodeError[string](t, "\xff"+huge), "string at byte 0: malformed length"},
		{decodeError[[]byte](t, huge), "[]uint8 at byte 0: more elements than the input can hold"},
		{
			decodeError[[]int64](t, "\x03"+strings.Repeat("x", 15)),
			"[]int64 at byte 0: more elements than the input can hold",
		},
		{decodeError[[]string](t, huge), "[]string at byte 0: more elements than the input can hold"},
		{
			decodeError[[]allSkipped](t, huge),
			"[]codec_test.allSkipped at byte 0: more elements than the input can hold",
		},
		{decodeError[[]struct{}](t, huge), "[]struct {} at byte 0: more elements than the input can hold"},
		{
			decodeError[[]allSkipped](t, "\x02\x01"),
			"[]codec_test.allSkipped at byte 1: byte of an empty element is not 0",
		},
		{decodeError[*int8](t, "\x02\x00"), "*int8 at byte 0: presence byte is neither 0 nor 1"},
		{decodeError[*int8](t, ""), "*int8 at byte 0: input ends early"},
		{
			decodeError[map[int8]int8](t, huge),
			"map[int8]int8 at byte 0: more elements than the input can hold",
		},
		{
			decodeError[map[int8]int8](t, "\x03\x02\x00\x01\x00"),
			"map[int8]int8 at byte 3: map keys are not sorted",
		},
		{
			decodeError[map[int8]int8](t, "\x03\x01\x00\x01\x00"),
			"map[int8]int8 at byte 0: map key occurs twice",
		},
		{
			decodeError[map[struct{}]struct{}](t, "\x05"),
			"map[struct {}]struct {} at byte 0: map key occurs twice",
		},
		{
			decodeError[time.Time](t, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\xca\x9a\x3b"),
			"time.Time at byte 8: nanoseconds out of range",
		},
		{decodeError[big.Int](t, "\x01"), "big.Int at byte 0: malformed big number"},
		{decodeError[big.Int](t, "\x04\x00\x01"), "big.Int at byte 0: malformed big number"},
		{decodeError[big.Int](t, huge), "big.Int at byte 0: input ends early"},
		{decodeError[big.Rat](t, "\x02\x02\x02\x04"), "big.Rat at byte 4: malformed big number"},
		{decodeError[big.Rat](t, "\x02\x02\x00"), "big.Rat at byte 3: malformed big number"},
		{decodeError[big.Rat](t, "\x02\x02\x03\x01"), "big.Rat at byte 4: malformed big number"},
		{decodeError[big.Float](t, "\x02\x01\xe0"), "big.Float at byte 0: malformed big number"},
		{decodeError[marshaled](t, "\x01x"), "codec_test.marshaled at byte 0: bad marshaled"},

		{decodeKeyError[bool](t, "\x02"), "bool at byte 0: bool is neither 0 nor 1"},
		{decodeKeyError[string](t, "abc"), "string at byte 0: input ends early"},
		{decodeKeyError[string](t, "abc\x00"), "string at byte 0: input ends early"},
		{decodeKeyError[string](t, "abc\x00\x02"), "string at byte 3: malformed escape in a string"},
		{decodeKeyError[[]int8](t, "\x01\x80\x02"), "[]int8 at byte 2: element marker is neither 0 nor 1"},
		{
			decodeKeyError[float64](t, "\xff\xf8\x00\x00\x00\x00\x00\x01"),
			"float64 at byte 0: NaN is not canonical",
		},
		{decodeKeyError[float32](t, "\x00\x00\x00\x00"), "float32 at byte 0: NaN is not canonical"},
		{decodeKeyError[big.Int](t, "\x03\x00\x00\x00\x01\x01"), "big.Int at byte 0: malformed big number"},
		{decodeKeyError[big.Int](t, "\x02\x00\x00\x00\x01\x00"), "big.Int at byte 0: malformed big number"},
		{decodeKeyError[big.Int](t, "\x02\x00\x00\x00\x00"), "big.Int at byte 0: malformed big number"},
		{
			decodeKeyError[time.Time](t, "\x80\x00\x00\x00\x00\x00\x00\x00\x3b\x9a\xca\x00"),
			"time.Time at byte 8: nanoseconds out of range",
		},
		{decodeKeyError[marshaled2](t, "xy\x00\x01"), "codec_test.marshaled2 at byte 0: bad marshaled"},
		{decodeKeyError[int64](t, "1234567"), "int64 at byte 0: input ends early"},
	} {
		var typed *codec.DecodeError
		if !errors.As(tt.err, &typed) || tt.err.Error() != "codec: decode "+tt.want {
			t.Errorf("%d: got %v\nwant codec: decode %s", i, tt.err, tt.want)
		}
	}
	if err := decodeError[[]uint16](t, "\x01"); err != nil {
		t.Error(err)
	}
}

// A few bytes must not make the decoder allocate much more than a few bytes.
func TestDecodeAllocatesInProportion(t *testing.T) {
	// Lengths of 4095, one in the other, each of which the rest of the input could hold.
	repeat := func(s string, n int) string { return strings.Repeat(s, n) }
	for _, tt := range []struct {
		name   string
		src    string
		factor uint64
		decode func(src string)
	}{
		{"nest", repeat("\x80\x20", 9000), 300, func(s string) { _ = decodeError[nest](t, s) }},
		{"forest", repeat("\x00\x80\x20", 6000), 300, func(s string) { _ = decodeError[forest](t, s) }},
		{"mapNest", repeat("\x80\x20\x00", 6000), 600, func(s string) { _ = decodeError[mapNest](t, s) }},
		{
			"[][][]int64", repeat("\x80\x20", 9000), 300,
			func(s string) { _ = decodeError[[][][]int64](t, s) },
		},
		{"[]order", repeat("\xff\x01", 9000), 600, func(s string) { _ = decodeError[[]order](t, s) }},
		{"key nest", repeat("\x01", 9000), 300, func(s string) { _ = decodeKeyError[nest](t, s) }},
	} {
		tt.decode(tt.src) // builds the codec
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tt.decode(tt.src)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > tt.factor*uint64(len(tt.src)) {
			t.Errorf("%s: %d bytes allocated for %d bytes of input", tt.name, got, len(tt.src))
		}
	}
}

func shapes() *codec.Registry {
	r := new(codec.Registry)
	codec.Register(r, "shape/1",
		func(dst []byte, v *shape) []byte {
			if *v == nil {
				return dst
			}
			return append(dst, byte((*v).(square).side))
		},
		func(src []byte, v *shape) ([]byte, error) {
			if len(src) == 0 {
				*v = nil
				return src, nil
			}
			if src[0] == 0 {
				return nil, io.ErrUnexpectedEOF
			}
			*v = square{float64(src[0])}
			return src[1:], nil
		})
	codec.Register(r, "title/1",
		func(dst []byte, v *title) []byte { return append(dst, strings.ToUpper(string(*v))...) },
		func(src []byte, v *title) ([]byte, error) { *v = title(src); return nil, nil })
	return r
}

func TestRegistry(t *testing.T) {
	type canvas struct {
		Shapes []shape
		Named  map[title]shape
	}
	r := shapes()
	c := mustCodec[canvas](t, r)
	roundTrip(t, c, canvas{
		Shapes: []shape{square{1}, nil, square{3}},
		Named:  map[title]shape{"ONE": square{1}, "NIL": nil, title(strings.Repeat("X", 300)): nil},
	})
	if got, want := c.Schema().String(),
		`codec_test.canvas{Shapes []custom("shape/1"); Named map[custom("title/1")]custom("shape/1")}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s := mustCodec[shape](t, r)
	var v shape
	if _, err := s.Decode([]byte{1, 0}, &v); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Decode([]byte{2, 1, 1}, &v); err == nil {
		t.Error("bytes that the custom codec left over were accepted")
	}
	if _, err := codec.For[shape](nil); err == nil {
		t.Error("the codec of a registry leaked into the cache")
	}

	k := mustKey[title](t, r)
	a, b := title("a\x00b"), title("A\x00B")
	if k.Kind() != codec.KeyBytes || !k.Equal(&a, &b) || k.Hash(&a) != k.Hash(&b) {
		t.Errorf("kind %v, keys of one encoding differ", k.Kind())
	}
	if got := k.AppendKey(nil, &a); string(got) != "A\x00\xffB\x00\x01" {
		t.Errorf("got %q", got)
	}
	if got, rest, err := k.DecodeKey([]byte("A\x00\xffB\x00\x01tail")); err != nil || got != b ||
		string(rest) != "tail" {
		t.Errorf("got %q, rest %q, error %v", got, rest, err)
	}
}
