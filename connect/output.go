package connect

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/batch"
)

// Output takes the records of one poll. They belong to one split.
type Output[T any] struct {
	rows  *batch.Rows[T]
	split string
	done  bool
	timed bool
}

// NewOutput returns an output that fills rows. The engine calls it, and tests of readers do by
// connecttest.
func NewOutput[T any]() *Output[T] { return &Output[T]{} }

// Split names the split of the records that follow. It must be called before the first record, and
// cannot be changed after it.
func (o *Output[T]) Split(id string) {
	if len(o.rows.Vals) > 0 && id != o.split {
		panic(fmt.Sprintf("connect: a reader mixes records of the splits %q and %q in one poll",
			o.split, id))
	}
	o.split = id
}

// Finished tells that the split that was named is read to its end.
func (o *Output[T]) Finished() { o.done = true }

// Room is how many more records fit.
func (o *Output[T]) Room() int { return cap(o.rows.Vals) - len(o.rows.Vals) }

// Emit adds a record whose event time is not known to the source.
func (o *Output[T]) Emit(v T) {
	o.rows.Vals = append(o.rows.Vals, v)
	o.rows.Times = append(o.rows.Times, batch.NoTime)
}

// EmitAt adds a record with the event time that the source's system gave it.
func (o *Output[T]) EmitAt(v T, t time.Time) {
	o.timed = true
	o.rows.Vals = append(o.rows.Vals, v)
	o.rows.Times = append(o.rows.Times, t.UnixMilli())
}

// Slots adds n records at once and returns them to be filled in place. What they hold before is
// unspecified. n is at most Room.
func (o *Output[T]) Slots(n int) []T {
	k := len(o.rows.Vals)
	o.rows.Vals = o.rows.Vals[:k+n]
	o.rows.Times = o.rows.Times[:k+n]
	for i := k; i < k+n; i++ {
		o.rows.Times[i] = batch.NoTime
	}
	return o.rows.Vals[k:]
}

// Reset makes the output fill rows. Only the engine calls it.
func (o *Output[T]) Reset(rows *batch.Rows[T]) {
	o.rows, o.split, o.done, o.timed = rows, "", false, false
}

// Current is the split that was named and whether it is finished. Only the engine calls it.
func (o *Output[T]) Current() (split string, finished bool) { return o.split, o.done }
