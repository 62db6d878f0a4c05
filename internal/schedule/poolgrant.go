package schedule

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
)

// shrink takes from jobs what they do not keep: at once what is idle, by asking for it what they
// use.
func (p *Pool) shrink(now int64) (actions []PoolAction) {
	for _, j := range p.queue {
		for _, g := range j.groups {
			for i := len(g.held) - 1; i >= 0; i-- { // take moves only the last one
				actions = append(actions, p.settle(g.held[i], now)...)
			}
		}
	}
	return actions
}

func (p *Pool) settle(s *slot, now int64) []PoolAction {
	timeout := p.cfg.ReclaimTimeout
	switch {
	case s.keep && s.asked && !s.late:
		s.asked = false
		return []PoolAction{{Do: KeepSlot, Holding: s.holding()}}
	case s.keep:
		return nil
	case !s.used || fault.Seeded(fault.RevokeUsed):
		return p.revoke(s, p.why(s))
	case !s.asked:
		s.asked, s.askedAt = true, now
		if timeout > 0 {
			p.wakeAt(now + timeout)
		}
		return []PoolAction{{ReclaimSlot, s.holding(), p.why(s)}}
	case timeout > 0 && !p.overdue(s, now):
		p.wakeAt(s.askedAt + timeout)
	}
	return nil
}

// why says why a slot is taken.
func (p *Pool) why(s *slot) string {
	g := s.group
	switch {
	case s.manager.draining:
		return fmt.Sprintf("TaskManager %q is draining", s.manager.id)
	case g.share >= g.Desired:
		return "its job wants fewer slots"
	case !g.job.complete:
		return "its job cannot run, and others can"
	}
	return fmt.Sprintf("other jobs need it: the fair share of group %q is %d", g.Group, g.share)
}

// grow grants what is free now: first minimums, in order, then what jobs want beyond. A job gets its
// minimum as a whole: as long as a part of it is still to come, what is free for it waits.
func (p *Pool) grow(now int64, c classes) (actions []PoolAction) {
	v := p.vendor(c)
	if len(v.free) == 0 || v.free[0] == 0 {
		return nil
	}
	for _, j := range p.queue {
		if !j.complete || !v.reserve(j) && !fault.Seeded(fault.GrantInParts) {
			continue
		}
		j.reserved = 0
		for _, g := range j.groups {
			for n := g.lacking(); n > 0 && v.left(g) > 0; n-- {
				actions = append(actions, p.grant(v.sell(g), g, now))
			}
		}
	}
	for _, j := range p.queue {
		lacks := slices.ContainsFunc(j.groups, func(g *group) bool { return g.lacking() > 0 })
		for _, g := range j.groups {
			for !lacks && g.fresh > 0 && v.free.take(g.class) {
				actions = append(actions, p.grant(v.sell(g), g, now))
			}
		}
	}
	return actions
}

// reserve takes the free slots that a job needs for its minimum, and reports whether that is all.
func (v *vendor) reserve(j *poolJob) bool {
	needed := 0
	for _, g := range j.groups {
		for range g.lacking() {
			needed++
			if v.free.take(g.class) {
				j.reserved++
			}
		}
	}
	return j.reserved == needed
}

// lacking is how many slots a group needs to have its minimum.
func (g *group) lacking() int { return max(0, g.Min-(g.share-g.fresh)) }

func (p *Pool) grant(s *slot, g *group, now int64) PoolAction {
	p.last++
	s.id, s.since = AllocationID{p.epoch, p.last}, now
	if fault.Seeded(fault.ReuseAllocation) {
		s.id.Number = int64(len(g.held))
	}
	s.manager.used++
	p.give(s, g)
	g.fresh--
	return PoolAction{Do: GrantSlot, Holding: s.holding()}
}

// dismiss lets TaskManagers go that drain and hold nothing.
func (p *Pool) dismiss() (actions []PoolAction) {
	for _, m := range p.order {
		if m.draining && m.used == 0 && !m.dismissed {
			m.dismissed = true
			actions = append(actions, PoolAction{Do: DismissTaskManager, Holding: Holding{TaskManager: m.id}})
		}
	}
	return actions
}

// vendor chooses which slots are granted: the smallest that are large enough, of these on the
// TaskManagers where the job had slots before, then by the policy.
type vendor struct {
	pool  *Pool
	free  room
	count []int      // free slots by class
	ranks []*ranking // TaskManagers by class; nil until needed
	job   *poolJob   // whose homes these are
	homes []home
}

// home is a TaskManager where a job had more slots than it holds there.
type home struct {
	*manager
	slots int
}

func (p *Pool) vendor(c classes) *vendor {
	v := &vendor{pool: p, free: make(room, len(c)), count: make([]int, len(c)), ranks: make([]*ranking, len(c))}
	for _, m := range p.order {
		if m.draining && !fault.Seeded(fault.GrantDraining) {
			continue
		}
		for _, s := range m.slots {
			if s.available() && s.class >= 0 {
				v.free.add(s.class, 1)
				v.count[s.class]++
			}
		}
	}
	return v
}

func (s *slot) available() bool {
	return s.state == slotFree || s.state == slotFreeing && fault.Seeded(fault.DoubleBook)
}

// left is how many free slots there are for a group.
func (v *vendor) left(g *group) (n int) {
	for _, count := range v.count[g.class:] {
		n += count
	}
	return n
}

// sell takes a free slot for a group; there must be one.
func (v *vendor) sell(g *group) *slot {
	class := g.class
	for v.count[class] == 0 {
		class++
	}
	s := v.atHome(g.job, class)
	if s == nil {
		s = v.rank(class).best(class)
	}
	v.count[class]--
	for _, r := range v.ranks {
		if r != nil {
			heap.Push(r, ranked{s.manager, s.manager.used + 1})
		}
	}
	return s
}

func (v *vendor) atHome(j *poolJob, class int) *slot {
	if v.job != j {
		v.job, v.homes = j, v.pool.homes(j)
	}
	for i := range v.homes {
		h := &v.homes[i]
		if h.slots == 0 {
			continue
		}
		if s := h.open(class); s != nil {
			h.slots--
			return s
		}
		if h.used == len(h.manager.slots) {
			h.slots = 0
		}
	}
	return nil
}

func (p *Pool) homes(j *poolJob) (homes []home) {
	if len(j.before) == 0 {
		return nil
	}
	held := map[*manager]int{}
	for _, g := range j.groups {
		for _, s := range g.held {
			held[s.manager]++
		}
	}
	for _, m := range p.order {
		if n := j.before[m.id] - held[m]; n > 0 && !m.draining {
			homes = append(homes, home{m, n})
		}
	}
	return homes
}

// open is a free slot of a class, nil if there is none.
func (m *manager) open(class int) *slot {
	for _, s := range m.slots {
		if s.available() && s.class == class {
			return s
		}
	}
	return nil
}

// ranking is a heap of TaskManagers in the order of the policy. Whenever one's used slots change it
// is pushed again; entries with another number are passed over.
type ranking struct {
	policy Policy
	ranked []ranked
}

type ranked struct {
	*manager
	used int
}

func (v *vendor) rank(class int) *ranking {
	if v.ranks[class] == nil {
		r := &ranking{policy: v.pool.cfg.Policy}
		for _, m := range v.pool.order {
			if (!m.draining || fault.Seeded(fault.GrantDraining)) && m.open(class) != nil {
				r.ranked = append(r.ranked, ranked{m, m.used})
			}
		}
		heap.Init(r)
		v.ranks[class] = r
	}
	return v.ranks[class]
}

// best is a free slot of a class on the best TaskManager; there must be one.
func (r *ranking) best(class int) *slot {
	for {
		top := heap.Pop(r).(ranked)
		if top.used != top.manager.used {
			continue
		}
		if s := top.open(class); s != nil {
			return s
		}
	}
}

func (r *ranking) Len() int      { return len(r.ranked) }
func (r *ranking) Swap(a, b int) { r.ranked[a], r.ranked[b] = r.ranked[b], r.ranked[a] }
func (r *ranking) Push(x any)    { r.ranked = append(r.ranked, x.(ranked)) }

func (r *ranking) Less(a, b int) bool {
	x, y := r.ranked[a], r.ranked[b]
	byUse := cmp.Compare(x.used, y.used)
	if r.policy == FillUp {
		byUse = -byUse
	}
	return cmp.Or(byUse, cmp.Compare(x.number, y.number)) < 0
}

func (r *ranking) Pop() any {
	last := len(r.ranked) - 1
	top := r.ranked[last]
	r.ranked = r.ranked[:last]
	return top
}
