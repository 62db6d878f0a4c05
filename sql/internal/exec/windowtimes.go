package exec

import (
	"math"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/keyed"
)

// windowTimes are the timers of an operator that does something at the end of each window of its keys: when the watermark
// is there, or the clock.
type windowTimes struct {
	of         *base
	processing bool
	timers     *keyed.Timers[struct{}]
	armed      int64 // the time at which the clock is to wake
	advance    func(t int64) bool
}

// newWindowTimes are the timers of an operator, in the state of its keys. advance does what is due at a time; false says
// that the output is full.
func newWindowTimes(of *base, processing bool, advance func(t int64) bool) windowTimes {
	timers := keyed.NewTimers(of.keys.backend, mustCodec[struct{}]())
	return windowTimes{of: of, processing: processing, timers: timers, armed: math.MaxInt64, advance: advance}
}

// Watermark ends the windows up to it.
func (w *windowTimes) Watermark(t int64) bool {
	if (!w.processing || t == batch.MaxTime) && !w.advance(t) {
		return false
	}
	return w.of.passMark(t)
}

// ProcessingTime ends the windows before a time of the clock.
func (w *windowTimes) ProcessingTime(now int64) bool {
	if !w.processing {
		return true
	}
	w.armed = math.MaxInt64
	done := w.advance(now - 1)
	w.arm()
	return w.of.out.Flush() && done
}

// arm asks for the clock at the end of the next window.
func (w *windowTimes) arm() {
	if !w.processing {
		return
	}
	if at, ok := w.timers.Next(); ok && at < w.armed {
		w.armed = at
		w.of.task.WakeAt(at + 1)
	}
}
