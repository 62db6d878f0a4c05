package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/logical"
)

var (
	windowIn = []row.Field{field("k", row.Of(row.Int)), field("v", bigint), field("s", row.StringType()), field("t", timed())}
	// windowCalls have words only; sideCalls have more.
	windowCalls = []agg.Call{
		{Func: agg.Lookup("COUNT"), Filter: -1, T: bigint.Nullable(false)},
		{Func: agg.Lookup("SUM"), Args: []int{1}, Filter: -1, T: bigint},
	}
	sideCalls = append(slices.Clone(windowCalls),
		agg.Call{Func: agg.Lookup("COUNT"), Args: []int{2}, Distinct: true, Filter: -1, T: bigint.Nullable(false)})
)

func boundFields(at *row.Type) []row.Field {
	b := row.TimestampOf(3).Nullable(false)
	return []row.Field{field("window_start", b), field("window_end", b), field("window_time", at)}
}

func windowAggregateRig(t testing.TB, op WindowAggregate) *rig {
	op.In = windowIn
	for _, k := range op.Keys {
		op.Out = append(op.Out, op.In[k])
	}
	for _, c := range op.Calls {
		op.Out = append(op.Out, field(c.Name, c.T))
	}
	op.Out = append(op.Out, boundFields(timed())...)
	op.Time = 3
	return newRig(t, op.In, op.Out, func() operator.Node { return op.Node() })
}

func TestWindowsOfTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	hour := int64(time.Hour / time.Millisecond)
	utc := func(s string) int64 {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	w := newWindows(logical.Windowing{Kind: "TUMBLE", Size: hour}, true, berlin)
	// In autumn the hour from 2 to 3 comes twice, and is one window.
	for _, at := range []string{"2024-10-27 00:30", "2024-10-27 01:30"} {
		if start, end := w.slice(w.local(utc(at))); start != utc("2024-10-27 02:00") || end != utc("2024-10-27 03:00") {
			t.Errorf("%s is in [%d %d)", at, start, end)
		}
	}
	for local, want := range map[string]string{
		"2024-10-27 02:00": "2024-10-27 00:00", "2024-10-27 03:00": "2024-10-27 02:00",
		"2024-03-31 02:00": "2024-03-31 01:00", "2024-03-31 04:00": "2024-03-31 02:00",
		"2024-07-01 00:00": "2024-06-30 22:00",
	} {
		if got := w.complete(utc(local)); got != utc(want)-1 {
			t.Errorf("the window to %s is complete at %s", local, time.UnixMilli(got).UTC())
		}
	}
	// In spring the hour from 2 to 3 is left out: it is complete when it would begin.
	if got, want := w.complete(utc("2024-03-31 03:00")), utc("2024-03-31 01:00"); got != want {
		t.Errorf("got %s", time.UnixMilli(got).UTC())
	}
}

func TestWindowTVF(t *testing.T) {
	run := func(w logical.Windowing, rows ...change) *rig {
		op := WindowTVF{In: windowIn, Windowing: w, Time: 3, Partition: []int{0}, Out: append(slices.Clone(windowIn), boundFields(timed())...)}
		r := newRig(t, op.In, op.Out, func() operator.Node { return op.Node() })
		r.marks = true
		r.push(5, rows...)
		return r
	}
	run(logical.Windowing{Kind: "TUMBLE", Size: 10, Offset: 3}, ins(1, 2, "a", 2), del(1, 2, "a", 3), ins(1, 2, "a", -18)).
		expect("+I [1,2,a,2,-7,3,2]", "-D [1,2,a,3,3,13,12]", "+I [1,2,a,-18,-27,-17,-18]")
	run(logical.Windowing{Kind: "HOP", Size: 10, Slide: 5}, ins(1, 2, "a", 7)).
		expect("+I [1,2,a,7,5,15,14]", "+I [1,2,a,7,0,10,9]")
	run(logical.Windowing{Kind: "HOP", Size: 5, Slide: 10}, ins(1, 2, "a", 7), ins(1, 2, "a", 12)).
		expect("+I [1,2,a,12,10,15,14]")
	run(logical.Windowing{Kind: "CUMULATE", Size: 15, Slide: 5}, ins(1, 2, "a", 7)).
		expect("+I [1,2,a,7,0,15,14]", "+I [1,2,a,7,0,10,9]")
	r := run(logical.Windowing{Kind: "SESSION", Size: 5},
		ins(1, 1, "a", 10), ins(1, 2, "b", 2), ins(2, 3, "c", 4), ins(1, 4, "d", 6), ins(nil, 5, "e", 6))
	r.mark(9)
	r.restart()
	r.push(5, ins(1, 6, "f", 8), ins(2, 7, "g", 4), ins(2, 8, "h", 5))
	r.mark(14)
	r.push(5, ins(2, 8, "i", 9), ins(2, 8, "j", 11))
	r.end()
	r.expect("+I [2,3,c,4,4,9,8]", "mark 9", "+I [null,5,e,6,6,11,10]",
		"+I [1,1,a,10,2,15,14]", "+I [1,2,b,2,2,15,14]", "+I [1,4,d,6,2,15,14]", "+I [1,6,f,8,2,15,14]", "mark 14",
		"+I [2,8,j,11,11,16,15]", "mark end")
}

func TestWindowTVFRefusesNull(t *testing.T) {
	op := WindowTVF{In: windowIn, Windowing: logical.Windowing{Kind: "TUMBLE", Size: 10}, Time: 3, Out: append(slices.Clone(windowIn), boundFields(timed())...)}
	r := newRig(t, op.In, op.Out, func() operator.Node { return op.Node() })
	defer func() {
		if err := fmt.Sprint(recover()); !strings.Contains(err, "the column t is the event time") {
			t.Fatalf("got %v", err)
		}
	}()
	r.push(1, ins(1, 1, "a", nil))
}

// windowRow is a row of the model, and whether it counts.
type windowRow struct {
	key, v any
	s      string
	t      int
	sign   int
}

// windowModel groups rows as they come; what a window has is given when it is complete.
type windowModel struct {
	w     logical.Windowing
	side  bool
	mark  int
	open  map[string]map[[2]int][]windowRow // by key and window
	lines []string
}

func (m *windowModel) windows(t int) (all [][2]int) {
	size, slide := int(m.w.Size), int(m.w.Slide)
	switch m.w.Kind {
	case "TUMBLE":
		start := t - ((t-int(m.w.Offset))%size+size)%size
		all = append(all, [2]int{start, start + size})
	case "HOP":
		for start := t - (t%slide+slide)%slide; start > t-size; start -= slide {
			all = append(all, [2]int{start, start + size})
		}
	case "CUMULATE":
		start := t - (t%size+size)%size
		for end := start + slide; end <= start+size; end += slide {
			if end > t {
				all = append(all, [2]int{start, end})
			}
		}
	case "SESSION":
		all = append(all, [2]int{t, t + size})
	}
	return all
}

func (m *windowModel) add(r windowRow) {
	key := fmt.Sprint(r.key)
	if m.open[key] == nil {
		m.open[key] = map[[2]int][]windowRow{}
	}
	open := m.open[key]
	for _, w := range m.windows(r.t) {
		var rows []windowRow
		if m.w.Kind == "SESSION" {
			for isMerging := true; isMerging; {
				isMerging = false
				for o, old := range open {
					if o[0] <= w[1] && w[0] <= o[1] {
						rows = append(rows, old...)
						delete(open, o)
						w = [2]int{min(w[0], o[0]), max(w[1], o[1])}
						isMerging = true
					}
				}
			}
		} else {
			rows = open[w]
		}
		if w[1]-1 <= m.mark {
			continue
		}
		open[w] = append(rows, r)
	}
}

func (m *windowModel) advance(t int) {
	m.mark = max(m.mark, t)
	for key, open := range m.open {
		for w, rows := range open {
			if w[1]-1 > m.mark {
				continue
			}
			delete(open, w)
			count, values, sum := 0, 0, 0
			texts := map[string]int{}
			for _, r := range rows {
				count += r.sign
				texts[r.s] += r.sign
				if r.v != nil {
					values += r.sign
					sum += r.sign * r.v.(int)
				}
			}
			if count == 0 {
				continue
			}
			if key == "<nil>" {
				key = "null"
			}
			s := fmt.Sprintf("+I [%s,%d,", key, count)
			if values == 0 {
				s += "null,"
			} else {
				s += fmt.Sprintf("%d,", sum)
			}
			if m.side {
				n := 0
				for _, k := range texts {
					if k > 0 {
						n++
					}
				}
				s += fmt.Sprintf("%d,", n)
			}
			m.lines = append(m.lines, s+fmt.Sprintf("%d,%d,%d]", w[0], w[1], w[1]-1))
		}
	}
}

func TestWindowAggregateAgainstModel(t *testing.T) {
	for seed := range seeds(120) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		w := []logical.Windowing{
			{Kind: "TUMBLE", Size: 10, Offset: 3},
			{Kind: "HOP", Size: 20, Slide: 5},
			{Kind: "HOP", Size: 12, Slide: 8},
			{Kind: "CUMULATE", Size: 20, Slide: 5},
			{Kind: "SESSION", Size: 4},
			{Kind: "HOP", Size: 5, Slide: 10},
		}[rnd.IntN(6)]
		m := &windowModel{w: w, side: rnd.IntN(2) == 0, mark: -1 << 40, open: map[string]map[[2]int][]windowRow{}}
		op := WindowAggregate{Windowing: w, Keys: []int{0}, Calls: windowCalls, Retract: rnd.IntN(2) == 0}
		if m.side {
			op.Calls = sideCalls
		}
		op.Final = w.Kind != "SESSION" && rnd.IntN(5) == 0
		r := windowAggregateRig(t, op)
		r.full = rnd.IntN(2) == 0
		r.onDisk(seed%4 == 0)
		size := []int{1, 3, batch.MaxRows}[rnd.IntN(3)]
		at := 0
		var rows []windowRow
		for range 60 {
			var part []change
			for range rnd.IntN(8) {
				x := windowRow{maybe(rnd, 3), maybe(rnd, 9), fmt.Sprint(rnd.IntN(4)), at + rnd.IntN(30) - 15, 1}
				kind := row.Insert
				if op.Retract && len(rows) > 0 && rnd.IntN(3) == 0 {
					i := rnd.IntN(len(rows))
					x = rows[i]
					x.sign, kind = -1, row.UpdateBefore
					rows = slices.Delete(rows, i, i+1)
					if !m.knows(x) {
						continue // it was late, or is gone, and would be taken for another one
					}
				} else {
					rows = append(rows, x)
				}
				part = append(part, change{kind, []any{x.key, x.v, x.s, x.t}})
				m.add(x)
			}
			r.push(size, part...)
			at += rnd.IntN(6)
			switch rnd.IntN(5) {
			case 0, 1:
				r.mark(int64(at - 8))
				if !op.Final {
					m.advance(at - 8)
				}
			case 2:
				r.restart()
			}
		}
		r.end()
		m.advance(1 << 40)
		got, want := r.take(), m.lines
		sort.Strings(got)
		sort.Strings(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v, %d in a batch: got\n%s\nwant\n%s", seed, op, size, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// knows reports whether a row that is taken away is there, in all windows that are open.
func (m *windowModel) knows(x windowRow) bool {
	open := m.open[fmt.Sprint(x.key)]
	for _, w := range m.windows(x.t) {
		for o, rows := range open {
			if o[0] <= w[0] && w[1] <= o[1] {
				count := 0
				for _, r := range rows {
					if r.v == x.v && r.s == x.s && r.t == x.t {
						count += r.sign
					}
				}
				if count > 0 {
					return true
				}
			}
		}
	}
	return false
}

func TestWindowAggregateAttached(t *testing.T) {
	in := append(slices.Clone(windowIn), boundFields(timed())...)
	op := WindowAggregate{
		In: in, Windowing: logical.Windowing{Kind: "TUMBLE"}, Keys: []int{2}, Calls: windowCalls, Attached: true, Start: 4, End: 5, Time: -1,
		Out: append([]row.Field{in[2], field("c", bigint), field("s", bigint)}, boundFields(timed())...),
	}
	r := newRig(t, in, op.Out, func() operator.Node { return op.Node() })
	r.push(3, ins(1, 2, "a", 0, 0, 10, 9), ins(1, 3, "b", 0, 0, 10, 9), ins(1, 4, "a", 0, 0, 10, 9), ins(1, 5, "a", 0, 5, 10, 9), ins(1, 6, "a", 0, 10, 20, 19))
	r.mark(8)
	r.restart()
	r.push(1, ins(1, 7, "a", 0, 0, 10, 9))
	r.mark(9)
	r.push(1, ins(1, 8, "a", 0, 0, 10, 9))
	got := r.take()
	sort.Strings(got)
	if want := []string{"+I [a,1,5,5,10,9]", "+I [a,3,13,0,10,9]", "+I [b,1,3,0,10,9]"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	r.end()
	r.expect("+I [a,1,6,10,20,19]")
}

func TestWindowAggregateInProcessingTime(t *testing.T) {
	for _, kind := range []string{"TUMBLE", "SESSION"} {
		r := windowAggregateRig(t, WindowAggregate{
			Windowing: logical.Windowing{Kind: kind, Size: 1000}, Keys: []int{0}, Calls: windowCalls, Processing: true,
		})
		r.push(2, ins(1, 2, "a", nil), ins(2, 3, "a", nil), ins(1, 4, "a", nil))
		r.advance(999 * time.Millisecond)
		r.expect()
		r.restart()
		r.advance(time.Millisecond)
		got := r.take()
		sort.Strings(got)
		if want := []string{"+I [1,2,6,1000000,1001000,1000999]", "+I [2,1,3,1000000,1001000,1000999]"}; !slices.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q", kind, got, want)
		}
		r.push(1, ins(1, 5, "a", nil))
		r.end()
		r.expect("+I [1,1,5,1001000,1002000,1001999]")
	}
}

func TestWindowRank(t *testing.T) {
	in := append(slices.Clone(windowIn), boundFields(timed())...)
	op := WindowRank{
		In: in, Partition: []int{2}, Start: 4, End: 5, Order: byValue, Func: "ROW_NUMBER", From: 1, To: 2, Number: true,
		Out: append(slices.Clone(in), field("n", bigint)),
	}
	r := newRig(t, in, op.Out, func() operator.Node { return op.Node() })
	r.push(2, ins(1, 2, "a", 0, 0, 10, 9), ins(2, 5, "a", 0, 0, 10, 9), ins(3, 2, "a", 0, 0, 10, 9), ins(4, 3, "a", 0, 0, 10, 9),
		ins(5, 1, "a", 0, 10, 20, 19), ins(6, nil, "b", 0, 0, 10, 9))
	r.restart()
	r.mark(9)
	r.push(1, ins(9, 9, "a", 0, 0, 10, 9))
	got := r.take()
	sort.Strings(got)
	if want := []string{"+I [2,5,a,0,0,10,9,1]", "+I [4,3,a,0,0,10,9,2]", "+I [6,null,b,0,0,10,9,1]"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	r.end()
	r.expect("+I [5,1,a,0,10,20,19,1]")
}

func benchmarkWindow(b *testing.B, w logical.Windowing, keys int) {
	in := []row.Field{field("k", bigint.Nullable(false)), field("v", bigint.Nullable(false)), field("t", timed().Nullable(false))}
	op := WindowAggregate{
		In: in, Windowing: w, Keys: []int{0}, Time: 2, Calls: windowCalls[:1],
		Out: append([]row.Field{in[0], field("c", bigint.Nullable(false))}, boundFields(timed())...),
	}
	r := newRig(b, in, op.Out, func() operator.Node { return op.Node() })
	drop := &dropped{}
	r.node = op.Node()
	if err := r.node.Connect("", batch.ColumnReceiver(drop)); err != nil {
		b.Fatal(err)
	}
	if err := r.node.Open(r.context(nil)); err != nil {
		b.Fatal(err)
	}
	// A million rows a window of 1,000 s, in batches that are in order but for a little.
	rnd := rand.New(rand.NewPCG(1, 1))
	at := 0
	batches := make([]*batch.Columns, 0, 1000)
	for range cap(batches) {
		var rows []change
		for range batch.MaxRows {
			rows = append(rows, ins(rnd.IntN(keys), 1, at+rnd.IntN(100)))
		}
		at += 1000
		x := r.batch(rows)
		x.Mark(int64(at - 200))
		batches = append(batches, x)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		x := batches[i%len(batches)]
		if round := int64(i / len(batches)); round > 0 && i%len(batches) == 0 {
			for _, y := range batches {
				for p := range y.Cols[2].I64 {
					y.Cols[2].I64[p] += 1_000_000 * 1000
				}
				y.Marks[0].Time += 1_000_000
			}
		}
		r.give(x.Share())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
}

// dropped takes batches.
type dropped struct{ rows int }

func (d *dropped) Push(b *batch.Columns) bool {
	d.rows += b.Len()
	b.Release()
	return true
}

func BenchmarkWindowTumble(b *testing.B) {
	for _, keys := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			benchmarkWindow(b, logical.Windowing{Kind: "TUMBLE", Size: 1_000_000}, keys)
		})
	}
}

func BenchmarkWindowHop(b *testing.B) {
	benchmarkWindow(b, logical.Windowing{Kind: "HOP", Size: 1_000_000, Slide: 200_000}, 10_000)
}

// TestWindowAggregateOfTwoSubtasks restores the state of two subtasks, one of which was ahead of the other, into one.
func TestWindowAggregateOfTwoSubtasks(t *testing.T) {
	for _, kind := range []string{"TUMBLE", "HOP", "SESSION"} {
		w := logical.Windowing{Kind: kind, Size: 10, Slide: 5}
		if kind == "TUMBLE" {
			w.Slide = 0
		}
		r := windowAggregateRig(t, WindowAggregate{Windowing: w, Keys: []int{0}, Calls: windowCalls})
		r.marks = false
		keys := [2]int{-1, -1} // one of each subtask
		key := colcodec.NewKey(KeyTypes(windowIn, []int{0}))
		for k := 0; keys[0] < 0 || keys[1] < 0; k++ {
			b := r.batch([]change{ins(k, 0, "", 0)})
			var h [1]uint64
			key.Hashes(h[:], b.Cols[:1])
			keys[operator.SubtaskOf(codec.KeyGroup(h[0], 8), 8, 2)] = k
		}
		var old []*operator.State
		for subtask, mark := range []int64{25, 3} {
			ctx := r.context(nil)
			ctx.Parallelism, ctx.Subtask = 2, subtask
			r.node = r.make()
			if err := r.node.Connect("", batch.ColumnReceiver(r)); err != nil {
				t.Fatal(err)
			}
			if err := r.node.Open(ctx); err != nil {
				t.Fatal(err)
			}
			r.push(9, ins(keys[subtask], 1, "", 2))
			r.mark(mark)
			s := &operator.Snapshot{Checkpoint: 1}
			if err := r.node.Snapshot(s); err != nil {
				t.Fatal(err)
			}
			s.Finish()
			old = append(old, &s.State)
		}
		r.open(operator.Redistribute(old, 8, 1, 0))
		r.push(9, ins(keys[0], 5, "", 3), ins(keys[1], 5, "", 3)) // late for the first only
		r.end()
		var want []string
		for _, k := range []struct {
			key, rows, sum int
		}{{keys[0], 1, 1}, {keys[1], 2, 6}} {
			switch kind {
			case "TUMBLE":
				want = append(want, fmt.Sprintf("+I [%d,%d,%d,0,10,9]", k.key, k.rows, k.sum))
			case "HOP":
				want = append(want, fmt.Sprintf("+I [%d,%d,%d,-5,5,4]", k.key, k.rows, k.sum), fmt.Sprintf("+I [%d,%d,%d,0,10,9]", k.key, k.rows, k.sum))
			case "SESSION":
				want = append(want, fmt.Sprintf("+I [%d,%d,%d,2,%d,%d]", k.key, k.rows, k.sum, 11+k.rows, 10+k.rows))
			}
		}
		got := r.take()
		sort.Strings(got)
		sort.Strings(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}

// TestWindowAggregateOfInstants cuts days of a TIMESTAMP_LTZ in the session's zone, and groups the results once more.
func TestWindowAggregateOfInstants(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	const hour = 3_600_000
	day := int(time.Date(2024, 3, 31, 0, 0, 0, 0, time.UTC).UnixMilli()) // has 23 hours, from 23:00 to 22:00
	instant := *row.TimestampLTZOf(3)
	instant.Attribute = row.Rowtime
	in := slices.Clone(windowIn)
	in[3].Type = &instant
	op := WindowAggregate{
		Session: Session{Zone: berlin}, Windowing: logical.Windowing{Kind: "TUMBLE", Size: 24 * hour}, In: in, Keys: []int{0}, Calls: windowCalls,
		Time: 3, Instants: true, Out: append([]row.Field{in[0], field("c", bigint), field("s", bigint)}, boundFields(&instant)...),
	}
	r := newRig(t, in, op.Out, func() operator.Node { return op.Node() })
	r.push(3, ins(1, 1, "", day-hour-1), ins(1, 2, "", day-hour), ins(1, 4, "", day+22*hour-1), ins(1, 8, "", day+22*hour))
	r.mark(int64(day - hour - 1))
	r.expect(fmt.Sprintf("+I [1,1,1,%d,%d,%d]", day-24*hour, day, day-hour-1))
	r.mark(int64(day + 22*hour - 2))
	r.expect()
	r.mark(int64(day + 22*hour - 1))
	r.expect(fmt.Sprintf("+I [1,2,6,%d,%d,%d]", day, day+24*hour, day+22*hour-1))

	again := WindowAggregate{
		Session: op.Session, Windowing: op.Windowing, In: op.Out, Keys: []int{0}, Calls: windowCalls, Attached: true, Start: 3, End: 4, Time: -1, Instants: true,
	}
	again.Out = op.Out
	r = newRig(t, op.Out, again.Out, func() operator.Node { return again.Node() })
	r.push(3, ins(1, 2, 6, day, day+24*hour, day+22*hour-1), ins(1, 3, 7, day, day+24*hour, day+22*hour-1))
	r.mark(int64(day + 22*hour - 2))
	r.expect()
	r.mark(int64(day + 22*hour - 1))
	r.expect(fmt.Sprintf("+I [1,2,5,%d,%d,%d]", day, day+24*hour, day+22*hour-1))
}
