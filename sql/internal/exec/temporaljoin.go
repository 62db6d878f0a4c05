package exec

import (
	"slices"
	"sort"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Node makes the operator of a subtask.
func (j *TemporalJoin) Node() operator.Node {
	if j.Processing {
		n := &latestJoin{op: j}
		n.init(j.Out, j.Zone)
		n.TwoColumnInputs.Init(n, &n.out)
		return n
	}
	n := &temporalJoin{op: j}
	n.init(j.Out, j.Zone)
	n.TwoColumnInputs.Init(n, &n.out)
	return n
}

// temporalJoin joins each row of the left side with the version of the right side at its time.
//
//	right  ──●a──────────●b──────▶     versions, by time
//	left   ─────●──●──●──────────▶     wait until the watermark has passed them
//	            a  a  b?                what comes on the right until then may change it
//
// Of the versions that the watermark has passed the last one is kept. One that is deleted is a version without a row. A
// row of the left side that comes too late is joined with what is left of them.
type temporalJoin struct {
	two
	op    *TemporalJoin
	pair  joiner
	left  *joinSide
	right *joinSide // in the order of time; a record's partners are 1, and 0 for a version without a row
	// due is when the first row of a key is to be looked at, and next has that time.
	due  *keyed.Timers[struct{}]
	next *keyed.Values[int64]
	ttl  expiry

	found    pairs   // rows of the left side and their versions
	versions []int32 // of each row of the left side, its place in found, or -1
	changes  pairs
	ofKey    []version
}

// version is a version of the right side's row of the current key.
type version struct {
	time  int64
	at    int   // where its record is
	place int32 // where it is among those decoded, -1 if it is not
}

func (n *temporalJoin) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	n.keys = newKeying(ctx, JoinKeyTypes(j.Left, j.LeftKeys, j.Right, j.RightKeys), j.LeftKeys)
	b := n.keys.backend
	n.left = newJoinSide(joinSideSpec{fields: j.Left, keys: j.LeftKeys, nullSafe: j.NullSafe, timed: true}, n.keys, keyed.NewBytes(b))
	n.right = newJoinSide(joinSideSpec{
		fields: j.Right, keys: j.RightKeys, nullSafe: j.NullSafe, timed: true, counts: true,
	}, n.keys.other(j.RightKeys), keyed.NewBytes(b))
	n.due, n.next = keyed.NewTimers(b, mustCodec[struct{}]()), keyed.NewValues(b, mustCodec[int64]())
	b.Add("left", n.left.rows)
	b.Add("right", n.right.rows)
	b.Add("due", n.due)
	b.Add("next", n.next)
	n.ttl.open(ctx, b, j.TTL.Milliseconds())
	n.pair.init(j.Left, j.Right, j.Cond)
	if err := n.restore(); err != nil {
		return err
	}
	n.ttl.arm()
	return nil
}

// Left keeps rows until the watermark passes them.
func (n *temporalJoin) Left(b *batch.Columns, from, to int) int {
	return n.rows(n.left, b, from, to, n.op.LeftTime, n.op.Left, func(place int, t int64) {
		n.left.add(place, 0, t)
	})
}

// Right keeps versions. The row before an update is none: its time is that of the version that it once was.
func (n *temporalJoin) Right(b *batch.Columns, from, to int) int {
	return n.rows(n.right, b, from, to, n.op.RightTime, n.op.Right, func(place int, t int64) {
		lives := int32(1)
		switch b.Kind(place) {
		case row.UpdateBefore:
			return
		case row.Delete:
			lives = 0
		}
		if !n.right.isLonely(place) {
			n.putVersion(place, t, lives)
		}
	})
}

func (n *temporalJoin) rows(d *joinSide, b *batch.Columns, from, to int, c int, fields []row.Field, keep func(place int, t int64)) int {
	if from == 0 {
		d.begin(b)
		d.rows.Touch(d.keys.hashes)
	}
	now := n.now().Now.UnixMilli()
	for i := from; i < to; i++ {
		place := b.Row(i)
		t := n.timeOf(b.Cols[c], place, fields[c].Name)
		d.keys.set(place)
		keep(place, t)
		n.wait(t)
		n.ttl.changed(now)
	}
	n.ttl.arm()
	return to
}

// putVersion puts the row at a place among the versions of its key, or in the place of the one at that time.
func (n *temporalJoin) putVersion(place int, t int64, lives int32) {
	d := n.right
	rows := d.rows.Get()
	at := 0
	for at < len(rows) {
		_, to := d.next(rows, at)
		switch was := d.time(rows, at); {
		case was < t:
			at = to
			continue
		case was > t:
			to = at
		}
		r := d.encode(place, lives, t)
		d.rows.Put(slices.Concat(rows[:at], r, rows[to:]))
		return
	}
	r := d.encode(place, lives, t)
	d.rows.Append(r)
}

// wait has the current key looked at when the watermark is at a time.
func (n *temporalJoin) wait(t int64) {
	next, fresh := n.next.Current()
	if !fresh {
		if *next <= t {
			return
		}
		n.due.Delete(*next)
	}
	*next = t
	n.due.Set(t, struct{}{})
}

// Watermark joins the rows that it has passed.
func (n *temporalJoin) Watermark(t int64) bool {
	n.noteMark(t)
	if n.out.Blocked() {
		return false
	}
	n.now()
	cols, by := n.pair.side(0)
	n.left.whole(cols, by, ofOwn)
	cols, by = n.pair.side(1)
	for i, c := range n.right.stored {
		cols[c], by[c] = n.right.decoded[i], ofOther
	}
	for i, c := range n.right.keys.at {
		cols[c], by[c] = n.left.keyCols[i], ofKey
	}
	n.reset()
	done := n.due.Fire(t, func(int64, struct{}) bool {
		if n.joinKey(); len(n.versions) >= pairMax {
			n.give()
		}
		return !n.out.Blocked()
	})
	if n.give(); !done {
		return false
	}
	return n.passMark(t)
}

func (n *temporalJoin) reset() {
	n.found.reset()
	n.versions = n.versions[:0]
	n.left.reset()
	n.right.reset()
}

// give gives the rows that have been joined with their versions.
func (n *temporalJoin) give() {
	var yes []bool
	if n.pair.cond != nil {
		yes = n.pair.matches(&n.base, &n.found)
	}
	n.changes.reset()
	for i, k := range n.versions {
		if k >= 0 && (yes == nil || yes[k]) {
			n.changes.add(int32(i), n.found.at[ofOther][k], row.Insert)
		} else if n.op.Kind == logical.Left {
			n.changes.addOwn(int32(i), row.Insert)
		}
	}
	n.pair.emit(&n.out, &n.changes)
	n.reset()
}

// joinKey joins the rows of the current key that the watermark has passed, in order of arrival.
func (n *temporalJoin) joinKey() {
	n.next.Drop()
	n.findVersions()
	d := n.left
	rows, versions := d.rows.Get(), n.right.rows.Get()
	left := d.left[:0]
	next := int64(batch.MaxTime)
	for at := 0; at < len(rows); {
		from, to := d.next(rows, at)
		if t := d.time(rows, at); t <= n.mark {
			d.decodeWhole(rows[from:to])
			n.versions = append(n.versions, n.joinRow(t, versions))
		} else {
			left = append(left, rows[at:to]...)
			next = min(next, t)
		}
		at = to
	}
	if d.left = left; len(left) < len(rows) {
		d.rows.Put(left)
	}
	n.dropVersions()
	if len(left) > 0 {
		n.wait(next)
	}
}

// joinRow joins the row that was decoded last with its version, and returns its place in found, -1 without one.
func (n *temporalJoin) joinRow(t int64, versions []byte) int32 {
	i := sort.Search(len(n.ofKey), func(i int) bool { return n.ofKey[i].time > t }) - 1
	if i < 0 || n.right.partners(versions, n.ofKey[i].at) == 0 {
		return -1
	}
	v := &n.ofKey[i]
	if v.place < 0 {
		from, to := n.right.next(versions, v.at)
		v.place = int32(n.right.count)
		n.right.decode(versions[from:to])
	}
	n.found.add(int32(len(n.versions)), v.place, row.Insert)
	return int32(n.found.len() - 1)
}

// findVersions finds the versions of the current key.
func (n *temporalJoin) findVersions() {
	n.ofKey = n.ofKey[:0]
	rows := n.right.rows.Get()
	for at := 0; at < len(rows); {
		_, to := n.right.next(rows, at)
		n.ofKey = append(n.ofKey, version{n.right.time(rows, at), at, -1})
		at = to
	}
}

// dropVersions drops the versions of the current key before the last one that the watermark has passed.
func (n *temporalJoin) dropVersions() {
	if i := sort.Search(len(n.ofKey), func(i int) bool { return n.ofKey[i].time > n.mark }) - 1; i > 0 {
		n.right.rows.Cut(0, n.ofKey[i].at)
	}
}

// ProcessingTime drops the state of keys that has expired.
func (n *temporalJoin) ProcessingTime(now int64) bool {
	n.ttl.expire(now, func() {
		n.left.rows.Drop()
		n.right.rows.Drop()
		n.next.Drop()
	})
	return true
}

// latestJoin joins each row of the left side with the latest row of the right side that has its key.
type latestJoin struct {
	two
	op *TemporalJoin
	prober
	ttl     expiry
	changes pairs
}

func (n *latestJoin) Open(ctx *operator.Context) error {
	n.Ctx = ctx
	n.open(ctx)
	j := n.op
	n.keys = newKeying(ctx, JoinKeyTypes(j.Left, j.LeftKeys, j.Right, j.RightKeys), j.LeftKeys)
	b := n.keys.backend
	n.sides[0] = newJoinSide(joinSideSpec{fields: j.Left, keys: j.LeftKeys, nullSafe: j.NullSafe}, n.keys, keyed.NewBytes(b))
	n.sides[1] = newJoinSide(joinSideSpec{
		fields: j.Right, keys: j.RightKeys, nullSafe: j.NullSafe, unique: j.RightKeys,
	}, n.keys.other(j.RightKeys), keyed.NewBytes(b))
	b.Add("right", n.sides[1].rows)
	n.ttl.open(ctx, b, j.TTL.Milliseconds())
	n.pair.init(j.Left, j.Right, j.Cond)
	n.decodes = true
	if err := n.restore(); err != nil {
		return err
	}
	n.ttl.arm()
	return nil
}

func (n *latestJoin) Watermark(t int64) bool { return n.passMark(t) }

// Left joins rows.
func (n *latestJoin) Left(b *batch.Columns, from, to int) int {
	n.begin(0, b, from)
	now := n.now().Now.UnixMilli()
	for from < to {
		if n.out.Blocked() {
			return from
		}
		end, _ := n.find(0, b, from, to, nil) // a row has one partner at most
		yes := n.matches(&n.base)
		n.changes.reset()
		k := int32(0)
		for r, last := range n.ends {
			place := b.Row(from + r)
			if k < last {
				n.sides[0].keys.set(place)
				n.ttl.changed(now)
			}
			if k < last && (yes == nil || yes[k]) {
				n.changes.add(int32(place), k, b.Kind(place))
			} else if n.op.Kind == logical.Left {
				n.changes.addOwn(int32(place), b.Kind(place))
			}
			k = last
		}
		n.pair.emit(&n.out, &n.changes)
		from = end
	}
	n.ttl.arm()
	return to
}

// Right keeps the latest rows.
func (n *latestJoin) Right(b *batch.Columns, from, to int) int {
	d := n.sides[1]
	if from == 0 {
		d.begin(b)
		d.rows.Touch(d.keys.hashes)
	}
	now := n.now().Now.UnixMilli()
	for i := from; i < to; i++ {
		place := b.Row(i)
		if d.isLonely(place) {
			continue
		}
		d.keys.set(place)
		if isNew(b.Kind(place)) {
			d.add(place, 0, now)
		} else {
			d.remove(place, now)
		}
		n.ttl.changed(now)
	}
	n.ttl.arm()
	return to
}

// ProcessingTime drops rows that have expired.
func (n *latestJoin) ProcessingTime(now int64) bool {
	n.ttl.expire(now, n.sides[1].rows.Drop)
	return true
}
