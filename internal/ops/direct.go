package ops

import (
	"fmt"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// Direct is a stateless operator that keeps the element type and makes at most one record of each:
// it works in the batch it was given where nobody else sees it, else in a copy.
type Direct[T any] struct {
	Ctx *operator.Context
	out operator.Outputs[T]
	// run works on rows [from, to) and puts what is left at n; it returns where that ends.
	run  func(vals []T, times []int64, from, to, n int) int
	pool *batch.Pool[T]
	work *batch.Rows[T]
	pos  int
}

// NewKeep returns the operator that keeps the records for which f reports true, for one subtask.
func NewKeep[T any](f func(T) bool) *Direct[T] {
	d := newDirect[T]()
	d.run = func(vals []T, times []int64, from, to, n int) int {
		for i := from; i < to; i++ {
			d.pos = i
			if f(vals[i]) {
				if n != i {
					vals[n], times[n] = vals[i], times[i]
				}
				n++
			}
		}
		return n
	}
	return d
}

// NewChange returns the operator that replaces each record by f of it, for one subtask.
func NewChange[T any](f func(T) T) *Direct[T] {
	d := newDirect[T]()
	d.run = func(vals []T, times []int64, from, to, n int) int {
		for i := from; i < to; i++ {
			d.pos = i
			vals[i] = f(vals[i])
		}
		return to
	}
	return d
}

func newDirect[T any]() *Direct[T] {
	d := &Direct[T]{pool: batch.NewPool[T](0)}
	d.out.Init(d.pool)
	return d
}

// Open keeps the context.
func (d *Direct[T]) Open(ctx *operator.Context) error {
	d.Ctx = ctx
	return nil
}

// Receiver is the operator itself.
func (d *Direct[T]) Receiver(int) any { return batch.Receiver[T](d) }

// Connect adds a consumer.
func (d *Direct[T]) Connect(tag string, receiver any) error {
	if tag != "" {
		return fmt.Errorf("a stateless step has no side output %q", tag)
	}
	return d.out.Connect(receiver)
}

// Push works on b and passes it on.
//
//flott:hot
func (d *Direct[T]) Push(b *batch.Rows[T]) bool {
	if !b.Sole() {
		b = d.copied(b)
	}
	d.work = b
	n, from, total := 0, 0, len(b.Vals)
	for i := range b.Marks {
		m := &b.Marks[i]
		n = d.run(b.Vals, b.Times, from, m.Row, n)
		from, m.Row = m.Row, n
	}
	n = d.run(b.Vals, b.Times, from, total, n)
	d.work = nil
	b.Truncate(n)
	if n == 0 && len(b.Marks) == 0 {
		b.Release()
		return !d.out.Blocked()
	}
	d.out.Forward(b)
	return !d.out.Blocked()
}

func (d *Direct[T]) copied(b *batch.Rows[T]) *batch.Rows[T] {
	c := d.pool.Get()
	c.Vals = append(c.Vals, b.Vals...)
	c.Times = append(c.Times, b.Times...)
	c.Marks = append(c.Marks, b.Marks...)
	b.Release()
	return c
}

// Current is the record being processed, for error messages.
func (d *Direct[T]) Current() any {
	if d.work == nil {
		return nil
	}
	return d.work.Vals[d.pos]
}

// Resume drains the output.
func (d *Direct[T]) Resume() bool { return d.out.Drain() }

// Control does nothing.
func (d *Direct[T]) Control(operator.Control) {}

// Snapshot has nothing to write.
func (d *Direct[T]) Snapshot(*operator.Snapshot) error { return nil }

// Close does nothing.
func (d *Direct[T]) Close() error { return nil }
