package codec_test

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
)

// fuzzDecode returns a check that decoding src does not panic, and that what it gives is encoded to
// bytes that give the same.
func fuzzDecode[T any](t testing.TB) func(t testing.TB, src []byte) {
	c, arena := mustCodec[T](t, nil), new(codec.Arena)
	return func(t testing.TB, src []byte) {
		var first, second, aliased, inArena T
		rest, err := c.Decode(src, &first)
		_, aliasErr := c.DecodeAlias(src, &aliased)
		if (err == nil) != (aliasErr == nil) {
			t.Fatalf("%T: error %v, with alias %v", first, err, aliasErr)
		}
		_, arenaErr := c.DecodeIn(arena, src, &inArena)
		if (err == nil) != (arenaErr == nil) {
			t.Fatalf("%T: error %v, in an arena %v", first, err, arenaErr)
		}
		if err != nil {
			return
		}
		if n := len(src) - len(rest); n < c.MinSize() {
			t.Fatalf("%T: decoded from %d bytes, of %d at least", first, n, c.MinSize())
		}
		if n, ok := c.FixedSize(); ok && n != len(src)-len(rest) {
			t.Fatalf("%T: fixed size %d, decoded from %d bytes", first, n, len(src)-len(rest))
		}
		once := c.Append(nil, &first)
		if rest, err := c.Decode(once, &second); err != nil || len(rest) > 0 {
			t.Fatalf("%T: %d bytes left of %x, error %v", first, len(rest), once, err)
		}
		if twice := c.Append(nil, &second); !bytes.Equal(once, twice) {
			t.Fatalf("%T: encoded as %x, then as %x", first, once, twice)
		}
		if alias := c.Append(nil, &aliased); !bytes.Equal(once, alias) {
			t.Fatalf("%T: encoded as %x, aliased as %x", first, once, alias)
		}
		if in := c.Append(nil, &inArena); !bytes.Equal(once, in) {
			t.Fatalf("%T: encoded as %x, from an arena as %x", first, once, in)
		}
	}
}

// fuzzKey returns a check that decoding src as a key does not panic, and that no two inputs are the
// encoding of one key.
func fuzzKey[K any](t testing.TB) func(t testing.TB, src []byte) {
	k := mustKey[K](t, nil)
	return func(t testing.TB, src []byte) {
		key, rest, err := k.DecodeKey(src)
		if err != nil {
			return
		}
		if b := keyRoundTrip(t, k, &key); !bytes.Equal(b, src[:len(src)-len(rest)]) {
			t.Fatalf("%T: %x is encoded as %x", key, src[:len(src)-len(rest)], b)
		}
	}
}

func FuzzDecode(f *testing.F) {
	targets := []func(testing.TB, []byte){
		fuzzDecode[bid](f), fuzzDecode[numbers](f), fuzzDecode[padded](f), fuzzDecode[order](f),
		fuzzDecode[tree](f), fuzzDecode[forest](f), fuzzDecode[nest](f), fuzzDecode[mapNest](f),
		fuzzDecode[link](f), fuzzDecode[bigs](f), fuzzDecode[[]allSkipped](f),
		fuzzDecode[[]struct{}](f), fuzzDecode[map[struct{}]struct{}](f),
		fuzzDecode[map[float64]string](f), fuzzDecode[map[time.Time]int8](f),
		fuzzDecode[map[netip.Addr][]*bool](f), fuzzDecode[[][][]int16](f), fuzzDecode[[2][]bool](f),
		fuzzDecode[codec.Schema](f), fuzzDecode[map[skipper]skipper](f),
		fuzzDecode[map[allSkipped]struct{}](f), fuzzDecode[map[*int8]*int8](f),
	}
	f.Add(uint8(0), mustCodec[bid](f, nil).Append(nil, ptr(newBid())))
	f.Add(uint8(1), make([]byte, 93))
	f.Add(uint8(2), make([]byte, 21))
	f.Add(uint8(3), mustCodec[order](f, nil).Append(nil, ptr(newOrder())))
	f.Add(uint8(4), mustCodec[tree](f, nil).Append(nil, &tree{Left: &tree{}, Right: &tree{Value: 1}}))
	f.Add(uint8(5), []byte("\x01a\x03\x00\x00\x00\x00\x00\x00\x02\x01b\x00\x00\x00"))
	f.Add(uint8(6), []byte("\x04\x01\x00\x02\x01"))
	f.Add(uint8(7), []byte("\x03\x00\x00\x01a\x02\x00\x01"))
	f.Add(uint8(8), []byte("\x01\x07\x00\x01\x08\x00\x00\x00\x00"))
	f.Add(uint8(9), mustCodec[bigs](f, nil).Append(nil, &bigs{
		I: *big.NewInt(-1 << 40), P: big.NewInt(7), R: *big.NewRat(-5, 3), F: big.NewFloat(math.Pi),
	}))
	f.Add(uint8(10), []byte("\x03\x00\x00"))
	f.Add(uint8(11), []byte("\xff\xff\xff\xff\x0f"))
	f.Add(uint8(12), []byte("\x02"))
	f.Add(uint8(13), append(append([]byte{3}, make([]byte, 9)...), "\x00\x00\x00\x00\x00\x00\xf8\x7f\x01x"...))
	f.Add(uint8(14), append([]byte{3}, make([]byte, 26)...))
	f.Add(uint8(15), []byte("\x02\x04\x7f\x00\x00\x01\x03\x00\x01\x01"))
	f.Add(uint8(16), []byte("\x02\x03\x00\x02\x01\x00"))
	f.Add(uint8(17), []byte("\x03\x00\x01\x00"))
	f.Add(uint8(18), codec.AppendSchema(nil, mustCodec[order](f, nil).Schema())[1:])
	f.Add(uint8(19), append([]byte{2}, make([]byte, 8)...))
	f.Add(uint8(20), []byte("\x03"))
	f.Add(uint8(21), []byte("\x04\x00\x00\x00\x01\x05\x01\x05\x00"))
	f.Fuzz(func(t *testing.T, which uint8, src []byte) { targets[int(which)%len(targets)](t, src) })
}

func FuzzDecodeKey(f *testing.F) {
	targets := []func(testing.TB, []byte){
		fuzzKey[bool](f), fuzzKey[int16](f), fuzzKey[float32](f), fuzzKey[float64](f), fuzzKey[string](f),
		fuzzKey[[]byte](f), fuzzKey[[]string](f), fuzzKey[nest](f), fuzzKey[time.Time](f),
		fuzzKey[big.Int](f), fuzzKey[big.Rat](f), fuzzKey[compositeKey](f), fuzzKey[padded](f),
		fuzzKey[[]marshaled2](f), fuzzKey[[3]complex64](f), fuzzKey[[]skipper](f),
	}
	f.Add(uint8(0), []byte{1})
	f.Add(uint8(1), []byte{1, 2})
	f.Add(uint8(2), []byte{0xff, 0xc0, 0, 0})
	f.Add(uint8(3), []byte{0xff, 0xf8, 0, 0, 0, 0, 0, 0})
	f.Add(uint8(4), []byte("a\x00\xffb\x00\x01"))
	f.Add(uint8(5), []byte("\x00\xff\x00\x01"))
	f.Add(uint8(6), []byte("\x01a\x00\x01\x01\x00\x01\x00"))
	f.Add(uint8(7), []byte("\x01\x01\x00\x00\x00"))
	f.Add(uint8(8), make([]byte, 12))
	f.Add(uint8(9), []byte("\x00\xff\xff\xff\xfe\x7f"))
	f.Add(uint8(10), []byte("\x02\x00\x00\x00\x01\x02\x02\x00\x00\x00\x01\x03"))
	f.Add(uint8(11), mustKey[compositeKey](f, nil).AppendKey(nil, &compositeKey{D: []string{"x"}}))
	f.Add(uint8(12), make([]byte, 21))
	f.Add(uint8(13), []byte("\x01\x00\xff\x00\x01\x00"))
	f.Add(uint8(14), bytes.Repeat([]byte{0x80}, 24))
	f.Add(uint8(15), []byte("\x01\x80\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, which uint8, src []byte) { targets[int(which)%len(targets)](t, src) })
}

// FuzzKeyOrder goes the other way: from values to bytes.
func FuzzKeyOrder(f *testing.F) {
	k := mustKey[compositeKey](f, nil)
	f.Add("a", "b", []byte("x"), []byte("y"), 1.0, -1.0, int64(5), int64(-5))
	f.Add("a", "a\x00", []byte{0}, []byte{0, 0xff}, 0.0, math.Copysign(0, -1), int64(0), int64(1))
	f.Add("", "", []byte{}, []byte(nil), math.NaN(), math.Inf(1), int64(7), int64(7))
	f.Fuzz(func(t *testing.T, s, u string, b, c []byte, x, y float64, m, n int64) {
		make := func(s string, b []byte, x float64, m int64) compositeKey {
			return compositeKey{
				A: int16(m >> 62), B: s, C: x, D: []string{s, string(b)}, F: b, G: time.Unix(m, 0),
				I: uint32(m), J: float32(x), K: []int8{int8(m)}, L: *big.NewInt(m),
			}
		}
		first, second := make(s, b, x, m), make(u, c, y, n)
		checkPair(t, k, &first, &second, compareKeys(&first, &second))
		first.B, first.D = second.B, slices.Clone(second.D)
		checkPair(t, k, &first, &second, compareKeys(&first, &second))
		strs := mustKey[string](t, nil)
		checkPair(t, strs, &s, &u, cmp.Compare(s, u))
	})
}

// FuzzRoundTrip goes the other way, too.
func FuzzRoundTrip(f *testing.F) {
	c := mustCodec[everything](f, nil)
	f.Add(int64(1), "s", []byte("b"), uint8(3), true)
	f.Fuzz(func(t *testing.T, n int64, s string, b []byte, size uint8, flag bool) {
		v := everything{S: s, B: b, P: &s, Ss: []string{s, ""}, Ns: [][]int32{{int32(n)}, nil, {}}}
		v.Numbers.C, v.Numbers.D, v.Numbers.F = flag, n, int(n)
		v.M = map[string]map[int16]bool{s: {int16(n): flag}, "": nil}
		v.Arr[1].Y = flag
		for i := range size {
			v.Ptrs = append(v.Ptrs, &i, nil)
			v.Kids = append(v.Kids, everythingKid{s, &everythingKid{Name: string(b)}})
		}
		roundTrip(t, c, v)
	})
}
