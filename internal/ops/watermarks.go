package ops

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/watermark"
)

// Watermarks gives records event times and makes watermarks in the middle of a stream. Watermarks
// from upstream are dropped, except the last one.
type Watermarks[T any] struct {
	Step[T, T]
	strategy  watermark.Strategy[T]
	gen       watermark.Generator[T]
	eachRow   bool
	watermark int64
	active    int64 // processing time of the last record
	idle      bool
}

// NewWatermarks returns the operator of one subtask.
func NewWatermarks[T any](s watermark.Strategy[T], eachRow bool) *Watermarks[T] {
	w := &Watermarks[T]{strategy: s, eachRow: eachRow, watermark: batch.MinTime}
	if s.New != nil {
		w.gen = s.New()
	}
	w.InitStep(w)
	return w
}

// Open restores the watermark.
func (w *Watermarks[T]) Open(ctx *operator.Context) error {
	w.Ctx = ctx
	if ctx.Restored != nil {
		for _, item := range ctx.Restored.Union["watermark"] {
			t, _, err := takeInt(item)
			if err != nil {
				return err
			}
			// After rescaling nobody knows whose watermark was whose: the least is safe.
			if w.watermark == batch.MinTime || t < w.watermark {
				w.watermark = t
			}
		}
		if r, ok := w.gen.(watermark.Restorer); ok {
			r.Restore(w.watermark)
		}
	}
	w.arm()
	return nil
}

func (w *Watermarks[T]) arm() {
	if d := w.strategy.IdleTimeout.Milliseconds(); d > 0 {
		w.active = w.Ctx.NowMillis()
		w.Ctx.WakeAt(w.active + d)
	}
}

// Snapshot writes the watermark.
func (w *Watermarks[T]) Snapshot(s *operator.Snapshot) error {
	s.Union("watermark", appendInt(nil, w.watermark))
	return nil
}

// Rows stamps a run.
//
//flott:hot
func (w *Watermarks[T]) Rows(b *batch.Rows[T], from, to int) int {
	if w.strategy.IdleTimeout > 0 {
		w.active = w.Ctx.NowMillis()
		if w.idle {
			w.idle = false
			w.Ctx.Send(operator.Control{Kind: operator.Active})
		}
	}
	for i := from; i < to; i++ {
		w.At(i)
		t := b.Times[i]
		if w.strategy.Millis != nil {
			t = w.strategy.Millis(&b.Vals[i], t)
		}
		w.Out.Emit(b.Vals[i], t)
		if w.gen == nil {
			continue
		}
		mark, ok := w.gen.Record(&b.Vals[i], t)
		if !ok && w.eachRow {
			mark, ok = w.gen.Periodic()
		}
		if ok {
			w.advance(mark)
		}
	}
	if w.gen != nil {
		if mark, ok := w.gen.Periodic(); ok {
			w.advance(mark)
		}
	}
	return to
}

func (w *Watermarks[T]) advance(t int64) {
	if w.Ctx.Batch && t != batch.MaxTime {
		return // in batch mode there is one watermark, at the end
	}
	if t > w.watermark {
		w.watermark = t
		w.Out.MarkAll(t)
	}
}

// Watermark drops all but the last watermark.
func (w *Watermarks[T]) Watermark(t int64) bool {
	if t == batch.MaxTime {
		w.advance(t)
	}
	return true
}

// ProcessingTime checks whether the input has become idle.
func (w *Watermarks[T]) ProcessingTime(now int64) bool {
	d := w.strategy.IdleTimeout.Milliseconds()
	if d == 0 || w.idle {
		return true
	}
	if now-w.active < d {
		w.Ctx.WakeAt(w.active + d)
		return true
	}
	w.idle = true
	w.Ctx.Send(operator.Control{Kind: operator.Idle})
	return true
}
