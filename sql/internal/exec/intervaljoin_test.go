package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// timedInput has columns k, v, t.
func timedInput(k *row.Type) []row.Field {
	return []row.Field{joinField("k", k), joinField("v", row.Of(row.BigInt)), joinField("t", timed())}
}

func intervalJoinOf(kind logical.JoinKind, k *row.Type, lower, upper int64) *IntervalJoin {
	in := timedInput(k)
	j := &IntervalJoin{
		Kind: kind, Left: in, Right: in, LeftKeys: []int{0}, RightKeys: []int{0}, NullSafe: []bool{false},
		LeftTime: 2, RightTime: 2, Lower: lower, Upper: upper,
	}
	j.Out = joinOut(kind, in, in)
	return j
}

func TestIntervalJoinAgainstModel(t *testing.T) {
	for seed := range seeds(150) {
		for _, kind := range joinKinds[:4] {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) { testIntervalModel(t, kind, seed) })
		}
	}
}

// Rows that are not late are joined whatever the watermarks are, and outer rows come before the watermark that is
// passed on.
func testIntervalModel(t *testing.T, kind logical.JoinKind, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 9))
	k := row.Of(row.BigInt)
	if seed%2 == 1 {
		k = row.StringType()
	}
	lower := int64(rnd.IntN(20) - 10)
	j := intervalJoinOf(kind, k, lower, lower+int64(rnd.IntN(20)))
	hasCond := seed&4 != 0
	if hasCond {
		j.Cond = joinLess(1, 4)
	}
	g := newJoinRig(t, j, j.Left, j.Right, []int{1, 3, 1024}[seed%3])
	g.rnd, g.onDisk = rnd, seed%4 == 0
	g.open(nil)
	defer func() { g.close() }()
	var rows [2][][]int
	mark := 0
	for range rnd.IntN(80) {
		switch rnd.IntN(10) {
		case 0:
			g.restart()
		case 1, 2:
			mark += rnd.IntN(15)
			g.mark(int64(mark))
		default:
			s := rnd.IntN(2)
			r := []int{rnd.IntN(3), rnd.IntN(3), mark + 1 + rnd.IntN(15)}
			if rnd.IntN(8) == 0 {
				r[rnd.IntN(2)] = joinNull
			}
			rows[s] = append(rows[s], r)
			g.push(s, row.Insert, r...)
		}
	}
	g.end()
	if last := g.marks[len(g.marks)-1]; last != batch.MaxTime {
		t.Fatal(last)
	}
	match := func(l, r []int) bool {
		d := int64(r[2] - l[2])
		return l[0] == r[0] && l[0] != joinNull && d >= j.Lower && d <= j.Upper &&
			(!hasCond || l[1] != joinNull && r[1] != joinNull && l[1] < r[1])
	}
	got, want := joinRows(t, g.take()), joinModel(kind, rows[0], rows[1], match)
	if !slices.Equal(got, want) {
		t.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	n := g.node.(*intervalJoin)
	for s, d := range n.sides {
		if at, ok := n.due[s].Next(); ok || !g.onDisk && d.rows.Len() > 0 {
			t.Fatalf("side %d keeps rows, until %d", s, at)
		}
	}
}

func TestIntervalJoinGivesOuterRowsInTime(t *testing.T) {
	j := intervalJoinOf(logical.Full, row.Of(row.BigInt), -5, 10)
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	g.push(0, row.Insert, 1, 1, 100)
	g.push(0, row.Insert, 1, 2, 98) // behind the one before it
	g.push(0, row.Insert, 1, 3, 120)
	g.push(1, row.Insert, 1, 4, 200)
	g.mark(108)
	g.expect()
	g.mark(109)
	g.expect("+I 1 2 98 null null null")
	g.restart()
	g.push(1, row.Insert, 1, 5, 110)
	g.expect("+I 1 1 100 1 5 110")
	g.mark(150)
	g.expect("+I 1 3 120 null null null")
	g.restart()
	g.push(1, row.Insert, 1, 6, 120) // late, its partner is gone
	g.expect("+I null null null 1 6 120")
	g.push(0, row.Insert, 1, 7, 139) // late, and has no partner
	g.expect("+I 1 7 139 null null null")
	g.push(0, row.Insert, 1, 8, 145) // late, and waits
	g.expect()
	g.push(0, row.Insert, joinNull, 9, 145) // has no partner, ever
	g.expect("+I null 9 145 null null null")
	g.mark(204)
	g.expect("+I 1 8 145 null null null")
	g.push(0, row.Insert, 1, 10, 199) // late; the right row at 200 waits still
	g.expect("+I 1 10 199 1 4 200")
	if want := []int64{97, 98, 139, 193}; !slices.Equal(g.marks, want) {
		t.Fatalf("watermarks %v, want %v", g.marks, want)
	}
}

func TestIntervalJoinInProcessingTime(t *testing.T) {
	j := intervalJoinOf(logical.Left, row.Of(row.BigInt), -1000, 2000)
	j.Processing = true
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	g.push(0, row.Insert, 1, 1, joinNull)
	g.push(0, row.Insert, 2, 2, joinNull)
	g.advance(1500 * time.Millisecond)
	g.push(1, row.Insert, 1, 3, joinNull)
	g.expect("+I 1 1 null 1 3 null")
	g.restart()
	g.advance(500 * time.Millisecond)
	g.expect()
	g.advance(time.Millisecond)
	g.expect("+I 2 2 null null null null")
	g.push(0, row.Insert, 1, 4, joinNull)
	g.expect("+I 1 4 null 1 3 null")
	g.advance(500 * time.Millisecond)
	g.push(0, row.Insert, 1, 5, joinNull)
	g.expect()
	g.advance(time.Hour)
	if n := g.node.(*intervalJoin); n.sides[0].rows.Len()+n.sides[1].rows.Len() > 0 {
		t.Fatal("rows are left")
	}
}
