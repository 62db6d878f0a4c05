package exec

import (
	"fmt"

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
	// Found makes rows of Right of those that are looked up: it filters and computes. nil is that they are the same.
	Found *Calc
	Lookups
	Options LookupOptions
	Cond    expr.Expr // on the columns of both sides; nil is TRUE
	Out     []row.Field
}

// Lookups are the ways in which a connector looks rows up, nil where it cannot.
type Lookups struct {
	New      func(ctx connect.ReaderContext) (connect.Lookup, error)
	NewAsync func(ctx connect.ReaderContext) (connect.AsyncLookup, error)
	// Scan gives a source of the table, for LookupOptions.Full: keys and project say where it has the columns that are
	// compared and those of Right.
	Scan func() (s connect.ColumnSource, keys, project []int)
}

// None reports whether there is no way.
func (l *Lookups) None() bool { return l.New == nil && l.NewAsync == nil && l.Scan == nil }

// Node makes the operator of a subtask.
func (l *LookupJoin) Node() operator.Node {
	if l.Options.Async.Capacity > 0 {
		return newAsyncLookupJoin(l)
	}
	n := &lookupJoin{}
	n.prepare(l)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// prepare makes what does not depend on the subtask.
func (n *lookupJoin) prepare(l *LookupJoin) {
	n.op = l
	if l.Cond != nil {
		n.cond = expr.Compile(l.Cond)
	}
	n.found = newVectors(l.lookedUp())
	n.rows = n.found
	if l.Found != nil {
		n.rows = newVectors(l.Right)
		n.side = newLookupSide(l.Found)
	}
	n.init(l.Out, l.Zone)
}

// lookedUp are the columns that the connector gives.
func (l *LookupJoin) lookedUp() []row.Field {
	if l.Found != nil {
		return l.Found.In
	}
	return l.Right
}

func newVectors(fields []row.Field) []*column.Vector {
	vs := make([]*column.Vector, len(fields))
	for i, f := range fields {
		vs[i] = column.New(f.Type)
	}
	return vs
}

type lookupJoin struct {
	stateless
	op     *LookupJoin
	cond   *expr.Program
	lookup connect.Lookup
	found  []*column.Vector // what is looked up for the rows of a batch
	side   *lookupSide      // makes rows of it; nil where rows is found
	rows   []*column.Vector // rows of the right side
	places []int32          // of the left row of each of them
	counts []int            // of each left row
	kept   []bool

	lefts, rights []int32 // the pairs that go out
	kinds         []row.ChangeKind
}

func (n *lookupJoin) Open(ctx *operator.Context) error {
	if err := n.stateless.Open(ctx); err != nil {
		return err
	}
	env := &lookupEnv{ctx.Cancelled, ctx.Clock}
	lookup, err := n.op.lookup(ctx, env)
	if err != nil {
		return err
	}
	n.lookup = n.op.Options.cached(n.op.Options.retried(lookup, env), n.op, env)
	return nil
}

// lookup makes a lookup for one goroutine at a time.
func (l *LookupJoin) lookup(ctx *operator.Context, env *lookupEnv) (connect.Lookup, error) {
	if l.Options.Full.Reload != ReloadNever {
		return newFullLookup(l, ctx, env)
	}
	if l.New == nil {
		shared, err := l.NewAsync(readerContext(ctx, env))
		return boundLookup{shared, env}, err
	}
	return l.New(readerContext(ctx, env))
}

func readerContext(ctx *operator.Context, env *lookupEnv) connect.ReaderContext {
	return connect.ReaderContext{
		Context: env.ctx, Subtask: ctx.Subtask, Parallelism: ctx.Parallelism, Metrics: ctx.Metrics, Now: ctx.Clock.Now,
	}
}

// keyTypes are the types of the columns that are compared.
func (l *LookupJoin) keyTypes() []*row.Type {
	var keys []row.Field
	for _, k := range l.LeftKeys {
		keys = append(keys, l.Left[k])
	}
	return types(keys)
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
	n.give(b, from, to)
	return to
}

// give joins a run of rows with what was found for them.
func (n *lookupJoin) give(b *batch.Columns, from, to int) {
	if n.side != nil {
		n.makeRows()
	}
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
}

// find looks up the rows of the right side for a run of rows.
func (n *lookupJoin) find(b *batch.Columns, from, to int) {
	n.forget()
	keys := n.op.keysOf(b)
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

// forget makes room for what is found for other rows.
func (n *lookupJoin) forget() {
	for _, v := range n.found {
		v.Reset()
	}
	n.places, n.counts = n.places[:0], n.counts[:0]
}

// keysOf are the columns of a batch that are compared.
func (l *LookupJoin) keysOf(b *batch.Columns) []*column.Vector {
	keys := make([]*column.Vector, len(l.LeftKeys))
	for i, k := range l.LeftKeys {
		keys[i] = b.Cols[k]
	}
	return keys
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
	pairs.Cols = append(pairs.Cols, n.rows...)
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
		for _, v := range n.rows {
			v.AppendNull()
		}
	}
	for from := 0; from < len(n.lefts); {
		cur := n.out.Cur
		to := from + n.room(len(n.lefts)-from)
		for c, v := range b.Cols {
			cur.Cols[c].AppendAll(v, n.lefts[from:to])
		}
		for c, v := range n.rows {
			cur.Cols[len(b.Cols)+c].AppendAll(v, n.rights[from:to])
		}
		n.endRows(n.kinds[from:to])
		from = to
	}
}
