package exchange

import (
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/row"
)

// wantHot wants the sketch of a writer that was given a key in half of its rows, and thousands of others, to have that one.
func wantHot(t *testing.T, s *hotkey.Sketch, text string, consumer int) {
	t.Helper()
	keys, rows := s.Top(time.Unix(0, 0))
	if len(keys) != 1 || keys[0].Text != text || keys[0].Subtask != consumer {
		t.Fatalf("the hot keys are %+v, want %q, which goes to %d", keys, text, consumer)
	}
	if share := float64(keys[0].Count) / float64(rows); share < 0.35 || share > 0.65 || rows < 300 {
		t.Errorf("its share is %v of %d rows", share, rows)
	}
}

// channelOf is the only channel that has got rows that are looked for.
func channelOf(t *testing.T, gates []*Gate, has func(b batch.Any) bool) int {
	t.Helper()
	found := -1
	for i, g := range gates {
		for {
			e, ok := g.Poll()
			if !ok {
				break
			}
			if e.Batch == nil || !has(e.Batch) {
				continue
			}
			if found >= 0 && found != i {
				t.Fatalf("rows of one key are in channels %d and %d", found, i)
			}
			found = i
		}
	}
	return found
}

// TestHotKeysOfRows: a writer knows the key that many rows have, whatever the size of batches, and which consumer gets it. It looks
// at one row of 1024, and allocates nothing for that.
func TestHotKeysOfRows(t *testing.T) {
	for _, size := range []int{1, 7, 500} {
		part := byKey()
		shown := 0
		part.Text = func(r *record) string { shown++; return "<" + r.Key + ">" }
		r := newRig(graph.Keyed, 3, 1<<40, -1, part)
		n := 0
		for n < 600*hotkey.Stride {
			b := r.pool.Get()
			for range size {
				n++
				key := fmt.Sprint(n)
				if n%2 == 0 {
					key = "hot"
				}
				b.Vals, b.Times = append(b.Vals, record{Key: key}), append(b.Times, 0)
			}
			r.w.Push(b)
		}
		r.w.Flush()
		at := channelOf(t, r.gates, func(b batch.Any) bool {
			for _, v := range b.(*batch.Rows[record]).Vals {
				if v.Key == "hot" {
					return true
				}
			}
			return false
		})
		wantHot(t, r.w.HotKeys(), "<hot>", at)
		if shown != 1 {
			t.Errorf("%d keys were made texts of", shown)
		}
	}
	if w := newRig(graph.Rebalance, 3, 1<<40, -1, Partitioner[record]{}).w; w.HotKeys() != nil {
		t.Error("a writer without keys looks for hot ones")
	}
}

// TestHotKeysOfColumns is the same of columns, also where rows are left out.
func TestHotKeysOfColumns(t *testing.T) {
	edge := keyedColumns()
	edge.KeyText = func(b *column.Batch, place int) string { return "key: " + string(b.Cols[2].Bytes(place)) }
	cfg := WriterConfig{Strategy: graph.Keyed, MaxParallelism: 128, TimeoutNanos: -1, Now: func() int64 { return 1 }}
	var gates []*Gate
	for range 3 {
		g := NewGate(1, true, func() {})
		c := g.NewChannel(0, 1<<40, false)
		c.SetProducer(func() {})
		gates, cfg.Channels = append(gates, g), append(cfg.Channels, c)
	}
	w := newColumnWriter(edge, cfg)
	pool := batch.NewColumnPool(testSchema, 0)
	for n := 0; n < 1000*hotkey.Stride; {
		b := pool.Get()
		for b.Room() > 0 {
			n++
			key := fmt.Sprint(n)
			if n%4 < 2 {
				key = "hot"
			}
			b.Cols[0].AppendI64(int64(n))
			b.Cols[1].AppendString("")
			b.Cols[2].AppendString(key)
			b.Add(row.Insert)
		}
		var kept []int32
		for i := range b.N {
			if i%3 > 0 {
				kept = append(kept, int32(i))
			}
		}
		b.Sel = kept
		w.Push(b)
	}
	w.Flush()
	at := channelOf(t, gates, func(b batch.Any) bool {
		c := b.(*batch.Columns)
		for i := range c.N {
			if string(c.Cols[2].Bytes(i)) == "hot" {
				return true
			}
		}
		return false
	})
	wantHot(t, w.HotKeys(), "key: hot", at)
}
