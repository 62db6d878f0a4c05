package exec

import (
	"bytes"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (r *Rank) Node() operator.Node {
	switch {
	case r.Final:
		return newFinalRank(r)
	case !r.Retract && r.ToColumn < 0 && r.To <= topMax:
		return newTopRank(r)
	}
	n := &rank{op: r}
	n.init(r.Out, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// rank keeps rows by their number in an order, as Flink's AppendOnlyTopNFunction, FastTop1Function and
// RetractableTopNFunction do. Rows that are equal in the order have the numbers in which they came.
//
// If rows are only added, those behind the last number are gone for ever. Where rows are taken away, others move up:
// then all are kept.
//
// What comes out depends on whether the number is part of the rows. If it is, a new row moves those behind it by one:
//
//	1 a       1 a                                           without the number
//	2 b   x   2 x    -U b 2, +U x 2, -U c 3, +U b 3         -D c, +I x
//	3 c       3 b
//
// With an offset it is as with the number, since rows come in by moving.
type rank struct {
	sortedKeys
	op   *Rank
	rows *entries
	ends *keyed.Values[int64] // the last number, where the rows say it
	to   int64                // the last number for the current key
	by   []byte
	row  []byte
}

func (n *rank) Open(ctx *operator.Context) error {
	if err := n.openKeys(ctx, n.op.In, n.op.Order, n.op.Partition); err != nil {
		return err
	}
	b := n.keys.backend
	n.rows = newEntries(b, n.op.In)
	b.Add("rows", n.rows)
	if n.op.ToColumn >= 0 {
		n.ends = keyed.NewValues(b, mustCodec[int64]())
		b.Add("ends", n.ends)
	}
	return n.ready(ctx, n.op.TTL, n.dropKey)
}

func (n *rank) dropKey() {
	n.rows.Drop()
	if n.ends != nil {
		n.ends.Drop()
	}
}

func (n *rank) Rows(b *batch.Columns, from, to int) int {
	n.keys.begin(b)
	n.sort.begin(b)
	now := int64(0)
	if n.expiry.ttl > 0 {
		now = n.task.NowMillis()
		defer n.expiry.arm()
	}
	n.to = n.op.To
	for i := from; i < to; i++ {
		if n.out.Blocked() {
			return i
		}
		p := b.Row(i)
		n.keys.set(p)
		n.by = n.sort.append(n.by[:0], p)
		if n.ends != nil {
			n.to = n.end(b, p)
		}
		if !n.op.Retract && n.isBehind() {
			continue
		}
		n.expiry.changed(now)
		switch kind := b.Kind(p); {
		case !n.op.Retract:
			n.appendRow(b, p)
		case kind == row.Insert || kind == row.UpdateAfter:
			n.add(b, p)
		default:
			n.remove(b, p)
		}
	}
	return to
}

// end is the last number for the current key: what its first row says.
func (n *rank) end(b *batch.Columns, p int) int64 {
	end, fresh := n.ends.Current()
	if fresh {
		*end = wholeNumber(b.Cols[n.op.ToColumn], p)
	}
	return *end
}

// wholeNumber is a value of a column of a whole number; 0 stands for NULL.
func wholeNumber(v *column.Vector, p int) int64 {
	switch {
	case v.IsNull(p):
		return 0
	case column.FormOf(v.Type) == column.FormI64:
		return v.I64[p]
	}
	return int64(v.I32[p])
}

// isBehind reports whether a new row comes behind all numbers.
func (n *rank) isBehind() bool {
	if int64(n.rows.Len()) < n.to {
		return false
	}
	last, ok := n.rows.LastKey()
	return !ok || bytes.Compare(n.by, orderOf(last)) >= 0
}

// isNumbered reports whether the numbers of rows matter to who gets them.
func (n *rank) isNumbered() bool { return n.op.Number || n.op.From > 1 }

// appendRow adds a row where rows are only added: it has a number.
func (n *rank) appendRow(b *batch.Columns, p int) {
	isFull := int64(n.rows.Len()) >= n.to
	isTop := n.op.From == 1 && n.op.To == 1
	if isTop && isFull {
		last, _ := n.rows.LastKey()
		n.emit(row.UpdateBefore, rowOf(last), 1)
	}
	if isFull && !isTop && !n.isNumbered() {
		last, _ := n.rows.LastKey()
		n.emit(row.Delete, rowOf(last), n.to)
	}
	sub := n.rows.add(n.by, b, p)
	switch {
	case isTop && isFull:
		n.emit(row.UpdateAfter, rowOf(sub), 1)
	case n.isNumbered():
		n.shiftDown(sub)
	default:
		n.emit(row.Insert, rowOf(sub), 1)
	}
	if isFull {
		n.dropLast()
	}
}

func (n *rank) dropLast() {
	last, _ := n.rows.LastKey()
	n.row = append(n.row[:0], last...)
	n.rows.Delete(n.row)
}

// shiftDown gives the numbers from a new entry on to the rows that have them now.
func (n *rank) shiftDown(sub []byte) {
	number := int64(0)
	var current []byte
	for s := range n.rows.Ascend(nil) {
		switch {
		case number > n.to || current == nil && number == n.to:
			return
		case current != nil:
			n.emit(row.UpdateBefore, rowOf(s), number)
			n.emit(row.UpdateAfter, rowOf(current), number)
			current = s
		case bytes.Equal(s, sub):
			current = s
		}
		number++
	}
	if current != nil && number <= n.to {
		n.emit(row.Insert, rowOf(current), number)
	}
}

// add adds a row where rows are taken away too.
func (n *rank) add(b *batch.Columns, p int) {
	sub := n.rows.add(n.by, b, p)
	if n.isNumbered() {
		n.shiftDown(sub)
		return
	}
	isIn := false
	number := int64(0)
	for s := range n.rows.Ascend(nil) {
		if number++; number > n.to {
			if isIn {
				n.emit(row.Delete, rowOf(s), n.to)
			}
			break
		}
		isIn = isIn || bytes.Equal(s, sub)
	}
	if isIn {
		n.emit(row.Insert, rowOf(sub), 1)
	}
}

// remove takes a row away, if it is there.
func (n *rank) remove(b *batch.Columns, p int) {
	n.row = n.rows.layout.Append(n.row[:0], b.Cols, p)
	sub, ok := n.rows.find(n.by, n.row)
	if !ok {
		return
	}
	n.row = append(n.row[:0], sub...)
	if n.isNumbered() {
		n.shiftUp(n.row)
	} else {
		n.replace(n.row)
	}
	n.rows.Delete(n.row)
}

// shiftUp gives the numbers from an entry on, which goes, to the rows that have them then.
func (n *rank) shiftUp(sub []byte) {
	number := int64(0)
	var before []byte
	for s := range n.rows.Ascend(nil) {
		switch {
		case number > n.to || before == nil && number == n.to:
			return
		case before != nil:
			n.emit(row.UpdateBefore, rowOf(before), number)
			n.emit(row.UpdateAfter, rowOf(s), number)
			before = s
		case bytes.Equal(s, sub):
			before = s
		}
		number++
	}
	if before != nil && number <= n.to {
		n.emit(row.Delete, rowOf(before), number)
	}
}

// replace gives the row that comes in where an entry goes.
func (n *rank) replace(sub []byte) {
	isIn := false
	number := int64(0)
	for s := range n.rows.Ascend(nil) {
		if number++; number > n.to {
			if isIn {
				n.emit(row.Insert, rowOf(s), n.to)
			}
			return
		}
		if bytes.Equal(s, sub) {
			isIn = true
			n.emit(row.Delete, rowOf(s), number)
		}
	}
}

// emit gives a change of a row with a number, if it is one of those that are asked for.
func (n *rank) emit(kind row.ChangeKind, r []byte, number int64) {
	if number < n.op.From || number > n.to || kind == row.UpdateBefore && !n.op.Before {
		return
	}
	cur := n.out.Cur
	n.rows.decode(r, cur.Cols[:len(n.op.In)])
	if n.op.Number {
		cur.Cols[len(n.op.In)].AppendI64(number)
	}
	n.out.EndRow(kind)
}
