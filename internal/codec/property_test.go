package codec_test

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/codec"
)

// everything has all kinds that rapid can fill by itself.
type everything struct {
	Numbers struct {
		A int8
		B uint16
		C bool
		D int64
		E float32
		F int
	}
	S    string
	B    []byte
	P    *string
	Ss   []string
	Ns   [][]int32
	M    map[string]map[int16]bool
	Arr  [3]struct{ X, Y bool }
	Ptrs []*uint8
	Kids []everythingKid
}

type everythingKid struct {
	Name string
	Next *everythingKid
}

func drawTime(t *rapid.T, label string) time.Time {
	return time.Unix(rapid.Int64().Draw(t, label), rapid.Int64Range(0, 999_999_999).Draw(t, label)).UTC()
}

func TestPropertyRoundTrip(t *testing.T) {
	c := mustCodec[everything](t, nil)
	gen := rapid.Make[everything]()
	rapid.Check(t, func(t *rapid.T) { roundTrip(t, c, gen.Draw(t, "value")) })
}

func TestPropertyRoundTripBig(t *testing.T) {
	c := mustCodec[pairOf[big.Int, time.Time]](t, nil)
	k := mustKey[pairOf[big.Int, time.Time]](t, nil)
	rapid.Check(t, func(t *rapid.T) {
		n := *new(big.Int).SetBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(&n)
		}
		v := pairOf[big.Int, time.Time]{n, drawTime(t, "time")}
		if n.Sign() == 0 {
			v.First = big.Int{}
		}
		roundTrip(t, c, v)
		keyRoundTrip(t, k, &v)
	})
}

// compositeKey has a part of each kind that is encoded in its own way.
type compositeKey struct {
	A int16
	B string
	C float64
	D []string
	E bool
	F []byte
	G time.Time
	H [2]uint8
	I uint32
	J float32
	K []int8
	L big.Int
}

// drawCompositeKey draws from so few values that parts of two keys are often equal.
func drawCompositeKey(t *rapid.T, label string) compositeKey {
	str := rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 'a', 0xff}), 0, 3, -1)
	float := rapid.SampledFrom([]float64{
		math.Inf(-1), -1.5, math.Copysign(0, -1), 0, 1e-300, 2, math.Inf(1), math.NaN(), -math.NaN(),
	})
	return compositeKey{
		A: rapid.Int16Range(-1, 1).Draw(t, label),
		B: str.Draw(t, label),
		C: float.Draw(t, label),
		D: rapid.SliceOfN(str, 0, 2).Draw(t, label),
		E: rapid.Bool().Draw(t, label),
		F: []byte(str.Draw(t, label)),
		G: time.Unix(rapid.Int64Range(-1, 1).Draw(t, label), rapid.Int64Range(0, 1).Draw(t, label)),
		H: [2]uint8{rapid.Uint8Range(0, 1).Draw(t, label), rapid.Uint8Range(254, 255).Draw(t, label)},
		I: rapid.Uint32().Draw(t, label),
		J: float32(float.Draw(t, label)),
		K: rapid.SliceOfN(rapid.Int8(), 0, 2).Draw(t, label),
		L: *big.NewInt(rapid.Int64Range(-300, 300).Draw(t, label)),
	}
}

// compareFloats is the order of keys: -0 below 0, all NaN equal and above all.
func compareFloats(a, b float64) int {
	if math.IsNaN(a) || math.IsNaN(b) {
		return cmp.Compare(btoi(math.IsNaN(a)), btoi(math.IsNaN(b)))
	}
	if a == b {
		return cmp.Compare(btoi(math.Signbit(b)), btoi(math.Signbit(a)))
	}
	return cmp.Compare(a, b)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareKeys says the order of composite keys without encoding them.
func compareKeys(a, b *compositeKey) int {
	return cmp.Or(
		cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B), compareFloats(a.C, b.C), slices.Compare(a.D, b.D),
		cmp.Compare(btoi(a.E), btoi(b.E)), bytes.Compare(a.F, b.F), a.G.Compare(b.G),
		bytes.Compare(a.H[:], b.H[:]), cmp.Compare(a.I, b.I),
		compareFloats(float64(a.J), float64(b.J)), slices.Compare(a.K, b.K), a.L.Cmp(&b.L),
	)
}

func TestPropertyKeys(t *testing.T) {
	k := mustKey[compositeKey](t, nil)
	rapid.Check(t, func(t *rapid.T) {
		a := drawCompositeKey(t, "a")
		b := drawCompositeKey(t, "b")
		b.A, b.B = a.A, a.B // so that more parts count
		if rapid.Bool().Draw(t, "close") {
			b = a
			b.C = -b.C
			b.J = -b.J
			b.G = b.G.UTC()
			b.L = *new(big.Int).Set(&a.L)
		}
		checkPair(t, k, &a, &b, compareKeys(&a, &b))
	})
}

// checkPair checks that encoding, equality and hash agree with the order of a and b.
func checkPair[K any](t tester, k *codec.Key[K], a, b *K, want int) {
	t.Helper()
	x, y := keyRoundTrip(t, k, a), keyRoundTrip(t, k, b)
	if got := bytes.Compare(x, y); got != want {
		t.Errorf("order of %+v and %+v is %d, of their encodings %d", *a, *b, want, got)
	}
	if k.Equal(a, b) != (want == 0) || k.Equal(b, a) != (want == 0) {
		t.Errorf("%+v and %+v: equal is %t", *a, *b, k.Equal(a, b))
	}
	if (k.Hash(a) == k.Hash(b)) != (want == 0) {
		t.Errorf("%+v and %+v: hashes %x, %x", *a, *b, k.Hash(a), k.Hash(b))
	}
}

func TestPropertyWords(t *testing.T) {
	ints, floats := mustKey[int32](t, nil), mustKey[float64](t, nil)
	strs := mustKey[string](t, nil)
	rapid.Check(t, func(t *rapid.T) {
		i, j := rapid.Int32().Draw(t, "i"), rapid.Int32().Draw(t, "j")
		checkPair(t, ints, &i, &j, cmp.Compare(i, j))
		x := math.Float64frombits(rapid.Uint64().Draw(t, "x"))
		y := math.Float64frombits(rapid.Uint64().Draw(t, "y"))
		checkPair(t, floats, &x, &y, compareFloats(x, y))
		s, u := rapid.String().Draw(t, "s"), rapid.String().Draw(t, "u")
		checkPair(t, strs, &s, &u, cmp.Compare(s, u))
	})
}
