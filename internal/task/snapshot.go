package task

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/operator"
)

// report is a snapshot that has been taken and is not delivered yet: frozen state is still to be
// written, or the barrier has not come back to the head of the loop.
type report struct {
	checkpoint int64
	upload     Upload
	states     []*operator.Snapshot
	node       int  // the first node with frozen state
	looping    bool // what comes back to the head is still part of it
	collecting bool // what its barrier has overtaken has not all come
	flights    []*exchange.Flight
	stats      SnapshotStats
	frozen     time.Time // when the state was taken
}

// late is a barrier whose turn has come while the snapshot before is still being written.
type late struct {
	barrier operator.Control
	since   time.Time
}

// snapshot takes the state of all nodes at a barrier: now, or when the snapshot before has been written.
// Until then the task only writes, as fast as there is room, so that no more of the snapshot is in memory
// at a time than otherwise.
func (t *Task) snapshot(barrier operator.Control) {
	l := late{barrier, t.cfg.Clock.Now()}
	if t.isLate() || t.isWriting() {
		t.late = append(t.late, l)
		return
	}
	t.take(l)
}

// isLate reports whether a barrier waits for the snapshot before.
func (t *Task) isLate() bool { return len(t.late) > 0 }

// isWriting reports whether a snapshot can be completed by writing.
func (t *Task) isWriting() bool {
	r := t.report
	return r != nil && !r.looping && !r.collecting
}

// takeLate takes the first snapshot that waits, if it need not wait any more. It reports whether it did.
func (t *Task) takeLate() bool {
	if !t.isLate() || t.isWriting() {
		return false
	}
	l := t.late[0]
	t.late = t.late[1:]
	t.take(l)
	return true
}

func (t *Task) take(l late) {
	barrier, checkpoint := l.barrier, l.barrier.ID
	if checkpoint <= t.snapped {
		if t.report == nil || t.report.checkpoint != checkpoint {
			t.giveUp(checkpoint)
		}
		return
	}
	if r := t.report; r != nil { // what it waits for would come after this barrier
		t.giveUp(r.checkpoint)
		t.dropReport()
	}
	t.snapped = checkpoint
	r := &report{checkpoint: checkpoint, looping: t.head != nil && !t.ended}
	for i, n := range t.cfg.Nodes {
		s := &operator.Snapshot{Checkpoint: checkpoint, Full: barrier.Flags.Has(operator.Full)}
		s.State.Finished = t.ended
		if err := n.Snapshot(s); err != nil {
			t.giveUp(checkpoint)
			t.failSnapshot(checkpoint, i, err)
			return
		}
		r.states = append(r.states, s)
	}
	t.report = r
	r.frozen = t.cfg.Clock.Now()
	r.stats.Sync = r.frozen.Sub(l.since)
	t.measure(barrier)
	t.overtake()
	r.upload = t.cfg.Listener.Upload(t, checkpoint)
	t.write()
}

// writeShare writes frozen state for half as long as the task has worked since it wrote last, and at
// least once. Where a batch takes long, as with state on disk, one write for each would take a
// checkpoint longer than the interval until the next. It reports what write does.
func (t *Task) writeShare() bool {
	began, worked := t.now, int64(0)
	if t.wrote != 0 {
		worked = min(t.now-t.wrote, int64(workMax))
	}
	t.wrote = 0
	for t.write() {
		if now := t.cfg.Clock.Now().UnixNano(); now-began >= worked/2 {
			t.wrote = now
			return true
		}
	}
	return false
}

// workMax bounds how long writeShare writes, to half of it.
const workMax = 100 * time.Millisecond

// write writes some of the frozen state. It reports whether there is more that can be written now.
func (t *Task) write() bool {
	r := t.report
	if r == nil {
		return false
	}
	for ; r.node < len(r.states); r.node++ {
		s := r.states[r.node]
		if len(s.Frozen) == 0 {
			continue
		}
		if !r.upload.Room() {
			return false
		}
		if r.step(s) {
			s.Frozen = s.Frozen[1:]
		}
		return true
	}
	if r.collecting {
		return false
	}
	for len(r.flights) > 0 {
		f := r.flights[0]
		encode := !f.Empty()
		if encode && !r.upload.Room() {
			return false
		}
		r.encodeFlight()
		if encode {
			return true
		}
	}
	if !r.looping {
		r.stats.Async = t.cfg.Clock.Now().Sub(r.frozen)
		t.reported = r.stats
		t.report = nil
		t.cfg.Listener.Snapshotted(t, r.checkpoint, r.states, nil)
	}
	return false
}

func (r *report) step(s *operator.Snapshot) (done bool) {
	return s.Frozen[0].Step(func(section operator.Section) {
		data, _ := section.Data.Load() // is in memory
		section.Data = r.upload.Put(data)
		s.Add(section)
	})
}

// encodeFlight adds the first flight to the state of the head.
func (r *report) encodeFlight() {
	f := r.flights[0]
	r.flights = r.flights[1:]
	f.Encode(r.upload.Put)
	s := &r.states[0].State
	s.InFlight = append(s.InFlight, f.InFlight)
	r.stats.InFlightRecords += f.Records
	if f.Data != nil {
		r.stats.InFlightBytes += f.Data.Size()
	}
}

// giveUp makes the gate forget a checkpoint.
func (t *Task) giveUp(checkpoint int64) {
	if t.cfg.Gate != nil {
		t.cfg.Gate.Abort(checkpoint)
	}
}

// dropReport gives up a snapshot that is not delivered.
func (t *Task) dropReport() {
	r := t.report
	if r == nil {
		return
	}
	t.report = nil
	for _, s := range r.states {
		for _, f := range s.Frozen {
			f.Discard()
		}
	}
	if r.upload != nil {
		r.upload.Discard()
	}
	for _, f := range r.flights {
		f.Discard()
	}
}

func (t *Task) failSnapshot(checkpoint int64, node int, err error) {
	err = t.cfg.Contexts[node].NewError(fmt.Errorf("snapshot %d: %w", checkpoint, err), nil)
	t.cfg.Listener.Snapshotted(t, checkpoint, nil, err)
}

// closeLoop completes the snapshot of a loop's head by what has come back since.
func (t *Task) closeLoop() {
	r := t.report
	if r == nil || !r.looping {
		return
	}
	if err := t.head.SnapshotRest(r.states[0]); err != nil {
		t.dropReport()
		t.failSnapshot(r.checkpoint, 0, err)
		return
	}
	r.looping = false
	t.write()
}

// isSuspended reports whether the task does nothing until the snapshot it has taken is given up. The
// head of a loop goes on until the barrier is back.
func (t *Task) isSuspended() bool {
	return t.suspended != 0 && (t.report == nil || !t.report.looping)
}
