package schedule

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
)

// Balance deals the slots out anew: who gets how many, what jobs are to give back, what is granted.
// It says why jobs wait whenever that changes.
//
// Who gets how many, in this order:
//
//  1. A job that has its minimum keeps it; one that does not keeps what it uses of it.
//  2. Every job, in order of submission, gets its minimum, or nothing if there is not enough.
//  3. What is left goes, slot by slot, to the job with the fewest slots that wants more. In a tie it
//     stays with the job that holds it, else it goes to the earlier one.
//  4. Jobs that wait keep what they hold idle as long as nobody else wants it; so do those that want
//     fewer, for a while.
//
// A slot with much memory serves demands for little, but not the other way round. So the sizes are
// cut into classes at what is demanded, and the room left is counted for each class and those above
// it (see room). All counts include slots that are still being freed or given back.
func (p *Pool) Balance(now int64) (actions []PoolAction) {
	if !p.dirty && (p.wake == 0 || now < p.wake) {
		return nil
	}
	p.dirty, p.wake = false, 0
	if p.recovering {
		return p.explain(nil)
	}
	classes := p.classes()
	r := p.room(classes)
	for _, j := range p.queue {
		p.prepare(j, classes)
	}
	for _, j := range p.queue {
		p.protect(j, r, now)
	}
	for i := range p.queue {
		if fault.Seeded(fault.LatestFirst) {
			i = len(p.queue) - 1 - i
		}
		p.queue[i].complete = p.queue[i].fill(r)
	}
	dealOut(p.queue, r)
	for _, j := range p.queue {
		if !j.complete {
			j.keepIdle(r)
		}
	}
	for _, j := range p.queue {
		p.keepSurplus(j, r, now)
	}
	actions = p.shrink(now)
	actions = append(actions, p.grow(now, classes)...)
	actions = append(actions, p.dismiss()...)
	return append(actions, p.explain(classes)...)
}

// classes are the different amounts of memory that are demanded, in order. A slot is of the class of
// the largest that it has, -1 if it has none.
type classes []int64

func (p *Pool) classes() classes {
	var c classes
	for _, j := range p.queue {
		for _, g := range j.groups {
			if i, ok := slices.BinarySearch(c, g.Memory); !ok {
				c = slices.Insert(c, i, g.Memory)
			}
		}
	}
	return c
}

func (c classes) of(memory int64) int {
	i, ok := slices.BinarySearch(c, memory)
	if ok {
		return i
	}
	return i - 1
}

// room has, for each class, how many more slots of this class or above can be dealt out. A demand of
// class k can be met together with all that has been taken if, and only if, no entry up to k is 0:
// the slots that a demand can use include those that any larger one can, so what Hall's theorem asks
// of every set of demands need be asked of these only. Whoever then takes the smallest slot that is
// large enough leaves enough for the others.
type room []int

func (r room) add(class, n int) {
	for k := range r[:class+1] {
		r[k] += n
	}
}

func (r room) take(class int) bool {
	for _, n := range r[:class+1] {
		if n <= 0 {
			return false
		}
	}
	r.add(class, -1)
	return true
}

// room counts the slots that can be dealt out.
func (p *Pool) room(c classes) room {
	r := make(room, len(c))
	for _, m := range p.order {
		for _, s := range m.slots {
			s.class = c.of(s.memory)
			if !m.draining {
				r.add(s.class, 1)
			}
		}
	}
	return r
}

// prepare puts what a job holds into the order in which it keeps it: what it is not asked for, what
// it uses, small slots, old allocations.
func (p *Pool) prepare(j *poolJob, c classes) {
	j.share, j.reserved = 0, 0
	for _, g := range j.groups {
		g.class, g.next, g.share, g.fresh, g.full = c.of(g.Memory), 0, 0, 0, false
		if fault.Seeded(fault.IgnoreMemory) {
			g.class = 0
		}
		slices.SortFunc(g.held, func(a, b *slot) int {
			return cmp.Or(
				falseFirst(a.manager.draining, b.manager.draining), falseFirst(a.asked, b.asked),
				falseFirst(!a.used, !b.used), cmp.Compare(a.memory, b.memory), a.id.compare(b.id),
			)
		})
		for i, s := range g.held {
			s.at, s.keep, s.locked = i, false, false
		}
	}
}

func (p *Pool) wakeAt(t int64) {
	if p.wake == 0 || t < p.wake {
		p.wake = t
	}
}

// protect leaves a job what nobody may take from it, and what it does not give back.
func (p *Pool) protect(j *poolJob, r room, now int64) {
	complete := true
	for _, g := range j.groups {
		complete = complete && g.lasting() >= g.Min
	}
	for _, g := range j.groups {
		for _, s := range g.held[:g.lasting()] {
			if fault.Seeded(fault.TakeMinimum) && len(p.queue) > j.position+1 && g.share > 0 {
				break
			}
			mine := g.share < g.Min && (complete || s.used)
			s.late = !mine && p.overdue(s, now)
			if mine || s.late || fault.Seeded(fault.KeepExtras) {
				r.add(s.class, -1)
				g.keep(s)
				s.locked = true
			}
		}
	}
}

// overdue reports whether a job takes too long to give a slot back.
func (p *Pool) overdue(s *slot, now int64) bool {
	timeout := p.cfg.ReclaimTimeout
	return s.asked && timeout > 0 && now >= s.askedAt+timeout && !fault.Seeded(fault.WaitForOverdue)
}

// lasting is how many of the slots, which come first, are not on TaskManagers that drain.
func (g *group) lasting() int {
	n := len(g.held)
	for n > 0 && g.held[n-1].manager.draining {
		n--
	}
	return n
}

func (g *group) keep(s *slot) {
	s.keep = true
	g.share++
	g.job.share++
}

// more takes room for one more of the slots that a group holds.
func (g *group) more(r room) bool {
	for last := g.lasting(); g.next < last; {
		s := g.held[g.next]
		g.next++
		if !s.keep && r.take(s.class) {
			g.keep(s)
			return true
		}
	}
	return false
}

// add takes room for one more slot for a group, of those that it holds if possible.
func (g *group) add(r room) bool {
	if g.more(r) {
		return true
	}
	if !r.take(g.class) {
		return false
	}
	g.share++
	g.fresh++
	g.job.share++
	return true
}

// fill takes room for a job's minimum. If there is not enough it takes nothing.
func (j *poolJob) fill(r room) bool {
	before := slices.Clone(r)
	for _, g := range j.groups {
		for g.share < g.Min {
			if !g.add(r) {
				j.empty()
				copy(r, before)
				return false
			}
		}
	}
	return true
}

// empty undoes what fill has done: only what is protected is kept.
func (j *poolJob) empty() {
	j.share = 0
	for _, g := range j.groups {
		g.next, g.share, g.fresh = 0, 0, 0
		for _, s := range g.held {
			if s.keep = s.locked; s.keep {
				g.share++
				j.share++
			}
		}
	}
}

// keepIdle takes room for what a job holds though it cannot run.
func (j *poolJob) keepIdle(r room) {
	for _, g := range j.groups {
		for g.share < g.Desired && g.more(r) {
		}
	}
}

// keepSurplus takes room for what a job has wanted until a short time ago: it may want it again.
func (p *Pool) keepSurplus(j *poolJob, r room, now int64) {
	for _, g := range j.groups {
		for _, s := range g.held[:g.lasting()] {
			due := s.since + p.cfg.IdleTimeout
			if !s.keep && !s.used && now < due && r.take(s.class) {
				s.keep = true
				p.wakeAt(due)
			}
		}
	}
}

// dealOut gives the room that is left to those that want more.
func dealOut(jobs []*poolJob, r room) {
	h := &poorest{}
	for _, j := range jobs {
		if j.complete && j.hungriest() != nil {
			*h = append(*h, j)
		}
	}
	heap.Init(h)
	for h.Len() > 0 {
		j := (*h)[0]
		if g := j.hungriest(); g != nil && !g.add(r) {
			g.full = true
		}
		if j.hungriest() == nil {
			heap.Pop(h)
		} else {
			heap.Fix(h, 0)
		}
	}
}

// hungriest is the group that has the smallest part of what it wants, nil if all have enough.
func (j *poolJob) hungriest() (most *group) {
	for _, g := range j.groups {
		if g.full || g.share >= g.Desired {
			continue
		}
		if most == nil || cmp.Or(
			cmp.Compare(g.share*most.Desired, most.share*g.Desired),
			falseFirst(!g.hasMore(), !most.hasMore()),
		) < 0 {
			most = g
		}
	}
	return most
}

// hasMore reports whether a group holds slots that may be kept.
func (g *group) hasMore() bool {
	last := g.lasting()
	for g.next < last && g.held[g.next].keep {
		g.next++
	}
	return g.next < last
}

// poorest is a heap of the jobs that want more: first who has the fewest slots.
type poorest []*poolJob

func (h poorest) Len() int { return len(h) }

func (h poorest) Less(a, b int) bool {
	holds := func(j *poolJob) bool { return j.hungriest().hasMore() }
	if h[a].share != h[b].share {
		return h[a].share < h[b].share
	}
	return cmp.Or(falseFirst(!holds(h[a]), !holds(h[b])), cmp.Compare(h[a].position, h[b].position)) < 0
}

func (h poorest) Swap(a, b int) { h[a], h[b] = h[b], h[a] }
func (h *poorest) Push(x any)   { *h = append(*h, x.(*poolJob)) }

func (h *poorest) Pop() any {
	last := len(*h) - 1
	j := (*h)[last]
	*h = (*h)[:last]
	return j
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
