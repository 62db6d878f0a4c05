package task

import (
	"time"

	"github.com/flott-dev/flott/internal/operator"
)

// An unaligned barrier is delivered as soon as the chain is drained. It does not wait for room: while
// it is among the controls, writers take more than there is room for (Overdrawer), so that resume
// comes to the end of the batches at work. What they make is then ahead of the barrier in the gates of
// the consumers, and in flight there.

// SnapshotStats tells how a task took part in a checkpoint.
type SnapshotStats struct {
	// StartDelay is the time from the making of the barrier at its source to its first arrival.
	StartDelay time.Duration
	// Alignment is the time from the first arrival of the barrier to the last.
	Alignment time.Duration
	// AlignedBytes is what was processed during the alignment.
	AlignedBytes int64
	// InFlightBytes and InFlightRecords are what was overtaken and is part of the checkpoint.
	InFlightBytes   int64
	InFlightRecords int64
	// Sync is the time for which the barrier stopped the processing, Async that from then on until all
	// state was written.
	Sync, Async time.Duration
}

// SnapshotStats are those of the checkpoint that was reported last. Listener.Snapshotted may call it.
func (t *Task) SnapshotStats() SnapshotStats { return t.reported }

// hasten takes a barrier that has overtaken its input, and makes aligned ones unaligned whose time is
// up.
func (t *Task) hasten() {
	if t.gate != nil {
		if b, ok := t.gate.Urgent(); ok {
			t.queue(order{control: b})
		}
		t.collect()
	}
	if t.cfg.AlignedTimeout == 0 {
		return
	}
	for i := range t.controls {
		if d := t.switchAt(&t.controls[i]); d != 0 && t.now >= d {
			t.controls[i].control.Flags |= operator.Unaligned
			t.overdraw(true)
		}
	}
}

// switchAt is when the barrier in o becomes unaligned, 0 for never.
func (t *Task) switchAt(o *order) int64 {
	c := &o.control
	if o.run != nil || c.Kind != operator.Barrier || c.Created == 0 || !c.Flags.MaySwitch() ||
		t.cfg.AlignedTimeout == 0 {
		return 0
	}
	return c.Created + int64(t.cfg.AlignedTimeout)
}

// deadline is when the next barrier becomes unaligned, 0 for never.
func (t *Task) deadline() (at int64) {
	if t.gate != nil {
		at = t.gate.Deadline()
	}
	for i := range t.controls {
		if d := t.switchAt(&t.controls[i]); d != 0 && (at == 0 || d < at) {
			at = d
		}
	}
	return at
}

// overdraw lets writers take more than there is room for, or ends it.
func (t *Task) overdraw(on bool) {
	if on == t.overdrawn {
		return
	}
	t.overdrawn = on
	for _, n := range t.cfg.Nodes {
		if o, ok := n.(operator.Overdrawer); ok {
			o.Overdraw(on)
		}
	}
}

// settleOverdraw ends it when no unaligned barrier waits any more.
func (t *Task) settleOverdraw() {
	for _, o := range t.controls {
		if o.isUnaligned() {
			return
		}
	}
	t.overdraw(false)
}

func (o *order) isUnaligned() bool {
	return o.run == nil && o.control.Kind == operator.Barrier &&
		o.control.Flags.Has(operator.Unaligned)
}

// overtake begins to collect what the barrier of the report has overtaken.
func (t *Task) overtake() {
	r := t.report
	if t.gate == nil || !t.gate.Overtake(r.checkpoint) {
		return
	}
	r.collecting = true
	t.collect()
}

// collect takes what was overtaken once all of it has come.
func (t *Task) collect() {
	r := t.report
	if r == nil || !r.collecting || !t.gate.Collect(r.checkpoint) {
		return
	}
	r.collecting = false
	r.flights = t.gate.Flights()
	a := t.gate.Aligned()
	r.stats.Alignment, r.stats.AlignedBytes = time.Duration(a.Duration), a.Bytes
}

// measure notes how the barrier got here.
func (t *Task) measure(barrier operator.Control) {
	s := &t.report.stats
	switch {
	case t.ended:
	case t.gate != nil && t.head == nil:
		a := t.gate.Aligned()
		s.StartDelay, s.Alignment = time.Duration(a.StartDelay), time.Duration(a.Duration)
		s.AlignedBytes = a.Bytes
	case barrier.Created != 0:
		s.StartDelay = time.Duration(max(0, t.now-barrier.Created))
	}
}
