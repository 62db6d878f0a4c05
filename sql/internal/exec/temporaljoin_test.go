package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

func temporalJoinOf(kind logical.JoinKind, k *row.Type) *TemporalJoin {
	in := timedInput(k)
	return &TemporalJoin{
		Kind: kind, Left: in, Right: in, LeftKeys: []int{0}, RightKeys: []int{0}, NullSafe: []bool{false}, LeftTime: 2, RightTime: 2,
		Out: joinOut(kind, in, in),
	}
}

func TestTemporalJoinAgainstModel(t *testing.T) {
	for seed := range seeds(150) {
		for _, kind := range joinKinds[:2] {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) { testTemporalModel(t, kind, seed) })
		}
	}
}

func testTemporalModel(t *testing.T, kind logical.JoinKind, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 10))
	k := row.Of(row.BigInt)
	if seed%2 == 1 {
		k = row.StringType()
	}
	j := temporalJoinOf(kind, k)
	hasCond := seed&4 != 0
	if hasCond {
		j.Cond = joinLess(1, 4)
	}
	g := newJoinRig(t, j, j.Left, j.Right, []int{1, 3, 1024}[seed%3])
	g.rnd, g.onDisk = rnd, seed%4 == 0
	g.open(nil)
	defer func() { g.close() }()
	var left [][]int
	versions := map[int]map[int][]int{} // by key and time; nil is a row that was deleted
	mark := 0
	for range rnd.IntN(100) {
		key, v, at := rnd.IntN(3), rnd.IntN(3), mark+1+rnd.IntN(20)
		switch rnd.IntN(8) {
		case 0:
			g.restart()
			g.mark(int64(mark))
		case 1, 2:
			mark += rnd.IntN(15)
			g.mark(int64(mark))
		case 3, 4:
			if rnd.IntN(8) == 0 {
				key = joinNull
			}
			left = append(left, []int{key, v, at})
			g.push(0, row.Insert, key, v, at)
		default:
			if versions[key] == nil {
				versions[key] = map[int][]int{}
			}
			if rnd.IntN(4) == 0 {
				versions[key][at] = nil
				g.push(1, row.Delete, key, v, at)
				continue
			}
			versions[key][at] = []int{key, v, at}
			if rnd.IntN(2) == 0 {
				g.push(1, row.UpdateBefore, key, v, at-1)
			}
			g.push(1, []row.ChangeKind{row.Insert, row.UpdateAfter}[rnd.IntN(2)], key, v, at)
		}
	}
	g.end()
	var want []string
	for _, l := range left {
		var r []int
		at := -1
		for t, v := range versions[l[0]] {
			if t <= l[2] && t > at {
				at, r = t, v
			}
		}
		if r != nil && (!hasCond || l[1] < r[1]) {
			want = append(want, joinLine(l, r))
		} else if kind == logical.Left {
			want = append(want, joinLine(l, []int{joinNull, joinNull, joinNull}))
		}
	}
	slices.Sort(want)
	if got := joinRows(t, g.take()); !slices.Equal(got, want) {
		t.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	n := g.node.(*temporalJoin)
	if !g.onDisk && (n.left.rows.Len() > 0 || n.next.Len() > 0) {
		t.Fatal("rows wait")
	}
}

func TestTemporalJoinKeepsOneOldVersion(t *testing.T) {
	j := temporalJoinOf(logical.Left, row.Of(row.BigInt))
	j.TTL = time.Hour
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	for i := range 5 {
		g.push(1, row.UpdateAfter, 1, i, 10*i)
	}
	g.push(0, row.Insert, 1, 7, 25)
	g.mark(24)
	g.expect()
	g.mark(25)
	g.expect("+I 1 7 25 1 2 20")
	g.push(0, row.Insert, 1, 8, 15) // late: its version is gone
	g.push(0, row.Insert, 1, 9, 22)
	g.mark(26)
	g.expect("+I 1 8 15 null null null", "+I 1 9 22 1 2 20")
	g.advance(time.Hour)
	g.push(0, row.Insert, 1, 7, 50)
	g.mark(50)
	g.expect("+I 1 7 50 null null null")
}

func TestLatestJoin(t *testing.T) {
	j := temporalJoinOf(logical.Left, row.Of(row.BigInt))
	j.Processing, j.RightTime, j.TTL = true, -1, time.Minute
	j.Cond = joinLess(1, 4)
	g := newJoinRig(t, j, j.Left, j.Right, 3).open(nil)
	defer g.close()
	g.push(0, row.Insert, 1, 1, 0)
	g.expect("+I 1 1 0 null null null")
	g.push(1, row.Insert, 1, 5, 0)
	g.push(1, row.Insert, 2, 6, 0)
	g.push(1, row.Insert, joinNull, 6, 0)
	g.push(0, row.Insert, 1, 1, 1)
	g.push(0, row.UpdateAfter, 1, 5, 1)
	g.push(0, row.Insert, joinNull, 1, 1)
	g.push(0, row.Insert, 2, 1, 1)
	g.expect("+I 1 1 1 1 5 0", "+U 1 5 1 null null null", "+I null 1 1 null null null", "+I 2 1 1 2 6 0")
	g.restart()
	g.push(1, row.UpdateBefore, 1, 5, 0)
	g.push(1, row.UpdateAfter, 1, 9, 0)
	g.push(1, row.Delete, 2, 6, 0)
	g.push(0, row.Insert, 1, 1, 2)
	g.push(0, row.Insert, 2, 1, 2)
	g.expect("+I 1 1 2 1 9 0", "+I 2 1 2 null null null")
	g.advance(time.Minute)
	g.push(0, row.Insert, 1, 1, 3)
	g.expect("+I 1 1 3 null null null")
}
