package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// windowInput has columns k, v, start, end.
func windowInput(k *row.Type) []row.Field {
	return []row.Field{joinField("k", k), joinField("v", row.Of(row.BigInt)), joinField("start", timed()), joinField("end", timed())}
}

func windowJoinOf(kind logical.JoinKind, k *row.Type) *WindowJoin {
	in := windowInput(k)
	return &WindowJoin{
		Kind: kind, Left: in, Right: in, LeftKeys: []int{0}, RightKeys: []int{0}, NullSafe: []bool{false},
		LeftStart: 2, LeftEnd: 3, RightStart: 2, RightEnd: 3, Out: joinOut(kind, in, in),
	}
}

func TestWindowJoinAgainstModel(t *testing.T) {
	for seed := range seeds(100) {
		for _, kind := range joinKinds {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) { testWindowJoinModel(t, kind, seed) })
		}
	}
}

func testWindowJoinModel(t *testing.T, kind logical.JoinKind, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	k := row.Of(row.BigInt)
	switch seed % 3 {
	case 1:
		k = row.StringType()
	case 2:
		k.NotNull = true
	}
	j := windowJoinOf(kind, k)
	j.Final = seed%7 == 0
	hasCond := seed&4 != 0
	if hasCond {
		j.Cond = joinLess(1, 5)
	}
	hasKeys := seed%5 != 0
	if !hasKeys {
		j.LeftKeys, j.RightKeys, j.NullSafe = nil, nil, nil
	} else {
		j.NullSafe[0] = seed%2 == 0
	}
	g := newJoinRig(t, j, j.Left, j.Right, []int{1, 3, 1024}[seed/3%3])
	g.rnd, g.onDisk = rnd, seed%4 == 0
	if !hasKeys {
		g.parallelism = 4
	}
	g.open(nil)
	defer func() { g.close() }()
	var rows [2][][]int
	mark := 0
	for range rnd.IntN(100) {
		switch rnd.IntN(10) {
		case 0:
			if !j.Final {
				g.restart()
			}
		case 1:
			mark += rnd.IntN(15)
			g.mark(int64(mark))
			for _, l := range g.lines {
				f := strings.Fields(l)
				if end, err := strconv.Atoi(f[4]); !j.Final && err == nil && end-1 > mark {
					t.Fatalf("%s at %d", l, mark)
				}
			}
		default:
			s := rnd.IntN(2)
			start := max(0, mark-20) + rnd.IntN(30)
			r := []int{rnd.IntN(3), rnd.IntN(3), start / 5 * 5, start/5*5 + 10}
			if rnd.IntN(3) == 0 {
				r[3] -= 5 // another window with the same start
			}
			if rnd.IntN(8) == 0 {
				if i := rnd.IntN(2); i > 0 || !k.NotNull {
					r[i] = joinNull
				}
			}
			if j.Final || r[3]-1 > mark || mark == 0 {
				rows[s] = append(rows[s], r)
			}
			g.push(s, row.Insert, r...)
		}
	}
	g.end()
	match := func(l, r []int) bool {
		return slices.Equal(l[2:], r[2:]) && (!hasKeys || l[0] == r[0] && (l[0] != joinNull || j.NullSafe[0])) &&
			(!hasCond || l[1] != joinNull && r[1] != joinNull && l[1] < r[1])
	}
	got, want := joinRows(t, g.take()), joinModel(kind, rows[0], rows[1], match)
	if !slices.Equal(got, want) {
		t.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	if n, ok := g.node.(*windowJoin); ok && !g.onDisk && n.sides[0].rows.Len()+n.sides[1].rows.Len() > 0 {
		t.Fatal("rows are left")
	}
}

func TestWindowJoinGivesCompleteWindows(t *testing.T) {
	j := windowJoinOf(logical.Full, row.Of(row.BigInt))
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer func() { g.close() }()
	g.push(0, row.Insert, 1, 1, 0, 10)
	g.push(0, row.Insert, 1, 2, 5, 10)
	g.push(1, row.Insert, 1, 3, 0, 10)
	g.push(1, row.Insert, 1, 4, 10, 20)
	g.mark(8)
	g.expect()
	g.restart()
	g.mark(9)
	got := g.take()
	slices.Sort(got)
	if want := []string{"+I 1 1 0 10 1 3 0 10", "+I 1 2 5 10 null null null null"}; !slices.Equal(got, want) {
		t.Fatal(got)
	}
	g.restart()
	g.push(0, row.Insert, 1, 5, 0, 10) // late, also after a restore
	g.mark(19)
	g.expect("+I null null null null 1 4 10 20")
}

func TestWindowJoinOfInstants(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	j := windowJoinOf(logical.Inner, row.Of(row.BigInt))
	j.Instants, j.Zone = true, zone
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	const hour = 3_600_000
	g.push(0, row.Insert, 1, 1, hour, 2*hour) // local times of 0:00 to 1:00 in UTC
	g.push(1, row.Insert, 1, 2, hour, 2*hour)
	g.mark(hour - 2)
	g.expect()
	g.mark(hour - 1)
	g.expect("+I 1 1 3600000 7200000 1 2 3600000 7200000")
}

func TestWindowJoinInProcessingTime(t *testing.T) {
	j := windowJoinOf(logical.Anti, row.Of(row.BigInt))
	j.Processing = true
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	g.push(0, row.Insert, 1, 1, 0, 2000)
	g.push(0, row.Insert, 2, 1, 0, 2000)
	g.push(1, row.Insert, 2, 1, 0, 2000)
	g.advance(999 * time.Millisecond)
	g.expect()
	g.advance(time.Millisecond)
	g.expect("+I 1 1 0 2000")
}

// A window with very many pairs comes in small batches.
func TestWindowJoinOfManyPairs(t *testing.T) {
	j := windowJoinOf(logical.Inner, row.Of(row.BigInt))
	j.Cond = joinLess(1, 5)
	g := newJoinRig(t, j, j.Left, j.Right, 1024).open(nil)
	defer g.close()
	for i := range 150 {
		g.push(0, row.Insert, 1, i, 0, 10)
		g.push(1, row.Insert, 1, i, 0, 10)
	}
	g.mark(9)
	if got := g.take(); len(got) != 150*149/2 {
		t.Fatal(len(got))
	}
}
