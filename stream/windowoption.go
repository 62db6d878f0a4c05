package stream

import (
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/state"
)

// WindowOption declares what a window function uses.
type WindowOption interface {
	CoOption
	applyToWindow(s *windowSpec)
}

type windowOption func(s *windowSpec)

func (f windowOption) applyToWindow(s *windowSpec) { f(s) }
func (f windowOption) applyToCo(s *coSpec)         { s.windows = append(s.windows, f) }

// WindowUses declares states of the key, over all its windows, that a window function uses with its
// context.
func WindowUses(handles ...state.Handle) WindowOption {
	return windowOption(func(s *windowSpec) { s.uses = append(s.uses, handles...) })
}

// WindowStates declares states of the key and window that a window function uses with the context's
// PerWindow. They are kept from one firing of a window to the next and go with the window. Windows
// that merge cannot have any.
func WindowStates(handles ...state.Handle) WindowOption {
	return windowOption(func(s *windowSpec) { s.each = append(s.each, handles...) })
}

// OnClear has f called when a window goes, with its states still there. K and O are the key and the
// output of the window function.
func OnClear[K, O any](f func(c *WindowCtx[K, O])) WindowOption {
	return windowOption(func(s *windowSpec) { s.clear = f })
}

// windowSpec is the collected options.
type windowSpec struct {
	uses, each []state.Handle
	clear      any // func(*WindowCtx[K, O])
	names      stateNames
}

func newWindowSpec(n *graph.Node, r *codec.Registry, options []WindowOption) *windowSpec {
	s := &windowSpec{names: stateNames{}}
	for _, o := range options {
		o.applyToWindow(s)
	}
	s.uses = declare(n, r, s.names, s.uses, "")
	s.each = declare(n, r, s.names, s.each, " per window")
	return s
}

// name notes a state; names are unique in the operator.
func (s *windowSpec) name(n *graph.Node, name, what string) {
	s.names.add(n, name, what)
	n.States = append(n.States, name+": "+what)
}

// general reports whether an option needs windows that are kept one by one.
func (s *windowSpec) general() bool { return len(s.uses)+len(s.each) > 0 || s.clear != nil }
