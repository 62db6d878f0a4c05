package schedule

import (
	"errors"
	"flag"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"
)

var (
	seeds = flag.Int("seeds", schedulesDefault, "the `number` of schedules")
	from  = flag.Int("from", 0, "the first `seed`")
)

// TestPoolSchedules runs the pool through random schedules. A seed replays with -from SEED -seeds 1.
func TestPoolSchedules(t *testing.T) {
	var sum tally
	for seed := *from; seed < *from+*seeds; seed++ {
		n, err := runPool(uint64(seed))
		if err != nil {
			t.Fatalf("seed %d: %v (go test ./internal/schedule -run TestPoolSchedules -from %d -seeds 1)",
				seed, err, seed)
		}
		for i := range n {
			sum[i] += n[i]
		}
	}
	t.Logf("actions by verb: %v", sum)
	for verb := GrantSlot; verb <= DismissTaskManager && *seeds >= 1000; verb++ {
		if sum[verb] == 0 {
			t.Errorf("no schedule has an action %d", verb)
		}
	}
}

// TestPoolIsDeterministic: a schedule that runs again has the same actions in the same order.
func TestPoolIsDeterministic(t *testing.T) {
	for seed := range uint64(300) {
		a, b := newWorld(seed), newWorld(seed)
		if err := errors.Join(a.run(), b.run()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if a.trace.Sum64() != b.trace.Sum64() {
			t.Errorf("seed %d has other actions when it runs again", seed)
		}
	}
}

type tally [DismissTaskManager + 1]int

// world is what is outside of a pool: TaskManagers, which know what they hold, and jobs. It checks
// every action against these.
type world struct {
	r        *rand.Rand
	pool     *Pool
	cfg      PoolConfig
	epoch    int64
	now      int64
	managers []*simManager
	jobs     []*simJob // in order of submission
	names    int
	sizes    int // of memory there are
	seen     map[AllocationID]bool
	frees    []Holding // that TaskManagers have not carried out; Slot -1 for what is occupied
	count    tally
	trace    hash.Hash64 // of all actions
	err      error
}

type simManager struct {
	id              string
	slots           []int64
	holds           []Holding // by slot; Allocation 0 for none
	there, draining bool
	dismissed       bool
}

// occupied stands for what still runs in a slot where nothing is allocated.
var occupied = AllocationID{Number: -1}

type simJob struct {
	id      string
	demands []Demand
	held    map[AllocationID]*simHeld
	deaf    bool // it gives nothing back
	told    string
}

type simHeld struct {
	Holding
	used, asked bool
	askedAt     int64
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func runPool(seed uint64) (tally, error) {
	w := newWorld(seed)
	err := w.run()
	return w.count, err
}

func newWorld(seed uint64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 1)), epoch: 1, seen: map[AllocationID]bool{}, now: 1}
	w.trace = fnv.New64()
	w.cfg = PoolConfig{Policy: Policy(w.r.IntN(2)), ReclaimTimeout: 100}
	if w.r.IntN(2) == 0 {
		w.cfg.IdleTimeout = 50
	}
	w.sizes = 1 + w.r.IntN(2)*2
	w.pool = NewPool(w.cfg, w.epoch, false)
	return w
}

func (w *world) run() error {
	for step := 0; step < 40 && w.err == nil; step++ {
		w.step()
		if w.r.IntN(4) > 0 {
			w.balance()
		}
	}
	if w.err == nil {
		w.quiesce()
	}
	return w.err
}

// step lets something happen.
func (w *world) step() {
	switch n := w.r.IntN(100); {
	case n < 12:
		w.join()
	case n < 17:
		if m := w.manager(true); m != nil {
			w.lose(m)
		}
	case n < 22:
		if m := w.manager(false); m != nil {
			w.register(m, w.r.IntN(3) == 0)
		}
	case n < 24:
		if m := w.manager(true); m != nil {
			w.register(m, w.r.IntN(2) == 0)
		}
	case n < 27:
		if m := w.manager(true); m != nil {
			m.draining = true
			w.pool.Drain(m.id)
		}
	case n < 40 && len(w.jobs) < 5:
		w.submit()
	case n < 45:
		if j := w.job(); j != nil {
			w.end(j)
		}
	case n < 52:
		if j := w.job(); j != nil {
			j.demands = w.demands()
			w.take(w.pool.Submit(j.id, j.demands))
		}
	case n < 70:
		if j := w.job(); j != nil {
			w.work(j)
		}
	case n < 80:
		w.free(w.r.IntN(1 + len(w.frees)))
	case n < 83:
		w.refuse()
	case n < 97:
		w.now += int64(w.r.IntN(80))
	default:
		w.elect()
	}
}

func (w *world) memory() int64 { return int64(w.r.IntN(w.sizes)) << 30 }

func (w *world) join() {
	w.names++
	m := &simManager{id: fmt.Sprint("t", w.names)}
	for range 1 + w.r.IntN(4) {
		m.slots = append(m.slots, w.memory())
	}
	m.holds = make([]Holding, len(m.slots))
	w.managers = append(w.managers, m)
	w.register(m, false)
}

// manager is a random TaskManager that is there, or not.
func (w *world) manager(there bool) *simManager {
	var some []*simManager
	for _, m := range w.managers {
		if m.there == there {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[w.r.IntN(len(some))]
}

// register has a TaskManager register, with what it holds or anew.
func (w *world) register(m *simManager, anew bool) {
	w.frees = slices.DeleteFunc(w.frees, func(h Holding) bool { return h.TaskManager == m.id })
	if anew {
		clear(m.holds)
		if w.r.IntN(2) == 0 {
			m.slots = append(m.slots, w.memory())
			m.holds = append(m.holds, Holding{})
		}
	}
	m.there, m.draining, m.dismissed = true, w.r.IntN(10) == 0, false
	o := Offer{ID: m.id, Slots: m.slots, Draining: m.draining, Busy: w.r.IntN(6) == 0}
	m.vacate()
	for i, h := range m.holds {
		switch {
		case h.Allocation != (AllocationID{}):
			o.Holds = append(o.Holds, h)
		case o.Busy:
			m.holds[i].Allocation = occupied
		}
	}
	if o.Busy {
		w.frees = append(w.frees, Holding{TaskManager: m.id, Slot: -1})
	}
	w.take(w.pool.Register(o))
	for _, j := range w.jobs {
		for id, h := range j.held {
			if h.TaskManager == m.id && m.holds[h.Slot].Allocation != id {
				w.fail("job %s still has %s, which %s does not hold", j.id, id, m.id)
			}
		}
	}
}

// vacate ends what runs in slots where nothing is allocated.
func (m *simManager) vacate() {
	for i, h := range m.holds {
		if h.Allocation == occupied {
			m.holds[i] = Holding{}
		}
	}
}

func (w *world) lose(m *simManager) {
	m.there = false
	w.frees = slices.DeleteFunc(w.frees, func(h Holding) bool { return h.TaskManager == m.id })
	w.take(w.pool.Lose(m.id, "no heartbeat"))
	for _, j := range w.jobs {
		for id, h := range j.held {
			if h.TaskManager == m.id {
				w.fail("job %s still has %s of %s, which is lost", j.id, id, m.id)
			}
		}
	}
}

func (w *world) demands() (demands []Demand) {
	for g := range 1 + w.r.IntN(2) {
		d := Demand{Group: fmt.Sprint("g", g), Min: w.r.IntN(4), Memory: w.memory()}
		d.Desired = d.Min + w.r.IntN(5)
		demands = append(demands, d)
	}
	return demands
}

func (w *world) submit() {
	w.names++
	j := &simJob{id: fmt.Sprint("j", w.names), demands: w.demands(), held: map[AllocationID]*simHeld{}}
	j.deaf = w.r.IntN(6) == 0
	w.jobs = append(w.jobs, j)
	w.take(w.pool.Submit(j.id, j.demands))
}

func (w *world) job() *simJob {
	if len(w.jobs) == 0 {
		return nil
	}
	return w.jobs[w.r.IntN(len(w.jobs))]
}

func (w *world) end(j *simJob) {
	w.jobs = slices.DeleteFunc(w.jobs, func(o *simJob) bool { return o == j })
	actions := w.pool.End(j.id)
	for id, h := range j.held {
		freed := func(a PoolAction) bool { return a.Do == FreeSlot && a.Allocation == id }
		if !slices.ContainsFunc(actions, freed) {
			w.fail("job %s has ended and keeps slot %d of %s", j.id, h.Slot, h.TaskManager)
		}
	}
	clear(j.held)
	w.take(actions)
}

// work has a job run in what it holds, and give back what it is asked for.
func (w *world) work(j *simJob) {
	var back, use []AllocationID
	for _, id := range j.ids() {
		h := j.held[id]
		switch {
		case h.asked && !j.deaf:
			back = append(back, id)
			delete(j.held, id)
		case w.complete(j) && w.r.IntN(5) > 0 || h.used && w.r.IntN(3) > 0:
			use = append(use, id)
		}
	}
	if len(back) > 0 {
		w.take(w.pool.Return(j.id, back))
	}
	for _, h := range j.held {
		h.used = slices.Contains(use, h.Allocation)
	}
	w.pool.Use(w.now, j.id, use)
}

func (j *simJob) ids() (ids []AllocationID) {
	for id := range j.held {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, AllocationID.compare)
	return ids
}

// free lets TaskManagers carry out n of the orders to free a slot, in any order.
func (w *world) free(n int) {
	for range n {
		i := w.r.IntN(len(w.frees))
		h := w.frees[i]
		w.frees = slices.Delete(w.frees, i, i+1)
		if h.Slot < 0 {
			w.named(h.TaskManager).vacate()
			w.pool.Cleared(h.TaskManager)
			continue
		}
		w.named(h.TaskManager).holds[h.Slot] = Holding{}
		w.take(w.pool.Freed(h.TaskManager, h.Slot, h.Allocation))
	}
}

// refuse has a TaskManager free a slot by itself.
func (w *world) refuse() {
	j := w.job()
	if j == nil || len(j.held) == 0 {
		return
	}
	ids := j.ids()
	h := j.held[ids[w.r.IntN(len(ids))]]
	w.named(h.TaskManager).holds[h.Slot] = Holding{}
	w.take(w.pool.Freed(h.TaskManager, h.Slot, h.Allocation))
	if j.held[h.Allocation] != nil {
		w.fail("job %s still has %s, which is freed", j.id, h.Allocation)
	}
}

// elect has another leader take over.
func (w *world) elect() {
	w.epoch++
	w.pool = NewPool(w.cfg, w.epoch, true)
	w.frees = nil
	for _, j := range w.jobs {
		j.held, j.told = map[AllocationID]*simHeld{}, ""
	}
	type event struct {
		m *simManager
		j *simJob
	}
	var events []event
	for _, m := range w.managers {
		if m.there {
			events = append(events, event{m: m})
			m.there = false
		}
	}
	for _, j := range w.jobs {
		events = append(events, event{j: j})
	}
	w.r.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
	w.jobs = nil
	for _, e := range events {
		if e.m != nil {
			w.register(e.m, w.r.IntN(8) == 0)
		}
		if e.j != nil {
			w.jobs = append(w.jobs, e.j)
			w.take(w.pool.Submit(e.j.id, e.j.demands))
		}
		if m := w.manager(w.r.IntN(2) == 0); w.r.IntN(10) == 0 && m != nil {
			if m.there {
				w.lose(m)
			} else {
				w.register(m, false)
			}
		}
		if w.r.IntN(4) == 0 {
			before := w.count[GrantSlot]
			w.balance()
			if w.count[GrantSlot] > before {
				w.fail("slots are granted while recovering")
			}
		}
	}
	w.take(w.pool.Recovered())
	for _, m := range w.managers {
		for _, h := range m.holds {
			j := w.owner(h.Job)
			pending := slices.ContainsFunc(w.frees, func(f Holding) bool { return f.Allocation == h.Allocation })
			if m.there && h.Allocation.Epoch > 0 && !pending && (j == nil || j.held[h.Allocation] == nil) {
				w.fail("%s of job %s is neither adopted nor freed", h.Allocation, h.Job)
			}
		}
	}
}

func (w *world) owner(id string) *simJob {
	for _, j := range w.jobs {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (w *world) named(id string) *simManager {
	for _, m := range w.managers {
		if m.id == id {
			return m
		}
	}
	return nil
}

func (j *simJob) demand(group string) Demand {
	for _, d := range j.demands {
		if d.Group == group {
			return d
		}
	}
	return Demand{Group: group}
}

// take carries actions out, and checks each by itself.
func (w *world) take(actions []PoolAction) {
	for _, a := range actions {
		w.count[a.Do]++
		fmt.Fprintln(w.trace, a)
		m, j := w.named(a.TaskManager), w.owner(a.Job)
		if a.Do != WaitForSlots && (m == nil || !m.there && a.Do != LoseSlot) {
			w.fail("action %v is about a TaskManager that is not there", a)
			return
		}
		if a.Do != FreeSlot && a.Do != DismissTaskManager && j == nil {
			w.fail("action %v is about a job that is not there", a)
			return
		}
		switch a.Do {
		case GrantSlot, AdoptSlot:
			w.granted(m, j, a)
		case FreeSlot:
			if m.holds[a.Slot].Allocation != a.Allocation {
				w.fail("%s is to free %v, it holds %v", m.id, a.Allocation, m.holds[a.Slot])
			}
			if j != nil && j.held[a.Allocation] != nil {
				w.fail("%s is freed, job %s still has it", a.Allocation, j.id)
			}
			w.frees = append(w.frees, a.Holding)
		case WaitForSlots:
			j.told = a.Reason
		case DismissTaskManager:
			w.dismissed(m)
		default:
			w.changed(m, j, a)
		}
	}
}

func (w *world) granted(m *simManager, j *simJob, a PoolAction) {
	d := j.demand(a.Group)
	switch {
	case j.held[a.Allocation] != nil:
		w.fail("%s comes twice", a.Allocation)
	case m.slots[a.Slot] < d.Memory:
		w.fail("%v has %d bytes for %v", a.Holding, m.slots[a.Slot], d)
	case a.Do == GrantSlot && w.seen[a.Allocation]:
		w.fail("%s returns", a.Allocation)
	case a.Do == GrantSlot && m.draining:
		w.fail("%v is granted, but drains", a.Holding)
	case a.Do == GrantSlot && m.holds[a.Slot].Allocation != (AllocationID{}):
		w.fail("%v is granted, but holds %v", a.Holding, m.holds[a.Slot])
	case a.Do == AdoptSlot && (m.holds[a.Slot].Allocation != a.Allocation || a.Allocation.Epoch == w.epoch):
		w.fail("%v is adopted, but the slot holds %v", a.Holding, m.holds[a.Slot])
	case a.Do == GrantSlot && w.usable(j, a.Group) >= d.Desired:
		w.fail("%v is granted, job %s wants %d", a.Holding, j.id, d.Desired)
	}
	w.seen[a.Allocation] = true
	m.holds[a.Slot] = a.Holding
	j.held[a.Allocation] = &simHeld{Holding: a.Holding, used: a.Do == AdoptSlot}
}

// changed carries out what happens to a slot that a job has.
func (w *world) changed(m *simManager, j *simJob, a PoolAction) {
	h := j.held[a.Allocation]
	if h == nil || h.TaskManager != m.id || h.Slot != a.Slot {
		w.fail("action %v: job %s does not have it", a, j.id)
		return
	}
	switch a.Do {
	case ReclaimSlot:
		if h.asked || !h.used || a.Reason == "" {
			w.fail("%v: it is asked for %v in vain", a, h)
		}
		h.asked, h.askedAt = true, w.now
	case KeepSlot:
		if !h.asked {
			w.fail("%v: nobody has asked for it", a)
		}
		h.asked = false
	case RevokeSlot:
		if d := j.demand(a.Group); h.used && m.slots[a.Slot] >= d.Memory && d.Desired > 0 {
			w.fail("%v: it is in use", a)
		}
		delete(j.held, a.Allocation)
	case LoseSlot:
		delete(j.held, a.Allocation)
	}
}

func (w *world) dismissed(m *simManager) {
	for _, h := range m.holds {
		if h.Allocation != (AllocationID{}) {
			w.fail("%s is dismissed and holds %v", m.id, h)
		}
	}
	if !m.draining || m.dismissed {
		w.fail("%s is dismissed", m.id)
	}
	m.dismissed = true
}

// lasting is how many slots a job has for a group on TaskManagers that do not drain.
func (w *world) lasting(j *simJob, group string) (n int) {
	for _, h := range j.held {
		if h.Group == group && !w.named(h.TaskManager).draining {
			n++
		}
	}
	return n
}

// usable is how many of them it is not asked for.
func (w *world) usable(j *simJob, group string) (n int) {
	for _, h := range j.held {
		if h.Group == group && !h.asked && !w.named(h.TaskManager).draining {
			n++
		}
	}
	return n
}

func (w *world) complete(j *simJob) bool {
	for _, d := range j.demands {
		if w.lasting(j, d.Group) < d.Min {
			return false
		}
	}
	return true
}

// starved reports whether a job has less than its minimum, with what drains.
func (j *simJob) starved() bool {
	n := map[string]int{}
	for _, h := range j.held {
		n[h.Group]++
	}
	return slices.ContainsFunc(j.demands, func(d Demand) bool { return n[d.Group] < d.Min })
}
