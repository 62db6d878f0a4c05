//go:build invariants

package batch

import "testing"

func TestReleasedBatchesArePoisoned(t *testing.T) {
	type point struct {
		X int32
		Y float64
	}
	b := NewPool[point](2).Get()
	b.Add(point{1, 2}, 3)
	vals, times := b.Vals, b.Times
	b.Release()
	if vals[0] != (point{-0x6b6b, -27499}) || times[0] != poisonTime {
		t.Errorf("got %+v at %d", vals[0], times[0])
	}
	s := NewPool[string](2).Get()
	s.Add("x", 1)
	texts := s.Vals
	s.Release()
	if texts[0] != "" {
		t.Errorf("got %q: a value with pointers must become zero", texts[0])
	}
	shared := NewPool[int64](2).Get()
	shared.Add(7, 7)
	other := shared.Share()
	shared.Release()
	if other.Vals[0] != 7 {
		t.Error("a batch was poisoned that another header holds")
	}
}

func TestReleasedColumnsArePoisoned(t *testing.T) {
	p := NewColumnPool(testColumns, 0)
	b := p.Get()
	addColumns(b, 1)
	b.HashColumn()
	child := p.Get()
	child.Borrow(b)
	child.Cols[0] = b.Cols[0]
	numbers, texts, hashes := b.Cols[0].I64, b.Cols[1].Data, b.Hashes
	other := child.Share()
	child.Release()
	if numbers[0] != 1 {
		t.Error("a vector was poisoned that another header holds")
	}
	other.Release()
	if numbers[0] != poisonTime || texts[0] != 0x6b || hashes[0] != poisonHash {
		t.Errorf("got %d, %q, %x", numbers[0], texts, hashes[0])
	}
}
