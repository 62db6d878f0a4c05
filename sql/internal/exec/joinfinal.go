package exec

import (
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

// hashJoin joins two inputs when both have ended. The rows of the right side are in a table by their keys, those with
// one key in a chain; the left side's look up their partners there.
//
//	table  key ──▶ first and last row ──▶ next ──▶ next     in the order in which they came
type hashJoin struct {
	two
	op    *Join
	pair  joiner
	left  []*batch.Columns
	right *column.Batch

	key     *colcodec.Key
	first   keyed.Map[joinChain]
	next    []int32 // the row behind each row of the right side with the same key, -1 for none
	matched []bool  // rows of the right side
	isWord  bool
	words   []uint64
	bytes   []byte
	hashes  []uint64
	cols    []*column.Vector

	found, given pairs
	ends         []int32
}

type joinChain struct{ first, last int32 }

func (n *hashJoin) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	n.key = colcodec.NewKey(JoinKeyTypes(j.Left, j.LeftKeys, j.Right, j.RightKeys))
	n.isWord = n.key.IsWord()
	n.right = column.NewBatch(&row.Schema{Fields: j.Right})
	n.pair.init(j.Left, j.Right, j.Cond)
	return nil
}

func (n *hashJoin) Watermark(t int64) bool { return n.passMark(t) }

// Left keeps rows.
func (n *hashJoin) Left(b *batch.Columns, from, to int) int {
	h := b.Share()
	h.Marks = h.Marks[:0]
	if from > 0 || to < b.Len() {
		h.Keep(rowPlaces(b, from, to))
	}
	n.left = append(n.left, h)
	return to
}

// Right keeps rows.
func (n *hashJoin) Right(b *batch.Columns, from, to int) int {
	places := rowPlaces(b, from, to)
	for c, v := range n.right.Cols {
		v.AppendAll(b.Cols[c], places)
	}
	n.right.N += len(places)
	return to
}

// rowPlaces are the places of the rows from one number up to another.
func rowPlaces(b *batch.Columns, from, to int) []int32 {
	places := make([]int32, 0, to-from)
	for i := from; i < to; i++ {
		places = append(places, int32(b.Row(i)))
	}
	return places
}

func (n *hashJoin) join() {
	n.now()
	n.build()
	left, _ := n.pair.side(0)
	right, by := n.pair.side(1)
	copy(right, n.right.Cols)
	for i := range by {
		by[i] = ofOther
	}
	for _, b := range n.left {
		copy(left, b.Cols)
		n.probe(b)
		b.Release()
	}
	n.left = nil
	if n.op.outer(1) {
		n.rest(left)
	}
}

// prepare computes the keys of n rows.
func (n *hashJoin) prepare(cols []*column.Vector, keys []int, rows int) {
	n.cols = n.cols[:0]
	for _, c := range keys {
		n.cols = append(n.cols, cols[c])
	}
	n.hashes = resized(n.hashes, rows)
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

// build makes the table.
func (n *hashJoin) build() {
	rows := n.right.N
	n.prepare(n.right.Cols, n.op.RightKeys, rows)
	n.next = make([]int32, rows)
	n.matched = make([]bool, rows)
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
}

// partners is the first row of the right side with the key at a place, -1 for none.
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

// probe joins a batch of the left side.
func (n *hashJoin) probe(b *batch.Columns) {
	n.prepare(b.Cols, n.op.LeftKeys, b.N)
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
			n.alone(place, hasPartner)
			hasPartner = false
		}
		n.pair.emit(&n.out, &n.given)
	}
}

// alone gives a row of the left side whose partners are all known.
func (n *hashJoin) alone(place int32, hasPartner bool) {
	isGiven := false
	switch n.op.Kind {
	case logical.Semi:
		isGiven = hasPartner
	case logical.Anti, logical.Left, logical.Full:
		isGiven = !hasPartner
	}
	if isGiven {
		n.given.addOwn(place, row.Insert)
	}
}

// rest gives the rows of the right side without a partner.
func (n *hashJoin) rest(left []*column.Vector) {
	for i, f := range n.op.Left { // without a batch
		left[i] = column.New(f.Type)
	}
	n.given.reset()
	for i, yes := range n.matched {
		if !yes {
			n.given.addOther(-1, int32(i), row.Insert)
		}
	}
	n.pair.emit(&n.out, &n.given)
}
