package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestClusterSchedules runs whole clusters through random schedules: a pool, and jobs that rescale and
// are placed in what it grants: a quarter of -seeds. A seed replays with -from SEED -seeds 1.
func TestClusterSchedules(t *testing.T) {
	var sum [FailJob + 1]int
	for seed := *from; seed < *from+(*seeds+3)/4; seed++ {
		c := newCluster(uint64(seed))
		if err := c.run(); err != nil {
			t.Fatalf("seed %d: %v (go test ./internal/schedule -run TestClusterSchedules -from %d -seeds 1)",
				seed, err, seed)
		}
		for i := range sum {
			sum[i] += c.count[i]
		}
	}
	t.Logf("starts, rescales, suspensions, failures: %v", sum[StartJob:])
	for verb := StartJob; verb <= FailJob && *seeds >= 1000; verb++ {
		if sum[verb] == 0 {
			t.Errorf("no schedule has an action %d", verb)
		}
	}
}

// cluster is a pool with a driver as simple as can be.
type cluster struct {
	r        *rand.Rand
	now      int64
	pool     *Pool
	managers []string
	jobs     []*clusterJob
	names    int
	count    [FailJob + 1]int
	err      error
}

type clusterJob struct {
	*Adaptive
	id       string
	vertices []VertexBounds
	edges    []PlaceEdge
	held     map[AllocationID]bool // by whether it is asked back
	uses     []AllocationID        // by what runs or is being deployed, or stopped
	placed   []AllocationID        // by what was deployed last
	before   [][]string            // TaskManagers of the subtasks of each vertex
	deployed int64                 // when what is being deployed runs, 0 if nothing is
	reason   string                // of its last action
}

var clusterPool = PoolConfig{Policy: SpreadOut, ReclaimTimeout: 1000, IdleTimeout: 20}

func newCluster(seed uint64) *cluster {
	return &cluster{
		r: rand.New(rand.NewPCG(seed, 3)), now: 1,
		pool: NewPool(clusterPool, 1, false),
	}
}

func (c *cluster) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *cluster) run() error {
	for step := 0; step < 30 && c.err == nil; step++ {
		c.step()
		c.pump()
		c.check()
	}
	c.rest()
	return c.err
}

func (c *cluster) step() {
	switch n := c.r.IntN(100); {
	case n < 20:
		c.names++
		id := fmt.Sprint("t", c.names)
		c.managers = append(c.managers, id)
		c.take(c.pool.Register(Offer{ID: id, Slots: make([]int64, 1+c.r.IntN(4))}))
	case n < 28 && len(c.managers) > 0:
		i := c.r.IntN(len(c.managers))
		id := c.managers[i]
		c.managers = slices.Delete(c.managers, i, i+1)
		c.take(c.pool.Lose(id, "no heartbeat"))
	case n < 32 && len(c.managers) > 0:
		c.pool.Drain(c.managers[c.r.IntN(len(c.managers))])
	case n < 45 && len(c.jobs) < 4:
		c.submit()
	case n < 50 && len(c.jobs) > 0:
		i := c.r.IntN(len(c.jobs))
		j := c.jobs[i]
		c.jobs = slices.Delete(c.jobs, i, i+1)
		c.take(c.pool.End(j.id))
	case n < 58 && len(c.jobs) > 0:
		j := c.jobs[c.r.IntN(len(c.jobs))]
		for i := range j.vertices {
			j.vertices[i].Lower = 1 + c.r.IntN(2)
			j.vertices[i].Upper = j.vertices[i].Lower + c.r.IntN(6)
		}
		j.Bounds(c.now, slices.Clone(j.vertices))
		c.take(c.pool.Submit(j.id, j.Demands()))
		c.decide(j)
	case n < 60:
		c.elect()
	case n < 63 && len(c.jobs) > 0:
		j := c.jobs[c.r.IntN(len(c.jobs))]
		c.act(j, j.Restart(c.now))
	default:
		c.now += int64(c.r.IntN(60))
	}
}

// elect has another leader take over: TaskManagers tell it what they hold, but for some that are lost.
// Jobs that run go on; those that were being deployed begin anew.
func (c *cluster) elect() {
	old := c.pool
	c.pool = NewPool(clusterPool, old.epoch+1, true)
	for _, j := range c.jobs {
		clear(j.held)
	}
	c.managers = nil
	for _, m := range old.order {
		if c.r.IntN(10) == 0 {
			continue
		}
		o := Offer{ID: m.id, Draining: m.draining}
		for _, s := range m.slots {
			o.Slots = append(o.Slots, s.memory)
			if s.state == slotHeld {
				o.Holds = append(o.Holds, s.holding())
			}
		}
		c.managers = append(c.managers, m.id)
		c.take(c.pool.Register(o))
	}
	goOn := map[*clusterJob][]AllocationID{} // jobs that have lost nothing, and what they use
	for _, j := range c.jobs {
		running := j.Parallelism()
		j.reason = ""
		j.Adaptive = NewAdaptive(j.cfg, slices.Clone(j.vertices), c.now)
		c.take(c.pool.Submit(j.id, j.Demands()))
		if running == nil || j.deployed > 0 {
			j.deployed = 0
			c.use(j, nil)
			continue
		}
		j.Adopt(c.now, running)
		uses := slices.DeleteFunc(slices.Clone(j.uses), func(id AllocationID) bool {
			_, held := j.held[id]
			return !held
		})
		if len(uses) == len(j.uses) {
			goOn[j] = uses
		} else {
			j.SlotLost()
		}
		c.use(j, uses)
	}
	c.take(c.pool.Recovered())
	c.pump()
	for j, uses := range goOn {
		if !slices.Equal(j.uses, uses) && !strings.HasPrefix(j.reason, "slots are asked back") {
			c.fail("job %s does not go on under the new leader: %s", j.id, j.reason)
		}
	}
}

func (c *cluster) submit() {
	c.names++
	j := &clusterJob{id: fmt.Sprint("j", c.names), held: map[AllocationID]bool{}}
	for v := range 1 + c.r.IntN(4) {
		j.vertices = append(j.vertices, VertexBounds{
			Name: fmt.Sprint(v), Group: fmt.Sprint("g", c.r.IntN(2)), Parallelism: 1 + c.r.IntN(6), MaxParallelism: 8,
			Alike: v,
		})
		if v > 0 && c.r.IntN(2) == 0 {
			j.vertices[v].Alike = j.vertices[v-1].Alike
			j.vertices[v].Group = j.vertices[v-1].Group
			j.vertices[v].Parallelism = j.vertices[v-1].Parallelism
			j.edges = append(j.edges, PlaceEdge{v - 1, v, OneToOne}, PlaceEdge{v, v - 1, Loop})
		}
	}
	cfg := AdaptiveConfig{
		Mode: SchedulerMode(c.r.IntN(3)), WaitTimeout: 500, StartStabilization: 20, RescaleStabilization: 50,
		Cooldown: 30, MinIncrease: 1 + c.r.IntN(2),
	}
	j.Adaptive = NewAdaptive(cfg, slices.Clone(j.vertices), c.now)
	j.before = make([][]string, len(j.vertices))
	c.jobs = append(c.jobs, j)
	c.take(c.pool.Submit(j.id, j.Demands()))
}

// pump lets everybody do what is due, until nobody has anything to do.
func (c *cluster) pump() {
	for round := 0; c.err == nil; round++ {
		actions := c.pool.Balance(c.now)
		c.take(actions)
		busy := len(actions) > 0
		for _, j := range slices.Clone(c.jobs) {
			if j.deployed > 0 && c.now >= j.deployed {
				c.deployed(j)
				busy = true
			}
			busy = c.decide(j) || busy
		}
		if !busy {
			return
		}
		if round > 100 {
			c.fail("it never comes to an end")
		}
	}
}

// take carries out the actions of the pool; TaskManagers clear slots at once.
func (c *cluster) take(actions []PoolAction) {
	for _, a := range actions {
		i := slices.IndexFunc(c.jobs, func(j *clusterJob) bool { return j.id == a.Job })
		if a.Do == FreeSlot {
			c.take(c.pool.Freed(a.TaskManager, a.Slot, a.Allocation))
		}
		if i < 0 {
			continue
		}
		j := c.jobs[i]
		switch a.Do {
		case GrantSlot, KeepSlot, AdoptSlot:
			j.held[a.Allocation] = false
		case ReclaimSlot:
			j.held[a.Allocation] = true
		case LoseSlot, RevokeSlot:
			delete(j.held, a.Allocation)
			if slices.Contains(j.placed, a.Allocation) && a.Do == LoseSlot {
				j.SlotLost()
			}
			if a.Do == RevokeSlot && slices.Contains(j.uses, a.Allocation) {
				c.fail("job %s uses %s, which is revoked", j.id, a.Allocation)
			}
		}
	}
}

// decide has a job decide about what it holds, and reports whether it does something.
func (c *cluster) decide(j *clusterJob) bool {
	usable, asked := map[string]int{}, map[string]int{}
	for _, h := range c.pool.Held(j.id) {
		usable[h.Group]++
	}
	for _, h := range c.pool.Asked(j.id) {
		asked[h.Group]++
		if !j.held[h.Allocation] {
			c.fail("job %s is asked for %s and does not know", j.id, h.Allocation)
		}
	}
	actions := j.Slots(c.now, usable, asked)
	c.act(j, actions)
	return len(actions) > 0
}

func (c *cluster) act(j *clusterJob, actions []AdaptiveAction) {
	for _, a := range actions {
		c.count[a.Do]++
		j.reason = a.Reason
		if a.Reason == "" {
			c.fail("job %s does %d without a reason", j.id, a.Do)
		}
		switch a.Do {
		case StartJob, RescaleJob:
			c.deploy(j, a)
		case SuspendJob:
			j.deployed = 0
			c.use(j, nil)
		case FailJob:
			c.jobs = slices.DeleteFunc(c.jobs, func(o *clusterJob) bool { return o == j })
			c.take(c.pool.End(j.id))
		}
	}
}

// use tells the pool what a job uses, and returns what it is asked for and does not use.
func (c *cluster) use(j *clusterJob, ids []AllocationID) {
	j.uses = ids
	c.pool.Use(c.now, j.id, ids)
	var back []AllocationID
	for id, asked := range j.held {
		if asked && !slices.Contains(ids, id) {
			back = append(back, id)
		}
	}
	slices.SortFunc(back, AllocationID.compare)
	for _, id := range back {
		delete(j.held, id)
	}
	c.take(c.pool.Return(j.id, back))
}

func (c *cluster) deploy(j *clusterJob, a AdaptiveAction) {
	var vertices []PlaceVertex
	for i, v := range j.vertices {
		p := a.Parallelism[i]
		if p < j.lower[i] || p > j.upper[i] || p > 8 {
			c.fail("job %s: vertex %d runs with %d, not %d to %d", j.id, i, p, j.lower[i], j.upper[i])
		}
		vertices = append(vertices, PlaceVertex{Name: v.Name, Group: v.Group, Parallelism: p, Before: j.before[i]})
	}
	slots := c.pool.Held(j.id)
	places, err := Place(vertices, j.edges, slots)
	if err != nil {
		c.fail("job %s: %w", j.id, err)
		return
	}
	var uses []AllocationID
	for v, of := range places {
		j.before[v] = nil
		for _, i := range of {
			j.before[v] = append(j.before[v], slots[i].TaskManager)
			if !slices.Contains(uses, slots[i].Allocation) {
				uses = append(uses, slots[i].Allocation)
			}
		}
	}
	j.placed = slices.Clone(uses)
	if j.deployed = c.now + int64(1+c.r.IntN(20)); a.Do == RescaleJob {
		for _, id := range j.uses { // what runs there is still being stopped
			if _, held := j.held[id]; held && !slices.Contains(uses, id) {
				uses = append(uses, id)
			}
		}
	}
	c.use(j, uses)
}

func (c *cluster) deployed(j *clusterJob) {
	var uses []AllocationID
	for _, id := range j.placed {
		if _, held := j.held[id]; held {
			uses = append(uses, id)
		}
	}
	j.deployed = 0
	j.Deployed(c.now)
	c.use(j, uses)
}

func (c *cluster) check() {
	for _, j := range c.jobs {
		has, usable := map[string]int{}, 0
		for id, asked := range j.held {
			if !asked {
				usable++
			}
			has[c.pool.held[id].group.Group]++
		}
		if n := len(c.pool.Held(j.id)); n > usable {
			c.fail("job %s may use %d slots and knows of %d", j.id, n, usable)
		}
		for _, id := range j.placed {
			if _, held := j.held[id]; !held && j.running != nil {
				c.fail("job %s runs in %s, which it does not hold", j.id, id)
			}
		}
		for i, p := range j.Parallelism() {
			if has[j.vertices[i].Group] < p {
				c.fail("job %s runs vertex %d with %d in %v", j.id, i, p, has)
			}
		}
		if w := j.Wake(); w > 0 && w <= c.now && j.deployed == 0 {
			c.fail("job %s was to wake at %d, now it is %d", j.id, w, c.now)
		}
	}
}

// rest lets time pass until nobody waits for it. Then every job that has enough runs, with all that it
// can use.
func (c *cluster) rest() {
	for n := 0; c.err == nil; n++ {
		next := c.pool.Wake()
		for _, j := range c.jobs {
			for _, w := range []int64{j.Wake(), j.deployed} {
				if w > 0 && (next == 0 || w < next) {
					next = w
				}
			}
		}
		if next == 0 {
			break
		}
		c.now = max(c.now, next)
		c.pump()
		c.check()
		if n > 1000 {
			c.fail("it does not come to rest")
		}
	}
	for _, j := range c.jobs {
		for id, asked := range j.held {
			if target, enough := j.possible(); asked && enough && j.running != nil {
				c.fail("job %s still has %s, which it is asked for; it could run with %v", j.id, id, target)
			}
		}
		target, enough := j.possible()
		below := false // the bounds have changed, and there are no slots for them
		for i, p := range j.running {
			below = below || p < j.lower[i]
		}
		if runs := j.running != nil; enough && !runs || runs && !enough && j.backs() == 0 && !below {
			c.fail("job %s: there is enough: %v, it runs: %v", j.id, enough, j.running)
		}
		if increase := sum(target) - sum(j.running); enough && increase >= j.cfg.MinIncrease {
			c.fail("job %s runs with %v, it could with %v", j.id, j.running, target)
		}
	}
}

func sum(values []int) (n int) {
	for _, v := range values {
		n += v
	}
	return n
}
