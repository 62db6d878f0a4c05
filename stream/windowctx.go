package stream

import (
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/window"
)

// WindowCtx is what a window function may ask and do. It is valid during the call only.
type WindowCtx[K, O any] struct {
	Emitter[O]
	key    func() K
	window window.Window
	states boundStates // of the key
	each   *perWindow
}

// Key is the key of the window.
func (c *WindowCtx[K, O]) Key() K { return c.key() }

// Window is the window that fires.
func (c *WindowCtx[K, O]) Window() window.Window { return c.window }

// StateOf makes the context one of package state: states of the key, over all its windows. They are
// declared by WindowUses.
func (c *WindowCtx[K, O]) StateOf(handle any) any { return c.states.of(handle, c.task) }

// begin sets the context to a window. Results have its largest time.
func (c *WindowCtx[K, O]) begin(w window.Window) {
	c.window = w
	c.time = w.Max()
}

// windowKeys is the key selection of a window operator.
type windowKeys[K, T any] struct {
	backend *keyed.Backend
	sel     *keyed.Selector[K, T]
}
