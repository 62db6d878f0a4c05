package codec_test

import (
	"bytes"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/flott-dev/flott/internal/codec"
)

func mustCodec[T any](t testing.TB, r *codec.Registry) *codec.Codec[T] {
	t.Helper()
	c, err := codec.For[T](r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustKey[K any](t testing.TB, r *codec.Registry) *codec.Key[K] {
	t.Helper()
	k, err := codec.KeyFor[K](r)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// tester is what the checks need of a *testing.T or *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// roundTrip checks all that holds for every value of every codec.
func roundTrip[T any](t tester, c *codec.Codec[T], v T) {
	t.Helper()
	b := c.Append([]byte("head"), &v)
	if !bytes.HasPrefix(b, []byte("head")) {
		t.Fatalf("%T: dst was overwritten", v)
	}
	b = b[4:]
	if n, ok := c.FixedSize(); ok && n != len(b) {
		t.Errorf("%T: fixed size %d, encoded in %d bytes", v, n, len(b))
	}
	src := append(bytes.Clone(b), "tail"...)
	var got, aliased T
	rest, err := c.Decode(src, &got)
	if err != nil || string(rest) != "tail" {
		t.Fatalf("decode %T: rest %q, error %v", v, rest, err)
	}
	rest, err = c.DecodeAlias(bytes.Clone(src), &aliased)
	if err != nil || string(rest) != "tail" {
		t.Fatalf("decode alias %T: rest %q, error %v", v, rest, err)
	}
	for i := range src {
		src[i] ^= 0xff // got must not notice
	}
	for _, x := range []*T{&got, &aliased} {
		if !reflect.DeepEqual(*x, v) && !hasNaN(v) {
			t.Errorf("got %#v, want %#v", *x, v)
		}
		if again := c.Append(nil, x); !bytes.Equal(again, b) {
			t.Errorf("%T: encoded again as %x, want %x", v, again, b)
		}
	}
	step := max(1, len(b)/64)
	for n := 0; n < len(b); n += step {
		if _, err := c.Decode(b[:n:n], &got); err == nil {
			t.Errorf("%T: decoded from the first %d of %d bytes", v, n, len(b))
		}
	}
}

func hasNaN(v any) bool {
	return strings.Contains(reflect.TypeOf(v).String(), "float64") || !reflect.DeepEqual(v, v)
}

func check[T any](t *testing.T, values ...T) {
	t.Helper()
	c := mustCodec[T](t, nil)
	for _, v := range values {
		roundTrip(t, c, v)
	}
}

func TestRoundTripBasic(t *testing.T) {
	check(t, false, true)
	check[int8](t, 0, -1, math.MinInt8, math.MaxInt8)
	check[uint8](t, 0, 255)
	check[int16](t, 0, -1, math.MinInt16)
	check[uint16](t, 0, math.MaxUint16)
	check[int32](t, 0, -1, math.MinInt32)
	check[uint32](t, 0, math.MaxUint32)
	check[int64](t, 0, -1, math.MinInt64, math.MaxInt64)
	check[uint64](t, 0, math.MaxUint64)
	check(t, 0, -1, math.MinInt)
	check[uint](t, 0, math.MaxUint)
	check[float32](t, 0, -1.5, float32(math.Inf(1)), math.SmallestNonzeroFloat32)
	check(t, 0, math.Copysign(0, -1), math.Inf(-1), math.NaN(), math.MaxFloat64)
	check[complex64](t, 0, 1-2i)
	check(t, 0, complex(1, math.Inf(-1)))
	check(t, time.Duration(0), -time.Hour)
	check(t, level(-3))
	check(t, "", "a", "ünï\x00\xff", strings.Repeat("x", 127), strings.Repeat("x", 128),
		strings.Repeat("x", 70000))
	check(t, title("named"))
	check(t, []byte(nil), []byte{}, []byte{0}, bytes.Repeat([]byte{7}, 300))
	check(t, blob{1, 2})
	check(t, struct{}{})
	check(t, digest{1, 2, 3, 4})
	check(t, [0]string{})
}

func TestRoundTripComposite(t *testing.T) {
	check(t, numbers{}, numbers{
		-1, 2, -3, 4, -5, 6, -7, 8, -9, 10, 1.5, -2.5, 1 + 2i, 3 - 4i, true, time.Second, -11,
	})
	check(t, padded{}, padded{true, -2, true, 3, -4, true, 5, 6, 7.5})
	check(t, []padded(nil), []padded{}, []padded{{A: true}, {F: true, I: 1}})
	check(t, [2]padded{{B: 1}, {H: 2}})
	check(t, []int64(nil), []int64{}, []int64{1, -2, 3})
	check(t, []bool{true, false}, nil)
	check(t, [3]bool{true, false, true})
	check(t, []int8{-1, 2}, []int8{}, nil)
	check(t, [][]int32{nil, {}, {1, 2}}, nil)
	check(t, []string{"", "a", strings.Repeat("b", 200)}, []string{}, nil)
	check(t, []title{"x"}, nil)
	check(t, []struct{}{}, make([]struct{}, 1000), nil)
	check(t, [][0]int{{}, {}}, nil)
	check(t, map[string]int(nil), map[string]int{}, map[string]int{"b": 1, "a": 2, "": 3})
	check(t, map[struct{}]struct{}{}, map[struct{}]struct{}{{}: {}}, nil)
	check(t, map[digest]map[int8][]string{{1}: {-1: {"x"}, 1: nil}, {2}: nil})
	check(t, map[float64]int{math.NaN(): 1, 0: 2})
	check(t, map[float64]int{math.NaN(): 1, math.NaN(): 2, math.Inf(1): 3})
	check(t, (*int)(nil), ptr(7))
	check(t, (**string)(nil), ptr((*string)(nil)), ptr(ptr("deep")))
	check(t, pairOf[money, *money]{money{1}, &money{2}}, pairOf[money, *money]{})
	check(t, struct {
		a int32
		B string
	}{1, "x"})
	check(t, skipper{Kept: 1}, skipper{})
	check(t, []allSkipped{}, []allSkipped{{}, {}, {}}, nil)
	check(t, order{}, newOrder())
}

func newOrder() order {
	return order{
		base:   base{ID: 7, created: time.Unix(1_700_000_000, 5).UTC()},
		extra:  &extra{Weight: 1.25},
		Total:  money{1999},
		Items:  []item{{"a", *big.NewRat(1, 3), true}, {"b", *big.NewRat(-7, 1), false}},
		ByName: map[string]*item{"x": {SKU: "x", Price: *big.NewRat(2, 1)}, "none": nil},
		Tags:   map[title][]level{"t": {1, -2}, "empty": {}},
		Note:   ptr("note"),
		Pixels: [3][2]uint8{{1, 2}, {3, 4}, {5, 6}},
		Blob:   blob("blob"),
		Label:  "label",
	}
}

func TestRoundTripRecursive(t *testing.T) {
	check(t, tree{}, tree{1, &tree{2, nil, &tree{Value: 3}}, &tree{Value: 4}})
	check(t, forest{}, forest{
		Name: "a",
		Kids: []forest{{Name: "b", Kids: []forest{}}, {Name: "c", Map: map[string]forest{"d": {}}}},
	})
	check(t, nest(nil), nest{}, nest{nil, {}, {{}, nil}})
	check(t, chain(nil), chain{}, chain{{V: 1, Next: chain{{V: 2}}, Two: [2]chain{1: {}}}})
	check(t, mapNest(nil), mapNest{"a": nil, "b": {"c": {}}})
	check(t, link(nil), link(&linkNode{V: 1, Next: &linkNode{V: 2}, Two: [2]link{nil, &linkNode{V: 3}}}))
	many := forest{Kids: make([]forest, 100)}
	for i := range many.Kids {
		many.Kids[i].Name = strings.Repeat("x", i)
	}
	check(t, many)
}

func TestRoundTripTime(t *testing.T) {
	check(t, time.Time{}, time.Unix(0, 0).UTC(), time.Unix(-1, 999_999_999).UTC(),
		time.Unix(math.MaxInt64, 0).UTC(), time.Unix(math.MinInt64, 1).UTC())
	c := mustCodec[time.Time](t, nil)
	local := time.Now().In(time.FixedZone("X", 3600))
	var got time.Time
	if _, err := c.Decode(c.Append(nil, &local), &got); err != nil {
		t.Fatal(err)
	}
	if want := local.UTC().Round(0); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want the same instant in UTC %#v", got, want)
	}
	// Two keys of a Go map that are one instant: the encoding keeps one.
	m := map[time.Time]int{local.Round(0): 1, local.UTC().Round(0): 2}
	mc := mustCodec[map[time.Time]int](t, nil)
	var back map[time.Time]int
	if _, err := mc.Decode(mc.Append(nil, &m), &back); err != nil || len(back) != 1 {
		t.Errorf("got %v, error %v", back, err)
	}
}

func TestRoundTripBig(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(1), 1000)
	check(t, bigs{}, bigs{
		I: *big.NewInt(-5), P: huge, R: *big.NewRat(-22, 7), F: big.NewFloat(-1.5),
		Is: []big.Int{*big.NewInt(255), *big.NewInt(-256), *new(big.Int).Neg(huge)},
	})
	check(t, []*big.Float{
		new(big.Float), new(big.Float).SetInf(true), new(big.Float).SetPrec(200).Quo(
			big.NewFloat(1), big.NewFloat(3)), new(big.Float).SetMode(big.ToZero).SetPrec(10),
	})
	// A copied big.Int shares its words with the original; decoding must leave those alone.
	c := mustCodec[big.Int](t, nil)
	original := *big.NewInt(123456789)
	shared := original
	if _, err := c.Decode(c.Append(nil, big.NewInt(42)), &shared); err != nil {
		t.Fatal(err)
	}
	if shared.Int64() != 42 || original.Int64() != 123456789 {
		t.Errorf("got %v, original became %v", &shared, &original)
	}
}

func TestRoundTripMarshaler(t *testing.T) {
	check(t, marshaled{}, marshaled{n: 77})
	check(t, []marshaled{{n: 1}, {n: 2}}, nil)
	check(t, map[marshaled2]string{{1}: "x", {2}: "y"})
	check(t, appended{}, appended{strings.Repeat("long", 100)})
	check(t, []appended{{"a"}, {strings.Repeat("b", 127)}, {strings.Repeat("c", 128)}})
	check(t, genericMarshaled[string]{v: 3})
	at := time.Unix(1_700_000_000, 0).UTC()
	check(t, stamped{at, "not lost"})
	check(t, overriding{Time: at})
	u, err := url.Parse("https://user@example.org/path?q=1")
	if err != nil {
		t.Fatal(err)
	}
	check(t, network{}, network{
		Addr:  netip.MustParseAddr("192.0.2.7"),
		Ports: []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::1]:80")},
	})
	c := mustCodec[network](t, nil)
	in, out := network{URL: u}, network{}
	if _, err := c.Decode(c.Append(nil, &in), &out); err != nil || out.URL.String() != u.String() {
		t.Errorf("got %v, error %v", out.URL, err)
	}
}

// marshaled2 is a comparable marshaled.
type marshaled2 struct{ n uint8 }

func (m marshaled2) MarshalBinary() ([]byte, error) { return []byte{m.n}, nil }

func (m *marshaled2) UnmarshalBinary(b []byte) error {
	if len(b) != 1 {
		return errMarshaled
	}
	m.n = b[0]
	return nil
}

// Decoding into a value that is in use must leave nothing of it, and not write to what it shares.
func TestDecodeOverwrites(t *testing.T) {
	c := mustCodec[order](t, nil)
	old := newOrder()
	items, blob, byName := old.Items, old.Blob, old.ByName
	old.Skip = make(chan int)
	want := order{Items: []item{{SKU: "new"}, {SKU: "too"}}, Blob: []byte("BLOB"), ByName: map[string]*item{}}
	if _, err := c.Decode(c.Append(nil, &want), &old); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(old, want) {
		t.Errorf("got %+v, want %+v", old, want)
	}
	if items[0].SKU != "a" || string(blob) != "blob" || len(byName) != 2 {
		t.Errorf("memory of the old value was written to: %v %s %v", items, blob, byName)
	}
	a := mustCodec[[2]appended](t, nil)
	in, out := [2]appended{{"x"}, {"y"}}, [2]appended{{"old"}, {"old"}}
	if _, err := a.Decode(a.Append(nil, &in), &out); err != nil || out != in {
		t.Errorf("got %v, error %v", out, err)
	}
}

func TestDecodeAlias(t *testing.T) {
	type both struct {
		S  string
		B  []byte
		Ss []string
		E  []byte
	}
	c := mustCodec[both](t, nil)
	in := both{"string", []byte("bytes"), []string{"inner", strings.Repeat("x", 200)}, []byte{}}
	src := c.Append(nil, &in)
	var v both
	if _, err := c.DecodeAlias(src, &v); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(v, in) {
		t.Fatalf("got %+v, want %+v", v, in)
	}
	inside := func(p *byte) bool {
		at := uintptr(unsafe.Pointer(p)) - uintptr(unsafe.Pointer(&src[0]))
		return at < uintptr(len(src))
	}
	if !inside(unsafe.StringData(v.S)) || !inside(&v.B[0]) || !inside(unsafe.StringData(v.Ss[1])) {
		t.Error("does not alias the input")
	}
	if cap(v.B) != len(v.B) {
		t.Errorf("an append to the []byte could write to the input: cap %d", cap(v.B))
	}
}

func TestMapsAreDeterministic(t *testing.T) {
	c := mustCodec[map[string][]int](t, nil)
	m := map[string][]int{}
	for i := range 100 {
		m[strings.Repeat("k", i)] = []int{i}
	}
	want := c.Append(nil, &m)
	for range 10 {
		clone := map[string][]int{}
		for k, v := range m {
			clone[k] = v
		}
		if got := c.Append(nil, &clone); !bytes.Equal(got, want) {
			t.Fatal("equal maps have different encodings")
		}
	}
}

func TestSizes(t *testing.T) {
	fixed := func(n int, ok bool) int {
		if !ok {
			return -1
		}
		return n
	}
	for _, tt := range []struct {
		name        string
		size, want  int
		free, wantF bool
	}{
		{
			"numbers", fixed(mustCodec[numbers](t, nil).FixedSize()), 93,
			mustCodec[numbers](t, nil).PointerFree(), true,
		},
		{
			"padded", fixed(mustCodec[padded](t, nil).FixedSize()), 21,
			mustCodec[padded](t, nil).PointerFree(), true,
		},
		{
			"bid", fixed(mustCodec[bid](t, nil).FixedSize()), -1,
			mustCodec[bid](t, nil).PointerFree(), false,
		},
		{
			"time", fixed(mustCodec[time.Time](t, nil).FixedSize()), 12,
			mustCodec[time.Time](t, nil).PointerFree(), false,
		},
		{
			"struct{}", fixed(mustCodec[struct{}](t, nil).FixedSize()), 0,
			mustCodec[struct{}](t, nil).PointerFree(), true,
		},
		{
			"[0]string", fixed(mustCodec[[0]string](t, nil).FixedSize()), 0,
			mustCodec[[0]string](t, nil).PointerFree(), true,
		},
		{
			"[3]padded", fixed(mustCodec[[3]padded](t, nil).FixedSize()), 63,
			mustCodec[[3]padded](t, nil).PointerFree(), true,
		},
		{
			"marshaled2", fixed(mustCodec[marshaled2](t, nil).FixedSize()), -1,
			mustCodec[marshaled2](t, nil).PointerFree(), true,
		},
		{
			"*int", fixed(mustCodec[*int](t, nil).FixedSize()), -1,
			mustCodec[*int](t, nil).PointerFree(), false,
		},
		{
			"skipper", fixed(mustCodec[skipper](t, nil).FixedSize()), 4,
			mustCodec[skipper](t, nil).PointerFree(), true,
		},
	} {
		if tt.size != tt.want || tt.free != tt.wantF {
			t.Errorf("%s: size %d, pointer free %t; want %d, %t",
				tt.name, tt.size, tt.free, tt.want, tt.wantF)
		}
	}
}
