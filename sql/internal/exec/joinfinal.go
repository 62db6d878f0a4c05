package exec

import (
	"cmp"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

func (j *Join) finalNode() operator.Node {
	n := &hashJoin{op: j}
	n.init(j.Out, j.Zone)
	n.TwoColumnInputs.Init(n, &n.out)
	n.finish = n.join
	return n
}

// hashJoin joins two inputs when both have ended. The rows of one side, the smaller one, are in a table by their keys,
// those with one key in a chain; the other side's look up their partners there.
//
//	table  key ──▶ first and last row ──▶ next ──▶ next     in the order in which they came
//
// When the rows have no room in memory, those of the larger side go to disk (joinspill.go).
type hashJoin struct {
	two
	op   *Join
	pair joiner
	in   [2]joinedSide

	side     int // whose rows are in the table
	expected int // rows of it
	built    *column.Batch
	key      *colcodec.Key
	first    keyed.Map[joinChain]
	next     []int32 // the row behind each row of the table with the same key, -1 for none
	matched  []bool  // rows of the table
	isWord   bool
	words    []uint64
	bytes    []byte
	hashes   []uint64
	cols     []*column.Vector

	found, given pairs
	ends         []int32
	passes       joinPasses
}

type joinChain struct{ first, last int32 }

func (n *hashJoin) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	n.key = colcodec.NewKey(JoinKeyTypes(j.Left, j.LeftKeys, j.Right, j.RightKeys))
	n.isWord = n.key.IsWord()
	n.pair.init(j.Left, j.Right, j.Cond)
	n.in[0] = joinedSide{fields: j.Left, keys: j.LeftKeys}
	n.in[1] = joinedSide{fields: j.Right, keys: j.RightKeys}
	n.openSpill()
	return nil
}

// Snapshot fails.
func (n *hashJoin) Snapshot(*operator.Snapshot) error { return errFinalSnapshot }

func (n *hashJoin) Watermark(t int64) bool { return n.passMark(t) }

// Left keeps rows.
func (n *hashJoin) Left(b *batch.Columns, from, to int) int { return n.keep(0, b, from, to) }

// Right keeps rows.
func (n *hashJoin) Right(b *batch.Columns, from, to int) int { return n.keep(1, b, from, to) }

// rowPlaces are the places of the rows from one number up to another.
func rowPlaces(b *batch.Columns, from, to int) []int32 {
	places := make([]int32, 0, to-from)
	for i := from; i < to; i++ {
		places = append(places, int32(b.Row(i)))
	}
	return places
}

// prepare computes the keys of n rows of a side.
func (n *hashJoin) prepare(cols []*column.Vector, side, rows int) {
	n.cols = n.cols[:0]
	for _, c := range n.in[side].keys {
		n.cols = append(n.cols, cols[c])
	}
	n.hashes = resized(n.hashes, rows)
	if len(n.cols) == 0 {
		clear(n.hashes)
		return
	}
	n.key.Hashes(n.hashes, n.cols)
	if n.isWord {
		n.words = resized(n.words, rows)
		n.key.Words(n.words, n.cols[0])
	}
}

// isLonely reports whether the key at a place equals no other.
func (n *hashJoin) isLonely(place int) bool {
	for i, c := range n.cols {
		if !n.op.NullSafe[i] && c.IsNull(place) {
			return true
		}
	}
	return false
}

// gives reports whether a row of a side is in the result by itself, of which all partners are known.
func (j *Join) gives(side int, hasPartner bool) bool {
	switch j.Kind {
	case logical.Semi:
		return side == 0 && hasPartner
	case logical.Anti:
		return side == 0 && !hasPartner
	}
	return !hasPartner && j.outer(side)
}

// begin empties the table, for a number of rows of a side.
func (n *hashJoin) begin(side, rows int) {
	n.expected = rows
	if n.built != nil && n.side == side {
		n.built.Reset()
		return
	}
	n.side = side
	n.built = column.NewBatch(&row.Schema{Fields: n.in[side].fields})
}

// add adds the rows of a batch to those of the table, and releases it.
func (n *hashJoin) add(b *batch.Columns) {
	if n.built.N == 0 {
		for c, v := range n.built.Cols {
			v.Reserve(b.Cols[c], n.expected)
		}
	}
	if b.Sel == nil {
		for c, v := range n.built.Cols {
			v.AppendRange(b.Cols[c], 0, b.N)
		}
	} else {
		for c, v := range n.built.Cols {
			v.AppendAll(b.Cols[c], b.Sel)
		}
	}
	n.built.N += b.Len()
	b.Release()
}

// build makes the table.
func (n *hashJoin) build() {
	rows := n.built.N
	n.prepare(n.built.Cols, n.side, rows)
	n.first.Clear()
	n.next, n.matched = sized(n.next, rows), sized(n.matched, rows)
	clear(n.matched)
	for i := range rows {
		n.next[i] = -1
		if n.isLonely(i) {
			continue
		}
		var c *joinChain
		var fresh bool
		if n.isWord {
			c, fresh = n.first.Upsert(n.hashes[i], n.words[i])
		} else {
			n.bytes = n.key.Append(n.bytes[:0], n.cols, i)
			c, fresh = n.first.UpsertBytes(n.hashes[i], n.bytes)
		}
		if fresh {
			c.first = int32(i)
		} else {
			n.next[c.last] = int32(i)
		}
		c.last = int32(i)
	}
	cols, by := n.pair.side(n.side)
	copy(cols, n.built.Cols)
	for i := range by {
		by[i] = ofOther
	}
	_, by = n.pair.side(1 - n.side)
	for i := range by {
		by[i] = ofOwn
	}
}

// partners is the first row of the table with the key at a place, -1 for none.
func (n *hashJoin) partners(place int) int32 {
	if n.isLonely(place) {
		return -1
	}
	var c *joinChain
	if n.isWord {
		c = n.first.Get(n.hashes[place], n.words[place])
	} else {
		n.bytes = n.key.Append(n.bytes[:0], n.cols, place)
		c = n.first.GetBytes(n.hashes[place], n.bytes)
	}
	if c == nil {
		return -1
	}
	return c.first
}

// probe joins a batch of the other side, and releases it.
func (n *hashJoin) probe(b *batch.Columns) {
	defer b.Release()
	own, _ := n.pair.side(1 - n.side)
	copy(own, b.Cols)
	n.prepare(b.Cols, 1-n.side, b.N)
	if n.op.isSemi() && n.pair.cond == nil {
		n.probeKeys(b)
		return
	}
	hasPartner := false // the row at work
	for i, at := 0, int32(-2); i < b.Len(); {
		n.found.reset()
		n.ends = n.ends[:0]
		first := i
		for ; i < b.Len() && n.found.len() < pairMax; i++ {
			place := b.Row(i)
			if at == -2 {
				at = n.partners(place)
			}
			for ; at >= 0 && n.found.len() < pairMax; at = n.next[at] {
				n.found.add(int32(place), at, row.Insert)
			}
			n.ends = append(n.ends, int32(n.found.len()))
			if at >= 0 {
				break
			}
			at = -2
		}
		var yes []bool
		if n.pair.cond != nil {
			yes = n.pair.matches(&n.base, &n.found)
		}
		n.given.reset()
		k := int32(0)
		for r, end := range n.ends {
			place := int32(b.Row(first + r))
			for ; k < end; k++ {
				if yes != nil && !yes[k] {
					continue
				}
				hasPartner = true
				other := n.found.at[ofOther][k]
				n.matched[other] = true
				if !n.op.isSemi() {
					n.given.add(place, other, row.Insert)
				}
			}
			if first+r == i { // it has more
				break
			}
			if n.passes.isGiven(n.op, 1-n.side, hasPartner) {
				n.given.addOwn(place, row.Insert)
			}
			hasPartner = false
		}
		n.pair.emit(&n.out, &n.given)
	}
}

// probeKeys is probe for semi and anti joins without a further condition: one partner says it all, so that no pairs are made, of
// which two sides with many rows of a key have very many.
func (n *hashJoin) probeKeys(b *batch.Columns) {
	n.given.reset()
	for i := range b.Len() {
		place := b.Row(i)
		at := n.partners(place)
		hasPartner := at >= 0
		for ; at >= 0 && !n.matched[at]; at = n.next[at] { // rows with one key are matched together
			n.matched[at] = true
		}
		if n.passes.isGiven(n.op, 1-n.side, hasPartner) {
			n.given.addOwn(int32(place), row.Insert)
		}
	}
	n.pair.emit(&n.out, &n.given)
}

// rest gives the rows of the table that are in the result by themselves.
func (n *hashJoin) rest() {
	own, _ := n.pair.side(1 - n.side)
	for i, f := range n.in[1-n.side].fields { // without a batch
		own[i] = column.New(f.Type)
	}
	n.given.reset()
	for i, yes := range n.matched {
		if !n.op.gives(n.side, yes) {
			continue
		}
		if n.given.addOther(-1, int32(i), row.Insert); n.given.len() == pairMax {
			n.pair.emit(&n.out, &n.given)
			n.given.reset()
		}
	}
	n.pair.emit(&n.out, &n.given)
}

// memory is the budget.
func (n *hashJoin) memory() int64 { return cmp.Or(n.op.Memory, DefaultMemory) }
