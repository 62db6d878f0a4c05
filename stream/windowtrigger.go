package stream

import (
	"fmt"
	"math"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/window"
)

// triggerContext is the window.TriggerContext of a subtask, for the current key and window.
type triggerContext struct {
	task   *operator.Context
	timers windowTimers
	states boundStates
}

// windowTimers are the timers of the current key and window.
type windowTimers interface {
	watermark() int64
	setTimer(t int64, processing bool)
	deleteTimer(t int64, processing bool)
}

func (c *triggerContext) Watermark() int64              { return c.timers.watermark() }
func (c *triggerContext) Now() int64                    { return c.task.NowMillis() }
func (c *triggerContext) SetEventTimer(t int64)         { c.timers.setTimer(t, false) }
func (c *triggerContext) DeleteEventTimer(t int64)      { c.timers.deleteTimer(t, false) }
func (c *triggerContext) SetProcessingTimer(t int64)    { c.timers.setTimer(t, true) }
func (c *triggerContext) DeleteProcessingTimer(t int64) { c.timers.deleteTimer(t, true) }

func (c *triggerContext) StateOf(handle any) any {
	for i := range c.states {
		if c.states[i].handle == handle {
			return c.states[i].state
		}
	}
	name := "?"
	if h, ok := handle.(window.Handle); ok {
		name = h.StateName()
	}
	c.task.Fail(fmt.Errorf("the trigger uses state %q, which its Uses does not declare", name), nil)
	return nil
}

// mergeContext is a window.MergeContext.
type mergeContext struct {
	*triggerContext
	windows *windowBackend
	into    window.Window
	old     []window.Window
}

func (c mergeContext) Merged(f func(c window.TriggerContext, old window.Window)) {
	for _, w := range c.old {
		c.windows.enter(w)
		f(c.triggerContext, w)
	}
	c.windows.enter(c.into)
}

func (o *generalOp[K, T, A, O]) watermark() int64 { return o.ctx.mark }

func (o *generalOp[K, T, A, O]) setTimer(t int64, processing bool) {
	if o.timer != nil {
		if *o.timer == (paneTimer{t, processing, true}) {
			return
		}
		*o.timer = paneTimer{t, processing, true}
	}
	switch {
	case !processing:
		o.events.Set(t, struct{}{})
	case !o.ending || t < math.MaxInt64 && o.bounded():
		o.clock.Set(t, struct{}{})
		o.wakeAfter(t)
	}
}

// bounded reports whether the current window ends.
func (o *generalOp[K, T, A, O]) bounded() bool {
	_, w, err := o.windows.split(o.windows.Bytes)
	return err == nil && w.End != math.MaxInt64
}

// deleteTimer deletes a timer of the trigger's. The one at which the window is cleared stays.
func (o *generalOp[K, T, A, O]) deleteTimer(t int64, processing bool) {
	_, w, err := o.windows.split(o.windows.Bytes)
	if err == nil && processing == o.processing && t == o.end(w) && t != math.MaxInt64 {
		return
	}
	o.forgetTimer(paneTimer{t, processing, true})
	if processing {
		o.clock.Delete(t)
	} else {
		o.events.Delete(t)
	}
}

// usesOf are the handles that a trigger declares.
func usesOf[T any](t window.Trigger[T]) []window.Handle {
	if s, ok := t.(window.Stateful); ok {
		return s.Uses()
	}
	return nil
}

// schemaOf is the schema of what is stored for a trigger's handle.
func schemaOf[T any](h window.Handle, r *codec.Registry) (string, error) {
	switch h := h.(type) {
	case *window.Memory[int64]:
		return "int64", nil
	case *window.Memory[T]:
		c, err := codec.For[T](r)
		if err != nil {
			return "", err
		}
		return c.Schema().String(), nil
	case state.Handle:
		return h.Schema(r)
	}
	return "", fmt.Errorf("a %T can be neither of package state nor remember another type than "+
		"int64 and %T", h, *new(T))
}

// bindTrigger makes the states of a trigger.
func bindTrigger[T any](t window.Trigger[T], b *keyed.Backend, r *codec.Registry,
) (states boundStates, err error) {
	for _, h := range usesOf(t) {
		var s any
		switch m := h.(type) {
		case *window.Memory[int64]:
			s, err = bindMemory[int64](h, b, r)
		case *window.Memory[T]:
			s, err = bindMemory[T](h, b, r)
		case state.Handle:
			s, err = m.Bind(b, r)
		}
		if err != nil {
			return nil, err
		}
		states = append(states, boundState{h, s})
	}
	return states, nil
}

func bindMemory[V any](h window.Handle, b *keyed.Backend, r *codec.Registry) (any, error) {
	c, err := codec.For[V](r)
	if err != nil {
		return nil, err
	}
	s := keyed.NewValues(b, c)
	b.Add("trigger "+h.StateName(), s)
	return s, nil
}
