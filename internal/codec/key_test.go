package codec_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/flott-dev/flott/internal/codec"
)

// ascending checks that values, given in ascending order, are different keys of that order, and all
// that holds for every key.
func ascending[K any](t *testing.T, kind codec.KeyKind, values ...K) {
	t.Helper()
	k := mustKey[K](t, nil)
	if k.Kind() != kind {
		t.Errorf("%T: kind %v, want %v", values[0], k.Kind(), kind)
	}
	encoded := make([][]byte, len(values))
	for i := range values {
		encoded[i] = keyRoundTrip(t, k, &values[i])
	}
	hashes := k.Hashes([]uint64{1}, values)
	for i := range values {
		if hashes[i+1] != k.Hash(&values[i]) {
			t.Errorf("%T %d: hash %x in a batch, %x alone", values[i], i, hashes[i+1], k.Hash(&values[i]))
		}
		for j := range values {
			if k.Equal(&values[i], &values[j]) != (i == j) {
				t.Errorf("%T %v, %v: equal is %t", values[i], values[i], values[j], i != j)
			}
			if i < j && bytes.Compare(encoded[i], encoded[j]) >= 0 {
				t.Errorf("%T: %v is not below %v: %x, %x",
					values[i], values[i], values[j], encoded[i], encoded[j])
			}
			// Nor may what follows the key change the order.
			long, short := append(bytes.Clone(encoded[i]), 0xff), append(bytes.Clone(encoded[j]), 0)
			if i < j && bytes.Compare(long, short) >= 0 {
				t.Errorf("%T: %v, %v: the order depends on what follows", values[i], values[i], values[j])
			}
			if i != j && hashes[i+1] == hashes[j+1] {
				t.Errorf("%T: %v and %v have one hash", values[i], values[i], values[j])
			}
		}
	}
}

func keyRoundTrip[K any](t tester, k *codec.Key[K], v *K) []byte {
	t.Helper()
	b := k.AppendKey([]byte("head"), v)
	if !bytes.HasPrefix(b, []byte("head")) {
		t.Fatalf("%T: dst was overwritten", *v)
	}
	b = b[4:]
	if n, ok := k.FixedSize(); ok && n != len(b) {
		t.Errorf("%T: fixed size %d, encoded in %d bytes", *v, n, len(b))
	}
	src := append(bytes.Clone(b), "tail"...)
	got, rest, err := k.DecodeKey(src)
	if err != nil || string(rest) != "tail" {
		t.Fatalf("%T: decode %x: rest %q, error %v", *v, b, rest, err)
	}
	for i := range src {
		src[i] ^= 0xff // got must not notice
	}
	if again := k.AppendKey(nil, &got); !bytes.Equal(again, b) {
		t.Errorf("%T: %x became %x", *v, b, again)
	}
	if !k.Equal(&got, v) || k.Hash(&got) != k.Hash(v) {
		t.Errorf("%T: decoded key %v differs from %v", *v, got, *v)
	}
	for n := 0; n < len(b); n += max(1, len(b)/64) {
		if _, _, err := k.DecodeKey(b[:n:n]); err == nil {
			t.Errorf("%T: decoded from the first %d of %x", *v, n, b)
		}
	}
	if k.Kind() == codec.KeyWord {
		if back := k.FromWord(k.Word(v)); !k.Equal(&back, v) {
			t.Errorf("%T: word %x of %v is that of %v", *v, k.Word(v), *v, back)
		}
		if k.Hash(v) != codec.HashWord(k.Word(v)) {
			t.Errorf("%T: hash of %v is not that of its word", *v, *v)
		}
	}
	if k.Kind() == codec.KeyBytes && k.Hash(v) != codec.HashBytes(b) {
		t.Errorf("%T: hash of %v is not that of its encoding", *v, *v)
	}
	return b
}

func TestKeyOrder(t *testing.T) {
	const word, str, raw = codec.KeyWord, codec.KeyString, codec.KeyBytes
	ascending(t, word, false, true)
	ascending[int8](t, word, math.MinInt8, -1, 0, 1, math.MaxInt8)
	ascending[int16](t, word, math.MinInt16, -256, -1, 0, 1, 255, 256, math.MaxInt16)
	ascending[int32](t, word, math.MinInt32, -1, 0, 1, math.MaxInt32)
	ascending[int64](t, word, math.MinInt64, -1, 0, 1, math.MaxInt64)
	ascending(t, word, math.MinInt, -1, 0, 1, math.MaxInt)
	ascending[uint8](t, word, 0, 1, 128, 255)
	ascending[uint16](t, word, 0, 255, 256, math.MaxUint16)
	ascending[uint32](t, word, 0, 1, math.MaxUint32)
	ascending[uint64](t, word, 0, 1, 1<<63, math.MaxUint64)
	ascending[uint](t, word, 0, 1, math.MaxUint)
	ascending[level](t, word, -2, 3)
	ascending(t, word, -time.Second, 0, time.Hour)
	inf, zero := math.Inf(1), math.Copysign(0, -1)
	ascending(t, word, -inf, -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, zero, 0,
		math.SmallestNonzeroFloat64, 1, math.MaxFloat64, inf, math.NaN())
	ascending(t, word, float32(-inf), -1.5, float32(zero), 0, math.SmallestNonzeroFloat32, 1,
		float32(inf), float32(math.NaN()))
	ascending(t, str, "", "\x00", "\x00\x00", "\x00\x01", "\x00a", "\x01", "a", "a\x00", "a\x00b", "a\x01",
		"ab", "b", "\xff", "\xff\xff")
	ascending(t, str, title("a"), title("b"))
	ascending(t, raw, []byte{}, []byte{0}, []byte{0, 0}, []byte{0, 255}, []byte{1}, []byte{255, 0})
	ascending(t, raw, []int8{}, []int8{-1}, []int8{-1, -1}, []int8{-1, 0}, []int8{0})
	ascending(t, raw, []string{}, []string{""}, []string{"", "a"}, []string{"\x00"}, []string{"a"},
		[]string{"a", "b"}, []string{"a\x00b"}, []string{"ab"})
	ascending(t, raw, [2]int16{-1, 5}, [2]int16{0, -7}, [2]int16{0, 3})
	ascending(t, raw, digest{0, 0, 0, 1}, digest{0, 1}, digest{1})
	ascending(t, raw, [20]int64{19: -1}, [20]int64{}, [20]int64{1})
	ascending(t, raw, [2]string{"", "b"}, [2]string{"a", ""}, [2]string{"a", "\x00"}, [2]string{"ab", ""})
	ascending(t, raw, 1+0i, 1+2i, 2-1i)
	ascending[complex64](t, raw, 1+0i, 1+2i, 2-1i)
	ascending(t, raw, nest{}, nest{nil}, nest{nil, nil}, nest{{nil}})
	ascending(t, raw, chain{}, chain{{}}, chain{{V: 1}}, chain{{V: 1}, {}}, chain{{Next: chain{{V: 9}}}})
	ascending(t, raw, [3]chain{}, [3]chain{2: {{}}}, [3]chain{{{}}})
}

func TestKeyOrderOfStructs(t *testing.T) {
	const raw = codec.KeyBytes
	ascending(t, raw, struct{}{})
	ascending(t, raw,
		pairOf[string, int32]{"", -1}, pairOf[string, int32]{"", 0}, pairOf[string, int32]{"a", -5},
		pairOf[string, int32]{"a\x00", -9}, pairOf[string, int32]{"b", -10})
	ascending(t, raw, holes{A: 1, B: 2, C: 9}, holes{A: 1, B: 3}, holes{A: 2})
	ascending(t, raw, money{-1}, money{0}, money{1})
	ascending(t, raw, skipper{Kept: 1, Skipped: 9}, skipper{Kept: 2, Skipped: 8})
	ascending(t, raw, padded{A: false, B: 9}, padded{A: true, B: -1}, padded{A: true, B: -1, I: 1})
	ascending(t, raw, time.Time{}, time.Unix(math.MinInt32, 0), time.Unix(-1, 999_999_999),
		time.Unix(0, 0), time.Unix(0, 1), time.Unix(1<<40, 0))
	huge := new(big.Int).Lsh(big.NewInt(1), 300)
	minus := new(big.Int).Neg(huge)
	ascending(t, raw, *minus, *big.NewInt(-256), *big.NewInt(-255), *big.NewInt(-1), *new(big.Int),
		*big.NewInt(1), *big.NewInt(255), *big.NewInt(256), *huge)
	ascending(t, raw, *big.NewRat(1, 2), *big.NewRat(1, 3), *big.NewRat(3, 4))
	ascending(t, raw, marshaled2{1}, marshaled2{2})
	ascending(t, raw, marshaled2{0}) // a byte to escape
	ascending(t, raw, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.1.0"))
	ascending(t, raw, pairOf[appended, uint8]{appended{"a"}, 9}, pairOf[appended, uint8]{appended{"b"}, 0})
	ascending(t, raw, [2]marshaled2{{0}, {0}}, [2]marshaled2{{0}, {1}})
	long := strings.Repeat("\x00long", 1000) // beyond any scratch buffer
	ascending(t, raw, pairOf[string, []byte]{long, nil}, pairOf[string, []byte]{long, []byte(long)})
}

func TestKeyEquality(t *testing.T) {
	same := func(name string, equal bool) {
		t.Helper()
		if !equal {
			t.Errorf("%s: want one key", name)
		}
	}
	same("NaN", equalKeys(t, math.NaN(), math.Float64frombits(0xfff8000000000123)))
	same("NaN", equalKeys(t, float32(math.NaN()), math.Float32frombits(0xffc00001)))
	same("NaN in a struct", equalKeys(t, pairOf[float64, float32]{math.NaN(), 1},
		pairOf[float64, float32]{-math.NaN(), 1}))
	same("NaN in a complex", equalKeys(t, complex(math.NaN(), 0), complex(-math.NaN(), 0)))
	now := time.Now()
	same("location", equalKeys(t, now, now.UTC()))
	same("location", equalKeys(t, now, now.In(time.FixedZone("X", 7200))))
	same("monotonic", equalKeys(t, now, now.Round(0)))
	other := now // the same monotonic reading at another instant, as after a step of the wall clock
	*(*uint64)(unsafe.Pointer(&other)) ^= 1
	if !other.Equal(now) || mustKey[time.Time](t, nil).Equal(&now, &other) {
		t.Error("the monotonic reading must not count")
	}
	same("nil slice", equalKeys(t, []int(nil), []int{}))
	same("nil bytes", equalKeys(t, []byte(nil), []byte{}))
	same("skipped", equalKeys(t, skipper{Kept: 1, Skipped: 2}, skipper{Kept: 1, Skipped: 3}))
	same("zero rat", equalKeys(t, big.Rat{}, *big.NewRat(0, 5)))
	same("zero int", equalKeys(t, big.Int{}, *new(big.Int).Sub(big.NewInt(7), big.NewInt(7))))
}

func equalKeys[K any](t *testing.T, a, b K) bool {
	k := mustKey[K](t, nil)
	return k.Equal(&a, &b) && k.Hash(&a) == k.Hash(&b) &&
		bytes.Equal(k.AppendKey(nil, &a), k.AppendKey(nil, &b))
}

// A struct that is equal in == and different as a key, and the reverse, in Go's own words.
func TestKeyIsNotGoEquality(t *testing.T) {
	zero, minus := 0.0, math.Copysign(0, -1)
	if k := mustKey[float64](t, nil); zero != minus || k.Equal(&zero, &minus) || k.Hash(&zero) == k.Hash(&minus) {
		t.Error("-0 and 0 have to be two keys")
	}
}

func TestWord(t *testing.T) {
	for _, tt := range []struct{ got, want uint64 }{
		{word(t, true), 1},
		{word(t, false), 0},
		{word(t, int8(-1)), math.MaxUint64},
		{word(t, int16(-2)), math.MaxUint64 - 1},
		{word(t, int32(-3)), math.MaxUint64 - 2},
		{word(t, int64(-4)), math.MaxUint64 - 3},
		{word(t, level(-5)), math.MaxUint64 - 4},
		{word(t, uint8(255)), 255},
		{word(t, uint16(65535)), 65535},
		{word(t, uint32(math.MaxUint32)), math.MaxUint32},
		{word(t, uint64(math.MaxUint64)), math.MaxUint64},
		{word(t, time.Nanosecond), 1},
		{word(t, float32(1)), 0x3f800000},
		{word(t, 1.0), 0x3ff0000000000000},
		{word(t, -math.NaN()), 0x7ff8000000000000},
		{word(t, float32(-math.NaN())), 0x7fc00000},
	} {
		if tt.got != tt.want {
			t.Errorf("got %#x, want %#x", tt.got, tt.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a string has no word")
		}
	}()
	word(t, "x")
}

func word[K any](t *testing.T, k K) uint64 { return mustKey[K](t, nil).Word(&k) }

func TestKeyGroup(t *testing.T) {
	for _, tt := range []struct {
		hash uint64
		maxP int
		want int
	}{
		{0, 128, 0},
		{math.MaxUint64, 128, 127},
		{math.MaxUint64, 1, 0},
		{1 << 63, 128, 64},
		{1<<63 - 1, 128, 63},
		{math.MaxUint32, 1 << 15, 0}, // the low half does not count
		{math.MaxUint64, 1 << 15, 1<<15 - 1},
	} {
		if got := codec.KeyGroup(tt.hash, tt.maxP); got != tt.want {
			t.Errorf("key group of %#x among %d is %d, want %d", tt.hash, tt.maxP, got, tt.want)
		}
	}
	// Small integers, the commonest keys, spread evenly: chi-square with 127 degrees of freedom.
	const keys, groups = 128 * 100, 128
	var count [groups]int
	for i := range uint64(keys) {
		count[codec.KeyGroup(codec.HashWord(i), groups)]++
	}
	chi := 0.0
	for _, n := range count {
		d := float64(n) - keys/groups
		chi += d * d / (keys / groups)
	}
	if chi > 185 { // one in a thousand
		t.Errorf("key groups are uneven: chi-square %.0f", chi)
	}
}

// Each bit of the input has to move about half of the bits of the hash.
func TestHashWordAvalanche(t *testing.T) {
	for bit := range 64 {
		flips := 0
		for i := range uint64(200) {
			w := i * 0x0123456789abcdef
			for d := codec.HashWord(w) ^ codec.HashWord(w^1<<bit); d != 0; d &= d - 1 {
				flips++
			}
		}
		if mean := float64(flips) / 200; mean < 30 || mean > 34 {
			t.Errorf("bit %d moves %.1f bits", bit, mean)
		}
	}
}

func TestKeyKindString(t *testing.T) {
	got := fmt.Sprint(codec.KeyWord, codec.KeyString, codec.KeyBytes, codec.KeyKind(0))
	if got != "word string bytes invalid" {
		t.Error(got)
	}
}
