package keyed

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
)

// Sizes are at least what is asked for, have classes of their own, and waste little.
func TestHeapSizes(t *testing.T) {
	last, class := 0, -1
	for n := 1; n < 1<<16; n++ {
		size, grown := sizeOf(n), sizeOf(grownSizeOf(n))
		if size < n || size%8 != 0 || size-n > max(7, n/8) {
			t.Fatalf("%d bytes take %d", n, size)
		}
		if grown != grownSizeOf(n) || grown-n > max(7, n/2) {
			t.Fatalf("%d bytes that have grown take %d, which is no size", n, grownSizeOf(n))
		}
		if size != last && classOf(size) <= class {
			t.Fatalf("the class of size %d is %d, and that of %d is %d", last, class, size, classOf(size))
		}
		last, class = size, classOf(size)
	}
}

// Lists grow, are replaced and go, next to a model; what is dead is bounded, and blocks do not overlap.
func TestHeapModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := &Backend{IsWord: true, MaxParallelism: 2, First: 0, Last: 1}
		s := NewBytes(b)
		b.Add("rows", s)
		model := map[uint64][]byte{}
		for n := range 20_000 {
			k := r.Uint64N(100)
			b.Set(codec.HashWord(k), k, nil)
			part := bytes.Repeat([]byte{byte(n)}, 1+r.IntN(1<<r.IntN(10)))
			switch r.IntN(20) {
			case 0:
				s.Drop()
				delete(model, k)
			case 1:
				s.Put(part)
				model[k] = part
			case 2:
				if old := model[k]; old != nil {
					at := r.IntN(len(old))
					s.Cut(at, len(old))
					if model[k] = old[:at:at]; at == 0 {
						delete(model, k)
					}
				}
			default:
				s.Append(part)
				model[k] = append(bytes.Clone(model[k]), part...)
			}
			if !bytes.Equal(s.Get(), model[k]) {
				t.Fatalf("seed %d, step %d: key %d has %d bytes, not %d", seed, n, k, len(s.Get()), len(model[k]))
			}
		}
		live := 0
		for k, want := range model {
			b.Set(codec.HashWord(k), k, nil)
			if !bytes.Equal(s.Get(), want) {
				t.Fatalf("seed %d: key %d has other bytes", seed, k)
			}
			g, i := s.find(&b.Current)
			live += recordHead + capOf(s.heaps[g].at(*s.groups[g].valueAt(i)))
		}
		size, dead, left := 0, 0, 0
		for g := range s.heaps {
			size, dead, left = size+s.heaps[g].size, dead+s.heaps[g].dead, left+s.heaps[g].left()
		}
		if live+dead+left != size {
			t.Fatalf("seed %d: of %d bytes %d live, %d are dead and %d left", seed, size, live, dead, left)
		}
		if dead > size/2+chunkMax {
			t.Fatalf("seed %d: of %d bytes %d are dead", seed, size, dead)
		}
		s.Clear()
	}
}
