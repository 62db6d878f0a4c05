package task

import (
	"fmt"

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
}

// snapshot takes the state of all nodes at a barrier.
func (t *Task) snapshot(barrier operator.Control) {
	checkpoint := barrier.ID
	if checkpoint <= t.snapped {
		return
	}
	t.finishReport()
	t.snapped = checkpoint
	r := &report{checkpoint: checkpoint, looping: t.head != nil && !t.ended}
	for i, n := range t.cfg.Nodes {
		s := &operator.Snapshot{Checkpoint: checkpoint, Full: barrier.Flags.Has(operator.Full)}
		s.State.Finished = t.ended
		if err := n.Snapshot(s); err != nil {
			t.failSnapshot(checkpoint, i, err)
			return
		}
		r.states = append(r.states, s)
	}
	t.report = r
	r.upload = t.cfg.Listener.Upload(t, checkpoint)
	t.write()
}

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
	if !r.looping {
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

// finishReport writes what is frozen at once, before the next barrier.
func (t *Task) finishReport() {
	r := t.report
	if r == nil {
		return
	}
	if r.looping {
		t.dropReport()
		return
	}
	for _, s := range r.states[r.node:] {
		for len(s.Frozen) > 0 {
			if r.step(s) {
				s.Frozen = s.Frozen[1:]
			}
		}
	}
	t.write()
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
