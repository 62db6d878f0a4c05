package exec

import (
	"bytes"
	"math"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Node makes the operator of a subtask.
func (w *WindowRank) Node() operator.Node {
	if w.Final {
		partition := append(append([]int(nil), w.Partition...), w.Start, w.End)
		return newFinalRank(&Rank{
			In: w.In, Partition: partition, Order: w.Order, Func: w.Func, From: w.From, To: w.To, ToColumn: -1, Number: w.Number, Out: w.Out, Memory: w.Memory,
		})
	}
	n := &windowRank{op: w, windows: newWindows(logical.Windowing{}, w.Instants, w.Zone), clock: math.MinInt64}
	if len(w.Order) == 1 && w.From == 1 && w.To == 1 && w.Func == "ROW_NUMBER" {
		o := w.Order[0]
		n.keepLast = o.Desc && w.In[o.Column].Type.Attribute != row.NoAttribute
	}
	n.init(w.Out, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// windowRank keeps the first rows of each window and partition in their order, and gives them when the window is
// complete. A key's rows are those of all of its windows, ordered by window first.
type windowRank struct {
	one
	windowTimes
	op      *WindowRank
	windows *windows
	sort    *sorting
	rows    *entries
	counts  *keyed.Ordered[int64] // rows of each window of a key
	groups  ops.GroupMarks
	clock   int64
	// keepLast says that the last of rows that are equal in the order is the first: as Flink has it where the latest row
	// of a window is asked for.
	keepLast bool
	by       []byte
	scratch  []byte
}

// windowBytes is how long the name of a window is, with which what rows are ordered by begins: its end, then its start.
const windowBytes = 16

func (n *windowRank) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	if n.sort, err = newSorting(n.op.In, n.op.Order); err != nil {
		return err
	}
	n.keys = newKeying(ctx, KeyTypes(n.op.In, n.op.Partition), n.op.Partition)
	b := n.keys.backend
	n.rows = newEntries(b, n.op.In)
	n.counts = keyed.NewOrdered(b, mustCodec[int64]())
	n.windowTimes = newWindowTimes(&n.base, n.op.Processing, n.advance)
	b.Add("rows", n.rows)
	b.Add("counts", n.counts)
	b.Add("timers", n.timers)
	if n.clock, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	if err := n.restore(); err != nil {
		return err
	}
	n.arm()
	return nil
}

// Snapshot writes the rows.
func (n *windowRank) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.clock)
	return n.base.Snapshot(w)
}

func (n *windowRank) Rows(b *batch.Columns, from, to int) int {
	n.keys.begin(b)
	n.sort.begin(b)
	if n.op.Processing && !n.advance(max(n.task.NowMillis(), n.clock+1)-1) {
		return from
	}
	starts, ends := b.Cols[n.op.Start], b.Cols[n.op.End]
	late := int64(0)
	for i := from; i < to; i++ {
		p := b.Row(i)
		end := n.timeOf(ends, p, n.op.In[n.op.End].Name)
		complete := n.windows.complete(end)
		n.keys.set(p)
		if complete <= n.groups.Of(n.keys.backend.Hash, n.clock) {
			late++
			continue
		}
		n.by = appendTime(appendTime(n.by[:0], end), n.timeOf(starts, p, n.op.In[n.op.Start].Name))
		n.by = n.sort.append(n.by, p)
		n.add(b, p, complete)
	}
	n.countLate(late)
	n.arm()
	return to
}

// add adds a row to its window, unless it comes behind all numbers.
func (n *windowRank) add(b *batch.Columns, p int, complete int64) {
	window := n.by[:windowBytes]
	count, ok := n.counts.Get(window)
	if !ok {
		n.timers.Set(complete, struct{}{})
	}
	if n.op.Func != "ROW_NUMBER" || count < n.op.To {
		n.counts.Put(window, count+1)
		n.rows.add(n.by, b, p)
		return
	}
	n.scratch = append(n.scratch[:0], window...)
	for range 2 {
		n.scratch = append(n.scratch, bytes.Repeat([]byte{0xff}, 8)...)
	}
	for last := range n.rows.Descend(n.scratch) {
		if c := bytes.Compare(n.by, orderOf(last)); c > 0 || c == 0 && !n.keepLast {
			return
		}
		n.scratch = append(n.scratch[:0], last...)
		break
	}
	n.rows.Delete(n.scratch)
	n.rows.add(n.by, b, p)
}

// advance gives the windows that are complete at a time.
func (n *windowRank) advance(t int64) bool {
	n.clock = max(n.clock, t)
	n.groups.Reached(n.clock)
	return n.timers.Fire(n.clock, func(at int64, _ struct{}) bool {
		for {
			first, ok := n.counts.FirstKey()
			if !ok || n.windows.complete(timeOfEntry(first)) > at {
				return !n.out.Blocked()
			}
			n.scratch = append(n.scratch[:0], first...)
			n.counts.Delete(n.scratch)
			n.emit(n.scratch)
		}
	})
}

// emit gives the rows of a window of the current key, and drops them.
func (n *windowRank) emit(window []byte) {
	var subs [][]byte
	numbers := numbering{f: n.op.Func}
	for sub := range n.rows.Ascend(window) {
		if !bytes.HasPrefix(sub, window) {
			break
		}
		subs = append(subs, bytes.Clone(sub))
		number := numbers.next(orderOf(sub))
		if number < n.op.From || number > n.op.To {
			continue
		}
		cur := n.out.Cur
		n.rows.decode(rowOf(sub), cur.Cols[:len(n.op.In)])
		if n.op.Number {
			cur.Cols[len(n.op.In)].AppendI64(number)
		}
		n.out.EndRow(row.Insert)
	}
	for _, sub := range subs {
		n.rows.Delete(sub)
	}
}
