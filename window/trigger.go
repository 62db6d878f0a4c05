package window

// Decision is what a trigger says.
type Decision uint8

// The decisions.
const (
	// Continue does nothing.
	Continue Decision = 0
	// Fire emits the window's result.
	Fire Decision = 1
	// Purge drops the window's contents without firing.
	Purge Decision = 2
	// FirePurge emits the result and then drops the contents.
	FirePurge Decision = Fire | Purge
)

// Fires reports whether the window's result is emitted.
func (d Decision) Fires() bool { return d&Fire != 0 }

// Purges reports whether the window's contents are dropped.
func (d Decision) Purges() bool { return d&Purge != 0 }

// Trigger decides when the windows of a key fire. One value serves all keys and subtasks, so what
// it remembers belongs into states that it declares (Stateful). Its methods are called on one
// goroutine for each subtask.
//
// A window goes when the watermark reaches its largest time plus the allowed lateness or, in
// processing time, when the clock has passed its largest time. The engine keeps a timer for that;
// when it fires, the trigger is asked first, whether or not it has set a timer for the same time
// itself. A window that never ends, such as the global one, never goes.
type Trigger[T any] interface {
	// Element is asked for every record that is added to w. t is the record's event time or, in
	// processing time, the time now.
	Element(c TriggerContext, v *T, t int64, w Window) Decision
	// EventTime is asked when an event timer of w fires.
	EventTime(c TriggerContext, t int64, w Window) Decision
	// ProcessingTime is asked when a processing timer of w fires.
	ProcessingTime(c TriggerContext, t int64, w Window) Decision
	// Clear deletes the timers that the trigger has set for w, which goes or was merged. The states
	// that it declared are cleared by the engine afterwards.
	Clear(c TriggerContext, w Window)
}

// Merger is a Trigger for windows that merge, such as sessions. Other triggers are refused there.
type Merger interface {
	// Merge is told that windows were merged into w, which has no timers and no states yet. The
	// merged windows are cleared after the call.
	Merge(c MergeContext, w Window)
}

// Stateful is a Trigger that remembers something for each key and window.
type Stateful interface {
	// Uses declares the handles: each a *Memory, or a handle of package state.
	Uses() []Handle
}

// Handle names a state. Handles of package state are such.
type Handle interface {
	// StateName is unique in the trigger.
	StateName() string
}

// TriggerContext is what a trigger may ask and do. It belongs to one key and window; handles of
// package state take it as their context.
type TriggerContext interface {
	// Watermark is the current watermark in milliseconds.
	Watermark() int64
	// Now is the processing time in milliseconds.
	Now() int64
	// SetEventTimer has EventTime called when the watermark reaches t. Setting it twice is once.
	SetEventTimer(t int64)
	// DeleteEventTimer takes SetEventTimer back.
	DeleteEventTimer(t int64)
	// SetProcessingTimer has ProcessingTime called when the clock has passed t.
	SetProcessingTimer(t int64)
	// DeleteProcessingTimer takes SetProcessingTimer back.
	DeleteProcessingTimer(t int64)
	// StateOf is the state behind a handle that the trigger declared.
	StateOf(handle any) any
}

// MergeContext is the context of a window that others were merged into.
type MergeContext interface {
	TriggerContext
	// Merged calls f for each of the merged windows, with a context that belongs to that window.
	// During the call the MergeContext itself must not be used.
	Merged(f func(c TriggerContext, old Window))
}

// Memory is a value that a trigger remembers for each key and window. V is int64 or the type of the
// records; for other types there are the handles of package state.
type Memory[V any] struct{ name string }

// NewMemory returns a handle. The name must be unique in the trigger.
func NewMemory[V any](name string) *Memory[V] { return &Memory[V]{name} }

// StateName is the name that the handle was made with.
func (m *Memory[V]) StateName() string { return m.name }

// cell is what the engine keeps for a Memory.
type cell[V any] interface {
	Lookup() *V
	Current() (v *V, fresh bool)
	Drop()
}

func (m *Memory[V]) in(c TriggerContext) cell[V] { return c.StateOf(m).(cell[V]) }

// Get is what is remembered for the key and window of c; ok is false when there is nothing.
func (m *Memory[V]) Get(c TriggerContext) (v V, ok bool) {
	if p := m.in(c).Lookup(); p != nil {
		return *p, true
	}
	return v, false
}

// Set remembers v.
func (m *Memory[V]) Set(c TriggerContext, v V) {
	p, _ := m.in(c).Current()
	*p = v
}

// Clear forgets.
func (m *Memory[V]) Clear(c TriggerContext) { m.in(c).Drop() }
