package operator

import "github.com/flott-dev/flott/internal/batch"

// Worker is the part of a one-input operator that differs between operators.
type Worker[T any] interface {
	// Rows processes the rows [from, to) of b and returns the first row that is not processed yet:
	// less than to only when the output is blocked.
	Rows(b *batch.Rows[T], from, to int) int
	// Watermark handles a watermark and passes it on. It reports false when it was suspended for
	// lack of room; it is then called again with the same t.
	Watermark(t int64) bool
}

// ColumnWorker is Worker for batches of columns.
type ColumnWorker interface {
	// Rows processes the rows that count from number from up to, but not including, number to, as
	// Worker.Rows does. Row i stands at the place b.Row(i).
	Rows(b *batch.Columns, from, to int) int
	// Watermark is Worker.Watermark.
	Watermark(t int64) bool
}

// receiver is a batch.Receiver or a batch.ColumnReceiver.
type receiver[B any] interface{ Push(b B) bool }

// worker is a Worker or a ColumnWorker.
type worker[B any] interface {
	Rows(b B, from, to int) int
	Watermark(t int64) bool
}

// Drainer is the output side of an operator as OneInput needs it. Outputs implements it.
type Drainer interface {
	// Drain pushes what is left over; it reports whether nothing is left and there is room.
	Drain() bool
	// Flush pushes partial batches on; it reports whether there is room afterwards.
	Flush() bool
}

// OneInput runs a Worker over the batches of one input. Operators embed it.
type OneInput[T any] struct {
	Ctx *Context
	input[*batch.Rows[T]]
}

// Init sets the worker and the outputs. It must be called before the first Push.
func (o *OneInput[T]) Init(w Worker[T], out Drainer) { o.worker, o.out = w, out }

// Receiver is the operator itself.
func (o *OneInput[T]) Receiver(int) any { return batch.Receiver[T](o) }

// Current is the record being processed, for error messages.
func (o *OneInput[T]) Current() any {
	if o.pending == nil || o.pos >= len(o.pending.Vals) {
		return nil
	}
	return o.pending.Vals[o.pos]
}

// ColumnInput runs a ColumnWorker over the batches of one input. Operators embed it.
type ColumnInput struct {
	Ctx *Context
	input[*batch.Columns]
}

// Init sets the worker and the outputs. It must be called before the first Push.
func (c *ColumnInput) Init(w ColumnWorker, out Drainer) { c.worker, c.out = w, out }

// Receiver is the operator itself.
func (c *ColumnInput) Receiver(int) any { return batch.ColumnReceiver(c) }

// Current is nothing: operators on columns say in their errors what they are about.
func (c *ColumnInput) Current() any { return nil }

// input is the pending batch of an input and the place in it.
type input[B batch.Carried[B]] struct {
	worker worker[B]
	out    Drainer

	pending B
	pos     int
	mark    int
}

// Push takes a batch and processes as much of it as there is room for.
func (o *input[B]) Push(b B) bool {
	o.pending, o.pos, o.mark = b, 0, 0
	return o.run()
}

// Resume continues with the pending batch.
func (o *input[B]) Resume() bool {
	if !o.out.Drain() {
		return false
	}
	var none B
	if o.pending == none {
		return true
	}
	return o.run()
}

// At notes the row at work, so that an error can show it.
func (o *input[B]) At(row int) { o.pos = row }

func (o *input[B]) run() bool {
	b := o.pending
	n, marks := b.Len(), *b.MarkList()
	for {
		end := n
		if o.mark < len(marks) {
			end = marks[o.mark].Row
		}
		if o.pos < end {
			next := o.worker.Rows(b, o.pos, end)
			o.pos = next
			if next < end {
				return false
			}
			continue
		}
		if o.mark == len(marks) {
			break
		}
		if !o.worker.Watermark(marks[o.mark].Time) {
			return false
		}
		o.mark++
	}
	var none B
	o.pending = none
	b.Release()
	return o.out.Flush()
}
