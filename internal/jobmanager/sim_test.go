package jobmanager

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
)

var (
	schedules = flag.Int("schedules", 10_000, "the `number` of schedules")
	firstSeed = flag.Uint64("seed", 1, "the first `seed`")
)

// TestSchedules runs a Manager in worlds where all that may happen happens at random, in any order:
// TaskManagers and workers that come, die, hang, and lose their connections, jobs that are submitted,
// cancelled and stopped, tasks and storage that fail. See simWorld for what must hold.
func TestSchedules(t *testing.T) {
	n := min(*schedules, schedulesMost)
	if testing.Short() {
		n = min(n, 500)
	}
	total := tally{}
	for seed := *firstSeed; seed < *firstSeed+uint64(n); seed++ {
		w := newSimWorld(seed)
		if err := w.run(); err != nil {
			again := newSimWorld(seed)
			again.verbose = true
			_ = again.run()
			t.Fatalf("seed %d: %v\n%s\n  replay: go test ./internal/jobmanager -run TestSchedules -schedules 1 -seed %d",
				seed, err, strings.Join(again.log, "\n"), seed)
		}
		total.add(w.count)
	}
	t.Logf("%d schedules: %v", n, total)
	for _, what := range tallied {
		if n >= 500 && total[what] == 0 {
			t.Errorf("never: %s", what)
		}
	}
}

// TestReplay: a seed decides everything.
func TestReplay(t *testing.T) {
	for seed := range uint64(20) {
		a, b := newSimWorld(seed), newSimWorld(seed)
		a.verbose, b.verbose = true, true
		errA, errB := a.run(), b.run()
		if fmt.Sprint(errA) != fmt.Sprint(errB) || strings.Join(a.log, "\n") != strings.Join(b.log, "\n") {
			t.Errorf("two runs of seed %d differ", seed)
		}
	}
}

// tally counts what has happened.
type tally map[string]int

var tallied = []string{
	"FINISHED", "FAILED", "CANCELED", "restarts", "checkpoints", "restores", "savepoints", "refused",
	"workers", "workers that die", "workers that do not start", "workers that are cut off", "workers that hang",
	"tasks that hang", "TaskManagers that die", "TaskManagers that are cut off", "TaskManagers that do not answer",
	"orders to rescale", "rescales", "TaskManagers that return", "TaskManagers that leave",
	"reasons to wait", "grants", "storage errors", "JobManagers that die", "JobManagers that are paused", "JobManagers that are paused at work",
	"workers that are adopted",
	"jobs in stages", "results", "results that are read", "results that are lost", "results that are discarded",
}

func (t tally) add(o tally) {
	for k, n := range o {
		t[k] += n
	}
}

// The times of a simulated cluster.
const (
	cancelTimeout = 2 * time.Second
	stopGrace     = time.Second
	answerTimeout = 5 * time.Second
	startTimeout  = 4 * time.Second
	adoptTimeout  = 3 * time.Second
	lostTimeout   = 6 * time.Second
	// slack is how long what is due may take, since time passes while it is being done.
	slack = 3 * time.Second
)

const (
	stormSteps = 1500   // with faults
	calmSteps  = 60_000 // until all jobs have ended
	jobsMax    = 3
)

// simWorld is a Manager with TaskManagers, workers and clients. What must hold:
//
//   - A slot that is granted is free. A worker has no more subtasks of a vertex than the job has slots
//     there, workers that were given up included, unless they lost their TaskManager.
//   - No task is deployed while a former attempt runs in a worker that was not given up.
//   - A deployment restores from the newest checkpoint that is complete, which has each subtask once, and
//     those of a region of one attempt.
//   - Checkpoints are told complete in the order of their numbers.
//   - What a task of a job in stages reads is there, unless its TaskManager has been gone meanwhile. No results are
//     left of a job that has ended.
//   - A job is deployed with another parallelism only when nothing of it runs.
//   - A job in batch mode that was told to commit is not started by a later leader.
//   - A job that is cancelled ends within its timeout, and is not started by a later leader; each request for a savepoint has an answer.
//   - A new leader goes on with a job that runs, and deploys nothing while a worker of the leader before has it,
//     unless that lost its TaskManager.
//   - A leader whose term is over, and which does not know that yet, changes no checkpoint pointer that a later one has
//     changed, and no record; TaskManagers and workers that are connected with a later one do not obey it.
//   - Every job that was accepted ends, or waits with a reason. Then all slots are free, in the pool and in
//     the TaskManagers, and no worker is left.
type simWorld struct {
	rng    *rand.Rand
	clock  *clock.Manual
	m      *Manager   // that of leader
	leader *simLeader // that came last
	// leaders are all whose processes live.
	leaders []*simLeader
	terms   int
	store   *ha.Memory
	down    bool // nobody leads
	disk    *blob.Memory
	swapped map[string]int // who has changed a pointer last
	conns   []*simConn
	tms     []*simTM
	jobs    []*simJob
	names   int
	policy  schedule.Policy
	calm    bool
	few     bool // there are not slots enough for all jobs
	sick    int  // operations of the storage that are to fail
	slow    bool // records take their time

	count   tally
	verbose bool
	log     []string
	err     error
}

// simJob is a job as its client sees it.
type simJob struct {
	control.Submission
	accepted  bool
	refused   error
	managed   *managed
	cancelled time.Time
	requests  int // for savepoints, without an answer
	barriers  map[*simLeader][]int64
	checked   map[int]bool // deployments whose snapshot was looked at
	workers   []*simWorker
	complete  int64 // the newest checkpoint that was told complete and is kept
	commits   int   // the JobManager that has told it to commit at its end, in batch mode; 0 for none
	noted     int   // the JobManager that has acknowledged its cancellation, from 1; 0 for none
	ordered   []int // the parallelism that was asked for and acknowledged last, nil if that is not certain
	ordering  int   // orders without an answer
	orphaned  bool  // its JobManager has died, and nothing was started for it since
}

func newSimWorld(seed uint64) *simWorld {
	w := &simWorld{
		rng: rand.New(rand.NewPCG(seed, 0)), clock: clock.NewManual(time.Unix(1_000_000, 0)), count: tally{}, swapped: map[string]int{},
		disk: blob.NewMemory(blob.MemoryOptions{Name: "sim", ObjectMax: 1 << 30, TotalMax: 1 << 30}),
	}
	w.few, w.slow = w.rng.IntN(6) == 0, w.rng.IntN(3) == 0
	w.policy = schedule.Policy(w.rng.IntN(2))
	w.store = ha.NewMemory()
	w.lead()
	return w
}

// checkBounds checks that a new leader has heard of the parallelism that was asked for.
func (j *simJob) checkBounds(w *simWorld) {
	if j.ordered == nil || j.managed.fleet == nil {
		return
	}
	if _, upper := j.managed.fleet.scaling.adaptive.Limits(); w.m.o.Adaptive.Mode != schedule.ReactiveScheduler && !slices.Equal(upper, j.ordered) {
		w.fail("%s was ordered to run with %v, the new JobManager would have %v", j.Name, j.ordered, upper)
	}
}

// state is what becomes of a job.
func (j *simJob) state() schedule.State {
	if j.managed == nil {
		return Initializing
	}
	return j.managed.state()
}

func (w *simWorld) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
		w.note("WRONG: %v", w.err)
	}
}

func (w *simWorld) note(format string, args ...any) {
	if w.verbose {
		w.log = append(w.log, fmt.Sprintf("%9.3f  ", float64(w.clock.Now().UnixMilli()-1e9)/1e3)+fmt.Sprintf(format, args...))
	}
}

func (w *simWorld) run() error {
	w.join()
	for range w.rng.IntN(3) {
		w.join()
	}
	for i := 0; i < stormSteps && w.err == nil; i++ {
		if w.rng.IntN(25) == 0 {
			w.happen()
		}
		w.step()
	}
	w.settle()
	if w.err == nil {
		w.checkEnd()
	}
	return w.err
}

// step does one thing that is due, or lets time pass.
func (w *simWorld) step() {
	n := 0
	for _, l := range w.leaders {
		n += l.due()
	}
	w.conns = slices.DeleteFunc(w.conns, (*simConn).over)
	for _, c := range w.conns {
		n += c.due()
	}
	for _, tm := range w.tms {
		for _, wk := range tm.workers {
			n += wk.due()
		}
	}
	if n == 0 || w.rng.IntN(12) == 0 {
		w.pass(n == 0)
	} else {
		w.do(w.rng.IntN(n))
	}
	w.watch()
}

// do does one of the things that are due.
func (w *simWorld) do(i int) {
	for _, l := range w.leaders {
		n := l.due()
		if i < n {
			l.do(i)
			return
		}
		i -= n
	}
	for _, c := range w.conns {
		n := c.due()
		if i < n {
			c.do(i)
			return
		}
		i -= n
	}
	for _, tm := range w.tms {
		for _, wk := range tm.workers {
			n := wk.due()
			if i < n {
				wk.do(i)
				return
			}
			i -= n
		}
	}
}

func take(fs *[]func(), i int) {
	f := (*fs)[i]
	*fs = slices.Delete(*fs, i, i+1)
	f()
}

// pass lets time pass: a little, or until a timer is due.
func (w *simWorld) pass(idle bool) {
	d := time.Duration(1+w.rng.IntN(20)) * time.Millisecond
	if w.calm {
		d *= 5
	}
	if at, ok := w.clock.Next(); ok && idle && w.rng.IntN(2) == 0 {
		d = max(0, at.Sub(w.clock.Now()))
	}
	w.clock.Advance(d)
}

// happen lets something happen that nothing leads to.
func (w *simWorld) happen() {
	switch n := w.rng.IntN(100); {
	case n < 12 && len(w.jobs) < jobsMax && !w.down:
		w.submit()
	case n < 20 && len(w.tms) < 6:
		w.join()
	case n < 35:
		w.ask()
	case n == 99 && w.rng.IntN(2) == 0 && !w.down:
		w.crash()
	case n == 98 && w.rng.IntN(4) == 0 && !w.down:
		w.leader.pause()
	case n < 39:
		if all := w.unended(); len(all) > 0 && w.rng.IntN(2) == 0 {
			w.cancel(all[w.rng.IntN(len(all))])
		}
	case n < 41:
		w.sick = w.rng.IntN(4)
	case n < 46:
		w.order()
	case n < 58:
		w.disturb(w.tms)
	case n < 86:
		if wk := w.worker(); wk != nil {
			wk.disturb()
		}
	}
}

// job is a job that was accepted and has not ended, nil if there is none.
func (w *simWorld) job() *simJob {
	var all []*simJob
	for _, j := range w.jobs {
		if j.accepted && !j.state().Done() && j.managed != nil && j.managed.job != nil {
			all = append(all, j)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.rng.IntN(len(all))]
}

func (w *simWorld) worker() *simWorker {
	var all []*simWorker
	for _, tm := range w.tms {
		for _, wk := range tm.workers {
			if wk.alive {
				all = append(all, wk)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.rng.IntN(len(all))]
}

func (w *simWorld) submit() {
	j := &simJob{checked: map[int]bool{}, barriers: map[*simLeader][]int64{}}
	j.ID, j.Name = fmt.Sprintf("%032x", len(w.jobs)+1), fmt.Sprint("job-", len(w.jobs)+1)
	j.Graph = w.graph()
	j.CancelTimeout = int64(cancelTimeout)
	j.Checkpoints = checkpoint.Config{Timeout: int64(3 * time.Second), TolerableFailures: w.rng.IntN(4), History: 200}
	if w.rng.IntN(5) > 0 {
		j.Checkpoints.Interval = int64(10+w.rng.IntN(60)) * 1e6
		j.Checkpoints.MaxConcurrent = 1 + w.rng.IntN(2)
		if w.rng.IntN(3) > 0 {
			j.Directory, j.Retain = "here", 1+w.rng.IntN(2)
		}
	}
	j.Restart.Fixed = &schedule.FixedDelay{Attempts: w.rng.IntN(40), Delay: int64(w.rng.IntN(100)) * 1e6}
	if w.rng.IntN(8) == 0 {
		j.Restart.Fixed = nil
	}
	if w.rng.IntN(3) == 0 {
		j.runInStages()
		w.count["jobs in stages"]++
	}
	w.jobs = append(w.jobs, j)
	w.note("submit %s: %+v", j.Name, j.Graph.Vertices)
	l := w.leader
	l.m.submit(context.Background(), j.Submission, func(err error) {
		if l != w.leader || w.down { // the client has given up
			return
		}
		j.managed, j.refused = l.m.jobs[j.ID], err
		if j.accepted = err == nil; err != nil {
			w.count["refused"]++
		}
		w.note("%s begins: %v", j.Name, err)
	})
}

// runInStages makes it a job in batch mode.
func (j *simJob) runInStages() {
	j.Batch, j.Stages, j.Directory, j.Checkpoints.Interval = true, true, "", 0
	read := map[int]bool{}
	for _, v := range j.Graph.Vertices {
		for _, in := range v.In {
			read[in.From] = true
		}
	}
	for v := range j.Graph.Vertices {
		j.Graph.Vertices[v].Sink = !read[v]
	}
}

// graph makes a graph of up to three vertices.
func (w *simWorld) graph() *graph.JobGraph {
	g := &graph.JobGraph{}
	for v := range 1 + w.rng.IntN(3) {
		x := graph.Vertex{Name: fmt.Sprint("v", v), Parallelism: 1 + w.rng.IntN(3), SlotGroup: "default"}
		if w.rng.IntN(6) == 0 {
			x.SlotGroup = "other"
		}
		x.Source = v == 0 || w.rng.IntN(3) == 0
		x.Operators = []graph.Operator{{UID: x.Name, Name: x.Name, MaxParallelism: 4, Source: x.Source}}
		if !x.Source {
			from := w.rng.IntN(v)
			s := graph.Keyed
			if w.rng.IntN(2) == 0 {
				s, x.Parallelism = graph.Forward, g.Vertices[from].Parallelism
			}
			x.In = []graph.Input{{From: from, Strategy: s}}
		}
		g.Vertices = append(g.Vertices, x)
	}
	return g
}

func (w *simWorld) cancel(j *simJob) {
	if w.down || j.managed == nil {
		return
	}
	w.note("cancel %s", j.Name)
	if j.managed.job == nil {
		w.count["cancellations of jobs that are taken over"]++
		if r := j.managed.fleet.recovery; r != nil && r.retry != nil {
			w.count["cancellations of jobs whose storage cannot be reached"]++
		}
	} else if j.cancelled.IsZero() {
		j.cancelled = w.clock.Now()
	}
	m, leader := w.m, w.leader.number
	m.actor.Post(func() {
		m.end(j.ID, CancelJob, func(err error) {
			if w.note("cancelled %s: %v", j.Name, err); err == nil && j.noted == 0 {
				j.noted = leader
			}
		})
	})
}

// repeated checks that a JobManager does not start a job again which an earlier one has told to commit: it would write everything
// once more.
func (j *simJob) repeated(w *simWorld, leader int) {
	if j.commits != 0 && j.commits < leader {
		w.fail("%s starts again, and was told to commit", j.Name)
	}
}

// forgotten checks that a JobManager does not start a job which an earlier one has acknowledged the cancellation of.
func (j *simJob) forgotten(w *simWorld, leader int) {
	if j.noted != 0 && j.noted < leader {
		w.fail("%s starts again, and was cancelled under an earlier JobManager", j.Name)
	}
}

// ask asks for a savepoint, which may be the job's last.
func (w *simWorld) ask() {
	j := w.job()
	if j == nil {
		return
	}
	r := checkpoint.Request{Flags: operator.Savepoint | operator.Full, Directory: "memory://savepoints"}
	j.requests++
	l := w.leader
	r.End = func(s *checkpoint.Snapshot, _ string, err error) {
		if l != w.leader || w.down {
			return
		}
		j.requests--
		if err == nil {
			w.count["savepoints"]++
		}
	}
	switch w.rng.IntN(30) {
	case 0:
		j.managed.job.Drain(r)
	case 1:
		r.Flags |= operator.Suspend
		fallthrough
	default:
		j.managed.job.Begin(r)
	}
}

// order asks for another parallelism.
func (w *simWorld) order() {
	j, n := w.job(), 1+w.rng.IntN(4)
	if j == nil {
		return
	}
	g, l := j.managed, w.leader
	j.ordering++
	w.m.actor.Post(func() {
		g.fleet.rescale(n, nil, func(to []int, err error) {
			w.note("rescale %s to %v: %v", j.Name, to, err)
			if l.deposed { // whether it holds is not known
				return
			}
			j.ordering--
			if j.ordered = nil; err == nil { // else it may be recorded
				w.count["orders to rescale"]++
				j.ordered = to
			}
		})
	})
}

// watch checks what must hold at every moment.
func (w *simWorld) watch() {
	for _, j := range w.jobs {
		if !j.cancelled.IsZero() && w.clock.Now().Sub(j.cancelled) > cancelTimeout+slack && !j.state().Done() {
			w.fail("%s was cancelled at %v and is still %v", j.Name, j.cancelled, j.state())
		}
	}
}

// settle lets everything end, with TaskManagers for it or, in some worlds, without.
func (w *simWorld) settle() {
	w.calm, w.sick = true, 0
	for !w.few && w.slots() < 12 {
		w.join()
	}
	for i := 0; w.err == nil && !w.quiet(); i++ {
		if i == calmSteps/2 {
			w.checkWaiting()
			for _, j := range w.jobs {
				if j.accepted && !j.state().Done() {
					w.cancel(j)
				}
			}
		}
		if i > calmSteps {
			w.fail("it does not come to rest: %s", w.unrest())
		}
		w.step()
	}
}

func (w *simWorld) slots() (n int) {
	for _, tm := range w.tms {
		if !tm.leaves {
			n += len(tm.slots)
		}
	}
	return n
}

// quiet reports whether all jobs have ended and nothing is left of them.
func (w *simWorld) quiet() bool { return w.unrest() == "" }

// unrest is what is left.
func (w *simWorld) unrest() string {
	for _, j := range w.jobs {
		switch {
		case j.managed == nil && !j.accepted && j.refused == nil:
			return j.Name + " is not answered"
		case j.accepted && !j.state().Done():
			return fmt.Sprintf("%s is %v", j.Name, j.state())
		case j.accepted && len(j.managed.writes) > 0:
			return j.Name + " is not recorded"
		case j.accepted && j.managed.archived == nil && !isDone(j.managed.job.Done()):
			return j.Name + " is not over"
		case j.requests > 0:
			return fmt.Sprintf("%s has %d requests without an answer", j.Name, j.requests)
		}
	}
	if w.down {
		return "there is no JobManager"
	}
	if len(w.leaders) > 1 {
		return "an earlier JobManager lives"
	}
	if n := len(w.m.workers); n > 0 {
		return fmt.Sprintf("%d workers are known", n)
	}
	for _, tm := range w.tms {
		if !tm.conn.connected() || w.m.tms[tm.id] == nil {
			return tm.id + " is not connected"
		}
		for i, s := range tm.slots {
			if s.Holder != "" {
				return fmt.Sprintf("slot %d of %s is held by %s", i, tm.id, s.Holder)
			}
		}
		for _, wk := range tm.workers {
			if wk.alive {
				return "worker " + wk.name + " lives"
			}
		}
		for _, job := range sortedKeys(tm.results) {
			return fmt.Sprintf("results of %s are left at %s", job, tm.id)
		}
	}
	if w.leader.due() > 0 {
		return "the JobManager is at work"
	}
	for _, c := range w.conns {
		if c.due() > 0 || c.later {
			return "messages are on the way"
		}
	}
	return ""
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// checkWaiting checks that what has not ended by now waits for slots, and says so.
func (w *simWorld) checkWaiting() {
	for _, j := range w.jobs {
		if !j.accepted || j.state().Done() || j.hanging() { // what hangs in a commit may do so
			continue
		}
		if j.noted != 0 {
			w.fail("%s was cancelled and is %v", j.Name, j.state())
		}
		f := j.managed.fleet
		needed := 0
		for _, d := range f.demands() {
			needed += d.Min
		}
		want := fmt.Sprintf("of %d", w.slots())
		if h := j.managed.job.Checkpoints().Checkpoints; len(h) > 0 {
			w.note("the last checkpoint of %s: %+v", j.Name, h[len(h)-1])
		}
		if f.waits == "" || w.slots() >= needed && len(w.unended()) == 1 {
			w.fail("%s is %v and does not end; it needs %d slots of %d and waits for %q",
				j.Name, j.state(), needed, w.slots(), f.waits)
		}
		if !strings.Contains(f.waits, want) {
			w.fail("%s waits for %q, there are %d slots", j.Name, f.waits, w.slots())
		}
		w.count["reasons to wait"]++
	}
}

func (w *simWorld) unended() (jobs []*simJob) {
	for _, j := range w.jobs {
		if j.accepted && !j.state().Done() {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

func (w *simWorld) checkEnd() {
	for _, s := range w.m.pool.TaskManagers() {
		if s.Free != s.Slots {
			w.fail("of the %d slots of %s %d are free when all jobs have ended", s.Slots, s.ID, s.Free)
		}
	}
	for _, j := range w.jobs {
		if !j.accepted {
			continue
		}
		state := j.state()
		w.count[string(state)]++
		if v := j.managed.archived; v != nil {
			w.count["archived jobs"]++
			w.count["restarts"] += v.Restarts
			w.count["checkpoints"] += v.Checkpoints.Completed
			if (state == schedule.Finished) != (v.Cause == nil) || !state.Done() || len(v.Vertices) != len(j.Graph.Vertices) {
				w.fail("%s is %v in the archive: %+v", j.Name, state, v)
			}
			continue
		}
		w.count["restarts"] += j.managed.job.Restarts()
		w.count["rescales"] += j.managed.job.Rescales()
		w.count["checkpoints"] += j.managed.job.Checkpoints().Completed
		if err := j.managed.job.Wait(); (state == schedule.Finished) != (err == nil) {
			w.fail("%s is %v: %v", j.Name, state, err)
		}
	}
}
