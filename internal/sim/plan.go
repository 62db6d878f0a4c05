package sim

import (
	"math/rand/v2"
	"slices"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/schedule"

	"github.com/flott-dev/flott/internal/checkpoint"
)

// Fault is something that goes wrong.
type Fault int

// The faults.
const (
	taskFailure   Fault = iota // of one subtask, at any step
	storageError               // of one operation, before or after its effect
	slowUpload                 // of a subtask's state
	lateAck                    // after the checkpoint has timed out
	lostAck                    // for ever
	timeJump                   // past the timeout of a checkpoint
	kill                       // of the whole process; the next one has another parallelism
	killInStorage              // in the middle of an operation
	rescale                    // to another parallelism, which is no fault
	faults
)

var faultNames = [faults]string{
	"task failure", "storage error", "slow upload", "late ack", "lost ack", "time jump", "kill",
	"kill in storage", "rescale",
}

// Phase is what the job is about when a fault hits.
type Phase int

// The phases.
const (
	starting   Phase = iota // tasks are being opened, or restored
	between                 // no checkpoint is under way
	opening                 // of a place for a checkpoint
	barriers                // are on their way
	uploading               // of state
	publishing              // of a checkpoint
	published               // and not yet told to everybody
	sweeping                // of old checkpoints
	restarting              // after a failure
	phases
)

var phaseNames = [phases]string{
	"starting", "between", "opening", "barriers", "uploading", "publishing", "published",
	"sweeping", "restarting",
}

// cannot are the pairs that do not happen: an upload happens during a checkpoint only, and between
// checkpoints the storage is left alone.
func cannot(f Fault, p Phase) bool {
	switch f {
	case slowUpload, lateAck, lostAck:
		return p != barriers && p != uploading
	case storageError, killInStorage:
		return p == between || p == barriers || p == starting || p == published
	}
	return false
}

// phase is what the job is about.
func (w *World) phase() Phase {
	kinds := map[actor.Work]bool{}
	for _, p := range w.work {
		kinds[p.kind] = true
	}
	if w.doing != nil {
		kinds[*w.doing] = true
	}
	switch {
	case kinds[actor.Load]:
		return restarting
	case kinds[actor.Publish]:
		return publishing
	case w.plan.steps < w.published:
		return published
	case kinds[actor.Upload]:
		return uploading
	case kinds[actor.Open]:
		return opening
	case kinds[actor.Sweep]:
		return sweeping
	}
	if w.job == nil {
		return starting
	}
	if w.job.State() == schedule.Restarting {
		return restarting
	}
	for _, t := range w.tasks {
		if !t.Opened() {
			return starting
		}
	}
	for _, c := range w.job.Checkpoints().Checkpoints {
		if c.Status == checkpoint.InProgress {
			return barriers
		}
	}
	return between
}

// plan is the faults of a run: each is armed at a step and hits in its phase, if that comes.
type plan struct {
	rng   *rand.Rand
	steps int
	left  []planned
	hits  [faults][phases]int
}

type planned struct {
	fault Fault
	phase Phase
	step  int
}

// newPlan draws up to most faults within the first steps.
func newPlan(rng *rand.Rand, most, steps int) *plan {
	p := &plan{rng: rng}
	for range rng.IntN(most + 1) {
		f := planned{Fault(rng.IntN(int(faults))), Phase(rng.IntN(int(phases))), rng.IntN(steps)}
		if !cannot(f.fault, f.phase) {
			p.left = append(p.left, f)
		}
	}
	return p
}

// take returns a fault of the given kinds that is due, and notes what it hits.
func (p *plan) take(w *World, kinds ...Fault) (Fault, bool) {
	for i, f := range p.left {
		if f.step > p.steps || !slices.Contains(kinds, f.fault) {
			continue
		}
		phase := w.phase()
		if f.fault == slowUpload || f.fault == lateAck || f.fault == lostAck {
			if phase != uploading {
				phase = barriers // this is the first upload
			}
		}
		if phase != f.phase {
			continue
		}
		p.left = slices.Delete(p.left, i, i+1)
		p.hits[f.fault][phase]++
		return f.fault, true
	}
	return 0, false
}

// tick counts a step and does the faults that need no occasion.
func (p *plan) tick(w *World) {
	p.steps++
	kinds := []Fault{taskFailure, timeJump, kill, rescale}
	if w.job == nil {
		kinds = kinds[:3]
	}
	fault, ok := p.take(w, kinds...)
	switch {
	case !ok:
	case fault == rescale:
		w.rescale()
	case fault == taskFailure:
		w.failTask()
	case fault == timeJump:
		w.clock.Advance(timeout + interval)
	case fault == kill:
		w.dead = true
	}
}
