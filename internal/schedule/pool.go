package schedule

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
)

// PoolConfig says how slots are dealt out. Times are in nanoseconds.
type PoolConfig struct {
	// Policy says which TaskManager's slots go first.
	Policy Policy
	// IdleTimeout is how long a job keeps a slot that it neither uses nor wants any more, if nobody
	// else wants it (slot.idle.timeout); 0 frees it at once.
	IdleTimeout int64
	// ReclaimTimeout is how long a job may take to give a slot back before others stop to count on
	// it; 0 means for ever.
	ReclaimTimeout int64
}

// Policy says which TaskManager's slots are taken first. Ties go to the one that registered first.
type Policy uint8

// The policies.
const (
	// FillUp takes the one with the most used slots, so that few TaskManagers are in use
	// (taskmanager.load-balance.mode: NONE, MIN_RESOURCES).
	FillUp Policy = iota
	// SpreadOut takes the one with the fewest used slots (taskmanager.load-balance.mode: SLOTS,
	// TASKS; cluster.evenly-spread-out-slots).
	SpreadOut
)

// AllocationID is one use of a slot by one job. None returns: Epoch is that of the leader that made
// it, and leaders never share one.
type AllocationID struct {
	Epoch, Number int64
}

// String writes it, such as 3.17.
func (a AllocationID) String() string { return fmt.Sprintf("%d.%d", a.Epoch, a.Number) }

func (a AllocationID) compare(b AllocationID) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Number, b.Number))
}

// Demand is what a job wants for one of its slot-sharing groups.
type Demand struct {
	Group string
	// Min is how many slots it needs to run at all; Desired is how many it can use, at least Min.
	Min, Desired int
	// Memory is the least a slot must have, in bytes; 0 takes any.
	Memory int64
}

// Offer is a TaskManager that registers.
type Offer struct {
	ID, Address string
	Slots       []int64 // the memory of each slot, in bytes
	// Holds is what is allocated there now.
	Holds []Holding
	// Draining says that it is about to leave, as Drain does.
	Draining bool
	// Busy says that something of before may still run in slots where nothing is allocated: they are not free until
	// Cleared.
	Busy bool
}

// ManagerStatus is what is known of a TaskManager.
type ManagerStatus struct {
	ID, Address string
	Slots, Free int
	Draining    bool
}

// Holding is a slot that a job holds.
type Holding struct {
	TaskManager string
	Slot        int // counted from 0
	Allocation  AllocationID
	Job, Group  string
}

// PoolVerb says what the driver of a Pool is to do.
type PoolVerb uint8

// The verbs.
const (
	// GrantSlot tells job and TaskManager that the slot is the job's.
	GrantSlot PoolVerb = iota + 1
	// AdoptSlot tells a job, after a change of the leader, that it has the slot and what runs there.
	AdoptSlot
	// ReclaimSlot asks a job to give back a slot that it uses, as soon as it can; it answers by Return.
	ReclaimSlot
	// KeepSlot takes a ReclaimSlot back.
	KeepSlot
	// RevokeSlot takes a slot from a job that does not use it.
	RevokeSlot
	// LoseSlot tells a job that a slot and what ran there is gone.
	LoseSlot
	// FreeSlot tells a TaskManager to clear a slot; it answers by Freed.
	FreeSlot
	// WaitForSlots tells a job why it waits.
	WaitForSlots
	// DismissTaskManager tells a draining TaskManager that nothing is allocated there any more.
	DismissTaskManager
)

// PoolAction is something that the driver of a Pool is to do. Of the Holding, WaitForSlots has the
// job only and DismissTaskManager the TaskManager only.
type PoolAction struct {
	Do PoolVerb
	Holding
	Reason string // why; empty for GrantSlot, AdoptSlot, KeepSlot and DismissTaskManager
}

// Pool deals the slots of all TaskManagers out to jobs. It is a state machine: its driver tells it
// what has happened, calls Balance after one or several events, and carries out the actions that
// they return, in their order.
type Pool struct {
	cfg        PoolConfig
	epoch      int64
	last       int64 // the number of the last allocation
	recovering bool
	gone       map[AllocationID]bool // what ended while recovering
	managers   map[string]*manager
	order      []*manager // as they have registered
	registered int        // TaskManagers so far
	jobs       map[string]*poolJob
	queue      []*poolJob // submitted, in order
	held       map[AllocationID]*slot
	dirty      bool  // Balance has something to do
	wake       int64 // when Balance has something to do, 0 for never
}

type manager struct {
	id, address string
	number      int // in the order of registration
	slots       []*slot
	draining    bool
	dismissed   bool
	used        int // slots that are not free
}

type slotState uint8

const (
	slotFree slotState = iota
	slotHeld
	slotFreeing // until the TaskManager says that it is free
)

type slot struct {
	manager *manager
	index   int
	memory  int64
	state   slotState
	id      AllocationID // unless free
	group   *group       // while held
	at      int          // its place in group.held
	used    bool         // the job runs something there
	since   int64        // when it was last used, or granted
	asked   bool         // the job is asked to give it back
	askedAt int64
	// what follows is of one Balance
	class  int
	keep   bool // it stays with the job
	locked bool // whatever others want
	late   bool // the job, which need not keep it, does not give it back
}

type poolJob struct {
	id        string
	submitted bool // else it is known only by what TaskManagers hold for it
	groups    []*group
	reason    string         // why it waits; empty if it does not
	before    map[string]int // its slots on each TaskManager when it last ran

	share    int  // what Balance gives it
	complete bool // Balance gives it its minimum
	position int  // in the queue
	reserved int  // free slots that wait with it for those that come
}

type group struct {
	Demand
	job  *poolJob
	held []*slot
	// what follows is of one Balance
	class int
	next  int // the first of held that has not been looked at
	share int // slots that it keeps and gets
	fresh int // slots that it gets
	full  bool
}

// NewPool returns the pool of a leader. Where jobs of an earlier leader may run, it is recovering:
// it adopts what TaskManagers hold for jobs, and grants nothing, until Recovered.
func NewPool(cfg PoolConfig, epoch int64, recovering bool) *Pool {
	return &Pool{
		cfg: cfg, epoch: epoch, recovering: recovering,
		gone: map[AllocationID]bool{}, managers: map[string]*manager{}, jobs: map[string]*poolJob{},
		held: map[AllocationID]*slot{},
	}
}

// Recovered tells that all jobs of the earlier leader have been submitted and that the TaskManagers
// have had their time to register: what is held for other jobs is freed.
func (p *Pool) Recovered() (actions []PoolAction) {
	p.recovering, p.gone, p.dirty = false, nil, true
	for _, m := range p.order {
		for _, s := range m.slots {
			if s.state == slotHeld && !s.group.job.submitted {
				actions = append(actions, p.free(s, "its job is unknown"))
			}
		}
	}
	for id, j := range p.jobs {
		if !j.submitted {
			delete(p.jobs, id)
		}
	}
	return actions
}

// Register tells that a TaskManager is there, for the first time or again, with what it holds. What
// jobs had there and it does not hold is lost to them; what it holds and no job has is freed.
func (p *Pool) Register(o Offer) (actions []PoolAction) {
	p.dirty = true
	holds := map[int]Holding{}
	for _, h := range o.Holds {
		h.TaskManager = o.ID
		holds[h.Slot] = h
	}
	old := p.managers[o.ID]
	if old != nil {
		for _, s := range old.slots {
			if s.state != slotHeld {
				continue
			}
			known := s.index < len(o.Slots) && o.Slots[s.index] >= s.group.Memory &&
				(holds[s.index].Allocation == s.id || fault.Seeded(fault.KeepUnreported))
			if !known {
				actions = append(actions, p.lose(s, fmt.Sprintf("TaskManager %q has started anew", o.ID)))
			}
		}
		p.order = slices.DeleteFunc(p.order, func(m *manager) bool { return m == old })
	}
	m := &manager{id: o.ID, address: o.Address, number: p.registered, draining: o.Draining}
	p.registered++
	p.managers[o.ID], p.order = m, append(p.order, m)
	for i, memory := range o.Slots {
		s := &slot{manager: m, index: i, memory: memory}
		if old != nil && i < len(old.slots) && old.slots[i].state == slotHeld {
			s = old.slots[i] // its job goes on
			s.manager, s.memory = m, memory
			m.used++
		} else if h, ok := holds[i]; ok {
			actions = append(actions, p.found(s, h))
		} else if o.Busy {
			s.state = slotFreeing
			m.used++
		}
		m.slots = append(m.slots, s)
	}
	return slices.DeleteFunc(actions, func(a PoolAction) bool { return a.Do == 0 })
}

// found takes what a TaskManager holds and the pool does not know of.
func (p *Pool) found(s *slot, h Holding) PoolAction {
	s.id = h.Allocation
	s.manager.used++
	over := !p.recovering || p.gone[s.id]
	if p.held[s.id] != nil || over && !(fault.Seeded(fault.AdoptGone) && p.jobs[h.Job] != nil) {
		s.state = slotFreeing
		return PoolAction{FreeSlot, h, "the allocation is over"}
	}
	j := p.jobs[h.Job]
	if j == nil {
		j = &poolJob{id: h.Job, before: map[string]int{}}
		p.jobs[h.Job] = j
	}
	g := j.group(h.Group)
	if j.submitted && (g == nil || s.memory < g.Memory) {
		s.state = slotFreeing
		return PoolAction{FreeSlot, h, "its job has no such group"}
	}
	if g == nil {
		g = &group{Demand: Demand{Group: h.Group}, job: j}
		j.groups = append(j.groups, g)
	}
	p.give(s, g)
	s.used = true
	if !j.submitted {
		return PoolAction{}
	}
	return PoolAction{Do: AdoptSlot, Holding: h}
}

// Drain tells that a TaskManager wants to leave: jobs are asked for its slots and get others where
// there are some, and it is dismissed when it holds nothing. To register again ends that.
func (p *Pool) Drain(id string) {
	if m := p.managers[id]; m != nil {
		m.draining, p.dirty = true, true
	}
}

// Lose tells that a TaskManager is gone, and why.
func (p *Pool) Lose(id, reason string) (actions []PoolAction) {
	m := p.managers[id]
	if m == nil {
		return nil
	}
	p.dirty = true
	for _, s := range m.slots {
		if s.state == slotHeld {
			actions = append(actions, p.lose(s, fmt.Sprintf("TaskManager %q is lost: %s", id, reason)))
		}
	}
	delete(p.managers, id)
	p.order = slices.DeleteFunc(p.order, func(o *manager) bool { return o == m })
	return slices.DeleteFunc(actions, func(a PoolAction) bool { return a.Do == 0 })
}

// Freed tells that a TaskManager has cleared a slot, or refused a grant. Where a job holds it by
// this allocation, it is lost to the job.
func (p *Pool) Freed(taskManager string, index int, id AllocationID) []PoolAction {
	m := p.managers[taskManager]
	if m == nil || index < 0 || index >= len(m.slots) || m.slots[index].id != id {
		return nil
	}
	s := m.slots[index]
	switch s.state {
	case slotHeld:
		p.dirty = true
		a := p.lose(s, fmt.Sprintf("TaskManager %q has freed it", taskManager))
		return slices.DeleteFunc([]PoolAction{a}, func(a PoolAction) bool { return a.Do == 0 })
	case slotFreeing:
		p.dirty = true
		p.clear(s)
	}
	return nil
}

// Cleared tells that nothing of before runs any more at a TaskManager that has registered as busy.
func (p *Pool) Cleared(id string) {
	m := p.managers[id]
	if m == nil {
		return
	}
	for _, s := range m.slots {
		if s.state == slotFreeing && s.id == (AllocationID{}) {
			p.clear(s)
			p.dirty = true
		}
	}
}

// Submit tells of a job and what it wants, one demand for each of its slot-sharing groups. A job
// that is there already only changes its wishes, and keeps its place in the order.
func (p *Pool) Submit(job string, demands []Demand) (actions []PoolAction) {
	p.dirty = true
	j := p.jobs[job]
	if j == nil {
		j = &poolJob{id: job, before: map[string]int{}}
		p.jobs[job] = j
	}
	old := j.groups
	j.groups = nil
	for _, d := range demands {
		d.Min = max(0, d.Min)
		d.Desired = max(d.Min, d.Desired)
		g := &group{Demand: d, job: j}
		if i := slices.IndexFunc(old, func(o *group) bool { return o.Group == d.Group }); i >= 0 {
			g = old[i]
			g.Demand = d
		}
		j.groups = append(j.groups, g)
	}
	for _, g := range old {
		for _, s := range slices.Clone(g.held) {
			const reason = "its job has no such group any more"
			fits := j.group(g.Group) != nil && s.memory >= g.Memory
			switch {
			case !fits && j.submitted:
				actions = append(actions, p.revoke(s, reason)...)
			case !fits:
				actions = append(actions, p.free(s, reason))
			case !j.submitted:
				actions = append(actions, PoolAction{Do: AdoptSlot, Holding: s.holding()})
			}
		}
	}
	if !j.submitted {
		j.submitted, j.position = true, len(p.queue)
		p.queue = append(p.queue, j)
	}
	return actions
}

// End tells that a job has ended: all its slots are freed.
func (p *Pool) End(job string) (actions []PoolAction) {
	j := p.jobs[job]
	if j == nil {
		return nil
	}
	p.dirty = true
	for _, g := range j.groups {
		for _, s := range slices.Clone(g.held) {
			if fault.Seeded(fault.ForgetEnded) && s.used {
				continue
			}
			actions = append(actions, p.free(s, "its job has ended"))
		}
	}
	delete(p.jobs, job)
	p.queue = slices.DeleteFunc(p.queue, func(o *poolJob) bool { return o == j })
	for i, o := range p.queue {
		o.position = i
	}
	return actions
}

// Use tells which of its slots a job runs in from now on; the others are idle. When it is granted
// slots later, those of the TaskManagers where it ran last come first.
func (p *Pool) Use(now int64, job string, ids []AllocationID) {
	j := p.jobs[job]
	if j == nil {
		return
	}
	p.dirty = true
	for _, g := range j.groups {
		for _, s := range g.held {
			if s.used {
				s.used, s.since = false, now
			}
		}
	}
	if len(ids) > 0 {
		clear(j.before)
	}
	for _, id := range ids {
		if s := p.held[id]; s != nil && s.group.job == j {
			s.used = true
			j.before[s.manager.id]++
		}
	}
}

// Return tells that a job gives slots back, in which it runs nothing any more.
func (p *Pool) Return(job string, ids []AllocationID) (actions []PoolAction) {
	for _, id := range ids {
		if s := p.held[id]; s != nil && s.group.job.id == job {
			p.dirty = true
			actions = append(actions, p.free(s, "its job gives it back"))
		}
	}
	return actions
}

func (j *poolJob) group(name string) *group {
	for _, g := range j.groups {
		if g.Group == name {
			return g
		}
	}
	return nil
}

func (s *slot) holding() Holding {
	h := Holding{TaskManager: s.manager.id, Slot: s.index, Allocation: s.id}
	if s.group != nil {
		h.Job, h.Group = s.group.job.id, s.group.Group
	}
	return h
}

// give puts a slot that has its allocation into the hands of a group.
func (p *Pool) give(s *slot, g *group) {
	s.state, s.group, s.at = slotHeld, g, len(g.held)
	s.used, s.asked, s.keep = false, false, true
	g.held = append(g.held, s)
	p.held[s.id] = s
}

// take takes a slot from the group that holds it.
func (p *Pool) take(s *slot) {
	held := s.group.held
	end := len(held) - 1
	held[s.at] = held[end]
	held[s.at].at = s.at
	held[end] = nil
	s.group.held, s.group = held[:end], nil
	delete(p.held, s.id)
	if p.recovering {
		p.gone[s.id] = true
	}
}

// free takes a slot from its group and has the TaskManager clear it.
func (p *Pool) free(s *slot, reason string) PoolAction {
	h := s.holding()
	p.take(s)
	s.state = slotFreeing
	return PoolAction{FreeSlot, h, reason}
}

// revoke frees a slot and tells the job.
func (p *Pool) revoke(s *slot, reason string) []PoolAction {
	h := s.holding()
	return []PoolAction{{RevokeSlot, h, reason}, p.free(s, reason)}
}

// lose takes a slot, which is clear, from its group. There is no action if the job is unknown.
func (p *Pool) lose(s *slot, reason string) PoolAction {
	h, known := s.holding(), s.group.job.submitted
	p.take(s)
	p.clear(s)
	if !known {
		return PoolAction{}
	}
	return PoolAction{LoseSlot, h, reason}
}

func (p *Pool) clear(s *slot) {
	s.state, s.id = slotFree, AllocationID{}
	s.manager.used--
}
