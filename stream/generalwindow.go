package stream

import (
	"errors"

	"github.com/flott-dev/flott/agg"
)

// WindowOption declares what a window function uses.
type WindowOption interface{ applyToWindow() }

// perWindow is the state of one window.
type perWindow struct{}

func generalWindow[K, T, A, V, O any](w *Windowed[K, T], _ agg.Aggregate[T, A, V],
	_ func(c *WindowCtx[K, O], acc *A) error, _ func(), _ []WindowOption,
) *Stream[O] {
	n := w.node("Window")
	n.Fail(errors.New("windows with triggers, evictors or options are being built"))
	return newStream[O](w.env(), n)
}
