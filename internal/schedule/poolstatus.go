package schedule

import "slices"

// Wake is the time at which Balance must be called though nothing happens, 0 for never.
func (p *Pool) Wake() int64 { return p.wake }

// Waiting is the reason why a job waits, empty if it does not.
func (p *Pool) Waiting(job string) string {
	if j := p.jobs[job]; j != nil {
		return j.reason
	}
	return ""
}

// Held is what a job holds and may go on to use: without what it is asked to give back.
func (p *Pool) Held(job string) []Holding {
	return p.holdings(job, func(s *slot) bool { return !s.asked && !s.manager.draining })
}

// Asked is what a job uses and is asked to give back.
func (p *Pool) Asked(job string) []Holding {
	return p.holdings(job, func(s *slot) bool { return s.asked })
}

func (p *Pool) holdings(job string, which func(*slot) bool) (out []Holding) {
	j := p.jobs[job]
	if j == nil {
		return nil
	}
	for _, g := range j.groups {
		for _, s := range g.held {
			if which(s) {
				out = append(out, s.holding())
			}
		}
	}
	slices.SortFunc(out, func(a, b Holding) int { return a.Allocation.compare(b.Allocation) })
	return out
}

// Slots counts the slots of the TaskManagers that do not drain, and those that are free.
func (p *Pool) Slots() (all, free int) {
	for _, m := range p.order {
		if !m.draining {
			all += len(m.slots)
			free += len(m.slots) - m.used
		}
	}
	return all, free
}

// TaskManagers lists them in the order in which they have registered.
func (p *Pool) TaskManagers() (out []ManagerStatus) {
	for _, m := range p.order {
		out = append(out, ManagerStatus{m.id, m.address, len(m.slots), len(m.slots) - m.used, m.draining})
	}
	return out
}
