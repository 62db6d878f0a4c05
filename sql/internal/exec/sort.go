package exec

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (s *Sort) Node() operator.Node {
	if s.Final {
		n := &finalSort{op: s}
		n.init(s.In, nil)
		n.ColumnInput.Init(n, &n.out)
		n.finish = n.end
		return n
	}
	if s.In[s.Keys[0].Column].Type.Attribute == row.Proctime {
		n := &batchSort{op: s}
		n.init(s.In, nil)
		n.ColumnInput.Init(n, &n.out)
		return n
	}
	n := &timeSort{op: s}
	n.init(s.In, nil)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// finalSort orders all rows at the end.
type finalSort struct {
	one
	op  *Sort
	all *gather
}

func (n *finalSort) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	var err error
	if n.all, err = newGather(ctx, n.op.In, nil, n.op.Keys, n.op.Memory); err == nil && n.op.Limit >= 0 {
		n.all.rows.Keep = max(1, n.op.Offset+n.op.Limit)
	}
	return err
}

// Snapshot fails.
func (n *finalSort) Snapshot(*operator.Snapshot) error { return errFinalSnapshot }

func (n *finalSort) Watermark(t int64) bool { return n.passMark(t) }

func (n *finalSort) Rows(b *batch.Columns, from, to int) int {
	n.all.add(b, from, to)
	return to
}

func (n *finalSort) end() {
	n.all.order()
	for i := int64(0); (n.op.Limit < 0 || i < n.op.Offset+n.op.Limit) && n.all.next(); i++ {
		if i >= n.op.Offset {
			n.all.decode(n.out.Cur.Cols)
			n.out.EndRow(row.Insert)
		}
	}
	n.all.rows.Close()
}

// batchSort orders rows by processing time: they come in that order, and those of a batch have the same.
type batchSort struct {
	stateless
	op   *Sort
	sort *sorting
}

func (n *batchSort) Open(ctx *operator.Context) (err error) {
	if n.sort, err = newSorting(n.op.In, n.op.Keys[1:]); err != nil {
		return err
	}
	return n.stateless.Open(ctx)
}

func (n *batchSort) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	if len(n.op.Keys) == 1 {
		n.passRows(b, from, to, nil)
		return to
	}
	n.sort.begin(b)
	places := make([]int32, 0, to-from)
	by := make(map[int32]string, to-from)
	for i := from; i < to; i++ {
		p := int32(b.Row(i))
		places = append(places, p)
		by[p] = string(n.sort.append(nil, int(p)))
	}
	slices.SortStableFunc(places, func(p, q int32) int { return cmp.Compare(by[p], by[q]) })
	out := n.out.Get()
	out.AppendRows(b, places)
	n.out.Pass(out)
	return to
}

// timeSort orders rows by event time: they wait for the watermark. Rows at or before it are late, and dropped.
type timeSort struct {
	one
	op   *Sort
	sort *sorting
	rows *entries
	by   []byte
	// groups are all with this subtask: they only keep the watermark.
	groups ops.GroupMarks
}

// Snapshot writes the rows.
func (n *timeSort) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.mark)
	return n.base.Snapshot(w)
}

func (n *timeSort) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	if n.sort, err = newSorting(n.op.In, n.op.Keys[1:]); err != nil {
		return err
	}
	n.keys = newKeying(ctx, nil, nil)
	n.rows = newEntries(n.keys.backend, n.op.In)
	n.keys.backend.Add("rows", n.rows)
	if n.mark, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	return n.restore()
}

func (n *timeSort) Rows(b *batch.Columns, from, to int) int {
	n.keys.begin(b)
	n.sort.begin(b)
	times := b.Cols[n.op.Keys[0].Column]
	late := int64(0)
	for i := from; i < to; i++ {
		p := b.Row(i)
		t := n.timeOf(times, p, n.op.In[n.op.Keys[0].Column].Name)
		if t <= n.mark {
			late++
			continue
		}
		n.keys.set(p)
		n.by = n.sort.append(appendTime(n.by[:0], t), p)
		n.rows.add(n.by, b, p)
	}
	n.countLate(late)
	return to
}

// Watermark gives the rows up to it.
func (n *timeSort) Watermark(t int64) bool {
	n.keys.setNone()
	for !n.out.Blocked() {
		sub, ok := n.rows.FirstKey()
		if !ok || timeOfEntry(sub) > t {
			return n.passMark(t)
		}
		n.by = append(n.by[:0], sub...)
		n.rows.Delete(n.by)
		n.rows.decode(rowOf(n.by), n.out.Cur.Cols)
		n.out.EndRow(row.Insert)
	}
	return false
}

// appendTime appends a time so that bytes compare as times do.
func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

// timeOfEntry is the time that a sub-key begins with.
func timeOfEntry(sub []byte) int64 { return int64(binary.BigEndian.Uint64(sub) ^ 1<<63) }
