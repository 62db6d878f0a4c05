package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// timed is a type of event time.
func timed() *row.Type {
	t := *row.TimestampOf(3)
	t.Attribute = row.Rowtime
	return &t
}

var sortIn = []row.Field{field("t", timed()), field("v", row.Of(row.BigInt)), field("s", row.StringType())}

func TestSortByTime(t *testing.T) {
	op := Sort{In: sortIn, Keys: []logical.SortKey{{Column: 0}, {Column: 1, Desc: true}}, Limit: -1}
	r := newRig(t, sortIn, sortIn, func() operator.Node { return op.Node() })
	r.marks = true
	r.push(3, ins(5, 1, "a"), ins(-3, 1, "b"), ins(5, 2, "c"), ins(5, 1, "d"), ins(9, 0, "e"))
	r.mark(5)
	r.push(3, ins(5, 1, "late"), ins(6, nil, "f"))
	r.restart()
	r.push(3, ins(5, 1, "late"), ins(9, 0, "g"))
	r.end()
	r.expect("+I [-3,1,b]", "+I [5,2,c]", "+I [5,1,a]", "+I [5,1,d]", "mark 5", "+I [6,null,f]", "+I [9,0,e]", "+I [9,0,g]", "mark end")
}

func TestSortAtTheEnd(t *testing.T) {
	for seed := range seeds(30) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		op := Sort{In: sortIn, Keys: []logical.SortKey{{Column: 1, NullsLast: rnd.IntN(2) == 0}, {Column: 2, Desc: true}}, Final: true, Limit: -1, Memory: memories[rnd.IntN(3)]}
		if rnd.IntN(2) == 0 {
			op.Offset, op.Limit = rnd.Int64N(3), rnd.Int64N(500)
		}
		r := newRig(t, sortIn, sortIn, func() operator.Node { return op.Node() })
		var rows []change
		for i := range rnd.IntN(20_000) {
			rows = append(rows, ins(i, maybe(rnd, 50), fmt.Sprint(rnd.IntN(9))))
		}
		r.push(batch.MaxRows, rows...)
		if len(r.lines) > 0 {
			t.Fatalf("there is %s before the end", r.lines[0])
		}
		r.end()
		r.closed()
		sort.SliceStable(rows, func(i, j int) bool {
			a, b := rows[i].values, rows[j].values
			if a[1] != b[1] {
				if a[1] == nil || b[1] == nil {
					return (a[1] == nil) != op.Keys[0].NullsLast
				}
				return a[1].(int) < b[1].(int)
			}
			return a[2].(string) > b[2].(string)
		})
		var want []string
		for i, x := range rows {
			if int64(i) < op.Offset || op.Limit >= 0 && int64(i) >= op.Offset+op.Limit {
				continue
			}
			v := fmt.Sprint(x.values[1])
			if x.values[1] == nil {
				v = "null"
			}
			want = append(want, fmt.Sprintf("+I [%d,%s,%s]", x.values[0], v, x.values[2]))
		}
		if got := r.take(); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v: got %d rows, want %d", seed, op, len(got), len(want))
		}
	}
}
