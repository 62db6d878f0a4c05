package operator

import "github.com/flott-dev/flott/internal/batch"

// TwoWorker is the part of a two-input operator that differs between operators.
type TwoWorker[A, B any] interface {
	// Left and Right process a run of rows, like Worker.Rows.
	Left(b *batch.Rows[A], from, to int) int
	Right(b *batch.Rows[B], from, to int) int
	// Watermark handles the combined watermark of both inputs, like Worker.Watermark.
	Watermark(t int64) bool
}

// TwoInput runs a TwoWorker over the batches of two inputs. Operators embed it. Only one of the
// inputs has a pending batch at any time.
type TwoInput[A, B any] struct {
	Ctx     *Context
	LeftIn  OneInput[A]
	RightIn OneInput[B]
	worker  TwoWorker[A, B]
}

// Init sets the worker and the outputs. It must be called before the first Push.
func (t *TwoInput[A, B]) Init(w TwoWorker[A, B], out Drainer) {
	t.worker = w
	t.LeftIn.Init(leftWorker[A, B]{w}, out)
	t.RightIn.Init(rightWorker[A, B]{w}, out)
}

// Receiver is the left (0) or right (1) input.
func (t *TwoInput[A, B]) Receiver(input int) any {
	if input == 0 {
		return t.LeftIn.Receiver(0)
	}
	return t.RightIn.Receiver(0)
}

// Resume continues with the pending batch.
func (t *TwoInput[A, B]) Resume() bool { return t.LeftIn.Resume() && t.RightIn.Resume() }

// Current is the record being processed, for error messages.
func (t *TwoInput[A, B]) Current() any {
	if v := t.LeftIn.Current(); v != nil {
		return v
	}
	return t.RightIn.Current()
}

type leftWorker[A, B any] struct{ TwoWorker[A, B] }

func (w leftWorker[A, B]) Rows(b *batch.Rows[A], from, to int) int { return w.Left(b, from, to) }

type rightWorker[A, B any] struct{ TwoWorker[A, B] }

func (w rightWorker[A, B]) Rows(b *batch.Rows[B], from, to int) int { return w.Right(b, from, to) }

// TwoColumnWorker is TwoWorker for batches of columns.
type TwoColumnWorker interface {
	// Left and Right process a run of rows, like ColumnWorker.Rows.
	Left(b *batch.Columns, from, to int) int
	Right(b *batch.Columns, from, to int) int
	// Watermark handles the combined watermark of both inputs, like ColumnWorker.Watermark.
	Watermark(t int64) bool
}

// TwoColumnInputs is TwoInput for batches of columns.
type TwoColumnInputs struct {
	Ctx     *Context
	LeftIn  ColumnInput
	RightIn ColumnInput
}

// Init sets the worker and the outputs. It must be called before the first Push.
func (t *TwoColumnInputs) Init(w TwoColumnWorker, out Drainer) {
	t.LeftIn.Init(leftColumns{w}, out)
	t.RightIn.Init(rightColumns{w}, out)
}

// Receiver is the left (0) or right (1) input.
func (t *TwoColumnInputs) Receiver(input int) any {
	if input == 0 {
		return t.LeftIn.Receiver(0)
	}
	return t.RightIn.Receiver(0)
}

// Resume continues with the pending batch.
func (t *TwoColumnInputs) Resume() bool { return t.LeftIn.Resume() && t.RightIn.Resume() }

type leftColumns struct{ TwoColumnWorker }

func (w leftColumns) Rows(b *batch.Columns, from, to int) int { return w.Left(b, from, to) }

type rightColumns struct{ TwoColumnWorker }

func (w rightColumns) Rows(b *batch.Columns, from, to int) int { return w.Right(b, from, to) }
