package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

var (
	bigint  = row.Of(row.BigInt)
	rankIn  = []row.Field{field("k", row.Of(row.Int)), field("v", row.Of(row.BigInt)), field("s", row.StringType())}
	byValue = []logical.SortKey{{Column: 1, Desc: true, NullsLast: true}}
)

func rankRig(t testing.TB, op Rank) *rig {
	op.In, op.Out = rankIn, rankIn
	if op.ToColumn == 0 {
		op.ToColumn = -1
	}
	if op.Func == "" {
		op.Func = "ROW_NUMBER"
	}
	if op.Order == nil {
		op.Order = byValue
	}
	if op.Number {
		op.Out = append(slices.Clone(rankIn), field("n", bigint.Nullable(false)))
	}
	return newRig(t, op.In, op.Out, func() operator.Node { return op.Node() })
}

func TestRankChanges(t *testing.T) {
	t.Run("first", func(t *testing.T) {
		r := rankRig(t, Rank{Partition: []int{0}, From: 1, To: 1, Before: true})
		r.push(1, ins(1, 5, "a"), ins(1, 7, "b"), ins(2, 1, "c"), ins(1, 6, "d"), ins(1, 7, "e"), ins(2, 9, "f"))
		r.expect("+I [1,5,a]", "-U [1,5,a]", "+U [1,7,b]", "+I [2,1,c]", "-U [2,1,c]", "+U [2,9,f]")
	})
	t.Run("append", func(t *testing.T) {
		r := rankRig(t, Rank{From: 1, To: 2})
		r.push(3, ins(1, 5, "a"), ins(1, 7, "b"), ins(1, 5, "c"), ins(1, 6, "d"))
		r.expect("+I [1,5,a]", "+I [1,7,b]", "-D [1,5,a]", "+I [1,6,d]")
	})
	t.Run("append with numbers", func(t *testing.T) {
		r := rankRig(t, Rank{From: 1, To: 2, Number: true, Before: true})
		r.push(1, ins(1, 5, "a"), ins(1, 7, "b"), ins(1, 5, "c"), ins(1, 6, "d"))
		r.expect("+I [1,5,a,1]", "-U [1,5,a,1]", "+U [1,7,b,1]", "+I [1,5,a,2]", "-U [1,5,a,2]", "+U [1,6,d,2]")
	})
	t.Run("offset", func(t *testing.T) {
		r := rankRig(t, Rank{From: 2, To: 2, Before: true})
		r.push(1, ins(1, 5, "a"), ins(1, 7, "b"), ins(1, 5, "c"), ins(1, 6, "d"))
		r.expect("+I [1,5,a]", "-U [1,5,a]", "+U [1,6,d]")
	})
	t.Run("retract", func(t *testing.T) {
		r := rankRig(t, Rank{From: 1, To: 2, Retract: true})
		r.push(1, ins(1, 5, "a"), ins(1, 7, "b"), ins(1, 5, "c"), del(1, 8, "x"), del(1, 7, "b"), ins(1, 9, "d"), del(1, 5, "c"))
		r.expect("+I [1,5,a]", "+I [1,7,b]", "-D [1,7,b]", "+I [1,5,c]", "-D [1,5,c]", "+I [1,9,d]")
	})
	t.Run("retract with numbers", func(t *testing.T) {
		r := rankRig(t, Rank{From: 1, To: 2, Retract: true, Number: true, Before: true})
		r.push(1, ins(1, 5, "a"), ins(1, 7, "b"), ins(1, 3, "c"), del(1, 7, "b"), del(1, 3, "c"))
		r.expect("+I [1,5,a,1]", "-U [1,5,a,1]", "+U [1,7,b,1]", "+I [1,5,a,2]",
			"-U [1,7,b,1]", "+U [1,5,a,1]", "-U [1,5,a,2]", "+U [1,3,c,2]", "-D [1,3,c,2]")
	})
	t.Run("number in a column", func(t *testing.T) {
		r := rankRig(t, Rank{Partition: []int{2}, From: 1, To: -1, ToColumn: 1, Order: []logical.SortKey{{Column: 1}}})
		r.push(1, ins(1, 2, "a"), ins(2, 3, "a"), ins(3, 1, "a"), ins(4, 1, "b"), ins(5, 2, "b"))
		r.expect("+I [1,2,a]", "+I [2,3,a]", "-D [2,3,a]", "+I [3,1,a]", "+I [4,1,b]")
	})
	t.Run("time to live", func(t *testing.T) {
		r := rankRig(t, Rank{Partition: []int{0}, From: 1, To: 1, Before: true, TTL: time.Minute})
		r.push(1, ins(1, 5, "a"))
		r.advance(40 * time.Second)
		r.push(1, ins(1, 6, "b"))
		r.advance(40 * time.Second)
		r.restart()
		r.push(1, ins(1, 4, "c"))
		r.advance(61 * time.Second)
		r.push(1, ins(1, 4, "d"))
		r.expect("+I [1,5,a]", "-U [1,5,a]", "+U [1,6,b]", "+I [1,4,d]")
	})
}

// TestRankAgainstModel compares what is left of random changes with the rows that a model numbers.
func TestRankAgainstModel(t *testing.T) {
	for seed := range seeds(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		op := Rank{
			Partition: [][]int{{0}, {}, {2, 0}}[rnd.IntN(3)], From: 1 + rnd.Int64N(3), Number: rnd.IntN(2) == 0,
			Retract: rnd.IntN(2) == 0, Before: true,
		}
		op.To = op.From + rnd.Int64N(4) + []int64{0, 0, topMax}[rnd.IntN(3)]
		op.Final = !op.Retract && rnd.IntN(3) == 0
		if op.Final {
			op.Func = []string{"ROW_NUMBER", "RANK", "DENSE_RANK"}[rnd.IntN(3)]
			op.Memory = memories[rnd.IntN(3)]
		}
		size := []int{1, 3, batch.MaxRows}[rnd.IntN(3)]
		r := rankRig(t, op)
		r.full = rnd.IntN(2) == 0
		r.onDisk(seed%4 == 0)
		var rows [][]any
		for range 200 {
			if op.Retract && len(rows) > 0 && rnd.IntN(3) == 0 {
				at := rnd.IntN(len(rows))
				// Equal rows go in the order in which they came.
				at = slices.IndexFunc(rows, func(x []any) bool { return fmt.Sprint(x) == fmt.Sprint(rows[at]) })
				r.push(size, change{row.UpdateBefore, rows[at]})
				rows = slices.Delete(rows, at, at+1)
			}
			var part []change
			for range 1 + rnd.IntN(2) {
				x := []any{maybe(rnd, 3), maybe(rnd, 6), fmt.Sprint(rnd.IntN(3))}
				rows = append(rows, x)
				part = append(part, ins(x...))
			}
			r.push(size, part...)
			if !op.Final && rnd.IntN(30) == 0 {
				r.restart()
			}
		}
		r.end()
		if op.Final {
			r.closed()
		}
		got, want := materialized(t, r.take()), rankModel(op, rows)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v: got\n%q\nwant\n%q", seed, op, got, want)
		}
	}
}

// maybe is a number or NULL.
func maybe(rnd *rand.Rand, n int) any {
	if x := rnd.IntN(n + 1); x < n {
		return x
	}
	return nil
}

func rankModel(op Rank, rows [][]any) (out []string) {
	rows = slices.Clone(rows)
	value := func(x []any) int {
		if x[1] == nil {
			return -1
		}
		return x[1].(int)
	}
	sort.SliceStable(rows, func(i, j int) bool { return value(rows[i]) > value(rows[j]) })
	n, number, last := map[string]int64{}, map[string]int64{}, map[string]int{}
	for _, x := range rows {
		key := ""
		for _, c := range op.Partition {
			key += fmt.Sprint(x[c], ",")
		}
		isNew := n[key] == 0 || last[key] != value(x)
		last[key] = value(x)
		n[key]++
		switch {
		case op.Func == "DENSE_RANK" && isNew:
			number[key]++
		case op.Func == "", op.Func == "ROW_NUMBER", op.Func == "RANK" && isNew:
			number[key] = n[key]
		}
		if number[key] < op.From || number[key] > op.To {
			continue
		}
		s := "["
		for i, v := range x {
			if i > 0 {
				s += ","
			}
			if v == nil {
				v = "null"
			}
			s += fmt.Sprint(v)
		}
		if op.Number {
			s += fmt.Sprint(",", number[key])
		}
		out = append(out, s+"]")
	}
	sort.Strings(out)
	return out
}

// BenchmarkRank is the best ten rows of 1,000 partitions, of which few change.
func BenchmarkRank(b *testing.B) {
	in := []row.Field{field("k", bigint.Nullable(false)), field("v", bigint.Nullable(false)), field("s", row.StringType())}
	op := Rank{In: in, Out: in, Partition: []int{0}, Order: byValue, Func: "ROW_NUMBER", From: 1, To: 10, ToColumn: -1}
	r := newRig(b, in, in, func() operator.Node { return op.Node() })
	rnd := rand.New(rand.NewPCG(1, 1))
	var rows []change
	for range batch.MaxRows {
		rows = append(rows, ins(rnd.IntN(1000), rnd.IntN(1000), "some text"))
	}
	for i := range 100 {
		for k := range rows {
			rows[k].values[1] = 1_000_000 + i*1000
		}
		r.push(batch.MaxRows, rows...)
	}
	for k := range rows {
		rows[k].values[1] = k
	}
	all := r.batch(rows)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		r.give(all.Share())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
}
