package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// keyRows is what operators have that keep rows by key: the rows of a batch are put together by key first, unless each
// is to be seen.
type keyRows struct {
	one
	batch   batchKeys
	layout  *colcodec.Layout
	fields  []row.Field
	keyCols []int
	each    bool
	// run handles the rows [from, to) of a batch, whose keys have been found.
	run func(b *batch.Columns, from, to int)
}

func (n *keyRows) initRows(fields []row.Field, keys []int, each bool) {
	n.fields, n.keyCols, n.each = fields, keys, each
	n.layout = colcodec.NewLayout(types(fields))
	n.init(fields, nil)
}

// openRows prepares the backend, to which states are to be added, and restored.
func (n *keyRows) openRows(ctx *operator.Context) {
	n.Ctx = ctx
	n.open(ctx)
	n.keys = newKeying(ctx, KeyTypes(n.fields, n.keyCols), n.keyCols)
	n.batch.init(n.keys)
}

func (n *keyRows) Watermark(t int64) bool { return n.passMark(t) }

func (n *keyRows) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	if from == 0 { // else the batch is still the same
		n.keys.begin(b)
	}
	n.keys.backend.HoldClock()
	defer n.keys.backend.ReleaseClock()
	if !n.each {
		n.batch.find(b, from, to)
		n.run(b, from, to)
		return to
	}
	for i := from; i < to; i++ {
		n.batch.find(b, i, i+1)
		n.run(b, i, i+1)
	}
	return to
}

// emitKept sends a row that was kept.
func (n *keyRows) emitKept(src []byte, kind row.ChangeKind) {
	if _, err := n.layout.Decode(src, n.out.Cur.Cols); err != nil {
		panic(err) // what was encoded here
	}
	n.out.EndRow(kind)
}

// emitRow sends a row of a batch.
func (n *keyRows) emitRow(cols []*column.Vector, place int32, kind row.ChangeKind) {
	for i, c := range n.out.Cur.Cols {
		c.AppendFrom(cols[i], int(place))
	}
	n.out.EndRow(kind)
}
