package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
)

func newSessionAggregate(w *WindowAggregate) *sessionAggregate {
	n := &sessionAggregate{op: w, set: agg.NewSet(w.In, w.Calls, w.Retract)}
	n.windows, n.processing = newWindows(w.Windowing, w.Instants, w.Zone), w.Processing
	n.time, n.name = w.Time, w.In[w.Time].Name
	n.isLTZ = w.Out[len(w.Out)-1].Type.Kind == row.TimestampLTZ
	n.merge, n.fire = n.join, n.emit
	n.init(w.Out, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// sessionAggregate groups rows by sessions.
type sessionAggregate struct {
	sessions
	op    *WindowAggregate
	set   *agg.Set
	batch batchKeys
	found onlyBatch
	side  *agg.Side
	isLTZ bool
	rows  agg.Rows
	place [1]int32
	acc   [1]agg.Acc
	minus [1]bool
	space []byte
}

func (n *sessionAggregate) Open(ctx *operator.Context) (err error) {
	n.openSessions(ctx, newKeying(ctx, KeyTypes(n.op.In, n.op.Keys), n.op.Keys))
	if n.set.HasSide() {
		if n.side, err = agg.NewSide(n.keys.backend); err != nil {
			return err
		}
		n.set.Bind(n.side)
		n.keys.backend.Add("values", n.side)
	}
	if n.side == nil && !n.op.Retract && n.set.Words()+onlyWords <= 256 {
		if err := n.openOnly(n.set.Words()); err != nil {
			return err
		}
		n.batch.init(n.keys)
	}
	n.rows.Current = func(int) {}
	return n.restoreSessions()
}

func (n *sessionAggregate) Rows(b *batch.Columns, from, to int) int {
	if !n.begin(b) {
		return from
	}
	if n.only != nil {
		n.countLate(n.addBatch(b, from, to))
		n.arm()
		return to
	}
	times := b.Cols[n.time]
	late := int64(0)
	for i := from; i < to; i++ {
		p := b.Row(i)
		n.keys.set(p)
		if !n.addRow(b, times, p) {
			late++
		}
	}
	n.countLate(late)
	n.arm()
	return to
}

// addRow adds a row of the current key to its session. It reports false for one that comes too late.
func (n *sessionAggregate) addRow(b *batch.Columns, times *column.Vector, p int) bool {
	s := n.find(n.timeAt(times, p))
	if s == nil {
		return false
	}
	if s.Acc == nil {
		s.Acc = make([]uint64, n.set.Words())
	}
	n.add(s, b, p)
	return true
}

// add adds a row to a session, or takes it away. A session stays as long as it is, also without rows.
func (n *sessionAggregate) add(s *session, b *batch.Columns, p int) {
	n.place[0], n.acc[0], n.minus[0] = int32(p), &s.Acc[0], isMinus(b.Kind(p))
	if n.minus[0] && *agg.RowsOf(n.acc[0]) == 0 {
		return
	}
	r := &n.rows
	r.Cols, r.Places, r.Accs, r.Minus = b.Cols, n.place[:], n.acc[:], nil
	if n.op.Retract {
		r.Minus = n.minus[:]
	}
	n.enter(s)
	if err := n.set.Update(r); err != nil {
		n.fail(err, &b.Batch, n.op.In)
	}
}

// enter makes the name of a session the current one in the Side.
func (n *sessionAggregate) enter(s *session) {
	if n.side != nil {
		n.space = appendSpace(n.space[:0], 0, int64(s.ID))
		n.side.Namespace(n.space)
	}
}

// join puts a session into an earlier one.
func (n *sessionAggregate) join(into, from *session) {
	n.enter(into)
	if err := n.set.Merge(&into.Acc[0], &from.Acc[0], appendSpace(nil, 0, int64(from.ID))); err != nil {
		n.fail(err, nil, nil)
	}
	if n.side != nil {
		n.enter(from)
		n.side.Forget()
	}
}

// emit gives a session.
func (n *sessionAggregate) emit(s *session) {
	n.enter(s)
	n.acc[0] = &s.Acc[0]
	if *agg.RowsOf(n.acc[0]) > 0 {
		cur := n.out.Cur
		keys, calls := len(n.op.Keys), len(n.op.Calls)
		if keys > 0 {
			n.keys.appendKey(cur.Cols[:keys])
		}
		if err := n.set.Append(&agg.Groups{Accs: n.acc[:], Current: n.rows.Current}, cur.Cols[keys:keys+calls]); err != nil {
			n.fail(err, nil, nil)
		}
		bounds := n.windows.bounds(s.Start, s.End, n.isLTZ)
		appendBound(cur.Cols[keys+calls:], &bounds)
		n.out.EndRow(row.Insert)
	}
	if n.side != nil {
		n.side.Forget()
	}
}
