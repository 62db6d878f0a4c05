package exec

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

var joinKinds = []logical.JoinKind{logical.Inner, logical.Left, logical.Right, logical.Full, logical.Semi, logical.Anti}

// joinInput has columns k, v, id.
func joinInput(k *row.Type) []row.Field {
	return []row.Field{joinField("k", k), joinField("v", row.Of(row.BigInt)), joinField("id", row.Of(row.BigInt))}
}

// joinOf is a join by k, of columns k, v, id on both sides.
func joinOf(kind logical.JoinKind, k *row.Type) *Join {
	in := joinInput(k)
	j := &Join{Kind: kind, Left: in, Right: in, LeftKeys: []int{0}, RightKeys: []int{0}, NullSafe: []bool{false}}
	j.Out = joinOut(kind, in, in)
	return j
}

func joinOut(kind logical.JoinKind, left, right []row.Field) (out []row.Field) {
	for _, f := range left {
		out = append(out, joinField(f.Name, f.Type.Nullable(true)))
	}
	if kind != logical.Semi && kind != logical.Anti {
		for _, f := range right {
			out = append(out, joinField(f.Name, f.Type.Nullable(true)))
		}
	}
	return out
}

// joinModel joins rows.
func joinModel(kind logical.JoinKind, left, right [][]int, match func(l, r []int) bool) (rows []string) {
	none := []int{joinNull, joinNull, joinNull}
	if all := slices.Concat(left, right); len(all) > 0 {
		none = slices.Repeat([]int{joinNull}, len(all[0]))
	}
	has := make([]bool, len(right))
	for _, l := range left {
		n := 0
		for i, r := range right {
			if match(l, r) {
				n++
				has[i] = true
				if kind != logical.Semi && kind != logical.Anti {
					rows = append(rows, joinLine(l, r))
				}
			}
		}
		switch {
		case n == 0 && (kind == logical.Left || kind == logical.Full):
			rows = append(rows, joinLine(l, none))
		case kind == logical.Semi && n > 0, kind == logical.Anti && n == 0:
			rows = append(rows, joinLine(l))
		}
	}
	for i, r := range right {
		if !has[i] && (kind == logical.Right || kind == logical.Full) {
			rows = append(rows, joinLine(none, r))
		}
	}
	slices.Sort(rows)
	return rows
}

// joinChangelog is random changes of a side, as a consistent changelog.
type joinChangelog struct {
	rnd      *rand.Rand
	rows     [][]int
	isUnique bool // by id
	id       int
}

func (c *joinChangelog) next(push func(kind row.ChangeKind, r ...int)) {
	value := func(n int) int {
		if c.rnd.IntN(8) == 0 {
			return joinNull
		}
		return c.rnd.IntN(n)
	}
	fresh := func() []int {
		r := []int{value(4), value(3), c.rnd.IntN(2)}
		if c.isUnique {
			c.id++
			r[2] = c.id
		}
		return r
	}
	if len(c.rows) == 0 || c.rnd.IntN(3) == 0 {
		r := fresh()
		c.rows = append(c.rows, r)
		push(row.Insert, r...)
		return
	}
	i := c.rnd.IntN(len(c.rows))
	if c.rnd.IntN(2) == 0 {
		push(row.Delete, c.rows[i]...)
		c.rows = slices.Delete(c.rows, i, i+1)
		return
	}
	push(row.UpdateBefore, c.rows[i]...)
	r := fresh()
	if c.isUnique {
		r[2] = c.rows[i][2]
	}
	c.rows[i] = r
	push(row.UpdateAfter, r...)
}

func TestJoinAgainstModel(t *testing.T) {
	for seed := range seeds(120) {
		for _, kind := range joinKinds {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) { testJoinModel(t, kind, seed) })
		}
	}
}

func testJoinModel(t *testing.T, kind logical.JoinKind, seed uint64) {
	if seed%3 > 0 { // few rows have an index
		defer func(n int) { indexedBytes = n }(indexedBytes)
		indexedBytes = int(seed % 50)
	}
	rnd := rand.New(rand.NewPCG(seed, 7))
	k := row.Of(row.BigInt)
	if seed%2 == 1 {
		k = row.StringType()
	}
	j := joinOf(kind, k)
	left, right := &joinChangelog{rnd: rnd}, &joinChangelog{rnd: rnd}
	if seed&2 != 0 {
		j.LeftUnique, left.isUnique = []int{2}, true
	}
	if seed&4 != 0 {
		j.RightUnique, right.isUnique = []int{2}, true
	}
	hasCond := seed&8 != 0
	if hasCond {
		j.Cond = joinLess(1, 4)
	}
	j.NullSafe[0] = seed%3 == 0
	hasKeys := seed%5 != 0
	if !hasKeys {
		j.LeftKeys, j.RightKeys, j.NullSafe = nil, nil, nil
	}
	match := func(l, r []int) bool {
		if hasKeys && (l[0] != r[0] || l[0] == joinNull && !j.NullSafe[0]) {
			return false
		}
		return !hasCond || l[1] != joinNull && r[1] != joinNull && l[1] < r[1]
	}
	g := newJoinRig(t, j, j.Left, j.Right, []int{1, 3, 1024}[seed%3])
	g.rnd, g.onDisk = rnd, seed%4 == 0
	if !hasKeys {
		g.parallelism = 4
	}
	g.open(nil)
	defer func() { g.close() }()
	var changes []string
	for range rnd.IntN(60) {
		for range rnd.IntN(5) {
			left.next(func(kind row.ChangeKind, r ...int) { g.push(0, kind, r...) })
		}
		for range rnd.IntN(5) {
			right.next(func(kind row.ChangeKind, r ...int) { g.push(1, kind, r...) })
		}
		if rnd.IntN(10) == 0 {
			g.restart()
		}
		changes = append(changes, g.take()...)
		got, want := joinRows(t, changes), joinModel(kind, left.rows, right.rows, match)
		if !slices.Equal(got, want) {
			t.Fatalf("got\n  %s\nwant\n  %s\nof\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), strings.Join(changes, "\n  "))
		}
	}
}

func TestFinalJoinAgainstModel(t *testing.T) {
	for seed := range seeds(60) {
		for _, kind := range joinKinds {
			rnd := rand.New(rand.NewPCG(seed, 8))
			k := row.Of(row.BigInt)
			if seed%2 == 1 {
				k = row.StringType()
			}
			j := joinOf(kind, k)
			j.Final, j.Table, j.Memory = true, TableSide(rnd.IntN(3)), []int64{1, 2000, 0}[rnd.IntN(3)]
			hasCond, most := seed&4 != 0, 30
			if hasCond {
				j.Cond = joinLess(1, 4)
			}
			if seed%10 == 0 {
				most = 200 // more pairs than are looked at together
			}
			j.NullSafe[0] = seed%3 == 0
			g := newJoinRig(t, j, j.Left, j.Right, []int{1, 3, 1024}[seed%3]).open(nil)
			var rows [2][][]int
			for range rnd.IntN(most) {
				s := rnd.IntN(2)
				r := []int{rnd.IntN(3), rnd.IntN(3), rnd.IntN(3)}
				if rnd.IntN(8) == 0 {
					r[rnd.IntN(2)] = joinNull
				}
				rows[s] = append(rows[s], r)
				g.push(s, row.Insert, r...)
			}
			g.expect()
			g.end()
			match := func(l, r []int) bool {
				return l[0] == r[0] && (l[0] != joinNull || j.NullSafe[0]) && (!hasCond || l[1] != joinNull && r[1] != joinNull && l[1] < r[1])
			}
			got, want := joinRows(t, g.take()), joinModel(kind, rows[0], rows[1], match)
			if !slices.Equal(got, want) {
				t.Fatalf("%s, seed %d: got\n  %s\nwant\n  %s", kind, seed, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			g.close()
			if files, _ := filepath.Glob(g.temp.Parent + "/*/*"); len(files) > 0 {
				t.Fatalf("left over: %v", files)
			}
		}
	}
}

// The changes are those of Flink's join, in its order.
func TestJoinChanges(t *testing.T) {
	j := joinOf(logical.Full, row.Of(row.BigInt))
	g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	g.push(0, row.Insert, 1, 10, 1)
	g.expect("+I 1 10 1 null null null")
	g.push(1, row.Insert, 1, 20, 1)
	g.expect("-D 1 10 1 null null null", "+I 1 10 1 1 20 1")
	g.push(1, row.UpdateAfter, 1, 21, 2)
	g.expect("+I 1 10 1 1 21 2")
	g.push(0, row.UpdateBefore, 1, 10, 1)
	g.expect("-D 1 10 1 1 20 1", "+I null null null 1 20 1", "-D 1 10 1 1 21 2", "+I null null null 1 21 2")
	g.push(0, row.UpdateAfter, joinNull, 10, 1)
	g.expect("+I null 10 1 null null null")
	g.push(0, row.Delete, joinNull, 10, 1)
	g.expect("-D null 10 1 null null null")

	j = joinOf(logical.Inner, row.Of(row.BigInt))
	g = newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
	defer g.close()
	g.push(0, row.UpdateAfter, 1, 10, 1)
	g.push(1, row.UpdateAfter, 1, 20, 1)
	g.push(1, row.UpdateBefore, 1, 20, 1)
	g.push(0, row.Delete, 1, 10, 1)
	g.push(1, row.Insert, 1, 20, 1)
	g.push(0, row.Delete, 1, 11, 1) // which was never there
	g.expect("+U 1 10 1 1 20 1", "-U 1 10 1 1 20 1", "-D 1 11 1 1 20 1")
}

// The left side's id is unique, and rows come as +U without -U.
func TestJoinTakesThePlaceOfRows(t *testing.T) {
	for _, unique := range [][]int{{2}, {0}} {
		j := joinOf(logical.Right, row.Of(row.BigInt))
		j.LeftUnique = unique
		g := newJoinRig(t, j, j.Left, j.Right, 1).open(nil)
		g.push(1, row.Insert, 1, 20, 1)
		g.push(0, row.UpdateAfter, 1, 10, 1)
		g.push(0, row.UpdateAfter, 1, 11, 1)
		g.expect("+I null null null 1 20 1", "-D null null null 1 20 1", "+I 1 10 1 1 20 1", "+I 1 11 1 1 20 1")
		g.restart()
		g.push(0, row.Delete, 1, 11, 1)
		g.expect("-D 1 11 1 1 20 1", "+I null null null 1 20 1")
		g.push(1, row.Insert, 1, 21, 2)
		g.expect("+I null null null 1 21 2")
		g.close()
	}
}

func TestJoinForgetsRows(t *testing.T) {
	for _, onDisk := range []bool{false, true} {
		j := joinOf(logical.Left, row.Of(row.BigInt))
		j.LeftTTL, j.RightTTL = 10*time.Second, 5*time.Second
		g := newJoinRig(t, j, j.Left, j.Right, 1)
		g.onDisk = onDisk
		g.open(nil)
		g.push(0, row.Insert, 1, 10, 1)
		g.push(1, row.Insert, 1, 20, 1)
		g.advance(3 * time.Second)
		g.push(1, row.Insert, 1, 21, 2)
		g.take()
		g.advance(2 * time.Second)
		g.restart()
		g.push(0, row.Insert, 1, 11, 2)
		g.expect("+I 1 11 2 1 21 2")
		g.advance(3 * time.Second)
		g.push(0, row.Insert, 1, 12, 3)
		g.expect("+I 1 12 3 null null null")
		g.advance(5 * time.Second) // the first row was last changed at 3 s
		g.push(1, row.Insert, 1, 22, 4)
		g.expect("+I 1 11 2 1 22 4", "-D 1 12 3 null null null", "+I 1 12 3 1 22 4")
		g.advance(20 * time.Second)
		n := g.node.(*join)
		n.keys.backend.Set(0, 1, nil)
		if n.sides[0].rows.Len() != 0 || n.sides[1].rows.Len() != 0 {
			t.Fatal("there are rows left")
		}
		g.close()
	}
}

// A row with many partners is joined in pieces, and the batches stay small.
func TestJoinOfManyPartners(t *testing.T) {
	const n = 10_000
	j := joinOf(logical.Full, row.Of(row.BigInt))
	g := newJoinRig(t, j, j.Left, j.Right, 1024)
	g.rnd = rand.New(rand.NewPCG(1, 1))
	g.open(nil)
	defer g.close()
	for i := range n {
		g.push(1, row.Insert, 1, 20, i)
	}
	g.take()
	g.push(0, row.Insert, 1, 10, 1)
	g.push(0, row.Insert, 1, 10, 2)
	changes := g.take()
	if len(changes) != 3*n {
		t.Fatalf("%d changes", len(changes))
	}
	g.push(0, row.Delete, 1, 10, 1)
	g.push(0, row.Delete, 1, 10, 2)
	if changes = g.take(); len(changes) != 3*n || changes[len(changes)-1] != fmt.Sprintf("+I null null null 1 20 %d", n-1) {
		t.Fatalf("%d changes, the last is %s", len(changes), changes[len(changes)-1])
	}
}

// Many rows of a key come, change and go, in any order.
func TestJoinOfManyRowsThatChange(t *testing.T) {
	const n = 3000
	for _, unique := range []bool{false, true} {
		j := joinOf(logical.Full, row.Of(row.BigInt))
		if unique {
			j.LeftUnique = []int{2}
		}
		g := newJoinRig(t, j, j.Left, j.Right, 1024).open(nil)
		rnd := rand.New(rand.NewPCG(3, 3))
		g.push(1, row.Insert, 1, 0, 0)
		for i := range n {
			g.push(0, row.Insert, 1, 10, i)
		}
		for i, at := range rnd.Perm(n) {
			g.push(0, row.UpdateBefore, 1, 10, at)
			g.push(0, row.UpdateAfter, 1, 1_000_000, at) // is longer
			if i == n/2 {
				g.restart()
			}
		}
		for _, at := range rnd.Perm(n) {
			g.push(0, row.Delete, 1, 1_000_000, at)
		}
		want := []string{"null null null 1 0 0"}
		if got := joinRows(t, g.take()); !slices.Equal(got, want) {
			t.Fatal(got)
		}
		if left := g.node.(*join).sides[0].rows.Len(); left != 0 {
			t.Fatal("rows are left")
		}
		g.close()
	}
}
