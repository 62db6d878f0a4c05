package exchange

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

type record struct {
	Key  string
	Time int64
	N    int
}

func rowEdge(t *testing.T) *Edge[record] {
	t.Helper()
	enc, err := codec.For[record](nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := codec.KeyFor[string](nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Edge[record]{Codec: enc, Part: Partitioner[record]{
		Encode: func(dst []byte, v *record) []byte { return key.AppendKey(dst, &v.Key) },
		Keys: func(dst []uint64, rows []record) {
			for i := range rows {
				dst[i] = key.Hash(&rows[i].Key)
			}
		},
	}}
}

func rowBatch(pool *batch.Pool[record], rows ...record) *batch.Rows[record] {
	b := pool.Get()
	for _, r := range rows {
		b.Add(r, r.Time)
	}
	return b
}

// poll takes all events of a gate as text.
func poll(g *Gate) string {
	var out []string
	for {
		e, ok := g.Poll()
		if !ok {
			return strings.Join(out, " ")
		}
		switch {
		case e.Batch != nil:
			out = append(out, fmt.Sprint("batch", e.Batch.(*batch.Rows[record]).Vals[0].N))
		default:
			s := fmt.Sprintf("%d/%d", e.Control.Kind, e.Control.ID)
			if e.Returned {
				s += "back"
			}
			out = append(out, s)
		}
	}
}

func TestWavesAlignWithoutBlocking(t *testing.T) { overEachWay(t, checkWaves) }

func checkWaves(t *testing.T, w *way) {
	g, edge := NewGate(2, true, func() {}), rowEdge(t)
	a := w.producer(t, g.NewChannel(0, 0, false), edge)
	b := w.producer(t, g.NewChannel(0, 0, false), edge)
	outside, back := w.producer(t, g.NewChannel(1, 0, false), edge), g.NewChannel(0, 0, true)
	pool := batch.NewPool[record](0)
	wave := func(id int64) operator.Control {
		return operator.Control{Kind: operator.Wave, Input: 7, ID: id}
	}
	step := func(want string) {
		t.Helper()
		w.settle()
		if got := poll(g); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a.Control(wave(0))
	a.Send(rowBatch(pool, record{N: 1}))
	step("batch1") // not blocked
	b.Control(wave(0))
	step("") // the outside has not ended
	outside.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
	step(fmt.Sprintf("%d/0 %d/0", operator.EndOfInput, operator.Wave))
	a.Control(wave(1))
	a.Control(operator.Control{Kind: operator.Barrier, ID: 5})
	b.Control(operator.Control{Kind: operator.Barrier, ID: 5})
	b.Control(wave(1))
	step(fmt.Sprintf("%d/5 %d/1", operator.Barrier, operator.Wave))
	back.Control(wave(1))
	step(fmt.Sprintf("%d/1back", operator.Wave))
	back.Control(operator.Control{Kind: operator.Probe})
	step("")
}

func TestBarriersComeBack(t *testing.T) {
	g := NewGate(1, true, func() {})
	g.NewChannel(0, 0, false)
	a, b := g.NewChannel(0, 0, true), g.NewChannel(0, 0, true)
	pool := batch.NewPool[record](0)
	barrier := func(id int64) operator.Control { return operator.Control{Kind: operator.Barrier, ID: id} }
	step := func(want string) {
		t.Helper()
		if got := poll(g); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a.Control(barrier(1))
	a.Send(rowBatch(pool, record{N: 1})) // waits for b's barrier
	b.Send(rowBatch(pool, record{N: 2}))
	step("batch2")
	b.Control(barrier(1))
	step(fmt.Sprintf("%d/1back batch1", operator.Barrier))
	a.Control(barrier(2))
	a.Send(rowBatch(pool, record{N: 3}))
	step("")
	g.Abort(2)
	step("batch3")
	b.Control(barrier(2)) // late
	b.Send(rowBatch(pool, record{N: 4}))
	step("batch4")
}

func TestFeedbackOverflow(t *testing.T) {
	disk := &Spill{Dir: spill.Dir{Parent: t.TempDir()}, FeedbackBytes: 5000}
	g := NewGate(1, true, func() {})
	c := g.NewChannel(0, 0, true)
	c.SpillBeyond(disk, rowEdge(t))
	pool := batch.NewPool[record](0)
	rng := rand.New(rand.NewPCG(1, 1))
	sent, got, spilled := 0, 0, false
	for range 50 {
		for range rng.IntN(40) {
			var rows []record
			for range 1 + rng.IntN(30) {
				rows = append(rows, record{fmt.Sprint("key", sent), int64(sent), sent})
				sent++
			}
			if !c.Send(rowBatch(pool, rows...)) {
				t.Fatal("a feedback channel blocked")
			}
		}
		files, _ := os.ReadDir(disk.Parent)
		spilled = spilled || len(files) > 0
		for range rng.IntN(40) {
			e, ok := g.Poll()
			if !ok {
				break
			}
			for i, r := range e.Batch.(*batch.Rows[record]).Vals {
				if r.N != got || r.Key != fmt.Sprint("key", got) || e.Batch.(*batch.Rows[record]).Times[i] != int64(got) {
					t.Fatalf("got %+v, want number %d", r, got)
				}
				got++
			}
			e.Batch.Release()
		}
	}
	if !spilled {
		t.Error("nothing was spilled")
	}
	g.Discard()
	if err := disk.Close(); err != nil {
		t.Error(err)
	}
	if files, _ := os.ReadDir(disk.Parent); len(files) > 0 {
		t.Errorf("left over: %v", files)
	}
}

func TestSorter(t *testing.T) {
	for _, budget := range []int64{1 << 30, 20_000, 500} {
		disk := &Spill{Dir: spill.Dir{Parent: t.TempDir()}, SortBytes: budget}
		s := rowEdge(t).NewSorter(disk)
		pool := batch.NewPool[record](0)
		rng := rand.New(rand.NewPCG(2, 2))
		var want, got []record
		for range 300 {
			var rows []record
			for range 1 + rng.IntN(20) {
				key := strings.Repeat("\x00", rng.IntN(3)) + fmt.Sprint(rng.IntN(40))
				rows = append(rows, record{key, rng.Int64N(9) - 4, len(want) + len(rows)})
			}
			want = append(want, rows...)
			if err := s.Add(rowBatch(pool, rows...)); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortStableFunc(want, func(a, b record) int {
			if c := strings.Compare(a.Key, b.Key); c != 0 {
				return c
			}
			return int(a.Time - b.Time)
		})
		if err := s.Sort(); err != nil {
			t.Fatal(err)
		}
		for head := s.Head(); head != nil; head = s.Head() {
			limit := bytes.Clone(head)
			if rng.IntN(2) == 0 {
				limit = nil
			}
			b, err := s.Next(limit)
			if err != nil {
				t.Fatal(err)
			}
			rows := b.(*batch.Rows[record])
			for i, r := range rows.Vals {
				if r.Key != rows.Vals[0].Key || limit != nil && r.Time != rows.Times[0] {
					t.Fatalf("%+v and %+v are in one batch", rows.Vals[0], r)
				}
				if rows.Times[i] != r.Time || rows.Keys[i] != codec.HashString(r.Key) {
					t.Fatalf("%+v has time %d and key %x", r, rows.Times[i], rows.Keys[i])
				}
			}
			got = append(got, rows.Vals...)
			b.Release()
		}
		s.Close()
		if !slices.Equal(got, want) {
			t.Errorf("budget %d: not in order", budget)
		}
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	}
}
