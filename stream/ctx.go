package stream

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/state"
)

// Ctx is what a keyed function may ask and do while it processes a record or a timer. It is valid
// during the call only.
type Ctx[K, O any] struct {
	Emitter[O]
	key    func() K
	states boundStates
	timers []timerRunner
	wake   func(millis int64)
	fresh  bool
	drop   bool
}

// Key is the key of the record or the timer.
func (c *Ctx[K, O]) Key() K { return c.key() }

// Fresh reports, in Scan, whether the key had no state before.
func (c *Ctx[K, O]) Fresh() bool { return c.fresh }

// Clear deletes, in Scan, the key's state after the call.
func (c *Ctx[K, O]) Clear() { c.drop = true }

// StateOf is the subtask's state behind a handle. Handles of package state call it.
func (c *Ctx[K, O]) StateOf(handle any) any { return c.states.of(handle, c.task) }

// Emitter is the part of every context that emits and tells the time.
type Emitter[O any] struct {
	out  *operator.Outputs[O]
	task *operator.Context
	time int64
	mark int64 // current watermark
}

// Emit emits v with the time of the record or timer at work.
func (c *Emitter[O]) Emit(v O) { c.out.Emit(v, c.time) }

// EmitAt emits v with a time of its own.
func (c *Emitter[O]) EmitAt(v O, t time.Time) { c.out.Emit(v, t.UnixMilli()) }

// Time is the event time of the record or timer at work; zero when it has none.
func (c *Emitter[O]) Time() time.Time { return fromMillis(c.time) }

// Millis is Time in milliseconds since the Unix epoch; the smallest number when there is none.
func (c *Emitter[O]) Millis() int64 { return c.time }

// Watermark is the current watermark; the zero time before the first.
func (c *Emitter[O]) Watermark() time.Time { return fromMillis(c.mark) }

// WatermarkMillis is Watermark in milliseconds; the smallest number before the first.
func (c *Emitter[O]) WatermarkMillis() int64 { return c.mark }

// Now is the processing time.
func (c *Emitter[O]) Now() time.Time { return c.task.Clock.Now() }

// Subtask is the number of the subtask, from 0.
func (c *Emitter[O]) Subtask() int { return c.task.Subtask }

// Logger writes to the log of the process, as Task.Logger does.
func (c *Emitter[O]) Logger() *slog.Logger { return c.task.Logger() }

// SideOf is the side output behind a tag. Tags call it.
func (c *Emitter[O]) SideOf(tag string) any { return c.out.Side(tag) }

// eventTime is the time with which side outputs emit.
func (c *Emitter[O]) eventTime() int64 { return c.time }

func fromMillis(ms int64) time.Time {
	if ms == batch.NoTime {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// boundStates are the states of one subtask by their handles. There are few, so a scan is faster
// than a map.
type boundStates []boundState

type boundState struct{ handle, state any }

func (b boundStates) of(handle any, task *operator.Context) any {
	for i := range b {
		if b[i].handle == handle {
			return b[i].state
		}
	}
	name := "?"
	if h, ok := handle.(state.Handle); ok {
		name = h.StateName()
	}
	task.Fail(fmt.Errorf("state %q is used but not declared; add stream.Uses(…) to the operator", name),
		nil)
	return nil
}

// bind makes the states of declared handles in a subtask.
func bind(handles []state.Handle, b *keyed.Backend, r *codec.Registry) (boundStates, error) {
	var bound boundStates
	for _, h := range handles {
		s, err := h.Bind(b, r)
		if err != nil {
			return nil, err
		}
		bound = append(bound, boundState{h, s})
	}
	return bound, nil
}

// Tag names a side output of records of type S.
type Tag[S any] struct{ name string }

// NewTag returns a tag. The name must be unique in the operator.
func NewTag[S any](name string) *Tag[S] { return &Tag[S]{name} }

// sideContext is a context that can emit to side outputs.
type sideContext interface {
	SideOf(tag string) any
	eventTime() int64
}

// Emit emits v to the side output, with the time of the record or timer at work. Where nobody reads
// the output, v is dropped.
func (t *Tag[S]) Emit(c sideContext, v S) {
	if out, ok := c.SideOf(t.name).(*operator.Output[S]); ok {
		out.Emit(v, c.eventTime())
	}
}

// addSides adds the side outputs that are read to an operator's outputs.
func addSides[O any](n *graph.Node, out *operator.Outputs[O]) {
	for _, tag := range n.Sides {
		tag.(sideMaker).addTo(func(name string, side operator.SideOutput) {
			if out.Side(name) == nil {
				out.AddSide(name, side)
			}
		})
	}
}

// sideMaker is a Tag of some type.
type sideMaker interface {
	addTo(add func(tag string, out operator.SideOutput))
}

func (t *Tag[S]) addTo(add func(tag string, out operator.SideOutput)) {
	out := &operator.Output[S]{}
	out.Init(nil)
	add(t.name, out)
}

// Side is the side output of s's operator that tag names.
func Side[T, S any](s *Stream[T], tag *Tag[S]) *Stream[S] {
	n := s.node()
	n.Sides = append(n.Sides, sideMaker(tag))
	return &Stream[S]{env: s.env, from: []upstream{{n, tag.name}}}
}
