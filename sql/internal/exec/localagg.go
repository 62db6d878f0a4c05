package exec

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/agg"
)

// LocalAggregate is the first one of two phases: it stands before rows are dealt out, and gives one row for each key
// of a batch, the key and what the calls have accumulated. A GroupAggregate with Partials is the second one.
type LocalAggregate struct {
	In      []row.Field
	Keys    []int
	Calls   []agg.Call
	Retract bool
}

// Fields are the columns that it gives; ok is false where calls have more to a group than can be sent.
func (l *LocalAggregate) Fields() (fields []row.Field, ok bool) {
	set := agg.NewSet(l.In, l.Calls, l.Retract)
	for _, k := range l.Keys {
		f := l.In[k]
		f.Type = f.Type.Plain()
		fields = append(fields, f)
	}
	return append(fields, set.PartialFields()...), set.HasPartials()
}

// Node makes the operator of a subtask.
func (l *LocalAggregate) Node() operator.Node {
	n := &localAggregate{op: l, set: agg.NewSet(l.In, l.Calls, l.Retract)}
	fields, _ := l.Fields()
	n.init(fields, nil)
	n.ColumnInput.Init(n, &n.out)
	n.batch.init(&keying{key: colcodec.NewKey(KeyTypes(l.In, l.Keys)), at: l.Keys, isLocal: true})
	return n
}

type localAggregate struct {
	stateless
	op    *LocalAggregate
	set   *agg.Set
	batch batchKeys
	words []uint64 // of the groups of a batch
	accs  []agg.Acc
	rows  agg.Rows
	minus []bool
}

func (n *localAggregate) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	if from == 0 {
		n.batch.begin(b)
	}
	n.batch.find(b, from, to)
	n.group(b, from, to)
	if err := n.set.Update(&n.rows); err != nil {
		n.fail(err, &b.Batch, n.op.In)
	}
	out := n.out.Get()
	for i, k := range n.op.Keys {
		out.Cols[i].AppendAll(b.Cols[k], n.batch.firsts)
	}
	n.set.AppendPartials(n.accs, out.Cols[len(n.op.Keys):])
	out.N = len(n.accs)
	n.out.Pass(out)
	return to
}

// group sets the accumulator of each row, which are empty.
func (n *localAggregate) group(b *batch.Columns, from, to int) {
	size := n.set.Words()
	n.words, n.accs = sized(n.words, size*len(n.batch.firsts)), sized(n.accs, len(n.batch.firsts))
	clear(n.words)
	for g := range n.accs {
		n.accs[g] = &n.words[g*size]
	}
	r := &n.rows
	r.Cols, r.Places, r.Accs = b.Cols, sized(r.Places, to-from), sized(r.Accs, to-from)
	for i, g := range n.batch.of {
		r.Places[i], r.Accs[i] = int32(b.Row(from+i)), n.accs[g]
	}
	r.Minus = nil
	if n.op.Retract && b.Kinds != nil {
		n.minus = sized(n.minus, to-from)
		r.Minus = n.minus
		for i, p := range r.Places {
			n.minus[i] = isMinus(b.Kinds[p])
		}
	}
}

// choosePartials sets rows to the partials that count: what is taken away from a group without rows does not.
func (n *groupAggregate) choosePartials(b *batch.Columns, from, to int) {
	r := &n.rows
	r.Places, r.Accs = sized(r.Places, to-from), sized(r.Accs, to-from)
	if !n.op.Retract {
		for i, g := range n.batch.of {
			r.Places[i], r.Accs[i] = int32(b.Row(from+i)), n.accs[g]
		}
		return
	}
	n.counts = sized(n.counts, len(n.accs))
	for g, a := range n.accs {
		n.counts[g] = *agg.RowsOf(a)
	}
	counts := agg.PartialRows(b.Cols[len(n.op.Keys):])
	kept := 0
	for i, g := range n.batch.of {
		p := b.Row(from + i)
		if n.counts[g] == 0 && counts[p] <= 0 {
			continue
		}
		n.counts[g] += counts[p]
		r.Places[kept], r.Accs[kept] = int32(p), n.accs[g]
		kept++
	}
	r.Places, r.Accs = r.Places[:kept], r.Accs[:kept]
}

// update adds the chosen rows, or merges the chosen partials.
func (n *groupAggregate) update(b *batch.Columns) error {
	if n.op.Partials == nil {
		return n.set.Update(&n.rows)
	}
	return n.set.MergePartials(b.Cols[len(n.op.Keys):], n.rows.Places, n.rows.Accs)
}
