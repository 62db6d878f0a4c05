package operator

import (
	"fmt"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/row"
)

// DefaultOverflowBytes is what an output keeps in memory of what its consumers have no room for.
const DefaultOverflowBytes = 64 << 20

// Output collects what an operator emits into batches and pushes them to its consumers.
//
// An operator stops at the next record when its consumers are blocked, but what one record or one
// timer makes cannot be stopped in the middle: it is the user's function that emits. That is the
// overflow. The oldest of it stays in memory, and what exceeds the limit goes to disk, from where it
// comes back when the memory is empty:
//
//	consumers ◀── overflow (memory) ◀── spilled (disk) ◀── Cur
//
// While anything is on disk, all that is new goes there as well, so that the order holds.
type Output[T any] struct{ output[*batch.Rows[T]] }

// Init makes the first batch. pool may be nil for the default one.
func (o *Output[T]) Init(pool *batch.Pool[T]) {
	if pool == nil {
		pool = batch.NewPool[T](0)
	}
	o.get = pool.Get
	o.Cur = pool.Get()
}

// Emit appends a row with event time t.
func (o *Output[T]) Emit(v T, t int64) {
	b := o.Cur
	b.Vals = append(b.Vals, v)
	b.Times = append(b.Times, t)
	if len(b.Vals) == cap(b.Vals) {
		o.Ship()
	}
}

// ColumnOutput is an Output of batches of columns.
type ColumnOutput struct{ output[*batch.Columns] }

// Init makes the first batch, of the default size.
func (o *ColumnOutput) Init(s *row.Schema) { o.InitPool(batch.NewColumnPool(s, 0)) }

// InitPool makes the first batch.
func (o *ColumnOutput) InitPool(pool *batch.ColumnPool) {
	o.get = pool.Get
	o.Cur = pool.Get()
}

// Get is an empty batch with the output's columns, for Pass.
func (o *ColumnOutput) Get() *batch.Columns { return o.get() }

// EndRow ends a row whose values were appended to the columns of Cur.
func (o *ColumnOutput) EndRow(kind row.ChangeKind) {
	if o.Cur.Add(kind); o.Cur.Full() {
		o.Ship()
	}
}

// Pass hands on a batch that the operator has made, or one that it has got, after what was emitted
// before.
func (o *ColumnOutput) Pass(b *batch.Columns) {
	o.shipAny()
	o.Forward(b)
}

// MarkAll is Mark: there are no other outputs.
func (o *ColumnOutput) MarkAll(t int64) { o.Mark(t) }

// ConnectTag connects a consumer. There are no side outputs.
func (o *ColumnOutput) ConnectTag(tag string, receiver any) error {
	if tag != "" {
		return fmt.Errorf("there is no side output %q: an operator on columns has one output", tag)
	}
	return o.Connect(receiver)
}

// Consumer is a receiver together with what its output needs to keep on disk what the receiver has
// no room for. It is passed to Node.Connect in place of the receiver.
type Consumer[B batch.Carried[B]] struct {
	Receiver  receiver[B]
	Store     *spill.Store[B]
	MemoryMax int64
}

// output is what outputs of either kind of batch share.
type output[B batch.Carried[B]] struct {
	// Cur is the batch being filled; operators that work on columns append to it directly and call
	// Ship when it is full. It is never nil.
	Cur B

	get     func() B
	next    []receiver[B]
	blocked bool // a consumer has pending work
	rows    int64

	overflow  queue[B]
	memory    int64 // bytes of overflow
	memoryMax int64
	spilled   queue[spill.Piece]
	store     *spill.Store[B] // nil: overflow has no limit
}

// Connect adds a consumer.
func (o *output[B]) Connect(to any) error {
	if c, ok := to.(Consumer[B]); ok {
		o.store, o.memoryMax = c.Store, c.MemoryMax
		to = c.Receiver
	}
	r, ok := to.(receiver[B])
	if !ok {
		return fmt.Errorf("connect an output of %T to %T", *new(B), to)
	}
	o.next = append(o.next, r)
	return nil
}

// Mark appends a watermark.
func (o *output[B]) Mark(t int64) { o.Cur.Mark(t) }

// Connected reports whether anyone reads the output.
func (o *output[B]) Connected() bool { return len(o.next) > 0 }

// Blocked reports whether the consumers have no room: an operator that may emit more stops at the
// next record.
func (o *output[B]) Blocked() bool { return o.blocked }

// Rows is the number of rows shipped so far.
func (o *output[B]) Rows() int64 { return o.rows }

// Ship hands the current batch on, or keeps it as overflow while the consumers are blocked.
func (o *output[B]) Ship() {
	b := o.Cur
	o.Cur = o.get()
	o.Forward(b)
}

// Forward hands b, which need not come from the output's own pool, on after what was emitted
// before. The caller has shipped the current batch.
func (o *output[B]) Forward(b B) {
	if o.blocked {
		o.keep(b)
		return
	}
	o.push(b)
}

// keep adds b to the overflow.
func (o *output[B]) keep(b B) {
	if o.store == nil {
		o.overflow.add(b)
		return
	}
	if n := o.store.Bytes(b); o.spilled.len() == 0 && o.memory+n <= o.memoryMax {
		o.memory += n
		o.overflow.add(b)
		return
	}
	p, err := o.store.Put(b)
	if err != nil {
		panic(err)
	}
	o.spilled.add(p)
}

// take removes the oldest batch from the overflow, which is not empty.
func (o *output[B]) take() B {
	if o.overflow.len() > 0 {
		b := o.overflow.take()
		if o.overflow.len() == 0 {
			o.memory = 0
		}
		return b
	}
	b, err := o.store.Take(o.spilled.take())
	if err != nil {
		panic(err)
	}
	return b
}

func (o *output[B]) push(b B) {
	o.rows += int64(b.Len())
	switch len(o.next) {
	case 0:
		b.Release()
	case 1:
		o.blocked = !o.next[0].Push(b)
	default:
		ok := true
		for _, r := range o.next[1:] {
			ok = r.Push(b.Share()) && ok
		}
		ok = o.next[0].Push(b) && ok
		o.blocked = !ok
	}
}

// Flush hands on the current batch if it holds anything.
func (o *output[B]) Flush() bool {
	o.shipAny()
	return !o.blocked
}

func (o *output[B]) shipAny() {
	if o.Cur.Len() > 0 || len(*o.Cur.MarkList()) > 0 {
		o.Ship()
	}
}

// Drain is called when the consumers have finished their pending work: it pushes the overflow on,
// from memory and disk. It reports whether nothing is left and there is room.
func (o *output[B]) Drain() bool {
	o.blocked = false
	for o.overflow.len()+o.spilled.len() > 0 {
		if o.push(o.take()); o.blocked {
			return false
		}
	}
	return true
}

// queue hands out first what was added first, and begins anew when it is empty.
type queue[E any] struct {
	items []E
	first int
}

func (q *queue[E]) len() int { return len(q.items) - q.first }

func (q *queue[E]) add(e E) { q.items = append(q.items, e) }

func (q *queue[E]) take() E {
	var none E
	e := q.items[q.first]
	q.items[q.first] = none
	if q.first++; q.first == len(q.items) {
		q.items, q.first = q.items[:0], 0
	}
	return e
}

// Outputs is the set of an operator's outputs: the main one and side outputs.
type Outputs[T any] struct {
	Output[T]
	side []sideOutput
}

type sideOutput struct {
	tag string
	out SideOutput
}

// SideOutput is an output whose element type the operator does not know.
type SideOutput interface {
	Drainer
	Connect(receiver any) error
	Mark(t int64)
}

// AddSide adds the side output named tag.
func (o *Outputs[T]) AddSide(tag string, out SideOutput) {
	o.side = append(o.side, sideOutput{tag, out})
}

// Side is the side output named tag, nil when there is none.
func (o *Outputs[T]) Side(tag string) SideOutput {
	for _, s := range o.side {
		if s.tag == tag {
			return s.out
		}
	}
	return nil
}

// ConnectTag connects a consumer to the output named tag.
func (o *Outputs[T]) ConnectTag(tag string, receiver any) error {
	if tag == "" {
		return o.Connect(receiver)
	}
	s := o.Side(tag)
	if s == nil {
		return fmt.Errorf("there is no side output %q; declare its tag where the operator is built", tag)
	}
	return s.Connect(receiver)
}

// MarkAll appends a watermark to every output.
func (o *Outputs[T]) MarkAll(t int64) {
	o.Mark(t)
	for _, s := range o.side {
		s.out.Mark(t)
	}
}

// Flush flushes every output.
func (o *Outputs[T]) Flush() bool {
	ok := o.Output.Flush()
	for _, s := range o.side {
		ok = s.out.Flush() && ok
	}
	return ok
}

// Drain drains every output.
func (o *Outputs[T]) Drain() bool {
	ok := o.Output.Drain()
	for _, s := range o.side {
		ok = s.out.Drain() && ok
	}
	return ok
}
