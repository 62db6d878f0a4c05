package exec

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (o *Materialize) Node() operator.Node {
	n := &materializer{op: o}
	n.initRows(o.In, o.Keys, o.EachRow)
	n.run = n.keep
	n.ColumnInput.Init(n, &n.out)
	return n
}

// materializer keeps the rows of each primary key of a sink in the order in which they came: two rows of the query may
// have the same one, and changes of different keys of the query may come in any order. The sink gets the last row.
//
//	+U k 2    rows 1 2    +U k 2
//	-U k 1    rows 2      nothing
//
// The state is the rows, each with its number of bytes before it.
type materializer struct {
	keyRows
	op   *Materialize
	rows keptRows

	buf    []byte
	record []byte // buf with its length
	lasts  []byte // the last rows of keys before the batch
	ends   []int  // of those, -1 for none
	met    []bool
	start  []int
}

func (n *materializer) Open(ctx *operator.Context) error {
	n.openRows(ctx)
	n.rows = newKeptRows(n.keys.backend, n.op.TTL)
	return n.restore()
}

func (n *materializer) keep(b *batch.Columns, from, _ int) {
	groups := len(n.batch.firsts)
	n.met, n.start, n.ends = sized(n.met, groups), sized(n.start, groups), sized(n.ends, groups)
	clear(n.met)
	n.lasts = n.lasts[:0]
	for i, g := range n.batch.of {
		n.batch.setGroup(int(g))
		if !n.met[g] {
			n.met[g] = true
			n.start[g], n.ends[g] = len(n.lasts), -1
			if rows := n.rows.lookup(); rows != nil {
				n.lasts = append(n.lasts, lastRow(rows)...)
				n.ends[g] = len(n.lasts)
			}
		}
		p := b.Row(from + i)
		n.buf = n.layout.Append(n.buf[:0], b.Cols, p)
		if isMinus(b.Kind(p)) {
			n.remove()
			continue
		}
		n.record = append(binary.AppendUvarint(n.record[:0], uint64(len(n.buf))), n.buf...)
		n.rows.append(n.record)
	}
	for g := range groups {
		n.batch.setGroup(g)
		var was []byte
		if n.ends[g] >= 0 {
			was = n.lasts[n.start[g]:n.ends[g]]
		}
		n.emit(was)
	}
}

// emit sends the last row of the current key, if it is another one than before.
func (n *materializer) emit(was []byte) {
	rows := n.rows.lookup()
	switch {
	case rows == nil:
		if was != nil {
			n.emitKept(was, row.Delete)
		}
	case was == nil:
		n.emitKept(lastRow(rows), row.Insert)
	default:
		if last := lastRow(rows); !bytes.Equal(last, was) {
			n.emitKept(last, row.UpdateAfter)
		}
	}
}

// remove removes the first row that is the same as the one in buf. One that is not there is passed over.
func (n *materializer) remove() {
	rows := n.rows.lookup()
	for at := 0; at < len(rows); {
		r, end := rowAt(rows, at)
		if !bytes.Equal(r, n.buf) {
			at = end
			continue
		}
		if len(rows) == end-at {
			n.rows.drop()
			return
		}
		n.rows.cut(at, end)
		return
	}
}

// rowAt is the row at an offset, and where the next one is.
func rowAt(rows []byte, at int) (r []byte, end int) {
	n, used := binary.Uvarint(rows[at:])
	at += used
	return rows[at : at+int(n)], at + int(n)
}

// lastRow is the last of some rows.
func lastRow(rows []byte) (r []byte) {
	for at := 0; at < len(rows); {
		r, at = rowAt(rows, at)
	}
	return r
}
