package exec

import (
	"encoding/binary"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
)

// Node makes the operator of a subtask.
func (d *FirstByTime) Node() operator.Node {
	n := &firstByTime{op: d}
	n.initRows(d.In, d.Keys, false) // what comes of a key between two watermarks is the same in any batches
	n.run = n.keep
	n.ColumnInput.Init(n, &n.out)
	return n
}

// firstByTime has the earliest row of each key wait for the watermark:
//
//	rows of a key   ──○9──●7──○8──────○12──▶
//	watermark       ──────────────7─────────      gives 7; all that comes later is ignored
//
// A row before the watermark is late. One at the watermark is not, and goes with the next one. A row whose time is NULL, as outer
// joins give them, is late too: Flink takes NULL for 1970-01-01, so that what comes of it depends on when the first watermark comes.
type firstByTime struct {
	keyRows
	op      *FirstByTime
	waiting *keyed.Bytes // the row of each key that waits, with its time before it
	due     *keyed.Timers[struct{}]
	given   keySet // of which a row was given
	groups  ops.GroupMarks
	clock   int64

	found []earliest
	buf   []byte
}

// earliest is the earliest row of a key in a batch.
type earliest struct {
	mark  int64 // the watermark of the key's group: rows before it are late
	time  int64
	place int32 // -1 where all rows are late
}

func (n *firstByTime) Open(ctx *operator.Context) (err error) {
	n.openRows(ctx)
	b := n.keys.backend
	n.waiting, n.due = keyed.NewBytes(b), keyed.NewTimers(b, mustCodec[struct{}]())
	b.Add("waiting", n.waiting)
	b.Add("due", n.due)
	n.given = newKeySet(b, "given", n.op.TTL)
	if n.clock, err = n.groups.Restore(ctx); err != nil {
		return err
	}
	return n.restore()
}

// Snapshot writes the rows that wait, the keys whose row was given, and how far the watermark has come.
func (n *firstByTime) Snapshot(w *operator.Snapshot) error {
	n.groups.Snapshot(w, n.task, n.clock)
	return n.base.Snapshot(w)
}

func (n *firstByTime) keep(b *batch.Columns, from, _ int) {
	n.find(b, from)
	n.given.touch(n.batch.hashes)
	n.waiting.Touch(n.batch.hashes)
	for g := range n.found {
		if e := &n.found[g]; e.place >= 0 {
			n.batch.setGroup(g)
			n.meet(b, e)
		}
	}
}

// find finds the earliest row of each key among those of a batch.
func (n *firstByTime) find(b *batch.Columns, from int) {
	n.found = sized(n.found, len(n.batch.firsts))
	for g, hash := range n.batch.hashes {
		n.found[g] = earliest{mark: max(n.groups.Of(hash, n.clock), batch.MinTime+1), place: -1}
	}
	times := b.Cols[n.op.Rowtime]
	late := int64(0)
	for i, g := range n.batch.of {
		p := b.Row(from + i)
		t := int64(batch.MinTime) // of NULL
		if !times.IsNull(p) {
			t = floorMillis(times.I64[p])
		}
		switch e := &n.found[g]; {
		case t < e.mark:
			late++
		case e.place < 0 || t < e.time:
			e.time, e.place = t, int32(p)
		}
	}
	n.countLate(late)
}

// meet compares a row with the one of its key that waits.
func (n *firstByTime) meet(b *batch.Columns, e *earliest) {
	if n.given.has() {
		return
	}
	if was := n.waiting.Get(); was != nil {
		t := int64(binary.LittleEndian.Uint64(was))
		if e.time >= t {
			return
		}
		n.due.Delete(t)
	}
	n.due.Set(e.time, struct{}{})
	n.buf = binary.LittleEndian.AppendUint64(n.buf[:0], uint64(e.time))
	n.buf = n.layout.Append(n.buf, b.Cols, int(e.place))
	n.waiting.Put(n.buf)
}

// Watermark gives the rows up to it.
func (n *firstByTime) Watermark(t int64) bool {
	n.clock = max(n.clock, t)
	n.keys.backend.HoldClock()
	defer n.keys.backend.ReleaseClock()
	done := n.due.Fire(n.clock, func(int64, struct{}) bool {
		n.emitKept(n.waiting.Get()[timeBytes:], row.Insert)
		n.waiting.Drop()
		n.given.add()
		return !n.out.Blocked()
	})
	if !done {
		return false
	}
	n.groups.Reached(n.clock)
	return n.passMark(t)
}
