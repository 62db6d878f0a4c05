package exec

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// Values is a source that gives rows of expressions, once. It has one split, whose data is the number of rows that
// were read.
type Values struct {
	Session
	Rows [][]expr.Expr
	Out  []row.Field
}

// Schema is the columns.
func (v *Values) Schema() *row.Schema { return &row.Schema{Fields: v.Out} }

// Bounded reports that the input ends.
func (v *Values) Bounded() bool { return true }

// valuesSplit is the name of the only split.
const valuesSplit = "values"

// Enumerator gives the split to the first reader that asks.
func (v *Values) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return &valuesEnumerator{ctx: ctx, given: len(state) > 0}, nil
}

type valuesEnumerator struct {
	ctx   connect.EnumeratorContext
	given bool
	back  []connect.Split
}

func (e *valuesEnumerator) Request(subtask int) {
	if len(e.back) > 0 {
		e.ctx.Assign(subtask, e.back...)
		e.back = nil
		return
	}
	if !e.given {
		e.given = true
		e.ctx.Assign(subtask, connect.Split{ID: valuesSplit})
		return
	}
	e.ctx.NoMoreSplits(subtask)
}

func (e *valuesEnumerator) Back(_ int, splits []connect.Split) { e.back = append(e.back, splits...) }

func (e *valuesEnumerator) Snapshot() ([]byte, error) {
	if !e.given {
		return nil, nil
	}
	return []byte{1}, nil
}

func (e *valuesEnumerator) Close() error { return nil }

// Reader makes the reader of a subtask.
func (v *Values) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	return &valuesReader{v: v, ctx: ctx}, nil
}

type valuesReader struct {
	v     *Values
	ctx   connect.ReaderContext
	has   bool
	at    int
	ended bool
}

func (r *valuesReader) Assign(splits []connect.Split) error {
	for _, s := range splits {
		r.has, r.at = true, 0
		if len(s.Data) > 0 {
			n, k := binary.Uvarint(s.Data)
			if k <= 0 || n > uint64(len(r.v.Rows)) {
				return errors.New("the position in VALUES is none")
			}
			r.at = int(n)
		}
	}
	return nil
}

func (r *valuesReader) NoMoreSplits() { r.ended = true }

func (r *valuesReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	switch {
	case r.has && r.at < len(r.v.Rows):
		out.Split(valuesSplit)
		n, err := r.append(out)
		r.at += n
		return connect.More, err
	case r.has:
		out.Split(valuesSplit)
		out.Finished()
		r.has = false
		r.ctx.Request()
	}
	if r.ended {
		return connect.Ended, nil
	}
	return connect.Waiting, nil
}

// append computes the next rows.
func (r *valuesReader) append(out *connect.ColumnOutput) (n int, err error) {
	now := time.Now
	if r.ctx.Now != nil {
		now = r.ctx.Now
	}
	c := &expr.Context{Zone: r.v.Zone, Now: now()}
	one := &column.Batch{N: 1}
	for _, row := range r.v.Rows[r.at:] {
		if out.Room() == 0 {
			break
		}
		for i, x := range row {
			y, err := expr.Compile(x).Eval(c, one)
			if err != nil {
				return n, err
			}
			out.Batch.Cols[i].AppendFrom(y, 0)
		}
		out.Add(0)
		n++
	}
	return n, nil
}

func (r *valuesReader) Snapshot() ([]connect.Split, error) {
	if !r.has {
		return nil, nil
	}
	return []connect.Split{{ID: valuesSplit, Data: binary.AppendUvarint(nil, uint64(r.at))}}, nil
}

func (r *valuesReader) Close() error { return nil }

var _ connect.ColumnSource = (*Values)(nil)
