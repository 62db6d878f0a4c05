package schedule

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
)

// SchedulerMode says with how many slots a job runs (jobmanager.scheduler, scheduler-mode).
type SchedulerMode uint8

// The modes.
const (
	// DefaultScheduler runs a job with the parallelism it has configured, or has it wait.
	DefaultScheduler SchedulerMode = iota
	// AdaptiveScheduler runs it with the slots there are, up to that.
	AdaptiveScheduler
	// ReactiveScheduler runs it with the slots there are, up to the maximum parallelism.
	ReactiveScheduler
)

// AdaptiveConfig says when a job starts and when it is rescaled. Times are in nanoseconds. For an
// option that is not set the driver passes its default, which in reactive mode is another one.
type AdaptiveConfig struct {
	Mode SchedulerMode
	// WaitTimeout is how long a job waits for its minimum before it fails (slot.request.timeout, or
	// jobmanager.adaptive-scheduler.submission.resource-wait-timeout); 0 means for ever.
	WaitTimeout int64
	// StartStabilization is how long a job that has enough slots waits for all that it wants
	// (….submission.resource-stabilization-timeout); 0 starts at once.
	StartStabilization int64
	// RescaleStabilization is how long a job that runs and has got slots waits for all that it wants
	// (….executing.resource-stabilization-timeout); 0 rescales at once.
	RescaleStabilization int64
	// Cooldown is the least time between a start or rescale and one that only uses new slots
	// (….executing.cooldown-after-rescaling).
	Cooldown int64
	// MinIncrease is the least sum of parallelism for which new slots are used
	// (jobmanager.adaptive-scheduler.min-parallelism-increase); 0 means 1.
	MinIncrease int
}

// VertexBounds are the limits of a vertex's parallelism.
type VertexBounds struct {
	Name, Group string
	// Parallelism is what is configured; MaxParallelism is its number of key groups.
	Parallelism, MaxParallelism int
	// Keyed says that its subtasks own key groups.
	Keyed bool
	// Lower and Upper are the bounds; 0 means 1 and Parallelism. Neither is above MaxParallelism. The
	// default scheduler knows Parallelism only.
	Lower, Upper int
	// Alike is the same number for vertices that always have the same parallelism, which forward edges
	// and loops connect (see Regions).
	Alike int
}

// AdaptiveVerb says what the driver of an Adaptive is to do.
type AdaptiveVerb uint8

// The verbs.
const (
	// StartJob deploys the job, which does not run.
	StartJob AdaptiveVerb = iota + 1
	// RescaleJob deploys the job, which runs, anew from its latest state, in the slots that it may go
	// on to use, and then returns the others that it used. Where the parallelism is the same, only
	// those regions need be deployed that have something in slots that are lost or asked back.
	RescaleJob
	// SuspendJob stops what still runs: there are too few slots. With the default scheduler, where the
	// parallelism is the same afterwards, regions that have lost nothing may go on, and StartJob
	// deploys the others.
	SuspendJob
	// FailJob ends the job.
	FailJob
)

// AdaptiveAction is something that the driver of an Adaptive is to do.
type AdaptiveAction struct {
	Do          AdaptiveVerb
	Parallelism []int // of each vertex, for StartJob and RescaleJob
	Reason      string
}

// Adaptive decides with which parallelism a job runs as slots come and go. It is a state machine for
// one job; its driver calls Slots after each Balance of the pool that has changed what the job holds.
//
//	waiting ── enough, and all or no more for a while ──▶ running ── more, for a while ──▶ running
//	   ▲                                                    │ fewer: at once, with those left
//	   └───────────────── too few ──────────────────────────┘ or when asked to give some back
type Adaptive struct {
	cfg          AdaptiveConfig
	vertices     []VertexBounds
	lower, upper []int
	usable       map[string]int
	asked        map[string]int
	running      []int // the parallelism that runs or is being deployed, nil while waiting
	deploying    bool
	lost         bool  // a slot that it runs in is gone
	ran          bool  // it has been started before
	waits        int64 // since when it waits
	enough       int64 // since when there is enough to start, -1 if there is not
	more         int64 // since when there is more than what runs uses, -1 if there is not
	started      int64 // when it was last deployed
	ordered      int64 // when the bounds have changed, -1 if that is done
}

// NewAdaptive returns the state of a job that was submitted now.
func NewAdaptive(cfg AdaptiveConfig, vertices []VertexBounds, now int64) *Adaptive {
	cfg.MinIncrease = max(1, cfg.MinIncrease)
	a := &Adaptive{cfg: cfg, waits: now, enough: -1, more: -1, ordered: -1}
	a.bind(vertices)
	return a
}

// bind resolves the bounds; vertices that are alike have the same.
func (a *Adaptive) bind(vertices []VertexBounds) {
	a.vertices = vertices
	a.lower, a.upper = make([]int, len(vertices)), make([]int, len(vertices))
	for i, v := range vertices {
		lower, upper := max(1, v.Lower), v.Upper
		if upper <= 0 {
			upper = v.Parallelism
		}
		switch a.cfg.Mode {
		case DefaultScheduler:
			lower, upper = v.Parallelism, v.Parallelism
		case ReactiveScheduler:
			upper = v.MaxParallelism
		}
		if v.MaxParallelism > 0 {
			lower, upper = min(lower, v.MaxParallelism), min(upper, v.MaxParallelism)
		}
		a.lower[i], a.upper[i] = lower, max(lower, upper)
	}
	a.align(a.upper, func(x, y int) int { return min(x, y) })
	a.align(a.lower, func(x, y int) int { return max(x, y) })
	for i := range a.lower {
		a.upper[i] = max(a.lower[i], a.upper[i])
	}
}

// align gives vertices that are alike one value, of all that they have.
func (a *Adaptive) align(values []int, of func(x, y int) int) {
	all := map[int]int{}
	for i, v := range a.vertices {
		if x, ok := all[v.Alike]; ok {
			all[v.Alike] = of(x, values[i])
		} else {
			all[v.Alike] = values[i]
		}
	}
	for i, v := range a.vertices {
		values[i] = all[v.Alike]
	}
}

// Limits are the bounds of each vertex as they hold.
func (a *Adaptive) Limits() (lower, upper []int) { return slices.Clone(a.lower), slices.Clone(a.upper) }

// Demands is what the job wants of the pool: a group needs as many slots as its widest vertex. The
// driver sets the memory.
func (a *Adaptive) Demands() (demands []Demand) {
	for i, v := range a.vertices {
		k := slices.IndexFunc(demands, func(d Demand) bool { return d.Group == v.Group })
		if k < 0 {
			k = len(demands)
			demands = append(demands, Demand{Group: v.Group})
		}
		d := &demands[k]
		d.Min, d.Desired = max(d.Min, a.lower[i]), max(d.Desired, a.upper[i])
	}
	return demands
}

// SlotLost tells that a slot in which something of the job runs is gone. The driver says so before it
// calls Slots, which does not see it if Balance has granted another one for it.
func (a *Adaptive) SlotLost() { a.lost = a.running != nil && !fault.Seeded(fault.MissLoss) }

// Slots tells what the job holds of each group: how many slots it may go on to use, and how many of
// those that it uses it is asked to give back.
func (a *Adaptive) Slots(now int64, usable, asked map[string]int) []AdaptiveAction {
	a.usable, a.asked = usable, asked
	return a.Tick(now)
}

// Bounds tells that a user or the autoscaler has changed the bounds. The driver then gives the pool
// the new Demands, and calls Slots.
func (a *Adaptive) Bounds(now int64, vertices []VertexBounds) {
	a.bind(vertices)
	if a.running != nil {
		a.ordered = now
	}
}

// Deployed tells that the job runs as the last action said.
func (a *Adaptive) Deployed(now int64) {
	if a.running != nil {
		a.deploying, a.started = false, now
	}
}

// Adopt tells that the job runs already with this parallelism, started by an earlier leader, in slots
// that the pool has had it adopt.
func (a *Adaptive) Adopt(now int64, running []int) {
	a.running, a.ran, a.started = slices.Clone(running), true, now
}

// Restart tells that all of the job has failed and is to be deployed again now, for which it takes all
// slots there are.
func (a *Adaptive) Restart(now int64) []AdaptiveAction {
	a.wait(now)
	return a.Tick(now)
}

// Parallelism is what each vertex runs with, nil while the job waits.
func (a *Adaptive) Parallelism() []int { return slices.Clone(a.running) }

// possible is the parallelism for the slots there are, and whether it is enough.
func (a *Adaptive) possible() (p []int, enough bool) {
	p = make([]int, len(a.vertices))
	for i, v := range a.vertices {
		p[i] = min(a.upper[i], a.usable[v.Group])
	}
	a.align(p, func(x, y int) int { return min(x, y) })
	for i := range p {
		if p[i] < a.lower[i] && !fault.Seeded(fault.StartBelow) {
			return p, false
		}
	}
	return p, true
}

// Tick does what is due.
func (a *Adaptive) Tick(now int64) []AdaptiveAction {
	target, enough := a.possible()
	if a.running == nil {
		return a.tickWaiting(now, target, enough)
	}
	lost, fewer := a.lost, false
	for i, v := range a.vertices {
		fewer = fewer || a.running[i] > a.usable[v.Group]
		lost = lost || a.running[i] > a.usable[v.Group]+a.asked[v.Group]
	}
	lost = lost || fewer && a.deploying // it may have been on its way into what it is asked for
	switch {
	case lost && !enough:
		a.wait(now)
		reason := "slots are lost, and those left are not enough: " + a.have()
		return append([]AdaptiveAction{{Do: SuspendJob, Reason: reason}}, a.tickWaiting(now, target, enough)...)
	case lost:
		return a.deploy(RescaleJob, target, "slots are lost: "+a.have())
	case a.deploying:
		return nil
	case enough && a.backs() > 0 && !fault.Seeded(fault.KeepAsked):
		return a.deploy(RescaleJob, target, "slots are asked back: "+a.have())
	case fewer || !enough:
		a.more = -1
		return nil // it goes on until it gets others for those it is asked for, or enough for new bounds
	}
	return a.tickRunning(now, target)
}

func (a *Adaptive) backs() (n int) {
	for _, v := range a.vertices {
		n += a.asked[v.Group]
	}
	return n
}

func (a *Adaptive) tickWaiting(now int64, target []int, enough bool) []AdaptiveAction {
	if !enough {
		a.enough = -1
		if a.cfg.WaitTimeout > 0 && now >= a.waits+a.cfg.WaitTimeout {
			option := "slot.request.timeout"
			if a.cfg.Mode != DefaultScheduler {
				option = "jobmanager.adaptive-scheduler.submission.resource-wait-timeout"
			}
			reason := fmt.Sprintf("not enough slots within %s (%s): %s", seconds(a.cfg.WaitTimeout), option, a.have())
			a.waits = now // it is said once
			return []AdaptiveAction{{Do: FailJob, Reason: reason}}
		}
		return nil
	}
	if a.enough < 0 {
		a.enough = now
	}
	switch {
	case slices.Equal(target, a.upper):
		return a.deploy(StartJob, target, "all slots are there: "+a.have())
	case a.ran:
		return a.deploy(StartJob, target, "there are enough slots again: "+a.have())
	case now >= a.enough+a.cfg.StartStabilization:
		return a.deploy(StartJob, target, "there are enough slots: "+a.have())
	}
	return nil
}

// tickRunning rescales if the bounds have changed, or if there is more to use.
func (a *Adaptive) tickRunning(now int64, target []int) []AdaptiveAction {
	if slices.Equal(target, a.running) || fault.Seeded(fault.NeverMore) {
		a.more = -1
		if slices.Equal(target, a.upper) {
			a.ordered = -1
		}
		return nil
	}
	if a.more < 0 {
		a.more = now
	}
	if due := a.due(target); due < 0 || now < due {
		return nil
	}
	if a.ordered >= 0 {
		return a.deploy(RescaleJob, target, "the bounds have changed: "+a.have())
	}
	return a.deploy(RescaleJob, target, "there are more slots: "+a.have())
}

// due is when a job is rescaled that can run with target, -1 for never.
func (a *Adaptive) due(target []int) int64 {
	all := slices.Equal(target, a.upper)
	if a.ordered >= 0 {
		if all {
			return a.ordered
		}
		return a.ordered + a.cfg.RescaleStabilization
	}
	increase := 0
	for i := range target {
		increase += target[i] - a.running[i]
	}
	switch {
	case increase < a.cfg.MinIncrease:
		return -1
	case all:
		return a.started + a.cfg.Cooldown
	}
	return max(a.more+a.cfg.RescaleStabilization, a.started+a.cfg.Cooldown)
}

// Wake is the time at which Tick must be called, 0 for never.
func (a *Adaptive) Wake() int64 {
	switch target, enough := a.possible(); {
	case a.running == nil && enough && a.enough >= 0:
		return a.enough + a.cfg.StartStabilization
	case a.running == nil && !enough && a.cfg.WaitTimeout > 0:
		return a.waits + a.cfg.WaitTimeout
	case a.running != nil && !a.deploying && a.more >= 0 && !slices.Equal(target, a.running):
		return max(0, a.due(target))
	}
	return 0
}

func (a *Adaptive) deploy(do AdaptiveVerb, target []int, reason string) []AdaptiveAction {
	a.running, a.deploying, a.lost, a.ran = target, true, false, true
	a.enough, a.more, a.ordered = -1, -1, -1 // slots that come later are not part of an order
	return []AdaptiveAction{{Do: do, Parallelism: slices.Clone(target), Reason: reason}}
}

// wait has the job wait for slots from now on.
func (a *Adaptive) wait(now int64) {
	a.running, a.deploying, a.lost, a.waits = nil, false, false, now
	a.enough, a.more, a.ordered = -1, -1, -1
}

// have says what the job has of what it wants, such as: 4 slots, 6 wanted, at least 2.
func (a *Adaptive) have() (text string) {
	demands := a.Demands()
	for i, d := range demands {
		if i > 0 {
			text += "; "
		}
		if len(demands) > 1 {
			text += fmt.Sprintf("group %q: ", d.Group)
		}
		text += fmt.Sprintf("%s, %d wanted", plural(a.usable[d.Group], "slot", "slots"), d.Desired)
		if d.Min < d.Desired {
			text += fmt.Sprintf(", at least %d", d.Min)
		}
	}
	return text
}
