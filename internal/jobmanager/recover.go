package jobmanager

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/schedule"
)

// recovery is how far a new leader is with a job that an earlier one has left. It waits until all workers
// that may run are accounted for: connected, or known to have ended. If together they run the whole job, that
// is adopted. Otherwise what runs is ended, and then the job starts again from its newest checkpoint.
type recovery struct {
	phase recoveryPhase
	// early is what has happened while the job was being adopted.
	early  []func()
	closes bool // the job has ended before it was known to go on
	waits  string
	retry  func() // stops the clock of the next attempt to make the master, nil if none is waited for
}

type recoveryPhase uint8

const (
	looking   recoveryPhase = iota // what runs is being told
	adopting                       // the master is made that goes on with it
	clearing                       // what runs is to end
	beginning                      // the master is made that starts the job
)

func (r *recovery) later(f func()) { r.early = append(r.early, f) }

// adopts has f done when the job, which is being adopted, has its master.
func (f *fleet) adopts(later func()) bool {
	if f.recovery == nil || f.recovery.phase != adopting {
		return false
	}
	f.recovery.later(later)
	return true
}

// Recover takes the jobs over that an earlier leader has left, and shows those that have ended. It must be
// called before Serve and Submit.
func (m *Manager) Recover(ctx context.Context) error {
	if m.records != nil {
		if err := m.readArchive(ctx); err != nil {
			return err
		}
	}
	m.readHistory(ctx)
	slices.SortFunc(m.order, func(a, b string) int {
		return cmp.Or(m.jobs[a].began.Compare(m.jobs[b].began), strings.Compare(a, b))
	})
	if m.o.Expire > 0 || len(m.order) > m.o.Keep {
		defer m.actor.Post(m.trim) // when it is known which records go with them
	}
	if m.records == nil {
		return nil
	}
	run, ended, err := m.records.Recover(ctx)
	if err != nil {
		return err
	}
	for _, id := range ended {
		if g := m.jobs[id]; g != nil {
			m.discard(g)
		}
	}
	var jobs []*managed
	for _, r := range run {
		s, err := control.DecodeSubmission(r.Data)
		if err != nil {
			m.o.Log.Error("flott: the record of a job cannot be read; it stays, and the job does not run", logging.JobID, r.ID, "error", err)
			m.suspend(r, err)
			continue
		}
		g := &managed{Submission: *s, began: time.Unix(0, s.Submitted), record: newRecord(m.o.Clock, s.Graph)}
		g.Fresh = false // that it was, if it had to be
		g.fleet = newFleet(m, g)
		g.fleet.recovery = &recovery{}
		if err := m.expect(ctx, g); err != nil {
			return err
		}
		stopped, err := m.records.Stopped(ctx, g.ID)
		if err != nil {
			return err
		}
		g.stopped = string(stopped)
		ending, err := m.records.Ending(ctx, g.ID)
		if err != nil {
			return err
		}
		g.ending = Ending(ending)
		if err := m.readBounds(ctx, g); err != nil {
			return err
		}
		jobs = append(jobs, g)
	}
	slices.SortFunc(jobs, func(a, b *managed) int { return cmp.Or(a.began.Compare(b.began), strings.Compare(a.ID, b.ID)) })
	m.pool = schedule.NewPool(m.o.Pool, m.o.Epoch, len(jobs) > 0)
	for _, g := range jobs {
		m.jobs[g.ID] = g
		m.order = append(m.order, g.ID)
		m.carryOut(m.pool.Submit(g.ID, g.fleet.demands()))
	}
	for _, g := range jobs {
		g.fleet.consider()
	}
	if len(jobs) > 0 {
		m.after(m.o.AdoptTimeout, m.closeWindow)
		m.after(m.o.LostTimeout, m.giveUpUnheard)
	}
	return nil
}

// suspend shows a job whose record cannot be read. Its workers are ended when their TaskManagers come, since nobody
// knows of them.
func (m *Manager) suspend(r ha.Job, err error) {
	named := struct{ Name string }{}
	_ = json.Unmarshal(r.Data, &named) // as much of it as can be read
	v := &JobView{Cause: fmt.Errorf("the record of the job cannot be read, by a JobManager of another version perhaps; it stays, and can be cancelled: %w", err)}
	now := m.o.Clock.Now()
	v.ID, v.Name, v.State, v.Began, v.Changed = r.ID, cmp.Or(named.Name, "?"), Suspended, now, now
	v.Waits, v.Entered = v.Cause.Error(), map[schedule.State]time.Time{Suspended: now}
	v.Failures = []FailureView{{Kind: "JobFailure", Text: v.Waits, At: now.UnixNano()}}
	g := &managed{archived: v, began: now}
	g.ID, g.Name = v.ID, v.Name
	m.jobs[g.ID] = g
	m.order = append(m.order, g.ID)
}

// readArchive reads what is left of jobs that have ended.
func (m *Manager) readArchive(ctx context.Context) error {
	ids, err := m.records.Ended(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		data, err := m.records.Result(ctx, id)
		if err != nil {
			return err
		}
		v, err := decodeView(data)
		if err != nil {
			m.o.Log.Error("flott: what a job has left cannot be read", logging.JobID, id, "error", err)
			v = &JobView{Cause: fmt.Errorf("the job has ended, and how cannot be read: %w", err)}
			v.ID, v.Name, v.State = id, "?", schedule.Failed
			v.Failures = []FailureView{{Kind: "JobFailure", Text: v.Cause.Error()}}
		}
		m.show(v)
	}
	return nil
}

// show shows a job that has ended.
func (m *Manager) show(v *JobView) {
	g := &managed{archived: v, retired: true, began: v.Began}
	g.ID, g.Name = v.ID, v.Name
	m.jobs[g.ID] = g
	m.order = append(m.order, g.ID)
}

// readBounds goes on with the bounds that were asked for since the job was submitted.
func (m *Manager) readBounds(ctx context.Context, g *managed) error {
	data, err := m.records.Bounds(ctx, g.ID)
	if err != nil || data == nil {
		return err
	}
	var bounds []Bounds
	if err := json.Unmarshal(data, &bounds); err != nil {
		return fmt.Errorf("the bounds of job %s: %w", g.ID, err)
	}
	f := g.fleet
	all, err := f.bounded(bounds)
	if err != nil {
		return fmt.Errorf("the bounds of job %s: %w", g.ID, err)
	}
	f.scaling.bounds, f.scaling.set = all, true
	f.scaling.adaptive.Bounds(m.now(), all)
	return nil
}

// expect makes members of the workers that may run.
func (m *Manager) expect(ctx context.Context, g *managed) error {
	data, err := m.records.Workers(ctx, g.ID)
	if err != nil {
		return err
	}
	var all []placed
	if len(data) > 0 {
		if err := json.Unmarshal(data, &all); err != nil {
			return fmt.Errorf("the workers of job %s: %w", g.ID, err)
		}
	}
	for _, p := range all {
		w := &member{fleet: g.fleet, taskManager: p.TaskManager}
		w.peer.Name = p.Worker
		g.fleet.members = append(g.fleet.members, w)
		g.fleet.names[p.TaskManager] = w
		m.workers[p.Worker] = w
	}
	return nil
}

// confirm notes which of the workers that may run do, as a TaskManager tells that has come. Their jobs may have been decided
// without them: they are known as long as they may run.
func (m *Manager) confirm(t *taskManager) {
	for _, name := range sortedKeys(m.workers) {
		w := m.workers[name]
		switch {
		case w.taskManager != t.ID:
		case slices.Contains(t.Workers, name):
			r := w.fleet.recovery
			w.confirmed = !w.gone && r != nil && r.phase != adopting // else its job goes on without it
		default:
			w.exited(&WorkerError{Worker: name, TaskManager: t.ID, Reason: "it ended while there was no JobManager"})
		}
	}
	m.actor.Post(func() { // when the pool knows of its slots
		for _, id := range m.order {
			if f := m.jobs[id].fleet; f != nil {
				f.consider()
			}
		}
	})
}

// closeWindow decides with what is known about the jobs that were not decided yet.
func (m *Manager) closeWindow() {
	m.windowClosed = true
	for _, id := range m.order {
		if f := m.jobs[id].fleet; f != nil {
			f.consider()
		}
	}
	m.recovered()
}

// recovered lets slots be granted, once no job is left that may have them.
func (m *Manager) recovered() {
	for _, g := range m.jobs {
		if f := g.fleet; !m.windowClosed && f != nil && f.recovery != nil && f.recovery.phase == looking {
			return
		}
	}
	m.carryOut(m.pool.Recovered())
	m.balance()
}

// giveUpUnheard takes the workers for ended whose TaskManagers have not come: they have had no JobManager for
// too long.
func (m *Manager) giveUpUnheard() {
	for _, name := range sortedKeys(m.workers) {
		if w := m.workers[name]; m.tms[w.taskManager] == nil {
			w.exited(&WorkerError{Worker: name, TaskManager: w.taskManager, Reason: "it has had no JobManager for too long (jobmanager.lost.timeout)"})
		}
	}
}

// consider decides what becomes of a job that an earlier leader has left, if enough is known.
func (f *fleet) consider() {
	r := f.recovery
	if r == nil {
		return
	}
	switch r.phase {
	case looking:
		unheard := f.unheard()
		if unheard != "" && !f.m.windowClosed && !f.job.over() {
			r.waits = unheard
			return
		}
		f.layAsRuns()
		what, missing := f.inventory()
		if f.job.stopped != "" {
			what, missing = nil, "all: it was stopped with a savepoint"
		} else if f.job.ending == CancelJob {
			what, missing = nil, "all: it was cancelled"
		} else if f.job.ending == CommitJob {
			what, missing = nil, "all: it commits"
		}
		if what != nil {
			f.adopt(what)
		} else {
			f.clear(missing)
		}
		f.m.recovered()
	case clearing:
		if len(f.names) == 0 || fault.Seeded(fault.ClearTooSoon) {
			r.phase, r.waits = beginning, ""
			switch {
			case f.job.stopped != "":
				f.m.endStopped(f.job)
			case f.job.ending == CancelJob:
				f.m.endCancelled(f.job)
			case f.job.ending == CommitJob:
				f.m.endCommitting(f.job)
			default:
				f.resume(nil, 0)
			}
			return
		}
		r.waits = "workers of before have not ended: " + f.namesText()
	}
}

// unheard tells what is not known yet, "" if all is.
func (f *fleet) unheard() string {
	for _, id := range sortedKeys(f.names) {
		switch w := f.names[id]; {
		case !w.gone && !w.confirmed:
			return "TaskManager " + id + " has not told yet whether worker " + w.peer.Name + " still runs"
		case !w.gone && w.conn == nil:
			return "worker " + w.peer.Name + " has not told yet what it runs"
		}
	}
	return ""
}

func (f *fleet) namesText() string {
	var all []string
	for _, id := range sortedKeys(f.names) {
		all = append(all, f.names[id].peer.Name+" of TaskManager "+id)
	}
	return strings.Join(all, ", ")
}

// inventory is what runs of a job, if it is all of it.
type inventory struct {
	schedule.Adopted
	at          []*member // by place
	coordinator *member
	seats       []schedule.Holding
	spares      []schedule.Holding
	seatOf      []int
	seen        int64
}

// layAsRuns lays the job out as it was deployed last.
func (f *fleet) layAsRuns() {
	newest := 0
	g := f.graph
	for _, w := range f.members {
		if w.gone || w.running == nil || w.running.Parallelism == nil {
			continue
		}
		for _, t := range w.running.Tasks {
			if t.Deployment <= newest {
				continue
			}
			if r, err := f.job.Graph.Rescaled(w.running.Parallelism); err == nil {
				newest, g = t.Deployment, r
			}
		}
	}
	if slices.Equal(g.Parallelism(), f.graph.Parallelism()) {
		return
	}
	f.lay(g)
	f.scaling.ordered = g.Parallelism()
	f.job.record.relay(g.Parallelism())
}

// inventory tells what runs, or what is missing.
func (f *fleet) inventory() (*inventory, string) {
	if f.stages != nil {
		return nil, "what is known of its stages"
	}
	inv := &inventory{at: make([]*member, f.tasks)}
	tasks := make([]control.RunningTask, f.tasks)
	for _, w := range f.members {
		if w.confirmed && !w.gone && w.conn == nil {
			return nil, "what worker " + w.peer.Name + " runs" // perhaps tasks that others run, too
		}
		if w.gone || w.conn == nil || !w.confirmed || w.running == nil {
			continue
		}
		if p := w.running.Parallelism; p != nil && !slices.Equal(p, f.graph.Parallelism()) {
			continue // what it tells is of before
		}
		if !fault.Seeded(fault.ReuseNumbers) {
			inv.seen = max(inv.seen, w.running.Seen)
		}
		for _, t := range w.running.Tasks {
			if t.Place >= 0 && t.Place < f.tasks && t.Deployment > tasks[t.Place].Deployment {
				inv.at[t.Place], tasks[t.Place] = w, t
			}
		}
		if c := w.running.Coordinators; c > inv.Coordinators {
			inv.Coordinators, inv.coordinator = c, w
		}
	}
	for _, w := range f.members { // an earlier leader has given up those whose tasks run elsewhere by now
		if w.gone || w.running == nil {
			continue
		}
		for _, t := range w.running.Tasks {
			if t.Place < 0 || t.Place >= f.tasks || inv.at[t.Place] != w {
				return nil, "the end of worker " + w.peer.Name + ", which was given up"
			}
		}
	}
	if inv.coordinator == nil {
		return nil, "the coordinators of its sources"
	}
	for place, region := range schedule.RegionsOf(f.graph) {
		t := tasks[place]
		if inv.at[place] == nil || t.Over {
			return nil, "task " + f.job.record.taskName(place)
		}
		if region == len(inv.Deployments) {
			inv.Deployments = append(inv.Deployments, schedule.Deployment{Number: t.Deployment, Region: region, Attempt: t.Attempt})
		}
		d := &inv.Deployments[region]
		if t.Deployment != d.Number || t.Region != region {
			return nil, "an attempt of task " + f.job.record.taskName(place) + " and of what it is connected with"
		}
		d.Tasks = append(d.Tasks, place)
		inv.Ended = append(inv.Ended, t.Ended)
	}
	if !f.reseat(inv) {
		return nil, "slots that it runs in"
	}
	return inv, ""
}

// reseat finds the slots that tasks run in: on each TaskManager, the subtasks of a vertex in slots of their
// own.
func (f *fleet) reseat(inv *inventory) bool {
	rest := slices.DeleteFunc(slices.Concat(f.seats, f.spares), func(h schedule.Holding) bool { return h.TaskManager == "" })
	number := map[schedule.AllocationID]int{}
	inv.seatOf = make([]int, f.tasks)
	first := 0
	for v := range f.graph.Vertices {
		vertex := &f.graph.Vertices[v]
		used := map[schedule.AllocationID]bool{}
		for i := range vertex.Parallelism {
			place := first + i
			at := slices.IndexFunc(rest, func(h schedule.Holding) bool {
				return h.TaskManager == inv.at[place].taskManager && h.Group == vertex.SlotGroup && !used[h.Allocation]
			})
			if at < 0 {
				return false
			}
			h := rest[at]
			used[h.Allocation] = true
			n, ok := number[h.Allocation]
			if !ok {
				n = len(inv.seats)
				number[h.Allocation] = n
				inv.seats = append(inv.seats, h)
			}
			inv.seatOf[place] = n
		}
		first += vertex.Parallelism
	}
	for _, h := range rest {
		if _, ok := number[h.Allocation]; !ok {
			inv.spares = append(inv.spares, h)
		}
	}
	for _, d := range demands(f.graph) {
		for n := seatsOf(inv.seats, d.Group); n < d.Min; n++ {
			inv.seats = append(inv.seats, schedule.Holding{Group: d.Group})
		}
	}
	return true
}

// seatsOf counts the seats of a slot-sharing group.
func seatsOf(seats []schedule.Holding, group string) (n int) {
	for _, h := range seats {
		if h.Group == group {
			n++
		}
	}
	return n
}

// adopt goes on with what runs.
func (f *fleet) adopt(inv *inventory) {
	f.recovery.phase, f.recovery.waits = adopting, ""
	f.admitted = true
	f.seats, f.spares, f.seatOf = inv.seats, nil, inv.seatOf
	f.missing = 0
	for _, s := range f.seats {
		if s.TaskManager == "" {
			f.missing++
		}
	}
	for _, h := range inv.spares {
		f.granted(h)
	}
	for _, w := range f.members {
		if tm := f.m.tms[w.taskManager]; tm != nil && !w.gone {
			tm.settled(w.peer.Name)
		}
	}
	f.renumber()
	f.coordinator, f.generation = inv.coordinator, inv.Coordinators
	for _, d := range inv.Deployments {
		r := &deployment{Deployment: d, open: map[int]*member{}, missing: map[*member]bool{}}
		for _, place := range d.Tasks {
			r.open[place] = inv.at[place]
		}
		f.runs[d.Number] = r
		f.job.record.adopted(d, inv.at)
	}
	for id, w := range f.names {
		w.memory = f.memoryOn(id)
	}
	f.adoptScale()
	f.use()
	f.m.log(f.job).Info("flott: a job that runs is taken over")
	f.resume(&inv.Adopted, inv.seen)
}

// renumber gives the members the numbers by which workers know each other.
func (f *fleet) renumber() {
	var all []*member
	at := func(i int) **member {
		for len(all) <= i {
			all = append(all, nil)
		}
		return &all[i]
	}
	for _, w := range f.members {
		if w.running == nil {
			continue
		}
		*at(w.running.Self) = w
		w.used = true
		for i, p := range w.running.Workers {
			if m := at(i); *m == nil {
				*m = &member{fleet: f, peer: p, gone: true}
			}
		}
	}
	for _, w := range f.members {
		if w.running == nil {
			all = append(all, w)
		}
	}
	for i, w := range all {
		if w == nil {
			all[i] = &member{fleet: f, gone: true}
		}
		all[i].index = i
	}
	f.members = all
}

// clear ends what runs of a job that is not whole.
func (f *fleet) clear(missing string) {
	early := f.recovery.early
	f.recovery.phase, f.recovery.early = clearing, nil
	if !slices.Equal(f.graph.Parallelism(), f.job.Graph.Parallelism()) { // it starts as it was submitted
		f.lay(f.job.Graph)
		f.scaling.ordered = f.graph.Parallelism()
		f.job.record.relay(f.scaling.ordered)
	}
	text := "flott: a job of an earlier JobManager does not run any more as a whole; it starts again from its newest checkpoint"
	if f.job.ending == CancelJob {
		text = "flott: a job of an earlier JobManager was cancelled; what runs of it is ended"
	} else if f.job.ending == CommitJob {
		text = "flott: a job of an earlier JobManager was committing; what runs of it is ended, and it is not run again"
	}
	f.m.log(f.job).Warn(text, "missing", missing)
	for _, w := range slices.Clone(f.members) {
		w.end(&WorkerError{Worker: w.peer.Name, TaskManager: w.taskManager, Reason: "its job starts again, or ends"})
	}
	for _, do := range early { // workers may have ended while it was to be adopted
		do()
	}
	f.consider()
}

// retryResume is the time between two attempts to begin with a job again.
const retryResume = 2 * time.Second

// resume makes the master of a job that was taken over.
func (f *fleet) resume(adopt *schedule.Adopted, seen int64) {
	m, g := f.m, f.job
	m.o.Runner.Go(actor.Open, func() {
		j, err := m.begin(m.ctx, g, adopt, seen)
		m.actor.Post(func() { f.resumed(j, err, func() { f.resume(adopt, seen) }) })
	})
}

func (f *fleet) resumed(j *job.Job, err error, again func()) {
	if err != nil {
		if f.m.ctx.Err() == nil {
			r := f.recovery
			r.closes = false
			r.waits = "it cannot be taken over: " + err.Error()
			f.job.record.troubled(err)
			f.m.log(f.job).Warn("flott: a job cannot be taken over; trying again", "error", err)
			r.retry = f.m.after(retryResume, func() {
				r.retry = nil
				again()
			})
			f.job.goToEnd()
		}
		return
	}
	f.job.job = j
	f.job.goToEnd()
	if f.recovery != nil && f.recovery.phase == beginning {
		f.admitted = true
		f.uses = false
		f.m.pool.Use(f.m.now(), f.job.ID, nil) // what ran in its slots has ended
		f.goOn()
	}
}

// reason is why the job does not run, "" if nothing keeps it from that.
func (f *fleet) reason() string {
	if f.recovery != nil && f.recovery.waits != "" {
		return f.recovery.waits
	}
	return f.waits
}

// goOn ends the recovery.
func (f *fleet) goOn() {
	r := f.recovery
	f.recovery = nil
	for _, do := range r.early {
		do()
	}
	if r.closes {
		f.close()
		return
	}
	f.startAutoscaler()
	f.pump()
	f.m.balance()
}

// Adopt tells the workers that they go on.
func (f *fleet) Adopt(latest int64) {
	f.m.actor.Post(func() {
		for _, w := range f.members {
			if !w.ready() || w.running == nil {
				continue
			}
			w.send(&control.ToWorker{Adopt: &control.Adopt{Epoch: f.epoch()}})
			for _, id := range w.running.Open {
				if fault.Seeded(fault.KeepOpen) {
					continue
				}
				w.send(&control.ToWorker{Tell: &control.Tell{Checkpoint: id, Completed: id == latest}})
			}
		}
		f.goOn()
	})
}

// graphOf is the graph that a job begins with: as it runs, if it is adopted.
func graphOf(g *managed, adopt *schedule.Adopted) *graph.JobGraph {
	if adopt != nil {
		return g.fleet.graph
	}
	return g.Graph
}
