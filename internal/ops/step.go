package ops

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// Step is the frame of a one-input operator without state and timers. Operators embed it and
// implement operator.Worker's Rows.
type Step[T, O any] struct {
	operator.OneInput[T]
	Out operator.Outputs[O]
}

// InitStep connects the frame with its worker.
func (s *Step[T, O]) InitStep(w operator.Worker[T]) {
	s.Init(w, &s.Out)
	s.Out.Init(nil)
}

// Open keeps the context.
func (s *Step[T, O]) Open(ctx *operator.Context) error {
	s.Ctx = ctx
	return nil
}

// Connect adds a consumer.
func (s *Step[T, O]) Connect(tag string, receiver any) error { return s.Out.ConnectTag(tag, receiver) }

// Watermark passes the watermark on.
func (s *Step[T, O]) Watermark(t int64) bool {
	s.Out.MarkAll(t)
	return true
}

// Control does nothing.
func (s *Step[T, O]) Control(operator.Control) {}

// Snapshot has nothing to write.
func (s *Step[T, O]) Snapshot(*operator.Snapshot) error { return nil }

// Close does nothing.
func (s *Step[T, O]) Close() error { return nil }

// Map calls a function for each record.
type Map[T, O any] struct {
	Step[T, O]
	f func(T) O
}

// NewMap returns the operator of one subtask.
func NewMap[T, O any](f func(T) O) *Map[T, O] {
	m := &Map[T, O]{f: f}
	m.InitStep(m)
	return m
}

// Rows maps a run.
//
//flott:hot
func (m *Map[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	f := m.f
	for from < to {
		out := m.Out.Cur
		base := len(out.Vals)
		n := min(to-from, cap(out.Vals)-base)
		in, dst := b.Vals[from:from+n], out.Vals[base:base+n]
		for i := range dst {
			m.At(from + i)
			dst[i] = f(in[i])
		}
		out.Vals = out.Vals[:base+n]
		out.Times = append(out.Times, b.Times[from:from+n]...)
		from += n
		if out.Full() {
			m.Out.Ship()
		}
	}
	return to
}

// TryMap is Map with a function that can fail.
type TryMap[T, O any] struct {
	Step[T, O]
	f func(T) (O, error)
}

// NewTryMap returns the operator of one subtask.
func NewTryMap[T, O any](f func(T) (O, error)) *TryMap[T, O] {
	m := &TryMap[T, O]{f: f}
	m.InitStep(m)
	return m
}

// Rows maps a run.
//
//flott:hot
func (m *TryMap[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		m.At(i)
		v, err := m.f(b.Vals[i])
		if err != nil {
			m.Ctx.Fail(err, b.Vals[i])
		}
		m.Out.Emit(v, b.Times[i])
	}
	return to
}

// Filter keeps the records for which a function reports true.
type Filter[T any] struct {
	Step[T, T]
	f func(T) (bool, error)
}

// NewFilter returns the operator of one subtask.
func NewFilter[T any](f func(T) (bool, error)) *Filter[T] {
	m := &Filter[T]{f: f}
	m.InitStep(m)
	return m
}

// Rows filters a run.
//
//flott:hot
func (m *Filter[T]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		m.At(i)
		keep, err := m.f(b.Vals[i])
		if err != nil {
			m.Ctx.Fail(err, b.Vals[i])
		}
		if keep {
			m.Out.Emit(b.Vals[i], b.Times[i])
		}
	}
	return to
}

// Select maps and filters by pointers, for wide records: f fills out from in and reports whether
// to keep it. What out holds before is unspecified.
type Select[T, O any] struct {
	Step[T, O]
	f func(in *T, out *O) bool
}

// NewSelect returns the operator of one subtask.
func NewSelect[T, O any](f func(in *T, out *O) bool) *Select[T, O] {
	m := &Select[T, O]{f: f}
	m.InitStep(m)
	return m
}

// Rows maps and filters a run.
//
//flott:hot
func (m *Select[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	f, out := m.f, m.Out.Cur
	for i := from; i < to; i++ {
		m.At(i)
		n := len(out.Vals)
		dst := out.Vals[:n+1]
		if !f(&b.Vals[i], &dst[n]) {
			continue
		}
		out.Vals = dst
		out.Times = append(out.Times, b.Times[i])
		if n+1 == cap(dst) {
			m.Out.Ship()
			out = m.Out.Cur
		}
	}
	return to
}

// FlatMap emits any number of records for each.
type FlatMap[T, O any] struct {
	Step[T, O]
	f    func(T, func(O)) error
	emit func(O)
	time int64
}

// NewFlatMap returns the operator of one subtask.
func NewFlatMap[T, O any](f func(v T, emit func(O)) error) *FlatMap[T, O] {
	m := &FlatMap[T, O]{f: f}
	m.InitStep(m)
	m.emit = func(v O) { m.Out.Emit(v, m.time) }
	return m
}

// Rows expands a run, until the output is blocked.
//
//flott:hot
func (m *FlatMap[T, O]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		m.At(i)
		m.time = b.Times[i]
		if err := m.f(b.Vals[i], m.emit); err != nil {
			m.Ctx.Fail(err, b.Vals[i])
		}
		if m.Out.Blocked() {
			return i + 1
		}
	}
	return to
}
