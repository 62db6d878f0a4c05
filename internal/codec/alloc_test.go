package codec_test

import (
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
)

// raceEnabled is set where the race detector makes sync.Pool drop buffers at random.
var raceEnabled bool

func noAllocs(t *testing.T, name string, f func()) {
	t.Helper()
	f() // fills pools
	if raceEnabled {
		return
	}
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s: %.0f allocs", name, n)
	}
}

func TestAppendAllocs(t *testing.T) {
	bids := mustCodec[bid](t, nil)
	dst := make([]byte, 0, 4096)
	src := bids.Append(nil, ptr(newBid()))
	noAllocs(t, "append bid", func() {
		v := newBid() // on the stack: the codec must not make it escape
		dst = bids.Append(dst[:0], &v)
	})
	noAllocs(t, "decode bid", func() {
		var v bid
		if _, err := bids.DecodeAlias(src, &v); err != nil || v.Bidder != 2003 {
			t.Fatal(err)
		}
	})

	all := mustCodec[allocFree](t, nil)
	v := newAllocFree()
	noAllocs(t, "append", func() { dst = all.Append(dst[:0], &v) })
	flat := mustCodec[allocFreeDecode](t, nil)
	in := allocFreeDecode{A: 1, B: true, C: "c", D: []byte("d"), E: [2]int32{1, 2}, F: time.Now()}
	encoded := flat.Append(nil, &in)
	var out allocFreeDecode
	noAllocs(t, "decode alias", func() {
		if _, err := flat.DecodeAlias(encoded, &out); err != nil {
			t.Fatal(err)
		}
	})
}

type allocFreeDecode struct {
	A int8
	B bool
	C string
	D []byte
	E [2]int32
	F time.Time
	G []int
	H *int
	I map[int]int
}

type allocFree struct {
	A []string
	B [][]int64
	C map[string]netip.Addr
	D *padded
	E big.Int
	F time.Time
	G [3]item
	H []netip.AddrPort
}

func newAllocFree() allocFree {
	return allocFree{
		A: []string{"a", strings.Repeat("b", 200)},
		B: [][]int64{{1, 2}, nil},
		C: map[string]netip.Addr{"x": netip.MustParseAddr("::1"), "y": {}},
		D: &padded{},
		E: *big.NewInt(-1 << 60),
		F: time.Now(),
		G: [3]item{{SKU: "x", Price: *big.NewRat(1, 2)}, {Price: *big.NewRat(1, 3)}, {Price: *big.NewRat(1, 4)}},
		H: []netip.AddrPort{netip.MustParseAddrPort("[::1]:80")},
	}
}

// hashAllocs checks the methods of a key on a variable of the calling stack.
func hashAllocs[K any](t *testing.T, v K) {
	t.Helper()
	k := mustKey[K](t, nil)
	batch := []K{v, v, v}
	hashes := make([]uint64, 0, len(batch))
	dst := make([]byte, 0, 8192)
	noAllocs(t, k.Schema().String(), func() {
		key, other := v, v
		if k.Hash(&key) != k.Hash(&other) || !k.Equal(&key, &other) {
			t.Fatal("equal keys differ")
		}
		dst = k.AppendKey(dst[:0], &key)
		hashes = k.Hashes(hashes[:0], batch)
	})
}

func TestKeyAllocs(t *testing.T) {
	hashAllocs(t, true)
	hashAllocs(t, int8(1))
	hashAllocs(t, int64(1))
	hashAllocs(t, 1.5)
	hashAllocs(t, "string")
	hashAllocs(t, []byte("bytes"))
	hashAllocs(t, []string{"a", "b"})
	hashAllocs(t, time.Now())
	hashAllocs(t, digest{1})
	hashAllocs(t, pairOf[string, int64]{"a", 1})
	hashAllocs(t, pairOf[string, []byte]{strings.Repeat("long\x00", 500), nil})
	hashAllocs(t, pairOf[padded, [30]int64]{})
	hashAllocs(t, *big.NewInt(-5))
	hashAllocs(t, netip.MustParseAddr("::1"))
	hashAllocs(t, pairOf[netip.AddrPort, [2]string]{netip.MustParseAddrPort("[::1]:80"), [2]string{"a", "b"}})
	k := mustKey[uint16](t, nil)
	noAllocs(t, "word", func() {
		key := k.FromWord(7)
		if k.Word(&key) != 7 {
			t.Fatal("word changed")
		}
	})
	encoded := mustKey[pairOf[int64, float32]](t, nil).AppendKey(nil, &pairOf[int64, float32]{1, 2})
	noAllocs(t, "decode key", func() {
		if _, _, err := mustKey[pairOf[int64, float32]](t, nil).DecodeKey(encoded); err != nil {
			t.Fatal(err)
		}
	})
}

// One codec and one key serve all goroutines of a process, from the first use on.
func TestConcurrentUse(t *testing.T) {
	type private struct {
		M map[string]map[int]string
		N netip.Addr
	}
	r := new(codec.Registry)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			c, err := codec.For[private](nil)
			if err != nil {
				t.Error(err)
				return
			}
			k, err := codec.KeyFor[pairOf[string, []int]](nil)
			if err != nil {
				t.Error(err)
				return
			}
			codec.Register(r, "t", func(dst []byte, _ *title) []byte { return dst },
				func([]byte, *title) ([]byte, error) { return nil, nil })
			if _, err := codec.For[map[title]int](r); err != nil {
				t.Error(err)
			}
			for i := range 50 {
				v := private{M: map[string]map[int]string{"a": {g: "x", i: "y"}, "b": nil}}
				roundTrip(t, c, v)
				keyRoundTrip(t, k, &pairOf[string, []int]{strings.Repeat("s", i), []int{g, i}})
			}
		})
	}
	group.Wait()
}
