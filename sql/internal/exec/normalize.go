package exec

import (
	"bytes"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (o *Normalize) Node() operator.Node {
	n := &normalize{op: o}
	n.initRows(o.In, o.Keys, o.EachRow)
	n.run = n.keep
	n.ColumnInput.Init(n, &n.out)
	return n
}

// normalize keeps the last row of each key. Of a batch the last change of each key counts.
type normalize struct {
	keyRows
	op    *Normalize
	rows  keptRows
	lasts []int32
	buf   []byte
}

func (n *normalize) Open(ctx *operator.Context) error {
	n.openRows(ctx)
	n.rows = newKeptRows(n.keys.backend, n.op.TTL)
	return n.restore()
}

func (n *normalize) keep(b *batch.Columns, from, _ int) {
	n.lasts = sized(n.lasts, len(n.batch.firsts))
	for i, g := range n.batch.of {
		n.lasts[g] = int32(b.Row(from + i))
	}
	n.rows.touch(n.batch.hashes)
	for g, p := range n.lasts {
		n.batch.setGroup(g)
		n.meet(b, p)
	}
}

// meet compares a change with the row of its key.
func (n *normalize) meet(b *batch.Columns, p int32) {
	was := n.rows.lookup()
	if isMinus(b.Kind(int(p))) {
		if was != nil {
			n.emitKept(was, row.Delete) // the change may have the key only
			n.rows.drop()
		}
		return
	}
	n.buf = n.layout.Append(n.buf[:0], b.Cols, int(p))
	switch {
	case was == nil:
		n.emitRow(b.Cols, p, row.Insert)
	case n.op.TTL == 0 && bytes.Equal(was, n.buf):
		return
	default:
		if n.op.Before {
			n.emitKept(was, row.UpdateBefore)
		}
		n.emitRow(b.Cols, p, row.UpdateAfter)
	}
	n.rows.put(n.buf)
}
