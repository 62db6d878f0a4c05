package batch

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

var testColumns = &row.Schema{Fields: []row.Field{
	{Name: "n", Type: row.Of(row.BigInt)}, {Name: "s", Type: row.StringType()},
}}

func addColumns(b *Columns, n int) {
	b.Cols[0].AppendI64(int64(n))
	b.Cols[1].AppendString(fmt.Sprint("text ", n))
	b.Add(row.ChangeKind(n % 2 * 3))
}

// contents are the numbers of the rows that count, which are checked against the rest of each row.
func contents(t interface{ Fatalf(string, ...any) }, b *Columns) (out []int) {
	for i := range b.Len() {
		p := b.Row(i)
		n := int(b.Cols[0].I64[p])
		if string(b.Cols[1].Bytes(p)) != fmt.Sprint("text ", n) || b.Kind(p) != row.ChangeKind(n%2*3) ||
			b.Hashes != nil && b.Hashes[p] != uint64(n) {
			t.Fatalf("row %d is %q, %v", n, b.Cols[1].Bytes(p), b.Kind(p))
		}
		out = append(out, n)
	}
	return out
}

// TestColumnsAreSharedAndBorrowed shares, borrows, selects, appends and releases in any order: what a
// batch holds stays as it is until it is released, whatever happens to the others.
func TestColumnsAreSharedAndBorrowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewColumnPool(testColumns, 8)
		type held struct {
			*Columns
			want []int
		}
		var live []held
		next := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(live) == 0 || rapid.IntRange(0, 3).Draw(t, "new") == 0 {
				b := p.Get()
				if b.Len() != 0 || b.N != 0 || b.Sel != nil || b.Kinds != nil || b.Hashes != nil || len(b.Marks) > 0 {
					t.Fatalf("a new batch is not empty: %+v", b)
				}
				h := held{Columns: b}
				for range rapid.IntRange(0, 8).Draw(t, "rows") {
					addColumns(b, next)
					h.want = append(h.want, next)
					next++
				}
				if rapid.Bool().Draw(t, "hashed") {
					for i := range b.HashColumn() {
						b.Hashes[i] = uint64(b.Cols[0].I64[i])
					}
				}
				live = append(live, h)
			}
			k := rapid.IntRange(0, len(live)-1).Draw(t, "which")
			h := &live[k]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				live = append(live, held{h.Share(), h.want})
			case 1: // a projection
				c := p.Get()
				c.Borrow(h.Columns)
				c.Cols[0] = h.Cols[0]
				c.Cols[1] = column.New(testColumns.Fields[1].Type)
				for i := range c.N {
					c.Cols[1].AppendString(fmt.Sprint("text ", c.Cols[0].I64[i]))
				}
				h.Columns = c
			case 2: // a filter
				var sel []int32
				var want []int
				for i := range h.Len() {
					if rapid.Bool().Draw(t, "keep") {
						sel = append(sel, int32(h.Row(i)))
						want = append(want, h.want[i])
					}
				}
				h.Keep(sel)
				h.want = want
			case 3: // a copy
				c := p.Get()
				var places []int32
				for i := range h.Len() {
					places = append(places, int32(h.Row(i)))
				}
				c.AppendRows(h.Columns, places)
				live = append(live, held{c, h.want})
			default:
				h.Release()
				live = slices.Delete(live, k, k+1)
			}
			for _, h := range live {
				if got := contents(t, h.Columns); !slices.Equal(got, h.want) {
					t.Fatalf("a batch has %v, want %v", got, h.want)
				}
			}
		}
	})
}

func TestKeepMovesMarks(t *testing.T) {
	b := NewColumnPool(testColumns, 0).Get()
	for n := range 6 {
		if n%2 == 0 {
			b.Mark(int64(n))
		}
		addColumns(b, n)
	}
	b.Mark(6)
	b.Keep([]int32{1, 2, 5})
	if want := []Mark{{0, 0}, {1, 2}, {2, 4}, {3, 6}}; !slices.Equal(b.Marks, want) {
		t.Errorf("got %v, want %v", b.Marks, want)
	}
	b.Keep([]int32{2})
	if want := []Mark{{0, 0}, {0, 2}, {1, 4}, {1, 6}}; !slices.Equal(b.Marks, want) {
		t.Errorf("got %v, want %v", b.Marks, want)
	}
	b.Keep(nil)
	if b.Len() != 0 || b.Sel == nil {
		t.Errorf("nothing is kept, and %d rows count", b.Len())
	}
	if s := b.Share(); s.Len() != 0 {
		t.Errorf("%d rows count in a share", s.Len())
	}
}

func TestColumnsReleasedTwicePanic(t *testing.T) {
	b := NewColumnPool(testColumns, 0).Get()
	b.Release()
	defer func() {
		if r := recover(); r != "batch: released twice" {
			t.Errorf("got %v", r)
		}
	}()
	b.Release()
}

func TestColumnsAreFullByBytes(t *testing.T) {
	b := NewColumnPool(testColumns, 0).Get()
	for n := 0; !b.Full(); n++ {
		b.Cols[0].AppendI64(1)
		b.Cols[1].AppendBytes(make([]byte, 10<<10))
		b.Add(row.Insert)
	}
	if b.N > 64 {
		t.Errorf("%d rows of 10 KiB", b.N)
	}
}

func TestPooledColumnsAllocateNothing(t *testing.T) {
	p := NewColumnPool(testColumns, 64)
	text := []byte("some text")
	use := func() {
		b := p.Get()
		for !b.Full() {
			b.Cols[0].AppendI64(1)
			b.Cols[1].AppendBytes(text)
			b.Add(row.Delete)
		}
		b.HashColumn()
		s := b.Share()
		b.Release()
		s.Release()
	}
	use()
	if n := testing.AllocsPerRun(100, use); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
