package exec

import (
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// Node makes the operator of a subtask.
func (a *GroupAggregate) Node() operator.Node {
	n := &groupAggregate{op: a}
	of := a.In
	if a.Partials != nil {
		of = a.Partials.In
	}
	if a.TTL > 0 {
		n.set = agg.NewSet(of, a.Calls, a.Retract)
	} else {
		n.set = agg.NewPlainSet(of, a.Calls, a.Retract)
	}
	n.init(a.Out, nil)
	n.ColumnInput.Init(n, &n.out)
	for _, f := range a.Out[len(a.Keys):] {
		n.values = append(n.values, column.New(f.Type))
	}
	if a.Final {
		n.finish = n.giveAll
	}
	return n
}

// groupAggregate groups rows by keys. The rows of a batch are put together by key first:
//
//	rows ──batchKeys──▶ groups ──groupTable──▶ accumulators ──Set──▶ values before, update, values after ──▶ changes
//
// A group is there while it has rows: with retractions it goes with its last one.
type groupAggregate struct {
	one
	op    *GroupAggregate
	set   *agg.Set
	table groupTable
	side  *agg.Side
	sets  *keyed.Sets // of DISTINCT calls
	batch batchKeys
	ttl   groupTTL
	spill groupSpill

	accs   []agg.Acc // of groups
	fresh  []bool    // groups that nothing was known of
	counts []int64   // rows of groups
	minus  []bool    // memory of rows
	rows   agg.Rows
	rowOf  []int32 // the group of each row of rows

	values        []*column.Vector // of the calls, before and after
	befores       []int32          // places of groups in values, -1 for none
	afters        []int32
	some          []agg.Acc
	someOf        []int32
	changed       []bool
	gone          []int32
	changes       changes
	currentRow    func(i int)
	currentOfSome func(i int)
}

// changes are rows to be sent: where their keys and values are, and what kind they are.
type changes struct {
	keys, values []int32
	kinds        []row.ChangeKind
}

func (n *groupAggregate) Open(ctx *operator.Context) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	n.keys = newKeying(ctx, KeyTypes(n.op.In, n.op.Keys), n.op.Keys)
	n.batch.init(n.keys)
	if n.table, err = newGroupTable(n.keys.backend, n.set.Words()); err != nil {
		return err
	}
	n.keys.backend.Add("groups", n.table)
	if n.set.HasSide() {
		if n.side, err = agg.NewSide(n.keys.backend); err != nil {
			return err
		}
		n.set.Bind(n.side)
		n.keys.backend.Add("values", n.side)
	}
	if n.set.HasMembers() {
		if n.sets, err = keyed.NewSets(n.keys.backend); err != nil {
			return err
		}
		n.set.BindMembers(n.sets)
		n.keys.backend.Add("distinct", n.sets)
	}
	n.openTTL()
	if n.op.Final {
		n.openSpill()
	}
	n.currentRow = func(i int) { n.batch.setGroup(int(n.rowOf[i])) }
	n.currentOfSome = func(i int) { n.batch.setGroup(int(n.someOf[i])) }
	if err := n.restore(); err != nil {
		return err
	}
	n.startTTL()
	return nil
}

func (n *groupAggregate) Watermark(t int64) bool { return n.passMark(t) }

func (n *groupAggregate) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	if from == 0 { // else the batch is still the same
		n.keys.begin(b)
	}
	if n.op.Final {
		n.gather(b, from, to)
		return to
	}
	if !n.op.EachRow {
		n.run(b, from, to)
		return to
	}
	for i := from; i < to; i++ {
		n.run(b, i, i+1)
	}
	return to
}

// run computes rows of a batch and sends what has changed.
func (n *groupAggregate) run(b *batch.Columns, from, to int) {
	n.batch.find(b, from, to)
	groups := len(n.batch.firsts)
	n.accs, n.fresh = sized(n.accs, groups), sized(n.fresh, groups)
	n.table.upsertAll(n.batch.hashes, n.batch.words, n.batch.keys, n.accs, n.fresh)
	n.refresh()
	if n.op.Partials == nil {
		n.choose(b, from, to)
	} else {
		n.choosePartials(b, from, to)
	}
	if !n.op.Final {
		n.valuesBefore()
	}
	if err := n.update(b); err != nil {
		n.fail(err, &b.Batch, n.op.In)
	}
	n.findGone()
	if !n.op.Final {
		n.valuesAfter()
		n.compare()
		n.collect()
		n.send(b)
	}
	n.watch()
	for _, g := range n.gone {
		n.drop(int(g))
	}
}

// choose sets rows to those that count: what is taken away from a group without rows does not.
func (n *groupAggregate) choose(b *batch.Columns, from, to int) {
	r := &n.rows
	r.Cols, r.Current, n.rowOf = b.Cols, n.currentRow, n.batch.of
	r.Places, r.Accs = sized(r.Places, to-from), sized(r.Accs, to-from)
	if !n.op.Retract || b.Kinds == nil {
		r.Minus = nil
		for i, g := range n.batch.of {
			r.Places[i], r.Accs[i] = int32(b.Row(from+i)), n.accs[g]
		}
		return
	}
	n.minus = sized(n.minus, to-from)
	r.Minus = n.minus
	n.counts = sized(n.counts, len(n.accs))
	for g, a := range n.accs {
		n.counts[g] = *agg.RowsOf(a)
	}
	kept := 0
	for i, g := range n.batch.of {
		p := b.Row(from + i)
		minus := isMinus(b.Kinds[p])
		if minus && n.counts[g] == 0 {
			continue
		}
		n.counts[g] += signOf(minus)
		r.Places[kept], r.Accs[kept], r.Minus[kept], n.rowOf[kept] = int32(p), n.accs[g], minus, g
		kept++
	}
	r.Places, r.Accs, r.Minus = r.Places[:kept], r.Accs[:kept], r.Minus[:kept]
}

// isMinus reports whether a change takes a row away.
func isMinus(k row.ChangeKind) bool { return k == row.UpdateBefore || k == row.Delete }

func signOf(minus bool) int64 {
	if minus {
		return -1
	}
	return 1
}

// valuesBefore appends the values of the groups that were there.
func (n *groupAggregate) valuesBefore() {
	for _, v := range n.values {
		v.Reset()
	}
	groups := len(n.accs)
	n.befores, n.some, n.someOf = sized(n.befores, groups), sized(n.some, groups), sized(n.someOf, groups)
	k := 0
	for g, isFresh := range n.fresh {
		if isFresh {
			n.befores[g] = -1
			continue
		}
		n.befores[g], n.some[k], n.someOf[k] = int32(k), n.accs[g], int32(g)
		k++
	}
	n.some = n.some[:k]
	n.appendValues()
}

// valuesAfter appends the values of the groups that are there.
func (n *groupAggregate) valuesAfter() {
	at, groups := len(n.some), len(n.accs)
	n.afters, n.some, n.someOf = sized(n.afters, groups), sized(n.some, groups), sized(n.someOf, groups)
	k := 0
	for g, a := range n.accs {
		if n.op.Retract && *agg.RowsOf(a) == 0 {
			n.afters[g] = -1
			continue
		}
		n.afters[g], n.some[k], n.someOf[k] = int32(at+k), a, int32(g)
		k++
	}
	n.some = n.some[:k]
	n.appendValues()
}

func (n *groupAggregate) appendValues() {
	if err := n.set.Append(&agg.Groups{Accs: n.some, Current: n.currentOfSome}, n.values); err != nil {
		n.fail(err, nil, nil)
	}
}

// findGone finds the groups without rows.
func (n *groupAggregate) findGone() {
	n.gone = n.gone[:0]
	if !n.op.Retract {
		return
	}
	for g, a := range n.accs {
		if *agg.RowsOf(a) == 0 {
			n.gone = append(n.gone, int32(g))
		}
	}
}

func (n *groupAggregate) drop(g int) {
	n.batch.setGroup(g)
	if n.sets != nil && n.set.HasLeft(n.table.lookup()) {
		n.sets.Drop()
	}
	n.table.Drop()
	if n.side != nil {
		n.side.Forget()
	}
}

// compare finds the groups whose values have changed.
func (n *groupAggregate) compare() {
	n.changed = sized(n.changed, len(n.accs))
	for g := range n.changed {
		n.changed[g] = n.op.TTL > 0
	}
	for _, v := range n.values {
		compareValues(v, n.befores, n.afters, n.changed)
	}
}

// compareValues sets changed where values differ, if there are two.
func compareValues(v *column.Vector, befores, afters []int32, changed []bool) {
	if column.FormOf(v.Type) == column.FormI64 && v.Valid == nil {
		values := v.I64
		for g, x := range befores {
			if y := afters[g]; x >= 0 && y >= 0 && values[x] != values[y] {
				changed[g] = true
			}
		}
		return
	}
	for g, x := range befores {
		if y := afters[g]; x >= 0 && y >= 0 && !changed[g] && !column.Same(v, int(x), v, int(y)) {
			changed[g] = true
		}
	}
}

// collect collects the changes.
func (n *groupAggregate) collect() {
	c := &n.changes
	most := 2 * len(n.accs)
	c.keys, c.values, c.kinds = sized(c.keys, most), sized(c.values, most), sized(c.kinds, most)
	k := 0
	add := func(key, value int32, kind row.ChangeKind) {
		c.keys[k], c.values[k], c.kinds[k] = key, value, kind
		k++
	}
	for g, first := range n.batch.firsts {
		before, after := n.befores[g], n.afters[g]
		switch {
		case before < 0 && after < 0:
		case before < 0:
			add(first, after, row.Insert)
		case after < 0:
			add(first, before, row.Delete)
		case n.changed[g] && len(n.values) > 0:
			if n.op.Before {
				add(first, before, row.UpdateBefore)
			}
			add(first, after, row.UpdateAfter)
		}
	}
	c.keys, c.values, c.kinds = c.keys[:k], c.values[:k], c.kinds[:k]
}

// send sends the changes, whose keys are columns of a batch.
func (n *groupAggregate) send(b *batch.Columns) {
	c := &n.changes
	for at := 0; at < len(c.kinds); at += batch.MaxRows {
		end := min(at+batch.MaxRows, len(c.kinds))
		out := n.out.Get()
		for i, k := range n.op.Keys {
			out.Cols[i].AppendAll(b.Cols[k], c.keys[at:end])
		}
		for i, v := range n.values {
			out.Cols[len(n.op.Keys)+i].AppendAll(v, c.values[at:end])
		}
		out.N = end - at
		if slices.ContainsFunc(c.kinds[at:end], func(k row.ChangeKind) bool { return k != row.Insert }) {
			copy(out.KindColumn(), c.kinds[at:end])
		}
		n.out.Pass(out)
	}
}

// emitAll sends the values of all groups, a batch at once. Without keys there is a group even without rows.
func (n *groupAggregate) emitAll() {
	words := n.set.Words()
	copies := make([]uint64, 0, words*batch.MaxRows)
	out := n.out.Get()
	var hashes, keyWords []uint64
	var keys [][]byte
	current := func(i int) { n.keys.backend.Set(hashes[i], keyWords[i], keys[i]) }
	flush := func() {
		n.some = n.some[:0]
		for i := range hashes {
			current(i)
			n.keys.appendKey(out.Cols[:len(n.op.Keys)])
			n.some = append(n.some, &copies[i*words])
		}
		values := out.Cols[len(n.op.Keys):]
		if n.op.GivesPartials {
			n.set.AppendPartials(n.some, values)
		} else if err := n.set.Append(&agg.Groups{Accs: n.some, Current: current}, values); err != nil {
			n.fail(err, nil, nil)
		}
		out.N = len(hashes)
		n.out.Pass(out)
		out = n.out.Get()
		copies, hashes, keyWords, keys = copies[:0], hashes[:0], keyWords[:0], keys[:0]
	}
	n.table.each(func(hash, word uint64, key []byte, a agg.Acc) {
		hashes, keyWords, keys = append(hashes, hash), append(keyWords, word), append(keys, slices.Clone(key))
		copies = append(copies, agg.Words(a, words)...)
		if len(hashes) == batch.MaxRows {
			flush()
		}
	})
	if len(hashes) == 0 && out.N == 0 && n.isAlone() {
		hashes, keyWords, keys = append(hashes, 0), append(keyWords, 0), append(keys, nil)
		copies = append(copies, make([]uint64, words)...)
	}
	if len(hashes) > 0 {
		flush()
	}
	out.Release()
}

// isAlone reports whether the subtask has the group without keys and nothing was added to it.
func (n *groupAggregate) isAlone() bool {
	if !n.batch.isGlobal || n.task.Subtask > 0 {
		return false
	}
	n.keys.backend.Set(0, 0, nil)
	return n.table.lookup() == nil
}

// sized is a slice of n elements, which are unspecified.
func sized[E any](s []E, n int) []E {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]E, n, max(n, batch.MaxRows))
}
