package exec

import (
	"math/rand/v2"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Shuffle hands on rows in another order where none is defined: those of a batch that have no watermark between
// them. Rows with equal Keys stay in order. It stands behind sources in tests of queries whose result must not
// depend on such an order.
type Shuffle struct {
	In   []row.Field
	Keys []int // nil where all rows are new ones
	Seed uint64
}

// Node makes the operator of a subtask.
func (s *Shuffle) Node() operator.Node {
	n := &shuffle{op: s, key: colcodec.NewKey(KeyTypes(s.In, s.Keys)), random: rand.New(rand.NewPCG(s.Seed, 0))}
	n.init(s.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

type shuffle struct {
	stateless
	op     *Shuffle
	key    *colcodec.Key
	random *rand.Rand
}

func (n *shuffle) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	places := make([]int32, to-from)
	for i := range places {
		places[i] = int32(b.Row(from + i))
	}
	n.random.Shuffle(len(places), func(i, k int) { places[i], places[k] = places[k], places[i] })
	if n.op.Keys != nil {
		n.orderKeys(b, from, places)
	}
	out := n.out.Get()
	out.AppendRows(b, places)
	n.out.Pass(out)
	return to
}

// orderKeys puts rows of the same key back in order, among the places that they have come to.
func (n *shuffle) orderKeys(b *batch.Columns, from int, places []int32) {
	var cols []*column.Vector
	for _, c := range n.op.Keys {
		cols = append(cols, b.Cols[c])
	}
	hashes := make([]uint64, b.N)
	n.key.Hashes(hashes, cols)
	rows := map[uint64][]int32{}
	for i := range places {
		p := b.Row(from + i)
		rows[hashes[p]] = append(rows[hashes[p]], int32(p))
	}
	for i, p := range places {
		h := hashes[p]
		places[i], rows[h] = rows[h][0], rows[h][1:]
	}
}
