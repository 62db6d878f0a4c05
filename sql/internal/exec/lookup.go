package exec

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// LookupJoin joins each row with the rows that a connector has for its keys now.
type LookupJoin struct {
	Session
	Kind     logical.JoinKind // Inner or Left
	Left     []row.Field
	LeftKeys []int
	Right    []row.Field
	New      func(ctx connect.ReaderContext) (connect.Lookup, error)
	Options  LookupOptions
	Cond     expr.Expr // on the columns of both sides; nil is TRUE
	Out      []row.Field
}

// Node makes the operator of a subtask.
func (l *LookupJoin) Node() operator.Node {
	n := &lookupJoin{op: l}
	if l.Cond != nil {
		n.cond = expr.Compile(l.Cond)
	}
	for _, f := range l.Right {
		n.found = append(n.found, column.New(f.Type))
	}
	n.init(l.Out, l.Zone)
	n.ColumnInput.Init(n, &n.out)
	return n
}

type lookupJoin struct {
	stateless
	op     *LookupJoin
	cond   *expr.Program
	lookup connect.Lookup
	found  []*column.Vector // rows of the right side for those of a batch
	places []int32          // of the left row of each of them
	counts []int            // of each left row
	kept   []bool

	lefts, rights []int32 // the pairs that go out
	kinds         []row.ChangeKind
}

func (n *lookupJoin) Open(ctx *operator.Context) (err error) {
	if err := n.stateless.Open(ctx); err != nil {
		return err
	}
	lookup, err := n.op.New(connect.ReaderContext{
		Context: ctx.Cancelled, Subtask: ctx.Subtask, Parallelism: ctx.Parallelism, Metrics: ctx.Metrics,
		Now: func() time.Time { return ctx.Clock.Now() },
	})
	if err != nil {
		return err
	}
	var keys []row.Field
	for _, k := range n.op.LeftKeys {
		keys = append(keys, n.op.Left[k])
	}
	n.lookup = n.op.Options.layered(lookup, types(keys), types(n.op.Right), lookupEnv{ctx.Cancelled, ctx.Clock})
	return nil
}

func (n *lookupJoin) Close() error {
	if n.lookup == nil {
		return nil
	}
	return n.lookup.Close()
}

func (n *lookupJoin) Rows(b *batch.Columns, from, to int) int {
	if n.out.Blocked() {
		return from
	}
	n.find(b, from, to)
	n.filter(b)
	n.lefts, n.rights, n.kinds = n.lefts[:0], n.rights[:0], n.kinds[:0]
	at := 0
	for i := from; i < to; i++ {
		p := b.Row(i)
		some := false
		for range n.counts[i-from] {
			if n.kept[at] {
				n.pair(b, p, at)
				some = true
			}
			at++
		}
		if !some && n.op.Kind == logical.Left {
			n.pair(b, p, len(n.places)) // the NULLs behind what was found
		}
	}
	n.send(b)
	return to
}

// find looks up the rows of the right side for a run of rows.
func (n *lookupJoin) find(b *batch.Columns, from, to int) {
	for _, v := range n.found {
		v.Reset()
	}
	n.places, n.counts = n.places[:0], n.counts[:0]
	keys := make([]*column.Vector, len(n.op.LeftKeys))
	for i, k := range n.op.LeftKeys {
		keys[i] = b.Cols[k]
	}
	for i := from; i < to; i++ {
		p := b.Row(i)
		count := 0
		if !anyNull(keys, p) {
			var err error
			if count, err = n.lookup.Lookup(keys, p, n.found); err != nil {
				n.task.Fail(fmt.Errorf("look up: %w", err), nil)
			}
		}
		n.counts = append(n.counts, count)
		for range count {
			n.places = append(n.places, int32(p))
		}
	}
}

func anyNull(cols []*column.Vector, place int) bool {
	for _, c := range cols {
		if c.IsNull(place) {
			return true
		}
	}
	return false
}

// filter notes which of the pairs the condition keeps.
func (n *lookupJoin) filter(b *batch.Columns) {
	n.kept = n.kept[:0]
	if n.cond == nil || len(n.places) == 0 {
		for range n.places {
			n.kept = append(n.kept, true)
		}
		return
	}
	pairs := column.Batch{N: len(n.places)}
	for _, v := range b.Cols {
		left := column.New(v.Type)
		left.AppendAll(v, n.places)
		pairs.Cols = append(pairs.Cols, left)
	}
	pairs.Cols = append(pairs.Cols, n.found...)
	v, err := n.cond.Eval(n.now(), &pairs)
	if err != nil {
		n.fail(err, &b.Batch, n.op.Out)
	}
	for i := range n.places {
		n.kept = append(n.kept, v.Bools[i] && v.Valid.Has(i))
	}
}

// pair notes that a row goes out with one of the right side.
func (n *lookupJoin) pair(b *batch.Columns, p, at int) {
	n.lefts, n.rights = append(n.lefts, int32(p)), append(n.rights, int32(at))
	n.kinds = append(n.kinds, b.Kind(p))
}

// send gives the pairs.
func (n *lookupJoin) send(b *batch.Columns) {
	if n.op.Kind == logical.Left {
		for _, v := range n.found {
			v.AppendNull()
		}
	}
	for from := 0; from < len(n.lefts); {
		cur := n.out.Cur
		to := from + n.room(len(n.lefts)-from)
		for c, v := range b.Cols {
			cur.Cols[c].AppendAll(v, n.lefts[from:to])
		}
		for c, v := range n.found {
			cur.Cols[len(b.Cols)+c].AppendAll(v, n.rights[from:to])
		}
		n.endRows(n.kinds[from:to])
		from = to
	}
}
