package batch

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type wide struct{ A [4096]byte }

func TestCapacity(t *testing.T) {
	for _, c := range []struct{ got, want int }{
		{Capacity[int64](), MaxRows},
		{Capacity[struct{}](), MaxRows},
		{Capacity[[256]byte](), 512},
		{Capacity[wide](), 128},
		{NewPool[int64](0).Rows(), MaxRows},
		{NewPool[int64](7).Rows(), 7},
	} {
		if c.got != c.want {
			t.Errorf("got %d, want %d", c.got, c.want)
		}
	}
}

func TestHasPointers(t *testing.T) {
	type inner struct{ S string }
	for name, c := range map[string]struct{ got, want bool }{
		"int":          {hasPointers[int](), false},
		"array":        {hasPointers[[3]float64](), false},
		"empty array":  {hasPointers[[0]string](), false},
		"plain struct": {hasPointers[struct{ A, B int32 }](), false},
		"string":       {hasPointers[string](), true},
		"nested":       {hasPointers[struct{ A [2]inner }](), true},
		"slice":        {hasPointers[[]byte](), true},
		"map":          {hasPointers[map[int]int](), true},
		"pointer":      {hasPointers[*int](), true},
		"interface":    {hasPointers[any](), true},
		"func":         {hasPointers[func()](), true},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v", name, c.got)
		}
	}
}

func TestMarks(t *testing.T) {
	b := NewPool[int](4).Get()
	b.Mark(1)
	b.Mark(2) // replaces the one at the same row
	b.Add(1, 10)
	b.Mark(3)
	if want := []Mark{{0, 2}, {1, 3}}; !slices.Equal(b.Marks, want) {
		t.Errorf("got %v, want %v", b.Marks, want)
	}
	s := b.Share()
	s.Marks[0].Time = 99
	s.Mark(100)
	if b.Marks[0].Time != 2 || len(b.Marks) != 2 {
		t.Errorf("a share's marks are not its own: %v", b.Marks)
	}
}

func TestTruncate(t *testing.T) {
	b := NewPool[*int](4).Get()
	for i := range 4 {
		b.Add(&i, int64(i))
	}
	b.KeyColumn()
	all := b.Vals
	if !b.Full() {
		t.Error("four of four rows, and not full")
	}
	b.Truncate(1)
	if b.Len() != 1 || len(b.Times) != 1 || b.Keys != nil || b.Full() {
		t.Errorf("got %d rows, %d times, keys %v", b.Len(), len(b.Times), b.Keys)
	}
	if all[1] != nil || all[3] != nil || all[0] == nil {
		t.Error("the rows cut off still hold memory, or the kept one is gone")
	}
}

func TestReleaseClearsPointers(t *testing.T) {
	p := NewPool[*int](2)
	b := p.Get()
	b.Add(new(int), 0)
	vals := b.Vals
	b.Release()
	if vals[0] != nil {
		t.Error("a released batch holds memory")
	}
}

// A batch that was appended to beyond its capacity leaves the memory that it had before to the pool.
func TestReleaseOfAGrownBatch(t *testing.T) {
	p := NewPool[*int](2)
	b := p.Get()
	first := b.Vals[:2]
	for range 5 {
		b.Add(new(int), 0)
	}
	b.Release()
	if first[0] != nil || first[1] != nil {
		t.Error("a released batch holds memory")
	}
	if b = p.Get(); cap(b.Vals) != 2 || b.Len() != 0 {
		t.Errorf("the next batch has %d rows, %d at most", b.Len(), cap(b.Vals))
	}
}

func TestReleaseTwicePanics(t *testing.T) {
	b := NewPool[int](2).Get()
	b.Release()
	defer func() {
		if r := recover(); r != "batch: released twice" {
			t.Errorf("got %v", r)
		}
	}()
	b.Release()
}

func TestBytes(t *testing.T) {
	p := NewPool[int32](4)
	b := p.Get()
	b.Add(1, 1)
	b.Add(2, 2)
	if n := b.Bytes(); n != 2*(4+8) {
		t.Errorf("got %d bytes", n)
	}
	p.SetExtraBytes(100)
	if n := b.Bytes(); n != 2*(4+8+100) {
		t.Errorf("got %d bytes with those behind the values", n)
	}
}

// TestSharesAndReuse shares and releases in any order: a header's rows stay as they are until the
// last one is released, columns return to the pool then and not before, and nothing is in two places.
func TestSharesAndReuse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPool[string](4)
		type held struct {
			*Rows[string]
			want []string
			id   int
		}
		var live []held
		next := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			which := 0
			if len(live) > 0 {
				which = rapid.IntRange(0, len(live)-1).Draw(t, "which")
			}
			switch what := rapid.IntRange(0, 3).Draw(t, "what"); {
			case what == 0 || len(live) == 0:
				b := p.Get()
				if b.Len() != 0 || len(b.Marks) != 0 || b.Keys != nil || !b.Sole() || cap(b.Vals) != 4 {
					t.Fatalf("a new batch is not empty: %+v", b)
				}
				h := held{Rows: b, id: next}
				for i := range rapid.IntRange(0, 4).Draw(t, "rows") {
					h.want = append(h.want, fmt.Sprint(next, "/", i))
					b.Add(h.want[i], int64(i))
				}
				for i := range b.KeyColumn() {
					b.Keys[i] = uint64(next)
				}
				next++
				live = append(live, h)
			case what == 1:
				h := live[which]
				live = append(live, held{h.Share(), h.want, h.id})
			default:
				live[which].Release()
				live = slices.Delete(live, which, which+1)
			}
			count := map[int]int{}
			for _, h := range live {
				count[h.id]++
			}
			for _, h := range live {
				if !slices.Equal(h.Vals, h.want) || len(h.Keys) != len(h.want) ||
					len(h.Keys) > 0 && h.Keys[0] != uint64(h.id) {
					t.Fatalf("batch %d holds %v with keys %v, want %v", h.id, h.Vals, h.Keys, h.want)
				}
				if h.Sole() != (count[h.id] == 1) {
					t.Fatalf("batch %d has %d headers, and Sole says %v", h.id, count[h.id], h.Sole())
				}
			}
		}
	})
}

func TestPoolKeepsABoundedNumber(t *testing.T) {
	p := NewPool[int](1)
	var all []*Rows[int]
	for range 3 * pooledPerEdge {
		all = append(all, p.Get())
	}
	for _, b := range all {
		b.Release()
	}
	if len(p.mu.columns) != pooledPerEdge || len(p.mu.headers) != pooledPerEdge {
		t.Errorf("the pool keeps %d columns and %d headers", len(p.mu.columns), len(p.mu.headers))
	}
	if n := testing.AllocsPerRun(100, func() { p.Get().Release() }); n != 0 {
		t.Errorf("%v allocations for a pooled batch", n)
	}
}
