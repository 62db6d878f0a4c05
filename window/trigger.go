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

// Trigger decides when the windows of a key fire. One value serves all keys and subtasks, so what
// it remembers goes into the context's memory. Its methods are called on one goroutine for each
// subtask.
type Trigger[T any] interface {
	// Element is asked for every record that is added to w. t is the record's event time or, in
	// processing time, the time now.
	Element(c TriggerContext, v *T, t int64, w Window) Decision
	// EventTime is asked when a timer set by SetEventTimer fires.
	EventTime(c TriggerContext, t int64, w Window) Decision
	// ProcessingTime is asked when a timer set by SetProcessingTimer fires.
	ProcessingTime(c TriggerContext, t int64, w Window) Decision
	// Clear deletes the timers that the trigger has set for w. Memory is cleared by the engine.
	Clear(c TriggerContext, w Window)
}

// Merger is a Trigger for windows that merge, such as sessions.
type Merger interface {
	// Merge is told that windows were merged into w. The context's memory is that of w: fold is
	// called for the memory of each of the merged windows.
	Merge(c TriggerContext, w Window)
}

// TriggerContext is what a trigger may ask and do. It belongs to one key and window.
type TriggerContext interface {
	// Watermark is the current watermark in milliseconds.
	Watermark() int64
	// Now is the processing time in milliseconds.
	Now() int64
	// SetEventTimer has EventTime called when the watermark reaches t.
	SetEventTimer(t int64)
	// DeleteEventTimer takes SetEventTimer back.
	DeleteEventTimer(t int64)
	// SetProcessingTimer has ProcessingTime called when the clock reaches t.
	SetProcessingTimer(t int64)
	// DeleteProcessingTimer takes SetProcessingTimer back.
	DeleteProcessingTimer(t int64)
	// StateOf makes the context one of package state, for triggers with states of their own.
	StateOf(handle any) any
}

// Element is a record in a window with its event time.
type Element[T any] struct {
	Value T
	Time  int64
}

// Evictor takes records out of windows. The slices are the engine's: an evictor may reorder and
// shorten them in place, and returns what is to stay.
type Evictor[T any] interface {
	// Before is called before the window's function.
	Before(elements []Element[T], w Window, watermark int64) []Element[T]
	// After is called after the window's function.
	After(elements []Element[T], w Window, watermark int64) []Element[T]
}
