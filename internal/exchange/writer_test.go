package exchange

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
)

// delivery is what one channel of a writer has delivered, row by row and mark by mark in order.
type delivery []string

// rig is a writer and a gate for each of its channels.
type rig struct {
	w      *Writer[record]
	gates  []*Gate
	pool   *batch.Pool[record]
	now    int64
	woken  int
	shared bool // what was received has shared columns
}

func newRig(s graph.Strategy, channels int, limit, timeout int64, part Partitioner[record]) *rig {
	r := &rig{pool: batch.NewPool[record](8), now: 1}
	cfg := WriterConfig{
		Strategy: s, MaxParallelism: 128, TimeoutNanos: timeout, Now: func() int64 { return r.now },
	}
	for range channels {
		g := NewGate(1, true, func() {})
		c := g.NewChannel(0, limit, false)
		c.SetProducer(func() { r.woken++ })
		r.gates = append(r.gates, g)
		cfg.Channels = append(cfg.Channels, c)
	}
	r.w = NewWriter(part, r.pool, cfg)
	return r
}

// keyHash is the key of a row in these tests, which is a word: its own hash.
func keyHash(r record) uint64 { return codec.HashString(r.Key) }

func byKey() Partitioner[record] {
	return Partitioner[record]{Keys: func(dst []uint64, rows []record) {
		for i := range rows {
			dst[i] = keyHash(rows[i])
		}
	}}
}

// receive takes all events of channel i. Rows are checked against their times and keys.
func (r *rig) receive(t interface{ Fatalf(string, ...any) }, i int, keyed bool) (d delivery) {
	for {
		e, ok := r.gates[i].Poll()
		if !ok {
			return d
		}
		if e.Batch == nil {
			d = append(d, fmt.Sprintf("control %d/%d", e.Control.Kind, e.Control.ID))
			continue
		}
		b := e.Batch.(*batch.Rows[record])
		r.shared = r.shared || !b.Sole()
		m := 0
		for k := 0; k <= len(b.Vals); k++ {
			for ; m < len(b.Marks) && b.Marks[m].Row == k; m++ {
				d = append(d, fmt.Sprint("mark ", b.Marks[m].Time))
			}
			if k == len(b.Vals) {
				break
			}
			if b.Times[k] != b.Vals[k].Time {
				t.Fatalf("row %+v has time %d", b.Vals[k], b.Times[k])
			}
			if keyed && b.Keys[k] != keyHash(b.Vals[k]) {
				t.Fatalf("row %+v has key %x", b.Vals[k], b.Keys[k])
			}
			d = append(d, fmt.Sprint("row ", b.Vals[k].N))
		}
		b.Release()
	}
}

// TestWriterStrategies pushes batches of any size with marks in the middle. Each row must arrive
// at the channels of its strategy, in order, each mark at all of them behind the same rows.
func TestWriterStrategies(t *testing.T) {
	custom := Partitioner[record]{Custom: func(v record, n int) int { return v.N % n }}
	cases := map[string]struct {
		s     graph.Strategy
		part  Partitioner[record]
		owner func(r record, n int) int // -1: any one channel, -2: all
	}{
		"keyed": {graph.Keyed, byKey(), func(r record, n int) int {
			return operator.SubtaskOf(codec.KeyGroup(keyHash(r), 128), 128, n)
		}},
		"rebalance": {graph.Rebalance, Partitioner[record]{}, func(record, int) int { return -1 }},
		"rescale":   {graph.Rescale, Partitioner[record]{}, func(record, int) int { return -1 }},
		"shuffle":   {graph.Shuffle, Partitioner[record]{}, func(record, int) int { return -1 }},
		"broadcast": {graph.Broadcast, Partitioner[record]{}, func(record, int) int { return -2 }},
		"global":    {graph.Global, Partitioner[record]{}, func(record, int) int { return 0 }},
		"custom":    {graph.Custom, custom, func(r record, n int) int { return r.N % n }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := rapid.IntRange(1, 4).Draw(t, "channels")
				timeout := rapid.SampledFrom([]int64{-1, 0, 5}).Draw(t, "timeout")
				r := newRig(c.s, n, 0, timeout, c.part)
				want := make([]delivery, n)
				got := make([]delivery, n)
				wide := batch.NewPool[record](64 * 5) // so that a batch may be passed on as a whole
				sent, mark := 0, int64(0)
				place := map[int]int{}
				for range rapid.IntRange(1, 12).Draw(t, "batches") {
					pool := r.pool
					size := rapid.IntRange(0, 8).Draw(t, "rows")
					if rapid.IntRange(0, 3).Draw(t, "wide") == 0 {
						pool, size = wide, rapid.IntRange(0, 64*5).Draw(t, "many rows")
					}
					b := pool.Get()
					for range size {
						if rapid.IntRange(0, 5).Draw(t, "marked") == 0 {
							mark++
							b.Mark(mark)
						}
						v := record{fmt.Sprint(sent % 7), int64(sent), sent}
						b.Add(v, v.Time)
						sent++
					}
					if rapid.Bool().Draw(t, "mark at the end") {
						mark++
						b.Mark(mark)
					}
					expectBatch(want, b, func(v record) int { return c.owner(v, n) }, place)
					var twin *batch.Rows[record]
					if rapid.Bool().Draw(t, "shared") {
						twin = b.Share() // another consumer of the same output
					}
					if !r.w.Push(b) && n > 1 {
						t.Fatal("the writer is blocked")
					}
					if twin != nil {
						twin.Release()
					}
					r.now++
				}
				r.w.Control(operator.Control{Kind: operator.Barrier, ID: 3})
				for i := range want {
					got[i] = r.receive(t, i, c.s == graph.Keyed)
					for _, e := range got[i] {
						var k int
						if _, err := fmt.Sscanf(e, "row %d", &k); err == nil && place[k] < 0 {
							place[k] = i
						}
					}
				}
				checkDelivery(t, want, got, place)
				if c.s == graph.Broadcast && n > 1 && sent > 0 && !r.shared {
					t.Fatal("a broadcast batch was copied")
				}
			})
		})
	}
}

// expectBatch appends to what the channels should get. Rows whose channel is not determined are
// noted in all of them with their number only; checkDelivery drops what went elsewhere.
func expectBatch(want []delivery, b *batch.Rows[record], owner func(record) int, place map[int]int) {
	m := 0
	for k := 0; k <= len(b.Vals); k++ {
		for ; m < len(b.Marks) && b.Marks[m].Row == k; m++ {
			for i := range want {
				want[i] = append(want[i], fmt.Sprint("mark ", b.Marks[m].Time))
			}
		}
		if k == len(b.Vals) {
			return
		}
		o := owner(b.Vals[k])
		for i := range want {
			if o < 0 || o == i {
				want[i] = append(want[i], fmt.Sprint("row ", b.Vals[k].N))
			}
		}
		if o == -1 {
			place[b.Vals[k].N] = -1 // to be found
		}
	}
}

// checkDelivery compares, apart from marks: of several with no row in between the last counts.
func checkDelivery(t *rapid.T, want, got []delivery, place map[int]int) {
	for k, p := range place {
		if p < 0 {
			t.Fatalf("row %d was lost", k)
		}
	}
	for i := range want {
		expected := slices.DeleteFunc(want[i], func(e string) bool {
			var k int
			_, err := fmt.Sscanf(e, "row %d", &k)
			p, free := place[k]
			return err == nil && free && p != i
		})
		expected = append(lastMarks(expected), fmt.Sprintf("control %d/3", operator.Barrier))
		if !slices.Equal(lastMarks(got[i]), expected) {
			t.Fatalf("channel %d: got %v, want %v", i, got[i], expected)
		}
	}
}

// lastMarks drops marks that another one follows at once.
func lastMarks(d delivery) (out delivery) {
	for _, e := range d {
		if n := len(out); n > 0 && e[0] == 'm' && out[n-1][0] == 'm' {
			out = out[:n-1]
		}
		out = append(out, e)
	}
	return out
}

// TestPassOnKeepsKeysOfSharedBatches is about keys that fillKeys put outside of a batch's own store,
// because its columns were shared; the other holder releases them before the next batch comes.
func TestPassOnKeepsKeysOfSharedBatches(t *testing.T) {
	r := newRig(graph.Keyed, 1, 0, 5, byKey())
	// A store with keys of former rows, which must not come back.
	old := rowBatch(r.pool, record{"old", 0, 0}, record{"old", 0, 1})
	for i := range old.KeyColumn() {
		old.Keys[i] = 0xdead
	}
	old.Release()
	b := rowBatch(r.pool, record{"a", 1, 1})
	twin := b.Share()
	inner := r.w.part.Keys
	r.w.part.Keys = func(dst []uint64, rows []record) {
		inner(dst, rows)
		if twin != nil {
			twin.Release() // as the other consumer does at any moment
			twin = nil
		}
	}
	r.w.Push(b)
	r.w.Push(rowBatch(r.pool, record{"b", 2, 2}))
	r.w.Flush()
	if got := r.receive(t, 0, true); !slices.Equal(got, delivery{"row 1", "row 2"}) {
		t.Errorf("got %v", got)
	}
}

func TestPassOnGathersSmallBatches(t *testing.T) {
	r := newRig(graph.Forward, 1, 0, 5, Partitioner[record]{})
	for i := range 5 {
		b := r.pool.Get()
		b.Mark(int64(10 * i))
		b.Add(record{"", int64(i), i}, int64(i))
		r.w.Push(b)
	}
	if held := r.w.Held(); held != 1 {
		t.Errorf("held since %d, want 1", held)
	}
	if _, ok := r.gates[0].Poll(); ok {
		t.Error("a batch was shipped before the timeout")
	}
	r.w.Flush()
	e, _ := r.gates[0].Poll()
	if e.Batch == nil || e.Batch.Len() != 5 || len(*e.Batch.MarkList()) != 5 {
		t.Fatalf("got %+v", e)
	}
	if r.w.Held() != 0 {
		t.Error("nothing is held, and Held says otherwise")
	}
	if rows, bytes := r.w.Sent(); rows != 5 || bytes != int64(e.Batch.Bytes()) {
		t.Errorf("sent %d rows and %d bytes", rows, bytes)
	}
}

// TestCompanions: a full batch for a consumer takes along what another writer holds back for that consumer, and nothing else; with one consumer
// as with two.
func TestCompanions(t *testing.T) {
	for _, consumers := range []int{1, 2} {
		few, many := newRig(graph.Keyed, consumers, 0, 5, byKey()), newRig(graph.Keyed, consumers, 0, 5, byKey())
		few.w.Accompany(many.w)
		many.w.Accompany(few.w)
		keys := make([]string, consumers) // of each consumer
		for n := 0; slices.Contains(keys, ""); n++ {
			key := fmt.Sprint("key ", n)
			keys[operator.SubtaskOf(int(keyHash(record{Key: key})>>32*128>>32), 128, consumers)] = key
		}
		for _, key := range keys {
			few.w.Push(rowBatch(few.pool, record{key, 0, 1}))
		}
		for n := range 8 {
			for i := range consumers {
				if got := few.receive(t, i, true); len(got) > 0 {
					t.Fatalf("%d consumers: behind %d rows of the other writer consumer %d has %q", consumers, n, i, got)
				}
			}
			many.w.Push(rowBatch(many.pool, record{keys[0], int64(n), n}))
		}
		for i := range consumers {
			want := 0
			if i == 0 {
				want = 1
			}
			if a, b := few.receive(t, i, true), many.receive(t, i, true); len(a) != want || len(b) != 8*want {
				t.Errorf("%d consumers: consumer %d has %d and %d rows", consumers, i, len(a), len(b))
			}
		}
	}
}

// TestBackpressure fills a channel, and empties it again: the writer is blocked from the limit on
// and the producer is woken exactly once when there is room.
func TestBackpressure(t *testing.T) {
	one := int64(rowBatch(batch.NewPool[record](8), record{}).Bytes()) + 64
	r := newRig(graph.Forward, 1, 2*one, 0, Partitioner[record]{})
	push := func(want bool) {
		t.Helper()
		if got := r.w.Push(rowBatch(r.pool, record{})); got != want {
			t.Errorf("Push says %v, want %v", got, want)
		}
	}
	push(true)
	push(false)
	if r.w.Resume() {
		t.Error("a full channel has room")
	}
	g := r.gates[0]
	poll := func(woken int) {
		t.Helper()
		if e, ok := g.Poll(); ok {
			e.Batch.Release()
		}
		if r.woken != woken {
			t.Errorf("the producer was woken %d times, want %d", r.woken, woken)
		}
	}
	poll(0) // the first batch is at work, and counts
	poll(1)
	if !r.w.Resume() {
		t.Error("no room, with one batch in flight")
	}
	poll(1)
	if n := r.w.cfg.Channels[0].inflight.Load(); n != 0 {
		t.Errorf("%d bytes are in flight at the end", n)
	}
}

func TestWriterControls(t *testing.T) {
	r := newRig(graph.Rebalance, 2, 0, 5, Partitioner[record]{})
	r.w.Push(rowBatch(r.pool, record{N: 1}, record{N: 2}))
	r.w.Control(operator.Control{Kind: operator.EndOfInput, Input: 0}) // not of all inputs
	r.w.Control(operator.Control{Kind: operator.EndOfKey})
	if r.w.Held() == 0 {
		t.Error("what concerns the chain only has flushed")
	}
	r.w.Control(operator.Control{Kind: operator.Barrier, ID: 9})
	want := fmt.Sprintf("control %d/9", operator.Barrier)
	for i := range 2 {
		if got := r.receive(t, i, false); !slices.Equal(got, delivery{fmt.Sprint("row ", i+1), want}) {
			t.Errorf("channel %d: %v", i, got)
		}
	}
	r.w.Push(rowBatch(r.pool, record{N: 1}))
	if err := r.w.Close(); err != nil || r.w.open[0] != nil || r.w.open[1] != nil {
		t.Errorf("close: %v, %v", err, r.w.open)
	}
	if r.w.Connect("", nil) == nil {
		t.Error("a writer has no output to connect")
	}
}
