package operator

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

// raceEnabled says that the race detector makes everything slower.
var raceEnabled bool

// slowReceiver takes room batches, then it is blocked until room is set again.
type slowReceiver struct {
	room  int
	marks []int64
	n     int // rows that were in order
}

func (r *slowReceiver) Push(b *batch.Rows[string]) bool {
	for _, v := range b.Vals {
		if v == fmt.Sprint("row", r.n) {
			r.n++
		}
	}
	for _, m := range b.Marks {
		r.marks = append(r.marks, m.Time)
	}
	b.Release()
	r.room--
	return r.room > 0
}

func spilling(t interface{ Fatal(...any) }, d *spill.Dir, r batch.Receiver[string], limit int64,
) Consumer[*batch.Rows[string]] {
	c, err := codec.For[string](nil)
	if err != nil {
		t.Fatal(err)
	}
	return Consumer[*batch.Rows[string]]{Receiver: r, Store: spill.NewStore(d, c), MemoryMax: limit}
}

func TestOverflowIsBoundedInMemory(t *testing.T) {
	const limit = 1 << 20
	rows := 2_000_000
	if raceEnabled {
		rows = 200_000
	}
	d := &spill.Dir{Parent: t.TempDir()}
	r := &slowReceiver{room: 1}
	var o Output[string]
	o.Init(nil)
	if err := o.Connect(spilling(t, d, r, limit)); err != nil {
		t.Fatal(err)
	}
	retained := 0
	for i := range rows {
		o.Emit(fmt.Sprint("row", i), int64(i))
		retained = max(retained, o.overflow.len())
	}
	o.Mark(7)
	o.Flush()
	if !o.Blocked() || o.spilled.len() < rows/2000 {
		t.Fatalf("blocked: %v, on disk: %d batches", o.Blocked(), o.spilled.len())
	}
	if most := limit / (1024 * 24); retained == 0 || retained > most {
		t.Errorf("%d batches were kept in memory, want at most %d", retained, most)
	}
	for {
		r.room = 3
		if o.Drain() {
			break
		}
		if o.overflow.len() > retained {
			t.Fatalf("draining brought %d batches into memory", o.overflow.len())
		}
	}
	if r.n != rows || len(r.marks) != 1 || o.Rows() != int64(rows) {
		t.Errorf("%d rows in order, %d counted, watermarks %v", r.n, o.Rows(), r.marks)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(d.Parent); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestOverflowKeepsOrder emits, marks, flushes and drains in any order, with any room.
func TestOverflowKeepsOrder(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d := &spill.Dir{Parent: parent}
		defer d.Close()
		r := &slowReceiver{room: 1}
		var o Output[string]
		o.Init(batch.NewPool[string](rapid.IntRange(1, 5).Draw(t, "batch rows")))
		limit := rapid.Int64Range(1, 500).Draw(t, "limit")
		if err := o.Connect(spilling(t, d, r, limit)); err != nil {
			t.Fatal(err)
		}
		emitted, marked := 0, int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				for range rapid.IntRange(1, 30).Draw(t, "rows") {
					o.Emit(fmt.Sprint("row", emitted), 0)
					emitted++
				}
			case 1:
				o.Mark(marked)
				o.Flush()
				marked++
			case 2:
				if !o.Flush() && !o.Blocked() {
					t.Fatal("no room, and not blocked")
				}
			case 3:
				r.room = rapid.IntRange(1, 6).Draw(t, "room")
				if done := o.Drain(); done != (r.room > 0) {
					t.Fatalf("Drain says %v with room %d", done, r.room)
				}
			}
			if o.memory > limit {
				t.Fatalf("%d bytes in memory, limit %d", o.memory, limit)
			}
		}
		o.Flush()
		r.room = 1 << 30
		if !o.Drain() || r.n != emitted {
			t.Fatalf("%d of %d rows in order", r.n, emitted)
		}
		for i, m := range r.marks {
			if m != int64(i) {
				t.Fatalf("watermarks %v", r.marks)
			}
		}
		if int64(len(r.marks)) != marked {
			t.Fatalf("%d of %d watermarks", len(r.marks), marked)
		}
	})
}

func TestOverflowDiskFailure(t *testing.T) {
	var o Output[string]
	o.Init(batch.NewPool[string](1))
	err := o.Connect(spilling(t, &spill.Dir{Parent: "/no/such/directory"}, &slowReceiver{room: 1}, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		err, _ := recover().(error)
		if disk := (*spill.Error)(nil); !errors.As(err, &disk) {
			t.Errorf("got %v, want a spill.Error", err)
		}
	}()
	for range 10 {
		o.Emit("x", 0)
	}
}
