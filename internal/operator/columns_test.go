package operator

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/row"
)

var numberSchema = &row.Schema{Fields: []row.Field{
	{Name: "n", Type: row.Of(row.BigInt)}, {Name: "text", Type: row.StringType()},
}}

// slowColumns takes room batches, then it is blocked until room is set again. It notes rows and marks in
// order.
type slowColumns struct {
	room int
	got  []string
}

func (r *slowColumns) Push(b *batch.Columns) bool {
	marks := b.Marks
	for i := 0; ; i++ {
		for ; len(marks) > 0 && marks[0].Row == i; marks = marks[1:] {
			r.got = append(r.got, fmt.Sprint("mark ", marks[0].Time))
		}
		if i == b.Len() {
			break
		}
		p := b.Row(i)
		r.got = append(r.got, fmt.Sprint(b.Kind(p), " ", b.Cols[0].I64[p], " ", string(b.Cols[1].Bytes(p))))
	}
	b.Release()
	r.room--
	return r.room > 0
}

func appendNumber(b *batch.Columns, n int) {
	b.Cols[0].AppendI64(int64(n))
	b.Cols[1].AppendString(fmt.Sprint("text ", n))
}

// TestColumnOverflowKeepsOrder emits rows and batches, marks, flushes and drains in any order, with any
// room, and memory for little.
func TestColumnOverflowKeepsOrder(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d := &spill.Dir{Parent: parent}
		defer d.Close()
		r := &slowColumns{room: 1}
		pool := batch.NewColumnPool(numberSchema, rapid.IntRange(1, 5).Draw(t, "batch rows"))
		var o ColumnOutput
		o.InitPool(pool)
		err := o.Connect(Consumer[*batch.Columns]{
			Receiver: r, Store: spill.NewColumnStore(d, numberSchema),
			MemoryMax: rapid.Int64Range(1, 500).Draw(t, "limit"),
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		n, mark, spilled := 0, 0, false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				for range rapid.IntRange(1, 20).Draw(t, "rows") {
					kind := row.ChangeKind(n % 4)
					appendNumber(o.Cur, n)
					o.EndRow(kind)
					want = append(want, fmt.Sprint(kind, " ", n, " text ", n))
					n++
				}
			case 1: // a batch of which every second row counts
				b := o.Get()
				var keep []int32
				for i := range int32(rapid.IntRange(1, 20).Draw(t, "rows of a batch")) {
					appendNumber(b, n)
					b.Add(row.Insert)
					if i%2 == 0 {
						keep = append(keep, i)
						want = append(want, fmt.Sprint("+I ", n, " text ", n))
					}
					n++
				}
				b.Keep(keep)
				o.Pass(b)
			case 2:
				o.Mark(int64(mark))
				o.Flush()
				want = append(want, fmt.Sprint("mark ", mark))
				mark++
			case 3:
				r.room = rapid.IntRange(1, 6).Draw(t, "room")
				o.Drain()
			}
			spilled = spilled || o.spilled.len() > 0
		}
		o.Flush()
		r.room = 1 << 30
		if !o.Drain() || fmt.Sprint(r.got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", r.got, want)
		}
		if spilled && o.spilled.len() > 0 {
			t.Fatal("something is left on disk")
		}
	})
}

// halves is a worker that processes at most two rows at a time while its output is blocked.
type halves struct {
	ColumnInput
	out   ColumnOutput
	calls []string
}

func (h *halves) Rows(b *batch.Columns, from, to int) int {
	for i := from; i < to; i++ {
		h.calls = append(h.calls, fmt.Sprint(b.Cols[0].I64[b.Row(i)]))
		appendNumber(h.out.Cur, int(b.Cols[0].I64[b.Row(i)]))
		h.out.EndRow(row.Insert)
		if h.out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (h *halves) Watermark(t int64) bool {
	h.calls = append(h.calls, fmt.Sprint("mark ", t))
	h.out.Mark(t)
	return true
}

// TestColumnInputs has a worker stop in the middle of a selected batch and go on there.
func TestColumnInputs(t *testing.T) {
	r := &slowColumns{room: 1}
	h := &halves{}
	h.Init(h, &h.out)
	h.out.InitPool(batch.NewColumnPool(numberSchema, 2))
	if err := h.out.ConnectTag("", r); err != nil {
		t.Fatal(err)
	}
	if h.out.ConnectTag("late", r) == nil || h.out.Connect(3) == nil {
		t.Error("a side output, or a number, was connected")
	}
	b := batch.NewColumnPool(numberSchema, 0).Get()
	for n := range 10 {
		if n == 6 {
			b.Mark(5)
		}
		appendNumber(b, n)
		b.Add(row.Insert)
	}
	b.Keep([]int32{1, 3, 5, 7, 9})
	in := h.Receiver(0).(batch.ColumnReceiver)
	if in.Push(b) {
		t.Error("there is room")
	}
	if got := fmt.Sprint(h.calls); got != "[1 3]" {
		t.Errorf("got %s", got)
	}
	for !h.Resume() {
		r.room = 1
	}
	if got := fmt.Sprint(h.calls); got != "[1 3 5 mark 5 7 9]" {
		t.Errorf("got %s", got)
	}
	if want := "[+I 1 text 1 +I 3 text 3 +I 5 text 5 mark 5 +I 7 text 7 +I 9 text 9]"; fmt.Sprint(r.got) != want {
		t.Errorf("got %v, want %s", r.got, want)
	}
}
