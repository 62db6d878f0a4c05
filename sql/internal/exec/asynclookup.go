package exec

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
)

// asyncLookupJoin is lookupJoin with several rows in flight. A row stays in the batch that it came with until it is given
// together with what was found for it:
//
//	batch ──▶ cache ──▶ calls ──▶ goroutines, each with a lookup ──▶ calls ──▶ ready ──▶ the condition, the output
type asyncLookupJoin struct {
	lookupJoin
	ops.Calls[lookedUp, int]
	cache   *cachedLookup // nil for none
	lookups lookupPool

	rows    *batch.ColumnPool
	current *heldBatch     // the one that rows come from
	ready   *batch.Columns // rows whose results are in found, places and counts
	spare   [][]*column.Vector
}

// lookedUp is a row that is looked up; the number of rows that are found is its result.
type lookedUp struct {
	from   *heldBatch
	place  int
	isNull bool // its key: nothing equals it
	isNew  bool // what is found for it is not in the cache
	found  []*column.Vector
}

// heldBatch is a batch of which some rows are in flight. All headers belong to the subtask, other goroutines read the
// vectors.
type heldBatch struct {
	*batch.Columns
	keys []*column.Vector
	live int
}

const lookupState = "in flight"

func newAsyncLookupJoin(l *LookupJoin) *asyncLookupJoin {
	n := &asyncLookupJoin{rows: batch.NewColumnPool(&row.Schema{Fields: l.Left}, 0)}
	n.prepare(l)
	n.ColumnInput.Init(n, &n.out)
	return n
}

// Open makes a lookup, so that it fails now if it does, and looks up again what was in flight.
func (n *asyncLookupJoin) Open(ctx *operator.Context) error {
	if err := n.stateless.Open(ctx); err != nil {
		return err
	}
	o := &n.op.Options
	n.Calls.Open(ctx, &ops.CallsConfig[lookedUp, int]{
		Ordered: !o.Async.Unordered, Capacity: o.Async.Capacity, Timeout: o.Async.Timeout, Retry: ops.AsyncRetry{Attempts: 1},
		Call: n.call, OnTimeout: n.timeUp, Emit: n.take, Flush: n.flush, Mark: n.markReady, Blocked: n.out.Blocked, Fail: n.failLookup,
	})
	if o.Cache {
		n.cache = newCachedLookup(nil, n.op, &lookupEnv{n.Context(), ctx.Clock})
	}
	if err := n.lookups.open(n.op, ctx, n.Context()); err != nil {
		return err
	}
	return n.restore(ctx.Restored)
}

func (n *asyncLookupJoin) Close() error {
	n.Calls.Close()
	n.Each(func(r *lookedUp) { n.letGo(r.from) })
	if n.current != nil {
		n.letGo(n.current)
		n.current = nil
	}
	if n.ready != nil {
		n.ready.Release()
		n.ready = nil
	}
	return n.lookups.close()
}

func (n *asyncLookupJoin) Rows(b *batch.Columns, from, to int) int {
	for i := from; i < to; i++ {
		if !n.Room() {
			return i
		}
		if n.current == nil {
			n.current = n.hold(b.Share())
		}
		n.add(n.row(n.current, b.Row(i)))
	}
	if to == b.Len() {
		n.letGo(n.current)
		n.current = nil
	}
	n.Emit()
	return to
}

func (n *asyncLookupJoin) hold(b *batch.Columns) *heldBatch {
	return &heldBatch{Columns: b, keys: n.op.keysOf(b), live: 1}
}

func (n *asyncLookupJoin) letGo(h *heldBatch) {
	if h.live--; h.live == 0 {
		h.Release()
	}
}

func (n *asyncLookupJoin) row(from *heldBatch, place int) lookedUp {
	from.live++
	r := lookedUp{from: from, place: place, isNull: anyNull(from.keys, place)}
	if last := len(n.spare) - 1; last >= 0 {
		r.found, n.spare = n.spare[last], n.spare[:last]
	} else {
		r.found = newVectors(n.op.lookedUp())
	}
	return r
}

// add puts a row in flight, unless what it finds is known.
func (n *asyncLookupJoin) add(r lookedUp) {
	if r.isNull {
		n.AddSettled(r, 0)
		return
	}
	if n.cache != nil {
		count, ok, err := n.cache.get(r.from.keys, r.place, r.found)
		if err != nil {
			n.failLookup(&r, err, "")
		}
		if ok {
			n.AddSettled(r, count)
			return
		}
	}
	r.isNew = true
	n.Add(r)
}

// call looks a row up, on any goroutine.
func (n *asyncLookupJoin) call(ctx context.Context, r *lookedUp) (int, error) {
	if r.isNull {
		return 0, nil
	}
	l, err := n.lookups.get()
	if err != nil {
		return 0, err
	}
	defer n.lookups.put(l)
	return l.find(ctx, r)
}

func (n *asyncLookupJoin) timeUp(*lookedUp) (int, error) {
	return 0, fmt.Errorf("no result after %v, which 'timeout' of the hint LOOKUP or 'table.exec.async-lookup.timeout' sets: %w",
		n.op.Options.Async.Timeout, context.DeadlineExceeded)
}

func (n *asyncLookupJoin) failLookup(r *lookedUp, err error, stack string) {
	e := n.task.NewError(fmt.Errorf("look up: %w; the row is %s", err, namedText(n.now(), &r.from.Batch, n.op.Left, r.place)), nil)
	e.Stack = stack
	panic(e)
}

// take puts a row and what was found for it with those that are ready.
func (n *asyncLookupJoin) take(r *lookedUp, count int) {
	if n.ready == nil {
		n.ready = n.rows.Get()
	}
	for i, v := range r.from.Cols {
		n.ready.Cols[i].AppendFrom(v, r.place)
	}
	for c, v := range r.found {
		for i := range count {
			n.found[c].AppendFrom(v, i)
		}
	}
	for range count {
		n.places = append(n.places, int32(n.ready.N))
	}
	n.counts = append(n.counts, count)
	n.ready.Add(r.from.Kind(r.place))
	if n.cache != nil && r.isNew && !r.isNull {
		n.cache.put(r.from.keys, r.place, r.found, 0, count)
	}
	for _, v := range r.found {
		v.Reset()
	}
	n.spare = append(n.spare, r.found)
	n.letGo(r.from)
}

// flush gives the rows that are ready.
func (n *asyncLookupJoin) flush() {
	if n.ready == nil {
		return
	}
	b := n.ready
	n.ready = nil
	n.give(b, 0, b.N)
	b.Release()
	n.forget()
}

func (n *asyncLookupJoin) markReady(t int64) {
	n.flush()
	n.passMark(t)
}

// Watermark puts the watermark behind the rows in flight.
func (n *asyncLookupJoin) Watermark(t int64) bool { return n.Calls.Watermark(t) }

// Resume emits what has been completed, then goes on with the pending batch. It reports false while a control element
// waits for what is in flight.
func (n *asyncLookupJoin) Resume() bool {
	if !n.out.Drain() {
		return false
	}
	if n.Frozen() {
		return true
	}
	n.Emit()
	return n.out.Flush() && n.ColumnInput.Resume() && n.Drained()
}

// Control holds the elements that must not overtake rows back until nothing is in flight.
func (n *asyncLookupJoin) Control(c operator.Control) { n.Calls.Control(c) }

// Snapshot writes the rows in flight, in order. They are one item, so that they stay together.
func (n *asyncLookupJoin) Snapshot(w *operator.Snapshot) error {
	n.Thaw()
	layout := colcodec.NewLayout(types(n.op.Left))
	var item []byte
	n.Each(func(r *lookedUp) {
		item = layout.Append(append(item, byte(r.from.Kind(r.place))), r.from.Cols, r.place)
	})
	w.List(lookupState, item)
	return nil
}

func (n *asyncLookupJoin) restore(from *operator.State) error {
	if from == nil {
		return nil
	}
	layout := colcodec.NewLayout(types(n.op.Left))
	b := n.rows.Get()
	for _, item := range from.List[lookupState] {
		for len(item) > 0 {
			kind := row.ChangeKind(item[0])
			rest, err := layout.Decode(item[1:], b.Cols)
			if err != nil || kind > row.Delete {
				b.Release()
				return errors.Join(errors.New("restore the rows that were looked up: they are damaged"), err)
			}
			b.Add(kind)
			item = rest
		}
	}
	h := n.hold(b)
	records := make([]lookedUp, b.N)
	for i := range records {
		records[i] = n.row(h, i)
		records[i].isNew = true
	}
	n.letGo(h)
	n.Restore(records)
	return nil
}

// lookupPool has a lookup for each goroutine that looks up.
type lookupPool struct {
	make   func() (*pooledLookup, error)
	shared connect.AsyncLookup // of all of them, nil where each has its own
	mu     struct {
		sync.Mutex
		idle, all []*pooledLookup
	}
}

// pooledLookup is a lookup whose waiting ends with the context of a call.
type pooledLookup struct {
	connect.Lookup
	env *lookupEnv
}

func (l *pooledLookup) find(ctx context.Context, r *lookedUp) (int, error) {
	l.env.ctx = ctx
	return l.Lookup.Lookup(r.from.keys, r.place, r.found)
}

// open makes the first lookup. ctx is the context of all of them.
func (p *lookupPool) open(op *LookupJoin, task *operator.Context, ctx context.Context) (err error) {
	if op.NewAsync != nil {
		if p.shared, err = op.NewAsync(readerContext(task, &lookupEnv{ctx, task.Clock})); err != nil {
			return err
		}
	}
	p.make = func() (l *pooledLookup, err error) {
		l = &pooledLookup{env: &lookupEnv{ctx, task.Clock}}
		if p.shared != nil {
			l.Lookup = boundLookup{p.shared, l.env}
		} else if l.Lookup, err = op.New(readerContext(task, l.env)); err != nil {
			return nil, err
		}
		l.Lookup = op.Options.retried(l.Lookup, l.env)
		return l, nil
	}
	l, err := p.get()
	if err == nil {
		p.put(l)
	}
	return err
}

func (p *lookupPool) get() (*pooledLookup, error) {
	p.mu.Lock()
	if last := len(p.mu.idle) - 1; last >= 0 {
		l := p.mu.idle[last]
		p.mu.idle = p.mu.idle[:last]
		p.mu.Unlock()
		return l, nil
	}
	p.mu.Unlock()
	l, err := p.make()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.all = append(p.mu.all, l)
	return l, nil
}

func (p *lookupPool) put(l *pooledLookup) {
	p.mu.Lock()
	p.mu.idle = append(p.mu.idle, l)
	p.mu.Unlock()
}

// close closes all lookups, which nobody uses any more.
func (p *lookupPool) close() error {
	if p.shared != nil {
		return p.shared.Close()
	}
	var errs []error
	for _, l := range p.mu.all {
		errs = append(errs, l.Close())
	}
	p.mu.all = nil
	return errors.Join(errs...)
}
