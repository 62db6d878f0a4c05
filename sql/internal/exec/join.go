package exec

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Node makes the operator of a subtask.
func (j *Join) Node() operator.Node {
	if j.Final {
		return j.finalNode()
	}
	n := &join{op: j}
	n.init(j.Out, j.Zone)
	n.TwoColumnInputs.Init(n, &n.out)
	return n
}

func (j *Join) isSemi() bool { return j.Kind == logical.Semi || j.Kind == logical.Anti }

// outer reports whether rows of a side without a partner are in the result.
func (j *Join) outer(side int) bool {
	return j.Kind == logical.Full || j.Kind == logical.Left && side == 0 || j.Kind == logical.Right && side == 1
}

// join is a join of two changelogs. Each row looks for its partners among the rows of the other side, as they are,
// and is then kept itself.
//
//	batch ──▶ partners of some rows ──▶ condition, for all pairs at once ──▶ each row: changes, state ──▶ emit
//
// The other side's rows do not change on the way, but for the number of their partners, which is changed in place.
// A row with very many partners is dealt with in pieces; between two of them the operator may wait for room, and no
// other row comes in between.
//
// Rows whose key has a NULL have no partner, ever, and are not kept.
type join struct {
	two
	op *Join
	prober
	expiry   *keyed.Timers[struct{}] // of the keys that have rows, where rows expire
	time     int64                   // of the batch, in milliseconds
	changes  pairs                   // what is given
	matched  int32                   // partners of the row at work so far
	replaces bool                    // it takes the place of a row, whose partners it has
}

func (n *join) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	n.keys = newKeying(ctx, JoinKeyTypes(j.Left, j.LeftKeys, j.Right, j.RightKeys), j.LeftKeys)
	n.sides[0] = newJoinSide(joinSideSpec{
		fields: j.Left, keys: j.LeftKeys, nullSafe: j.NullSafe, unique: j.LeftUnique, counts: j.outer(0) || j.isSemi(), ttl: j.LeftTTL.Milliseconds(),
	}, n.keys, keyed.NewBytes(n.keys.backend))
	n.sides[1] = newJoinSide(joinSideSpec{
		fields: j.Right, keys: j.RightKeys, nullSafe: j.NullSafe, unique: j.RightUnique, counts: j.outer(1), ttl: j.RightTTL.Milliseconds(),
	}, n.keys.other(j.RightKeys), keyed.NewBytes(n.keys.backend))
	n.keys.backend.Add("left", n.sides[0].rows)
	n.keys.backend.Add("right", n.sides[1].rows)
	if n.sides[0].ttl > 0 || n.sides[1].ttl > 0 {
		n.expiry = keyed.NewTimers(n.keys.backend, mustCodec[struct{}]())
		n.keys.backend.Add("expiry", n.expiry)
	}
	n.pair.init(j.Left, j.Right, j.Cond)
	if err := n.restore(); err != nil {
		return err
	}
	n.wake()
	return nil
}

func (n *join) Watermark(t int64) bool { return n.passMark(t) }

func (n *join) Left(b *batch.Columns, from, to int) int { return n.rows(0, b, from, to) }

func (n *join) Right(b *batch.Columns, from, to int) int { return n.rows(1, b, from, to) }

// rows joins rows of a side.
func (n *join) rows(s int, b *batch.Columns, from, to int) int {
	n.begin(s, b, from)
	n.time = n.now().Now.UnixMilli()
	// Of a row of the left side SEMI and ANTI give that row only.
	n.decodes = !n.op.isSemi() || s == 1 || n.pair.cond != nil
	var live func(int, []byte, int) bool
	if other := n.sides[1-s]; other.ttl > 0 {
		live = func(_ int, rows []byte, at int) bool { return other.isLive(rows, at, n.time) }
	}
	for from < to {
		if n.out.Blocked() {
			return from
		}
		end, isWhole := n.find(s, b, from, to, live)
		n.apply(s, b, from, n.matches(&n.base), isWhole)
		n.pair.emit(&n.out, &n.changes)
		from = end
	}
	return to
}

// apply makes the changes of the rows whose partners were found, and keeps them.
func (n *join) apply(s int, b *batch.Columns, from int, yes []bool, isWhole bool) {
	n.changes.reset()
	k := int32(0)
	for r, end := range n.ends {
		place := b.Row(from + r)
		kind := b.Kind(place)
		if n.op.isSemi() {
			n.semi(s, place, kind, k, end, yes)
		} else {
			n.regular(s, place, kind, k, end, yes)
		}
		k = end
		if r == len(n.ends)-1 && !isWhole {
			return
		}
		n.alone(s, place, kind)
		n.keep(s, place, kind)
		n.matched = 0
	}
}

func isNew(kind row.ChangeKind) bool { return kind == row.Insert || kind == row.UpdateAfter }

// regular makes the changes of a row of which pairs from k up to end were found. With an outer side they are +I and
// -D, else those of the row.
func (n *join) regular(s int, place int, kind row.ChangeKind, k, end int32, yes []bool) {
	other := n.sides[1-s]
	counts, given := other.counts, kind
	switch {
	case isNew(kind) && (counts || n.op.outer(s)):
		given = row.Insert
	case !isNew(kind) && n.op.outer(s):
		given = row.Delete
	}
	var rows []byte
	for ; k < end; k++ {
		if yes != nil && !yes[k] {
			continue
		}
		n.matched++
		if !counts {
			n.changes.add(int32(place), k, given)
			continue
		}
		if rows == nil {
			rows = n.counted(s, place, kind)
		}
		was, is := n.count(other, rows, k, kind)
		if was == 0 && is == 1 && isNew(kind) {
			n.changes.addOther(int32(place), k, row.Delete)
		}
		n.changes.add(int32(place), k, given)
		if is == 0 && !isNew(kind) {
			n.changes.addOther(int32(place), k, row.Insert)
		}
	}
}

// semi is regular for SEMI and ANTI: rows of the left side are given themselves, those of the right side make rows
// of the left side come and go.
func (n *join) semi(s int, place int, kind row.ChangeKind, k, end int32, yes []bool) {
	other := n.sides[1-s]
	comes, goes := kind, kind
	if n.op.Kind == logical.Anti {
		comes, goes = row.Delete, row.Insert
	}
	var rows []byte
	for ; k < end; k++ {
		if yes != nil && !yes[k] {
			continue
		}
		n.matched++
		if s == 0 {
			continue
		}
		if rows == nil {
			rows = n.counted(s, place, kind)
		}
		switch was, is := n.count(other, rows, k, kind); {
		case isNew(kind) && was == 0 && is == 1:
			n.changes.addOther(int32(place), k, comes)
		case !isNew(kind) && is == 0:
			n.changes.addOther(int32(place), k, goes)
		}
	}
}

// counted is the rows of the other side with the key of the row at a place, whose partners are going to change.
func (n *join) counted(s, place int, kind row.ChangeKind) []byte {
	own := n.sides[s]
	own.keys.set(place)
	if n.matched == 1 {
		n.replaces = isNew(kind) && (own.isSingle || own.isUnique) && own.has(place, n.time)
	}
	return n.sides[1-s].rows.Change()
}

// count counts a row as a partner of the other row of pair k. One that takes the place of a row has been counted.
func (n *join) count(other *joinSide, rows []byte, k int32, kind row.ChangeKind) (was, is int32) {
	at := int(n.at[k])
	was = other.partners(rows, at)
	switch is = was; {
	case !isNew(kind):
		is--
	case was == 0 || !n.replaces:
		is++
	}
	other.setPartners(rows, at, is, n.time)
	return was, is
}

// alone gives a row whose partners are all known.
func (n *join) alone(s, place int, kind row.ChangeKind) {
	switch {
	case n.op.isSemi():
		if s == 0 && (n.matched > 0) == (n.op.Kind == logical.Semi) {
			n.changes.addOwn(int32(place), kind)
		}
	case n.matched > 0 || !n.op.outer(s):
	case isNew(kind):
		n.changes.addOwn(int32(place), row.Insert)
	default:
		n.changes.addOwn(int32(place), row.Delete)
	}
}

// keep keeps a row, or takes it away.
func (n *join) keep(s, place int, kind row.ChangeKind) {
	own := n.sides[s]
	if own.isLonely(place) {
		return
	}
	own.keys.set(place)
	if !isNew(kind) {
		own.remove(place, n.time)
		return
	}
	if fresh := own.add(place, n.matched, n.time); fresh && own.ttl > 0 {
		n.expiry.Set(n.time+own.ttl, struct{}{})
		n.wake()
	}
}

// ProcessingTime drops rows that have expired. They take part in nothing before, so that nobody sees when.
func (n *join) ProcessingTime(now int64) bool {
	n.expiry.Fire(now, func(int64, struct{}) bool {
		for _, d := range n.sides {
			if next, ok := d.expire(now); ok {
				n.expiry.Set(next, struct{}{})
			}
		}
		return true
	})
	n.wake()
	return true
}

// wake asks to be called when the next row expires.
func (n *join) wake() {
	if n.expiry == nil {
		return
	}
	if at, ok := n.expiry.Next(); ok {
		n.task.WakeAt(at)
	}
}
