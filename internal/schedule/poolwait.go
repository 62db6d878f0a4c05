package schedule

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
)

// explain tells the jobs that wait why, if they wait for another reason than before.
func (p *Pool) explain(c classes) (actions []PoolAction) {
	var x *explainer
	for _, j := range p.queue {
		reason := ""
		switch {
		case !j.starved():
		case p.recovering:
			reason = "TaskManagers are still telling what they run"
		default:
			if x == nil {
				x = p.explainer(c)
			}
			reason = x.reason(j)
		}
		told := reason == j.reason || j.reason != "" && fault.Seeded(fault.StaleReason)
		if reason != "" && !told {
			actions = append(actions, PoolAction{WaitForSlots, Holding{Job: j.id}, reason})
		}
		j.reason = reason
	}
	return actions
}

// starved reports whether a job holds less than its minimum.
func (j *poolJob) starved() bool {
	return slices.ContainsFunc(j.groups, func(g *group) bool { return len(g.held) < g.Min })
}

// explainer has the figures that reasons are made of: slots by class, those above included.
type explainer struct {
	free, freeing, all room
	holders            []holder // who holds most first
	reserving          []*poolJob
}

type holder struct {
	job         *poolJob
	held, asked int
}

func (p *Pool) explainer(c classes) *explainer {
	x := &explainer{free: make(room, len(c)), freeing: make(room, len(c)), all: make(room, len(c))}
	for _, m := range p.order {
		if m.draining {
			continue
		}
		for _, s := range m.slots {
			x.all.add(s.class, 1)
			switch s.state {
			case slotFree:
				x.free.add(s.class, 1)
			case slotFreeing:
				x.freeing.add(s.class, 1)
			}
		}
	}
	for _, j := range p.queue {
		h := holder{job: j}
		for _, g := range j.groups {
			h.held += len(g.held)
			for _, s := range g.held {
				if s.asked {
					h.asked++
				}
			}
		}
		if h.held > 0 {
			x.holders = append(x.holders, h)
		}
		if j.reserved > 0 {
			x.reserving = append(x.reserving, j)
		}
	}
	slices.SortStableFunc(x.holders, func(a, b holder) int { return cmp.Compare(b.held, a.held) })
	return x
}

// reason says why a job waits, such as: needs 4 slots, 2 are free of 6; job "x" holds 4.
func (x *explainer) reason(j *poolJob) string {
	groups := slices.Clone(j.groups)
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(a.Memory, b.Memory) })
	text, sep := "needs ", ""
	for len(groups) > 0 {
		same := 0
		needed, held, memory, class := 0, 0, groups[0].Memory, groups[0].class
		for same < len(groups) && groups[same].Memory == memory {
			needed += groups[same].Min
			held += len(groups[same].held)
			same++
		}
		groups = groups[same:]
		if needed == 0 {
			continue
		}
		text += sep + plural(needed, "slot", "slots")
		if memory > 0 {
			text += fmt.Sprintf(" of at least %d MiB", (memory+1<<20-1)>>20)
		}
		if held > 0 {
			text += fmt.Sprintf(", holds %d", held)
		}
		text += fmt.Sprintf(", %s free of %d", plural(x.free[class], "is", "are"), x.all[class])
		if n := x.freeing[class]; n > 0 {
			text += fmt.Sprintf(" and %s being cleared", plural(n, "is", "are"))
		}
		sep = "; "
	}
	return text + x.others(j)
}

// others says who holds the other slots, and for whom free ones are kept.
func (x *explainer) others(j *poolJob) (text string) {
	const most = 3
	named, jobs, slots := 0, 0, 0
	for _, h := range x.holders {
		switch {
		case h.job == j:
		case named == most:
			jobs++
			slots += h.held
		default:
			named++
			text += fmt.Sprintf("; job %q holds %d", h.job.id, h.held)
			if h.asked > 0 {
				text += fmt.Sprintf(" and is asked to give back %d", h.asked)
			}
		}
	}
	if jobs > 0 {
		text += fmt.Sprintf("; %s %d", plural(jobs, "other job holds", "other jobs hold"), slots)
	}
	for _, o := range x.reserving {
		if o != j {
			text += fmt.Sprintf("; %s kept for job %q", plural(o.reserved, "is", "are"), o.id)
		}
	}
	return text
}

// plural counts: 1 one, 2 many.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
