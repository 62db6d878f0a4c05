package exec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

func newSessionTVF(w *WindowTVF) *sessionTVF {
	n := &sessionTVF{op: w}
	n.windows, n.processing = newWindows(w.Windowing, w.In[w.Time].Type.Kind == row.TimestampLTZ, w.Zone), w.Processing
	n.time, n.name = w.Time, w.In[w.Time].Name
	n.isLTZ = w.Out[len(w.In)+2].Type.Kind == row.TimestampLTZ
	n.fire = n.emit
	n.init(w.Out, w.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// sessionTVF keeps rows until their session is complete. They are kept by time, since sessions do not overlap, and
// given in the order in which they came.
type sessionTVF struct {
	sessions
	op    *WindowTVF
	isLTZ bool
	rows  *entries
	by    []byte
	row   []byte
}

func (n *sessionTVF) Open(ctx *operator.Context) error {
	n.openSessions(ctx, newKeying(ctx, KeyTypes(n.op.In, n.op.Partition), n.op.Partition))
	n.rows = newEntries(n.keys.backend, n.op.In)
	n.keys.backend.Add("rows", n.rows)
	return n.restoreSessions()
}

func (n *sessionTVF) Rows(b *batch.Columns, from, to int) int {
	if !n.begin(b) {
		return from
	}
	times := b.Cols[n.time]
	late := int64(0)
	for i := from; i < to; i++ {
		p := b.Row(i)
		n.keys.set(p)
		t := n.timeAt(times, p)
		if n.find(t) == nil {
			late++
			continue
		}
		l := n.state.Change()
		arrival := l.Next
		l.Next++
		n.by = appendTime(n.by[:0], t)
		n.row = append(n.rows.layout.Append(n.row[:0], b.Cols, p), byte(b.Kind(p)))
		n.rows.addAs(n.by, arrival, n.row)
	}
	n.countLate(late)
	n.arm()
	return to
}

// emit gives the rows of a session.
func (n *sessionTVF) emit(s *session) {
	var subs [][]byte
	for sub := range n.rows.Ascend(appendTime(nil, s.Start)) {
		if timeOfEntry(sub) >= s.End {
			break
		}
		subs = append(subs, bytes.Clone(sub))
	}
	slices.SortFunc(subs, func(a, b []byte) int {
		return cmp.Compare(binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:]))
	})
	bounds := n.windows.bounds(s.Start, s.End, n.isLTZ)
	width := len(n.op.In)
	for _, sub := range subs {
		n.rows.Delete(sub)
		r := rowOf(sub)
		cur := n.out.Cur
		n.rows.decode(r, cur.Cols[:width])
		appendBound(cur.Cols[width:], &bounds)
		n.out.EndRow(row.ChangeKind(r[len(r)-1]))
	}
}
