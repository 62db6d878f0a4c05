package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

func literal(t *row.Type, x any) *expr.Literal {
	v := column.New(t)
	appendValue(v, x)
	return &expr.Literal{Value: v}
}

// overCall is a call on columns; numbers in constants stand for arguments of -1.
func overCallOf(name string, t *row.Type, f logical.Frame, args []int, constants ...any) logical.OverCall {
	c := logical.OverCall{Call: agg.Call{Func: agg.Lookup(name), Args: args, Filter: -1, T: t}, Frame: f}
	for i, a := range args {
		c.Constants = append(c.Constants, nil)
		if a < 0 {
			c.Constants[i] = literal(bigint.Nullable(false), constants[0])
			constants = constants[1:]
		}
	}
	return c
}

// frames of the tests; those behind the fourth look at rows that come later, or are of numbers.
func overFrames(byNumber bool) []logical.Frame {
	fs := []logical.Frame{
		{Rows: true, UnboundedFrom: true},
		{UnboundedFrom: true},
		{Rows: true, From: 2},
		{From: 10},
		{Rows: true, UnboundedFrom: true, UnboundedTo: true},
		{Rows: true, From: -1, To: -2},
		{Rows: true, From: 3, To: 1},
		{UnboundedTo: true},
	}
	if byNumber {
		fs[3] = logical.Frame{From: 1, FromValue: literal(bigint.Nullable(false), 2)}
		fs = append(fs, logical.Frame{From: 1, FromValue: literal(bigint.Nullable(false), 1), To: -1, ToValue: literal(row.DecimalOf(5, 1), 25)})
	}
	return fs
}

func overCalls(rnd *rand.Rand, frames []logical.Frame, final bool) []logical.OverCall {
	pick := func() logical.Frame { return frames[rnd.IntN(len(frames))] }
	all := []logical.OverCall{
		overCallOf("COUNT", bigint, pick(), nil), overCallOf("SUM", bigint, pick(), []int{1}), overCallOf("MAX", bigint, pick(), []int{1}),
		overCallOf("LAG", bigint, logical.Frame{}, []int{1, -1}, 2), overCallOf("ROW_NUMBER", bigint, logical.Frame{}, nil),
		overCallOf("RANK", bigint, logical.Frame{}, nil), overCallOf("DENSE_RANK", bigint, logical.Frame{}, nil),
		overCallOf("LAG", bigint, logical.Frame{}, []int{1, -1, -1}, 1, 77), overCallOf("SUM", bigint, pick(), []int{-1}, 5),
		overCallOf("FIRST_VALUE", row.StringType(), pick(), []int{2}),
	}
	if final {
		all = append(all, overCallOf("LEAD", bigint, logical.Frame{}, []int{1}), overCallOf("NTILE", bigint, logical.Frame{}, []int{-1}, 3),
			overCallOf("CUME_DIST", row.Of(row.Double), logical.Frame{}, nil), overCallOf("PERCENT_RANK", row.Of(row.Double), logical.Frame{}, nil))
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+rnd.IntN(len(all))]
}

// overModel computes the calls for rows in order, whose order is compared by less. In order of time LAG counts from the
// last row of a time.
func overModel(calls []logical.OverCall, rows [][]any, order func(r []any) (n int, isNull bool), desc, byTime bool) (out []string) {
	peers := func(i, j int) bool {
		a, x := order(rows[i])
		b, y := order(rows[j])
		return x == y && (x || a == b)
	}
	inFrame := func(f *logical.Frame, i, j int) bool {
		if f.Rows {
			return (f.UnboundedFrom || j >= i-int(f.From)) && (f.UnboundedTo || j <= i-int(f.To))
		}
		a, x := order(rows[i])
		b, y := order(rows[j])
		if desc {
			a, b = -a, -b
		}
		scaled := func(n int64, l *expr.Literal) int { // ten times
			if l == nil {
				return int(n) * 10
			}
			if l.Type().Kind == row.Decimal {
				return int(n) * int(l.Value.Decimal(0).Lo)
			}
			return int(n) * int(l.Value.I64[0]) * 10
		}
		from := f.UnboundedFrom || (f.From == 0 || x || y) && (peers(i, j) || j > i) || f.From != 0 && !x && !y && b*10 >= a*10-scaled(f.From, f.FromValue)
		to := f.UnboundedTo || (f.To == 0 || x || y) && (peers(i, j) || j < i) || f.To != 0 && !x && !y && b*10 <= a*10-scaled(f.To, f.ToValue)
		return from && to
	}
	text := func(x any) string {
		if x == nil {
			return "null"
		}
		return fmt.Sprint(x)
	}
	at := func(i int) any {
		if i < 0 || i >= len(rows) {
			return nil
		}
		return rows[i][1]
	}
	for i, r := range rows {
		var s []string
		for _, x := range r {
			s = append(s, text(x))
		}
		first, end, groups := i, i+1, 1
		for first > 0 && peers(first-1, i) {
			first--
		}
		for end < len(rows) && peers(end, i) {
			end++
		}
		for j := 1; j <= i; j++ {
			if !peers(j-1, j) {
				groups++
			}
		}
		for c := range calls {
			call := &calls[c]
			count, values, sum, most := 0, 0, 0, -1
			var firstText any
			for j := range rows {
				if !inFrame(&call.Frame, i, j) {
					continue
				}
				if firstText == nil {
					firstText = rows[j][2]
				}
				count++
				if v := rows[j][1]; v != nil {
					values++
					sum += v.(int)
					most = max(most, v.(int))
				}
			}
			var x any
			switch call.Func.Name {
			case "COUNT":
				x = count
			case "SUM":
				if call.Args[0] < 0 {
					if count > 0 {
						x = 5 * count
					}
				} else if values > 0 {
					x = sum
				}
			case "MAX":
				if values > 0 {
					x = most
				}
			case "FIRST_VALUE":
				x = firstText
			case "LAG":
				k := int(call.Constants[1].Value.I64[0])
				from := i
				if byTime {
					from = end - 1
				}
				if x = at(from - k); from-k < 0 && len(call.Args) > 2 {
					x = 77
				}
			case "LEAD":
				x = at(i + 1)
			case "ROW_NUMBER":
				x = i + 1
			case "RANK":
				x = first + 1
			case "DENSE_RANK":
				x = groups
			case "NTILE":
				n, left := 0, i
				for left >= 0 {
					if left -= len(rows) / 3; n < len(rows)%3 {
						left--
					}
					n++
				}
				x = n
			case "CUME_DIST":
				x = float64(end) / float64(len(rows))
			case "PERCENT_RANK":
				x = float64(first) / float64(max(1, len(rows)-1))
			}
			s = append(s, text(x))
		}
		out = append(out, "["+strings.Join(s, ",")+"]")
	}
	return out
}

// overDifference is the calls and the first row that differs.
func overDifference(calls []logical.OverCall, got, want []string) string {
	var s strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&s, "%s %v over %+v\n", c.Func.Name, c.Args, c.Frame)
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			fmt.Fprintf(&s, "%d rows, want %d; got\n%s\nwant\n%s", len(got), len(want), strings.Join(got[min(i, len(got)):min(i+3, len(got))], "\n"), want[i])
			break
		}
	}
	return s.String()
}

func overRig(t testing.TB, op Over) *rig {
	op.In, op.Out = windowIn, slices.Clone(windowIn)
	for _, c := range op.Calls {
		op.Out = append(op.Out, field("c", c.T.Nullable(true)))
	}
	return newRig(t, op.In, op.Out, func() operator.Node { return op.Node() })
}

// byPartition computes each partition of the first column.
func byPartition(rows [][]any, f func(rows [][]any) []string) (out []string) {
	parts := map[string][][]any{}
	for _, r := range rows {
		parts[fmt.Sprint(r[0])] = append(parts[fmt.Sprint(r[0])], r)
	}
	for _, p := range parts {
		out = append(out, f(p)...)
	}
	sort.Strings(out)
	return out
}

func TestOverByTimeAgainstModel(t *testing.T) {
	for seed := range seeds(100) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		overByTime(t, seed, rnd, Over{Calls: overCalls(rnd, overFrames(false)[:4], false)})
	}
}

// TestLastRowsAgainstModel has frames of a few rows only.
func TestLastRowsAgainstModel(t *testing.T) {
	for seed := range seeds(100) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		few := func() logical.Frame { return logical.Frame{Rows: true, From: int64(rnd.IntN(5))} }
		calls := []logical.OverCall{
			overCallOf("COUNT", bigint, few(), nil), overCallOf("SUM", bigint, few(), []int{1}), overCallOf("MAX", bigint, few(), []int{1}),
			overCallOf("SUM", bigint, few(), []int{-1}, 5),
		}
		rnd.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		op := Over{In: windowIn, Time: row.Rowtime, Calls: calls[:1+rnd.IntN(len(calls))]}
		if op.Last = op.LooksBackLittle(); !op.Last {
			t.Fatal("few rows look like many")
		}
		overByTime(t, seed, rnd, op)
	}
}

func TestLooksBackLittle(t *testing.T) {
	few := logical.Frame{Rows: true, From: 3}
	for name, c := range map[string]struct {
		call logical.OverCall
		want bool
	}{
		"sum":       {overCallOf("SUM", bigint, few, []int{1}), true},
		"many rows": {overCallOf("SUM", bigint, logical.Frame{Rows: true, From: 33}, []int{1}), false},
		"unbounded": {overCallOf("SUM", bigint, logical.Frame{Rows: true, UnboundedFrom: true}, []int{1}), false},
		"range":     {overCallOf("SUM", bigint, logical.Frame{From: 3}, []int{1}), false},
		"lag":       {overCallOf("LAG", bigint, logical.Frame{}, []int{1}), false},
		"texts":     {overCallOf("FIRST_VALUE", row.StringType(), few, []int{2}), false},
	} {
		op := Over{In: windowIn, Time: row.Rowtime, Calls: []logical.OverCall{overCallOf("COUNT", bigint, few, nil), c.call}}
		if got := op.LooksBackLittle(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if op.Final = true; op.LooksBackLittle() {
			t.Errorf("%s in batch mode", name)
		}
	}
}

// overByTime compares an Over of event time with the model, for rows of which some are late, with restarts.
func overByTime(t *testing.T, seed uint64, rnd *rand.Rand, op Over) {
	t.Helper()
	op.Partition, op.Order, op.Time = []int{0}, []logical.SortKey{{Column: 3}}, row.Rowtime
	r := overRig(t, op)
	r.full = rnd.IntN(2) == 0
	r.onDisk(seed%4 == 0)
	size := []int{1, 3, batch.MaxRows}[rnd.IntN(3)]
	at, mark := 0, -1<<40
	var rows [][]any
	for range 60 {
		var part []change
		for range rnd.IntN(6) {
			x := []any{maybe(rnd, 2), maybe(rnd, 9), fmt.Sprint(rnd.IntN(4)), at + rnd.IntN(20) - 10}
			part = append(part, ins(x...))
			if x[3].(int) > mark {
				rows = append(rows, x)
			}
		}
		r.push(size, part...)
		at += rnd.IntN(6)
		switch rnd.IntN(4) {
		case 0, 1:
			mark = max(mark, at-8)
			r.mark(int64(mark))
		case 2:
			r.restart()
		}
	}
	r.end()
	sort.SliceStable(rows, func(i, j int) bool { return rows[i][3].(int) < rows[j][3].(int) })
	want := byPartition(rows, func(rows [][]any) []string {
		return overModel(op.Calls, rows, func(r []any) (int, bool) { return r[3].(int), false }, false, true)
	})
	if got := materialized(t, r.take()); !slices.Equal(got, want) {
		t.Fatalf("seed %d: %s", seed, overDifference(op.Calls, got, want))
	}
}

// TestOverByNumberAgainstModel orders rows by a column that is no time: at the end, and with corrections.
func TestOverByNumberAgainstModel(t *testing.T) {
	for seed := range seeds(100) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		desc := rnd.IntN(2) == 0
		op := Over{Partition: []int{0}, Order: []logical.SortKey{{Column: 1, Desc: desc, NullsLast: desc}}, Before: true, Final: rnd.IntN(2) == 0, Memory: memories[rnd.IntN(3)]}
		op.Calls = overCalls(rnd, overFrames(true), true)
		r := overRig(t, op)
		r.full = rnd.IntN(2) == 0
		r.onDisk(seed%4 == 0)
		var rows [][]any
		for i := range 80 {
			x := []any{maybe(rnd, 2), maybe(rnd, 9), fmt.Sprint(rnd.IntN(4)), i}
			rows = append(rows, x)
			r.push(1, ins(x...))
			if k := rnd.IntN(2 * len(rows)); !op.Final && k < len(rows) && rnd.IntN(2) == 0 {
				r.push(1, del(rows[k]...))
				r.push(1, del(rows[k]...)) // is not there any more
				rows = slices.Delete(rows, k, k+1)
			}
			if !op.Final && rnd.IntN(20) == 0 {
				r.restart()
			}
		}
		r.end()
		if op.Final {
			r.closed()
		}
		value := func(r []any) (int, bool) {
			if r[1] == nil {
				return -1, true
			}
			return r[1].(int), false
		}
		sort.SliceStable(rows, func(i, j int) bool {
			a, _ := value(rows[i])
			b, _ := value(rows[j])
			return !desc && a < b || desc && a > b
		})
		want := byPartition(rows, func(rows [][]any) []string { return overModel(op.Calls, rows, value, desc, false) })
		if got := materialized(t, r.take()); !slices.Equal(got, want) {
			t.Fatalf("seed %d: final %v, desc %v, %s", seed, op.Final, desc, overDifference(op.Calls, got, want))
		}
	}
}

// TestLastRowsInProcessingTime drops the rows of a key that has had none for so long.
func TestLastRowsInProcessingTime(t *testing.T) {
	few := logical.Frame{Rows: true, From: 1}
	op := Over{
		In: windowIn, Partition: []int{0}, Order: []logical.SortKey{{Column: 3}}, Time: row.Proctime, TTL: time.Minute,
		Calls: []logical.OverCall{overCallOf("SUM", bigint, few, []int{1}), overCallOf("MAX", bigint, few, []int{1})},
	}
	op.Last = op.LooksBackLittle()
	r := overRig(t, op)
	r.push(2, ins(1, 1, "a", nil), ins(1, 2, "b", nil), ins(2, 9, "c", nil))
	r.restart()
	r.advance(time.Second)
	r.push(1, ins(1, 4, "d", nil), ins(1, 3, "e", nil))
	r.advance(time.Minute)
	r.push(1, ins(1, 16, "f", nil))
	r.expect("+I [1,1,a,null,1,1]", "+I [1,2,b,null,3,2]", "+I [2,9,c,null,9,9]", "+I [1,4,d,null,6,4]", "+I [1,3,e,null,7,4]", "+I [1,16,f,null,16,16]")
}

func TestOverInProcessingTime(t *testing.T) {
	op := Over{
		Partition: []int{0}, Order: []logical.SortKey{{Column: 3}}, Time: row.Proctime, TTL: time.Minute,
		Calls: []logical.OverCall{
			overCallOf("SUM", bigint, logical.Frame{From: 1000}, []int{1}), overCallOf("COUNT", bigint, logical.Frame{UnboundedFrom: true}, nil),
		},
	}
	r := overRig(t, op)
	r.push(2, ins(1, 1, "a", nil), ins(1, 2, "b", nil), ins(2, 9, "c", nil))
	r.advance(time.Second)
	r.push(1, ins(1, 4, "d", nil))
	r.restart()
	r.advance(time.Second)
	r.push(1, ins(1, 8, "e", nil))
	r.advance(time.Minute)
	r.push(1, ins(1, 16, "f", nil))
	r.expect("+I [1,1,a,null,1,1]", "+I [1,2,b,null,3,2]", "+I [2,9,c,null,9,1]", "+I [1,4,d,null,7,3]", "+I [1,8,e,null,12,4]", "+I [1,16,f,null,16,1]")
}

// TestOverChanges is what comes out in between.
func TestOverChanges(t *testing.T) {
	op := Over{
		Partition: []int{0}, Order: []logical.SortKey{{Column: 1}}, Before: true,
		Calls: []logical.OverCall{overCallOf("SUM", bigint, logical.Frame{UnboundedFrom: true}, []int{1})},
	}
	r := overRig(t, op)
	r.push(10, ins(1, 10, "a", 0), ins(1, 10, "b", 0), ins(1, 5, "c", 0), ins(1, nil, "d", 0), ins(2, 5, "e", 0))
	r.expect("+I [1,10,a,0,10]", "-U [1,10,a,0,10]", "+U [1,10,a,0,20]", "+I [1,10,b,0,20]", "+I [1,5,c,0,5]",
		"-U [1,10,a,0,20]", "+U [1,10,a,0,25]", "-U [1,10,b,0,20]", "+U [1,10,b,0,25]", "+I [1,null,d,0,null]", "+I [2,5,e,0,5]")
}

func BenchmarkOver(b *testing.B) {
	for _, name := range []string{"unbounded", "rows"} {
		b.Run(name, func(b *testing.B) {
			f := logical.Frame{UnboundedFrom: true}
			if name == "rows" {
				f = logical.Frame{Rows: true, From: 10}
			}
			in := []row.Field{field("k", bigint.Nullable(false)), field("v", bigint.Nullable(false)), field("t", timed().Nullable(false))}
			op := Over{
				In: in, Partition: []int{0}, Order: []logical.SortKey{{Column: 2}}, Time: row.Rowtime,
				Calls: []logical.OverCall{overCallOf("SUM", bigint, f, []int{1})}, Out: append(slices.Clone(in), field("s", bigint)),
			}
			r := newRig(b, in, op.Out, func() operator.Node { return op.Node() })
			r.node = op.Node()
			if err := r.node.Connect("", batch.ColumnReceiver(&dropped{})); err != nil {
				b.Fatal(err)
			}
			if err := r.node.Open(r.context(nil)); err != nil {
				b.Fatal(err)
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			var rows []change
			for i := range batch.MaxRows {
				rows = append(rows, ins(rnd.IntN(100), 1, i))
			}
			x := r.batch(rows)
			x.Mark(0)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				for p := range x.Cols[2].I64 {
					x.Cols[2].I64[p] += 10_000_000
				}
				x.Marks[0].Time = floorMillis(x.Cols[2].I64[x.N-1])
				r.give(x.Share())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
		})
	}
}
