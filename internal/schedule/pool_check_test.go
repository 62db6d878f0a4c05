package schedule

import (
	"regexp"
	"slices"
	"strconv"
)

// What must hold of a pool and of the world outside of it.

var (
	freeOf = regexp.MustCompile(`(\d+) slots?(?: of at least (\d+) MiB)?(?:, holds (\d+))?, (\d+) (?:is|are) free of (\d+)`)
	holds  = regexp.MustCompile(`job "(\w+)" holds (\d+)(?: and is asked to give back (\d+))?`)
)

// freeSlots are the sizes of the free slots, smallest first, and of all.
func (w *world) freeSlots() (free, all []int64) {
	for _, m := range w.managers {
		for i, h := range m.holds {
			if !m.there || m.draining {
				continue
			}
			all = append(all, m.slots[i])
			if h.Allocation == (AllocationID{}) {
				free = append(free, m.slots[i])
			}
		}
	}
	slices.Sort(free)
	return free, all
}

// fits reports whether what jobs miss of their minimum can be had of slots of these sizes, and
// takes it.
func (w *world) fits(sizes *[]int64, j *simJob) bool {
	rest := slices.Clone(*sizes)
	for _, d := range j.demands {
		for n := w.lasting(j, d.Group); n < d.Min; n++ {
			i := slices.IndexFunc(rest, func(m int64) bool { return m >= d.Memory })
			if i < 0 {
				return false
			}
			rest = slices.Delete(rest, i, i+1)
		}
	}
	*sizes = rest
	return true
}

// balance calls Balance and checks what has become of all jobs.
func (w *world) balance() {
	type state struct {
		complete bool
		held     int
		kept     map[string]int // what may not be taken from a group
		fits     bool
	}
	before := map[string]state{}
	free, _ := w.freeSlots()
	recovering := w.pool.recovering
	for _, j := range w.jobs {
		s := state{complete: w.complete(j), held: len(j.held), kept: map[string]int{}}
		rest := slices.Clone(free)
		s.fits = w.fits(&rest, j)
		for _, d := range j.demands {
			for _, h := range j.held {
				if h.Group == d.Group && !w.named(h.TaskManager).draining && (s.complete || h.used) {
					s.kept[d.Group]++
				}
			}
			s.kept[d.Group] = min(s.kept[d.Group], d.Min)
		}
		before[j.id] = s
	}
	w.take(w.pool.Balance(w.now))
	first := true
	passed := "" // the first job that waits, if it could have had what it needs
	for _, j := range w.jobs {
		s := before[j.id]
		got := len(j.held) > s.held
		for _, d := range j.demands {
			if n := w.usable(j, d.Group); n < s.kept[d.Group] {
				w.fail("job %s is left with %d of group %s, it may keep %d", j.id, n, d.Group, s.kept[d.Group])
			}
		}
		if got && !s.complete && !w.complete(j) {
			w.fail("job %s gets a part of its minimum", j.id)
		}
		if got && !s.complete && passed != "" {
			w.fail("job %s gets its minimum, %s is passed over", j.id, passed)
		}
		if first && s.fits && !s.complete && !w.complete(j) && !recovering {
			passed = j.id
		}
		first = first && s.complete
	}
	w.checkSums()
	w.checkReasons()
	w.checkStarvation(recovering)
}

func (w *world) checkSums() {
	free, all := w.freeSlots()
	if a, f := w.pool.Slots(); a != len(all) || f != len(free) {
		w.fail("there are %d slots, %d free; the pool says %d, %d", len(all), len(free), a, f)
	}
	i := 0
	for _, s := range w.pool.TaskManagers() {
		m := w.named(s.ID)
		free := 0
		for _, h := range m.holds {
			if h.Allocation == (AllocationID{}) {
				free++
			}
		}
		if !m.there || s.Slots != len(m.slots) || s.Free != free || s.Draining != m.draining {
			w.fail("%s has %d slots, %d free; the pool says %v", m.id, len(m.slots), free, s)
		}
		i++
	}
	for _, m := range w.managers {
		if m.there {
			i--
		}
	}
	if i != 0 {
		w.fail("the pool has %d TaskManagers too many", i)
	}
	for _, j := range w.jobs {
		var want []Holding
		for _, id := range j.ids() {
			if h := j.held[id]; !h.asked && !w.named(h.TaskManager).draining {
				want = append(want, h.Holding)
			}
		}
		if got := w.pool.Held(j.id); !slices.Equal(got, want) {
			w.fail("job %s has %v, the pool says %v", j.id, want, got)
		}
	}
}

func (w *world) checkReasons() {
	free, all := w.freeSlots()
	for _, j := range w.jobs {
		reason := w.pool.Waiting(j.id)
		if (reason != "") != j.starved() {
			w.fail("job %s waits: %v, because: %q", j.id, j.starved(), reason)
		}
		if reason == "" || w.pool.recovering {
			continue
		}
		if j.told != reason {
			w.fail("job %s is told %q, it is %q", j.id, j.told, reason)
		}
		matches := freeOf.FindAllStringSubmatch(reason, -1)
		if len(matches) == 0 {
			w.fail("job %s waits because: %s", j.id, reason)
		}
		for _, m := range matches {
			memory := int64(number(m[2])) << 20
			needed, held := 0, 0
			for _, d := range j.demands {
				if d.Memory == memory {
					needed += d.Min
					for _, h := range j.held {
						if h.Group == d.Group {
							held++
						}
					}
				}
			}
			count := func(sizes []int64) (n int) {
				for _, size := range sizes {
					if size >= memory {
						n++
					}
				}
				return n
			}
			if number(m[1]) != needed || number(m[3]) != held ||
				number(m[4]) != count(free) || number(m[5]) != count(all) {
				w.fail("job %s needs %d, holds %d, %d are free of %d; the reason is %q",
					j.id, needed, held, count(free), count(all), reason)
			}
		}
		for _, m := range holds.FindAllStringSubmatch(reason, -1) {
			o, asked := w.owner(m[1]), 0
			for _, h := range o.held {
				if h.asked {
					asked++
				}
			}
			if number(m[2]) != len(o.held) || number(m[3]) != asked {
				w.fail("job %s holds %d, is asked for %d; the reason is %q", o.id, len(o.held), asked, reason)
			}
		}
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// checkStarvation: where nothing is to come that free slots could be kept for, a job that waits
// does not find enough free ones.
func (w *world) checkStarvation(recovering bool) {
	if recovering || len(w.frees) > 0 {
		return
	}
	for _, j := range w.jobs {
		for _, h := range j.held {
			if h.asked && w.now < h.askedAt+w.cfg.ReclaimTimeout {
				return
			}
		}
	}
	for _, j := range w.jobs {
		free, _ := w.freeSlots()
		if !w.complete(j) && w.fits(&free, j) {
			w.fail("job %s waits: %s", j.id, w.pool.Waiting(j.id))
		}
	}
}

// quiesce lets everything come to rest: all orders are carried out, and all jobs answer that do so
// at all. Then nobody waits who could get his minimum, and slots are shared fairly.
func (w *world) quiesce() {
	for round := 0; ; round++ {
		before := w.count
		w.free(len(w.frees))
		for _, j := range w.jobs {
			var back, use []AllocationID
			for _, id := range j.ids() {
				switch h := j.held[id]; {
				case h.asked && !j.deaf:
					back = append(back, id)
					delete(j.held, id)
				case w.complete(j) || h.used:
					h.used = true
					use = append(use, id)
				}
			}
			w.take(w.pool.Return(j.id, back))
			w.pool.Use(w.now, j.id, use)
		}
		w.balance()
		if w.pool.Wake() > w.now {
			w.now = w.pool.Wake()
			continue
		}
		if w.err != nil || w.count == before && len(w.frees) == 0 {
			break
		}
		if round > 100 {
			w.fail("it does not come to rest")
			break
		}
	}
	if w.err == nil {
		w.checkFairness()
	}
}

func (w *world) checkFairness() {
	free, _ := w.freeSlots()
	deaf := slices.ContainsFunc(w.jobs, func(j *simJob) bool { return j.deaf })
	for _, j := range w.jobs {
		if !w.complete(j) {
			w.checkUnserved(j, deaf)
			continue
		}
		for _, d := range j.demands {
			hungry := w.lasting(j, d.Group) < d.Desired
			for _, size := range free {
				if hungry && size >= d.Memory {
					w.fail("job %s wants more, a slot is free", j.id)
				}
			}
			for _, o := range w.jobs {
				if hungry && !deaf && w.sizes == 1 && w.complete(o) && w.extras(o) && w.total(o) > w.total(j)+1 {
					w.fail("job %s has %d, job %s %d and wants more", o.id, w.total(o), j.id, w.total(j))
				}
			}
		}
	}
}

// checkUnserved: what is free, and what others hold beyond their minimum, is not enough for a job.
func (w *world) checkUnserved(j *simJob, deaf bool) {
	if deaf || w.sizes > 1 {
		return
	}
	sizes, _ := w.freeSlots()
	for _, o := range w.jobs {
		for _, d := range o.demands {
			n := w.lasting(o, d.Group)
			if o != j && w.complete(o) {
				sizes = append(sizes, make([]int64, n-d.Min)...)
			}
		}
	}
	if w.fits(&sizes, j) {
		w.fail("job %s waits though others have more than they need: %s", j.id, w.pool.Waiting(j.id))
	}
}

func (w *world) total(j *simJob) (n int) {
	for _, d := range j.demands {
		n += w.lasting(j, d.Group)
	}
	return n
}

func (w *world) extras(j *simJob) bool {
	for _, d := range j.demands {
		if w.lasting(j, d.Group) > d.Min {
			return true
		}
	}
	return false
}
