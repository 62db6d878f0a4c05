package spill_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

func numbers(t *testing.T) (*codec.Codec[int64], *batch.Pool[int64]) {
	t.Helper()
	c, err := codec.For[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, batch.NewPool[int64](0)
}

func TestTimesOfAllWidths(t *testing.T) {
	c, pool := numbers(t)
	for _, times := range [][]int64{
		{},
		{batch.NoTime},
		{1_700_000_000_000, 1_700_000_000_255},
		{-1, 255},
		{70_000, 4_464, 69_999},
		{0, math.MaxUint32},
		{math.MinInt64, 0, math.MaxInt64, -1},
	} {
		b := pool.Get()
		for i, at := range times {
			b.Add(int64(i), at)
		}
		raw, got := spill.Append(nil, c, b), pool.Get()
		if err := spill.Decode(got, c.Decode, raw); err != nil || !slices.Equal(got.Times, times) {
			t.Errorf("got %v, error %v, want %v", got.Times, err, times)
		}
		for n := range raw {
			cut := pool.Get()
			if spill.Decode(cut, c.Decode, raw[:n]) == nil {
				t.Errorf("%v: %d of %d bytes are decoded", times, n, len(raw))
			}
			cut.Release()
		}
	}
}

// TestBatchesOfBefore decodes batches that have their times between the values, as those in flight of older
// checkpoints do.
func TestBatchesOfBefore(t *testing.T) {
	c, pool := numbers(t)
	for _, keyed := range []bool{false, true} {
		raw := binary.AppendVarint([]byte{3, 1, 2}, 77) // rows, marks, the row of the mark, its time
		if keyed {
			raw = append(raw, 1)
			for k := range 3 {
				raw = binary.LittleEndian.AppendUint64(raw, uint64(k))
			}
		} else {
			raw = append(raw, 0)
		}
		for i := range int64(3) {
			v := 10 * i
			raw = c.Append(binary.AppendVarint(raw, 1000+i), &v)
		}
		b := pool.Get()
		if err := spill.Decode(b, c.Decode, raw); err != nil {
			t.Fatal(err)
		}
		var keys []uint64
		if keyed {
			keys = []uint64{0, 1, 2}
		}
		if !slices.Equal(b.Vals, []int64{0, 10, 20}) || !slices.Equal(b.Times, []int64{1000, 1001, 1002}) ||
			!slices.Equal(b.Keys, keys) || !slices.Equal(b.Marks, []batch.Mark{{Row: 2, Time: 77}}) {
			t.Errorf("got %v %v %v %v", b.Vals, b.Times, b.Keys, b.Marks)
		}
	}
}

// TestDamagedBatches decodes what would be marks or rows that are not there.
func TestDamagedBatches(t *testing.T) {
	c, pool := numbers(t)
	for name, raw := range map[string][]byte{
		"mark behind the last row": {1, 1, 2, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"marks out of order":       {1, 2, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"unknown flag":             {0, 0, 4},
		"unknown width":            {1, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"many rows":                binary.AppendUvarint(nil, 1<<62),
	} {
		b := pool.Get()
		if spill.Decode(b, c.Decode, raw) == nil {
			t.Errorf("%s: %v", name, b)
		}
		b.Release()
	}
}
