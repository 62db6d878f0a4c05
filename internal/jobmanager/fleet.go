package jobmanager

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
)

// fleet is the workers of one job. It implements job.Workers: what those methods are told is done on the
// Manager's actor, which all of the fleet belongs to.
type fleet struct {
	m        *Manager
	job      *managed
	listener job.Listener
	store    *storage.Store  // nil if checkpoints stay in memory
	graph    *graph.JobGraph // with the parallelism of the seats
	first    []int           // place of each vertex's first subtask
	tasks    int
	scaling  scaling
	auto     autoscaling
	asked    map[schedule.AllocationID]bool // slots that are to be given back

	admitted bool
	ended    bool
	waits    string             // why it has no slots
	seats    []schedule.Holding // slots by number; without a TaskManager while one is missing
	missing  int                // seats without one
	spares   []schedule.Holding // slots beyond these, such as those for seats that are to be given back
	seatOf   []int              // by place
	uses     bool               // the pool was told that the job uses slots
	members  []*member          // that ever were
	names    map[string]*member // the one of each TaskManager whose process may run

	queue  []schedule.Deploy   // that wait for slots and workers
	runs   map[int]*deployment // by number
	rounds int                 // how often something was sent

	generation  int     // of the coordinators that were started
	coordinator *member // that has them
	stages      *stages // nil unless the job runs in stages
	opens       map[int64]*opening
	samples     map[int]control.Sample     // by place
	unassigned  map[string]connect.Backlog // that no reader has, by the uid of the source

	recovery *recovery // of a job that an earlier leader has left, until it goes on
}

// deployment is one that was sent to workers.
type deployment struct {
	schedule.Deployment
	open    map[int]*member // tasks that are not closed, by place
	missing map[*member]bool
}

// opening is a checkpoint whose place workers are finding.
type opening struct {
	flags   operator.Flags
	missing map[*member]bool
}

func newFleet(m *Manager, g *managed) *fleet {
	f := &fleet{
		m: m, job: g, names: map[string]*member{}, runs: map[int]*deployment{},
		opens: map[int64]*opening{}, samples: map[int]control.Sample{}, unassigned: map[string]connect.Backlog{},
	}
	f.scaling.bounds = boundsOf(g.Graph)
	f.scaling.adaptive = schedule.NewAdaptive(m.o.Adaptive, f.scaling.bounds, m.now())
	f.scaling.ordered = g.Graph.Parallelism()
	f.lay(g.Graph)
	if g.Batch && g.Stages {
		f.stages = newStages(f)
	}
	return f
}

// admit asks for slots.
func (f *fleet) admit() {
	f.admitted = true
	if f.ended || f.m.jobs[f.job.ID] != f.job {
		return
	}
	f.m.carryOut(f.m.pool.Submit(f.job.ID, f.demands()))
	f.m.balance()
	f.startAutoscaler()
}

// demands is as many slots for each slot-sharing group as its widest vertex has subtasks.
func demands(g *graph.JobGraph) (demands []schedule.Demand) {
	for _, v := range g.Vertices {
		i := slices.IndexFunc(demands, func(d schedule.Demand) bool { return d.Group == v.SlotGroup })
		if i < 0 {
			i = len(demands)
			demands = append(demands, schedule.Demand{Group: v.SlotGroup})
		}
		demands[i].Min = max(demands[i].Min, v.Parallelism)
		demands[i].Desired = demands[i].Min
	}
	return demands
}

// demands is what the job asks of the pool.
func (f *fleet) demands() []schedule.Demand {
	if f.stages == nil {
		return f.scaling.adaptive.Demands()
	}
	all := demands(f.graph)
	f.stages.atLeast(all)
	return all
}

// granted takes a slot.
func (f *fleet) granted(h schedule.Holding) {
	f.waits = ""
	i := slices.IndexFunc(f.seats, func(s schedule.Holding) bool { return s.TaskManager == "" && s.Group == h.Group })
	if i < 0 {
		f.spares = append(f.spares, h)
		return
	}
	f.seats[i] = h
	f.missing--
	if f.stages != nil { // others may come in the same moment
		f.use()
		f.m.actor.Post(f.pump)
		return
	}
	f.pump()
}

// lost gives up a slot, and the worker that was there.
func (f *fleet) lost(h schedule.Holding) {
	f.spares = slices.DeleteFunc(f.spares, func(s schedule.Holding) bool {
		return s.Allocation == h.Allocation && !fault.Seeded(fault.KeepLostSpare)
	})
	seated := false
	for i, s := range f.seats {
		if s.Allocation != h.Allocation {
			continue
		}
		seated = true
		if fault.Seeded(fault.KeepLostSeat) {
			break
		}
		f.seats[i] = schedule.Holding{Group: s.Group}
		f.missing++
		f.scaling.adaptive.SlotLost()
		if at := slices.IndexFunc(f.spares, func(o schedule.Holding) bool { return o.Group == s.Group }); at >= 0 {
			spare := f.spares[at]
			f.spares = slices.Delete(f.spares, at, at+1)
			f.granted(spare)
		}
	}
	if w := f.names[h.TaskManager]; w != nil && seated && !f.ended { // it must not use what is another's now
		w.end(&WorkerError{Worker: w.peer.Name, TaskManager: h.TaskManager, Reason: "a slot of it was taken away"})
	}
	if seated && f.stages != nil { // what has waited for a worker there may run in another slot
		f.m.actor.Post(f.pump)
	}
}

// seated reports whether there are all slots, and places the subtasks.
func (f *fleet) seated() (bool, error) {
	if f.missing > 0 {
		return false, nil
	}
	if f.seatOf != nil {
		return true, nil
	}
	vertices, edges := placing(f.graph)
	places, err := schedule.Place(vertices, edges, f.seats)
	if err != nil {
		return false, err
	}
	f.seatOf = make([]int, 0, f.tasks)
	for _, of := range places {
		f.seatOf = append(f.seatOf, of...)
	}
	return true, nil
}

// placing describes a graph for schedule.Place.
func placing(g *graph.JobGraph) (vertices []schedule.PlaceVertex, edges []schedule.PlaceEdge) {
	for i, v := range g.Vertices {
		vertices = append(vertices, schedule.PlaceVertex{Name: v.Name, Group: v.SlotGroup, Parallelism: v.Parallelism})
		for _, in := range v.In {
			e := schedule.PlaceEdge{From: in.From, To: i}
			switch in.Strategy {
			case graph.Forward:
				e.Kind = schedule.OneToOne
			case graph.Feedback:
				e.Kind = schedule.Loop
			case graph.Rescale:
				e.Kind = schedule.Pointwise
			}
			edges = append(edges, e)
		}
	}
	return vertices, edges
}

// Build does nothing: tasks are made in the workers.
func (f *fleet) Build(schedule.Deploy) error { return nil }

// Run deploys when there are slots and workers.
func (f *fleet) Run(d schedule.Deploy) bool {
	f.m.actor.Post(func() {
		if f.stages != nil {
			d = f.stages.split(d)
		}
		f.queue = append(f.queue, d)
		f.pump()
	})
	return false
}

// pump deploys what waits, as far as it can.
func (f *fleet) pump() {
	if f.stages != nil {
		f.stages.pump()
		return
	}
	for len(f.queue) > 0 && !f.ended && f.recovery == nil {
		err := f.relay(f.queue[0])
		ok := false
		if err == nil {
			ok, err = f.seated()
		}
		if err != nil {
			for _, n := range f.queue[0].Deployments {
				f.listener.DeployFailed(n.Number, err)
			}
			f.queue = f.queue[1:]
			continue
		}
		if !ok {
			f.rest()
			return
		}
		if !f.staffed(f.queue[0]) {
			return
		}
		d := f.queue[0]
		f.queue = f.queue[1:]
		f.deploy(d)
	}
}

// rest tells the pool that nothing runs in the slots that the job has, while it waits for more: of the slots of one group some
// may have to go before another one gets any.
func (f *fleet) rest() {
	if f.uses && len(f.runs) == 0 {
		f.uses = false
		f.m.pool.Use(f.m.now(), f.job.ID, nil)
		f.m.balance()
	}
}

// staffed reports whether all workers are there that a deployment needs, and has those started that are
// not.
func (f *fleet) staffed(d schedule.Deploy) bool {
	all := true
	seen := make([]bool, len(f.seats)) // many tasks have the same seat
	need := func(seat int) {
		if seen[seat] {
			return
		}
		seen[seat] = true
		tm := f.seats[seat].TaskManager
		if w := f.names[tm]; w == nil {
			f.start(tm)
			all = false
		} else if !w.ready() && !fault.Seeded(fault.DeployBefore) {
			all = false
		}
	}
	for _, n := range d.Deployments {
		for _, place := range n.Tasks {
			need(f.seatOf[place])
		}
	}
	if f.coordinator == nil || f.coordinator.gone {
		need(f.chief(d))
	}
	return all
}

// start has a TaskManager start a worker.
func (f *fleet) start(id string) {
	tm := f.m.tms[id]
	if tm == nil {
		return // its slots are about to be lost
	}
	f.m.names++
	w := &member{fleet: f, index: len(f.members), taskManager: id}
	w.peer.Name = fmt.Sprintf("%.8s-%d-%d", f.job.ID, f.m.o.Epoch, f.m.names)
	f.members = append(f.members, w)
	f.names[id] = w
	f.m.workers[w.peer.Name] = w
	w.memory = f.memoryOn(id)
	f.m.recordWorkers(f, func(err error) {
		switch {
		case f.m.tms[id] != tm || f.names[id] != w || w.gone || f.ended: // or it is told to end before it starts
		case err != nil:
			w.fail(&WorkerError{Worker: w.peer.Name, TaskManager: id, Reason: "that it starts was not recorded: " + err.Error()})
		default:
			f.launch(w, tm)
		}
	})
}

// launch has a TaskManager start a worker that is recorded.
func (f *fleet) launch(w *member, tm *taskManager) {
	w.memory = f.memoryOn(tm.ID)
	tm.send(&control.ToTaskManager{StartWorker: &control.StartWorker{
		Name: w.peer.Name, Job: f.job.Submission, Memory: max(0, w.memory),
	}})
	timeout := f.m.o.StartTimeout
	w.within(timeout, func() {
		if fault.Seeded(fault.NoStartTimeout) {
			return
		}
		w.fail(&WorkerError{
			Worker: w.peer.Name, TaskManager: tm.ID, Reason: fmt.Sprintf("it did not report within %v of its start", timeout),
		})
	})
}

// deploy sends a deployment to the workers that have a part in it.
func (f *fleet) deploy(d schedule.Deploy) {
	f.rounds++
	restore, err := manifestOf(d.Restore)
	if err != nil {
		for _, n := range d.Deployments {
			f.listener.DeployFailed(n.Number, err)
		}
		return
	}
	if f.coordinator == nil || f.coordinator.gone {
		f.coordinator = f.names[f.seats[f.chief(d)].TaskManager]
	}
	if d.Coordinators != 0 {
		f.generation = d.Coordinators
	}
	log, from := f.m.log(f.job), int64(0)
	if d.Restore != nil {
		from = d.Restore.ID
	}
	places := slices.Repeat([]int32{-1}, f.tasks)
	involved := map[*member]bool{f.coordinator: true}
	for _, n := range d.Deployments {
		r := &deployment{Deployment: n, open: map[int]*member{}, missing: map[*member]bool{}}
		for _, place := range n.Tasks {
			w := f.names[f.seats[f.seatOf[place]].TaskManager]
			places[place] = int32(w.index)
			r.open[place], r.missing[w], involved[w] = w, true, true
			f.job.record.deploying(place, w.taskManager, w.peer.Address)
			f.logTask(log, "flott: a task is deployed", place, n.Attempt, w)
		}
		log.Info("flott: tasks are deployed", "tasks", len(n.Tasks), logging.Attempt, n.Attempt, logging.Checkpoint, from)
		r.missing[f.coordinator] = true
		f.runs[n.Number] = r
	}
	message := control.Deploy{
		Deployments: d.Deployments, Parallelism: d.Parallelism, Places: places, Coordinator: f.coordinator.index,
		Coordinators: d.Coordinators, Restore: restore, Epoch: f.epoch(),
	}
	for _, w := range f.members {
		message.Workers = append(message.Workers, w.peer)
	}
	if f.stages != nil {
		f.stages.deploying(&message)
	}
	for _, w := range f.members {
		if involved[w] {
			m := message
			m.Self, w.used = w.index, true
			if f.stages != nil {
				m.Memory = f.stages.grow(w)
			}
			w.send(&control.ToWorker{Deploy: &m})
		}
	}
	f.use()
}

func (f *fleet) epoch() int64 {
	if f.store == nil {
		return 0
	}
	return f.store.Epoch()
}

func manifestOf(s *checkpoint.Snapshot) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return checkpoint.AppendManifest(nil, s)
}

// deployed notes that the tasks of a deployment run in a worker.
func (f *fleet) deployed(w *member, number int) {
	r := f.runs[number]
	if r == nil || !r.missing[w] {
		return
	}
	delete(r.missing, w)
	if len(r.missing) == 0 && !(fault.Seeded(fault.LoseDeployed) && len(f.names) > 2) {
		f.listener.Deployed(number)
		f.allDeployed()
	}
}

// closed notes that a task has ended.
func (f *fleet) closed(number, place int, failure schedule.Failure) {
	r := f.runs[number]
	if r == nil || r.open[place] == nil {
		return
	}
	delete(r.open, place)
	if len(r.open) == 0 {
		delete(f.runs, number)
	}
	f.vacate(place)
	f.listener.TaskClosed(number, place, failure)
}

// logTask logs what happens to a task, for whoever wants to know all.
func (f *fleet) logTask(log *slog.Logger, text string, place, attempt int, w *member) {
	if log.Enabled(f.m.ctx, slog.LevelDebug) {
		v := f.vertexOf(place)
		log.Debug(text, logging.Vertex, logging.Name(f.graph.Vertices[v].Name), logging.Subtask, place-f.first[v], logging.Attempt, attempt,
			"worker", w.peer.Name, "taskmanager", w.taskManager)
	}
}

// memberGone tells of the end of all that ran in a worker.
func (f *fleet) memberGone(w *member, err error) {
	if f.recovery != nil {
		f.consider()
		return
	}
	f.logGone(w, err)
	for _, number := range sortedKeys(f.runs) {
		r := f.runs[number]
		for _, place := range sortedKeys(r.open) {
			if r.open[place] == w && !fault.Seeded(fault.MissGoneTasks) {
				f.closed(number, place, schedule.Failure{Err: err})
			}
		}
	}
	if f.coordinator == w && f.generation != 0 && !fault.Seeded(fault.MissGoneCoordinators) {
		generation := f.generation
		f.listener.CoordinatorFailed(generation, err)
		f.coordinatorsClosed(generation)
	}
	for _, id := range sortedKeys(f.opens) {
		if f.opens[id].missing[w] {
			delete(f.opens, id)
			f.listener.Declined(id, err)
		}
	}
}

// logGone logs which tasks the end of a worker ends, if there are any.
func (f *fleet) logGone(w *member, err error) {
	log, tasks := f.m.log(f.job), 0
	for _, number := range sortedKeys(f.runs) {
		r := f.runs[number]
		for _, place := range sortedKeys(r.open) {
			if r.open[place] == w {
				tasks++
				f.logTask(log, "flott: a task is lost with its worker", place, r.Attempt, w)
			}
		}
	}
	if tasks > 0 || f.coordinator == w && f.generation != 0 {
		log.Warn("flott: a worker is gone", "worker", w.peer.Name, "taskmanager", w.taskManager, "tasks", tasks, "error", err)
	}
}

// refuse fails deployments that wait for a worker which has ended by itself, so that their restart
// strategy decides what comes next: a worker that cannot start is not started again and again.
func (f *fleet) refuse(w *member, err error) {
	if w.used || f.seatOf == nil {
		return
	}
	there := func(seat int) bool { return seat >= 0 && f.seats[seat].TaskManager == w.taskManager }
	all := f.stages == nil && there(0) && (f.coordinator == nil || f.coordinator.gone)
	f.withdraw(func(n schedule.Deployment) bool {
		return all || slices.ContainsFunc(n.Tasks, func(place int) bool { return there(f.seatOf[place]) })
	}, schedule.Failure{Err: err}, err)
}

// Cancel ends the tasks of a deployment.
func (f *fleet) Cancel(number int, cause error) {
	f.m.actor.Post(func() {
		lost := cause
		if cause == schedule.ErrRescale {
			lost = nil // the coordinators are stopped next
		}
		if f.withdraw(func(n schedule.Deployment) bool { return n.Number == number }, schedule.Failure{}, lost) {
			return
		}
		if r := f.runs[number]; r != nil {
			sent := map[*member]bool{}
			for _, place := range sortedKeys(r.open) {
				if w := r.open[place]; !sent[w] {
					sent[w] = true
					w.send(&control.ToWorker{Cancel: &control.Cancel{Deployment: number, Cause: cause.Error()}})
				}
			}
			if f.coordinator != nil && !sent[f.coordinator] { // it has readers to forget
				f.coordinator.send(&control.ToWorker{Cancel: &control.Cancel{Deployment: number, Cause: cause.Error()}})
			}
		}
	})
}

// withdraw takes deployments back that wait, and reports whether there were any. Coordinators that were to
// start with them fail because of lost, unless it is nil, when none of them is left.
func (f *fleet) withdraw(which func(schedule.Deployment) bool, failure schedule.Failure, lost error) (found bool) {
	for i := range f.queue {
		d := &f.queue[i]
		d.Deployments = slices.DeleteFunc(slices.Clone(d.Deployments), func(n schedule.Deployment) bool {
			if !which(n) || fault.Seeded(fault.KeepWaiting) {
				return false
			}
			found = true
			for _, place := range n.Tasks {
				f.vacate(place)
				f.listener.TaskClosed(n.Number, place, failure)
			}
			return true
		})
		if len(d.Deployments) == 0 && d.Coordinators != 0 && lost != nil {
			f.listener.CoordinatorFailed(d.Coordinators, lost)
		}
	}
	f.queue = slices.DeleteFunc(f.queue, func(d schedule.Deploy) bool { return len(d.Deployments) == 0 })
	return found
}

// Abort ends all tasks.
func (f *fleet) Abort(cause error) {
	f.m.actor.Post(func() {
		f.withdraw(func(schedule.Deployment) bool { return true }, schedule.Failure{}, nil)
		f.tell(&control.ToWorker{Cancel: &control.Cancel{Cause: cause.Error()}})
	})
}

// Kill ends workers in which tasks of a deployment have not ended; of all deployments, and the
// coordinators' as well, if it is 0.
func (f *fleet) Kill(number int, cause error) {
	f.m.actor.Post(func() {
		doomed := map[*member]bool{}
		for _, r := range f.runs {
			for _, w := range r.open {
				doomed[w] = doomed[w] || number == 0 || r.Number == number
			}
		}
		if number == 0 && f.coordinator != nil {
			doomed[f.coordinator] = true
		}
		for _, w := range f.members {
			if doomed[w] && !fault.Seeded(fault.KillNothing) {
				w.end(&WorkerError{Worker: w.peer.Name, TaskManager: w.taskManager, Reason: "it was killed: " + cause.Error()})
			}
		}
	})
}

// tell sends a message to all workers.
func (f *fleet) tell(m *control.ToWorker) {
	for _, w := range f.members {
		w.send(m)
	}
}

// LetGo ends the tasks of a deployment, or all.
func (f *fleet) LetGo(deployment int, commit bool) {
	f.m.actor.Post(func() {
		tell := func() { f.tell(&control.ToWorker{LetGo: &control.LetGo{Deployment: deployment, Commit: commit}}) }
		if commit && deployment == 0 && f.job.Batch {
			before := f.rounds
			f.m.recordCommit(f.job, func() {
				if f.rounds == before { // else something has failed meanwhile, and runs again
					tell()
				}
			})
			return
		}
		tell()
	})
}

// StopSources ends the input of all sources.
func (f *fleet) StopSources() {
	f.m.actor.Post(func() { f.tell(&control.ToWorker{StopSources: &control.StopSources{}}) })
}

// StopCoordinators ends a generation of coordinators.
func (f *fleet) StopCoordinators(generation int) {
	f.m.actor.Post(func() {
		if f.generation != generation || f.coordinator == nil || f.coordinator.gone {
			f.coordinatorsClosed(generation) // they never ran, or are gone
			return
		}
		f.coordinator.send(&control.ToWorker{StopCoordinators: &control.StopCoordinators{Generation: generation}})
	})
}

func (f *fleet) coordinatorsClosed(generation int) {
	if f.generation == generation {
		f.generation = 0
	}
	clear(f.unassigned)
	f.listener.CoordinatorsClosed(generation)
}

// Barrier begins a checkpoint.
func (f *fleet) Barrier(id int64, flags operator.Flags, target *storage.Target) {
	f.m.actor.Post(func() {
		o := &opening{flags: flags, missing: map[*member]bool{}}
		m := &control.Open{ID: id}
		if target != nil {
			if m.Stored = target.Checkpoint(); !m.Stored {
				m.Savepoint = target.URI()
			}
		}
		for _, w := range f.members {
			if w.ready() {
				o.missing[w] = true
				w.send(&control.ToWorker{Open: m})
			}
		}
		f.opens[id] = o
	})
}

// opened notes that a worker has found the place of a checkpoint.
func (f *fleet) opened(w *member, in *control.Opened) {
	o := f.opens[in.ID]
	if o == nil {
		return
	}
	if in.Error != "" {
		delete(f.opens, in.ID)
		f.listener.Declined(in.ID, fmt.Errorf("worker %s: %s", w.peer.Name, in.Error))
		return
	}
	if delete(o.missing, w); len(o.missing) == 0 || fault.Seeded(fault.BarrierTooSoon) {
		delete(f.opens, in.ID)
		f.tell(&control.ToWorker{Barrier: &control.Barrier{ID: in.ID, Flags: o.flags}})
	}
}

// Tell tells of the end of a checkpoint.
func (f *fleet) Tell(id int64, completed bool) {
	f.m.actor.Post(func() {
		delete(f.opens, id)
		f.tell(&control.ToWorker{Tell: &control.Tell{Checkpoint: id, Completed: completed}})
	})
}

// Forget drops what workers know of a checkpoint.
func (f *fleet) Forget(id int64) {
	f.m.actor.Post(func() { f.tell(&control.ToWorker{Forget: &control.Forget{Checkpoint: id}}) })
}

// Close lets the workers go: the job has ended. The slots are given back when all of them have ended.
func (f *fleet) Close() error {
	f.m.actor.Post(f.close)
	return nil
}

func (f *fleet) close() {
	if f.recovery != nil { // the job may not even have begun
		f.recovery.closes = true
		return
	}
	f.ended = true
	for _, stop := range []func(){f.scaling.stop, f.auto.stop} {
		if stop != nil {
			stop()
		}
	}
	for _, w := range f.members {
		if !w.gone {
			w.dismiss()
		}
	}
	f.end()
}

// end gives the slots back when no worker is left.
func (f *fleet) end() {
	if len(f.names) > 0 && !fault.Seeded(fault.FreeTooSoon) {
		return
	}
	if f.stages != nil && !fault.Seeded(fault.KeepResults) {
		f.stages.discardAll()
	}
	f.m.carryOut(f.m.pool.End(f.job.ID))
	f.m.retire(f.job)
	f.m.balance()
}

func (f *fleet) sampled(s *control.Samples) {
	maps.Copy(f.unassigned, s.Unassigned)
	for _, t := range s.Tasks {
		f.share(&t)
		f.samples[t.Place] = t
		f.job.record.sampled(t)
	}
}

// share adds to the backlog of a source's subtask its share of what no reader has, so that the backlogs of all
// are that of the source.
func (f *fleet) share(t *control.Sample) {
	if t.Backlog == nil || t.Ended || t.Place < 0 || t.Place >= f.tasks {
		return
	}
	vertex := &f.graph.Vertices[f.vertexOf(t.Place)]
	for i := range vertex.Operators {
		if left, ok := f.unassigned[vertex.Operators[i].UID]; ok {
			all := t.Backlog.Plus(left.Share(vertex.Parallelism))
			t.Backlog = &all
		}
	}
}
