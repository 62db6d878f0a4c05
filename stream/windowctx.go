package stream

import (
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/state"
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

// PerWindow is the context of states that belong to the key and window and go with the window. They
// are declared by WindowStates.
func (c *WindowCtx[K, O]) PerWindow() state.Context {
	if c.each == nil {
		return &perWindow{task: c.task}
	}
	return c.each
}

// begin sets the context to a window. Results have its largest time.
func (c *WindowCtx[K, O]) begin(w window.Window) {
	c.window = w
	c.time = w.Max()
}

// perWindow is the states of the current key and window.
type perWindow struct {
	task   *operator.Context
	states boundStates
}

// StateOf is the state behind a handle.
func (p *perWindow) StateOf(handle any) any { return p.states.of(handle, p.task) }

// drop drops the states of the current key and window.
func (p *perWindow) drop() {
	for _, s := range p.states {
		s.state.(dropper).Drop()
	}
}

// windowKeys is the key selection of a window operator.
type windowKeys[K, T any] struct {
	backend *keyed.Backend
	sel     *keyed.Selector[K, T]
}
