package exec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (d *Deduplicate) Node() operator.Node {
	if !d.Last && d.Rowtime < 0 {
		n := &firstRows{op: d}
		n.initRows(d.In, d.Keys, false) // the first row is the same in any batches
		n.run = n.keep
		n.ColumnInput.Init(n, &n.out)
		return n
	}
	n := &deduplicate{op: d}
	n.initRows(d.In, d.Keys, d.EachRow)
	n.run = n.keep
	n.ColumnInput.Init(n, &n.out)
	return n
}

// firstRows passes the first row of each key on that comes.
type firstRows struct {
	keyRows
	op   *Deduplicate
	seen keySet

	found []*struct{}
	fresh []bool
	sel   []int32
}

func (n *firstRows) Open(ctx *operator.Context) error {
	n.openRows(ctx)
	n.seen = newKeySet(n.keys.backend, "rows", n.op.TTL)
	return n.restore()
}

func (n *firstRows) keep(b *batch.Columns, _, _ int) {
	groups := len(n.batch.firsts)
	n.fresh, n.found = sized(n.fresh, groups), sized(n.found, groups)
	switch {
	case n.seen.timed != nil:
		for g := range n.fresh {
			n.batch.setGroup(g)
			if n.fresh[g] = !n.seen.has(); n.fresh[g] {
				n.seen.add() // its time is that of the first row
			}
		}
	case n.keys.key.IsWord():
		n.seen.plain.UpsertAll(n.batch.hashes, n.batch.words, n.found, n.fresh)
	default:
		n.seen.plain.UpsertAllBytes(n.batch.hashes, n.batch.keys, n.found, n.fresh)
	}
	n.sel = n.sel[:0]
	for g, isFresh := range n.fresh {
		if isFresh {
			n.sel = append(n.sel, n.batch.firsts[g])
		}
	}
	if len(n.sel) > 0 {
		n.passRows(b, 0, b.Len(), n.sel)
	}
}

// deduplicate keeps the last row of each key, or the first or the last one by a column of time. The state has the row,
// with its time before it.
type deduplicate struct {
	keyRows
	op      *Deduplicate
	rows    keptRows
	winners []int32
	buf     []byte
}

func (n *deduplicate) Open(ctx *operator.Context) error {
	n.openRows(ctx)
	n.rows = newKeptRows(n.keys.backend, n.op.TTL)
	return n.restore()
}

const timeBytes = 8

func (n *deduplicate) keep(b *batch.Columns, from, to int) {
	groups := len(n.batch.firsts)
	n.winners = sized(n.winners, groups)
	copy(n.winners, n.batch.firsts)
	var times *column.Vector
	if n.op.Rowtime >= 0 {
		times = b.Cols[n.op.Rowtime]
	}
	for i, g := range n.batch.of {
		p := int32(b.Row(from + i))
		if times != nil && times.IsNull(int(p)) {
			n.fail(fmt.Errorf("the time %s of a row is NULL, and rows are kept by it", n.fields[n.op.Rowtime].Name), &b.Batch, n.fields)
		}
		if times == nil || n.isBetter(times.I64[p], times.I64[n.winners[g]]) {
			n.winners[g] = p
		}
	}
	n.rows.touch(n.batch.hashes)
	for g, p := range n.winners {
		n.batch.setGroup(g)
		n.meet(b, times, p)
	}
}

// isBetter reports whether a row takes the place of one that came before, by their times.
func (n *deduplicate) isBetter(t, was int64) bool {
	if n.op.Last {
		return t >= was
	}
	return t < was
}

// meet compares a row with that of its key.
func (n *deduplicate) meet(b *batch.Columns, times *column.Vector, p int32) {
	was := n.rows.lookup()
	t := int64(0)
	if times != nil {
		t = times.I64[p]
		if was != nil && !n.isBetter(t, int64(binary.LittleEndian.Uint64(was))) {
			return
		}
	}
	n.buf = binary.LittleEndian.AppendUint64(n.buf[:0], uint64(t))
	n.buf = n.layout.Append(n.buf, b.Cols, int(p))
	switch {
	case was == nil:
		n.emitRow(b.Cols, p, row.Insert)
	case times == nil && n.op.TTL == 0 && bytes.Equal(was, n.buf):
		return
	default:
		if n.op.Before {
			n.emitKept(was[timeBytes:], row.UpdateBefore)
		}
		n.emitRow(b.Cols, p, row.UpdateAfter)
	}
	n.rows.put(n.buf)
}
