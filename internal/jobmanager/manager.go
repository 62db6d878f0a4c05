package jobmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/probe"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/trace"
	"github.com/flott-dev/flott/internal/wire"
	"github.com/flott-dev/flott/internal/worker"
)

// Options are the settings of a Manager.
type Options struct {
	Clock clock.Clock // nil: the machine's
	// Runner runs the Manager, and the masters of its jobs; nil runs each on a goroutine.
	Runner worker.Runner
	// Open opens the directories of checkpoints; nil is blob.Open.
	Open func(ctx context.Context, uri string) (blob.Store, error)
	Log  *slog.Logger
	// Probe answers what is asked about this process; nil is one that nothing is known by.
	Probe *probe.Probe
	Pool  schedule.PoolConfig
	// Adaptive says with how many slots jobs run, and when they are rescaled.
	Adaptive schedule.AdaptiveConfig
	// Autoscale has their parallelism follow their load.
	Autoscale Autoscale
	// Leadership keeps what must survive this JobManager; nil keeps nothing.
	Leadership ha.Leadership
	// Epoch is the term of this JobManager among those that have led the cluster; 0 takes that of Leadership.
	Epoch int64
	// Directory is where checkpoints go of jobs that name no directory; "" for this process's memory.
	Directory string
	// AdoptTimeout is how long TaskManagers and workers may take, from Recover, to tell what they run of jobs
	// that an earlier leader has left; 0 means 10 s. LostTimeout is when those that have not been heard of have
	// ended for certain; 0 means 70 s.
	AdoptTimeout, LostTimeout time.Duration
	// REST is the URL of the REST interface, which TaskManagers are told, as control.Registered has it; "" if there is none.
	REST string
	// Wire configures the connections of TaskManagers and workers.
	Wire wire.Options
	// StopGrace is how long a worker that is not needed may take to end; 0 means 10 s.
	StopGrace time.Duration
	// AnswerTimeout is how long a TaskManager may take to clear a slot, or to end a worker when that must
	// have ended; then it is taken to be lost. 0 means 60 s.
	AnswerTimeout time.Duration
	// StartTimeout is how long a worker may take from its start to its hello; 0 means 60 s.
	StartTimeout time.Duration
	// Keep is of how many jobs that have ended it is known what became of them; 0 means 100. Expire is for how long, from their end;
	// 0 means for as long as they are not too many.
	Keep   int
	Expire time.Duration
	// Traces hears of the checkpoints and starts of jobs; nil for nobody.
	Traces trace.Sink
	// History keeps what is left of jobs that have ended beyond that, and beyond this process.
	History History
}

// Manager is a JobManager. Its methods may be called by any goroutine.
type Manager struct {
	o      Options
	actor  actor.Actor
	ctx    context.Context
	cancel context.CancelFunc
	now    func() int64 // in nanoseconds, evenly
	// background is o.Runner, if that runs goroutines of ours.
	background *worker.Background

	// The rest belongs to the actor.
	records *ha.Jobs // nil if nothing is recorded
	history *history // nil if nothing is archived
	pool    *schedule.Pool
	tms     map[string]*taskManager
	jobs    map[string]*managed
	order   []string // ids of the jobs, in order of submission
	workers map[string]*member
	names   int
	asks    calls[*control.Answer] // to this process
	asked   *probe.Session         // is asked them
	tick    func()
	expiry  func() // stops the clock of the next job that is forgotten for its age
	due     bool   // a Balance is posted
	// windowClosed says that TaskManagers and workers of an earlier leader had their time to come.
	windowClosed bool

	conns struct {
		sync.Mutex
		all map[*wire.Conn]bool
	}
}

// managed is a job and its workers.
type managed struct {
	control.Submission
	fleet *fleet
	job   *job.Job // nil while it begins, or if it could not
	began time.Time

	record   *record
	retired  bool // it has ended, and has neither workers nor slots
	decided  bool // it has ended, which is recorded if anything is
	kept     bool // it has an archive, or gets one
	writes   []writing
	ending   Ending   // how it was told to end, "" if it was not
	stopped  string   // the savepoint that an earlier leader has stopped it with
	archived *JobView // what it has left, if it had ended when this leader came; then it has nothing else
}

// New returns a Manager without TaskManagers.
func New(o Options) *Manager {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	var background *worker.Background
	if o.Runner == nil {
		background = &worker.Background{Runner: worker.Goroutines{}}
		o.Runner = background
	}
	if o.Open == nil {
		o.Open = blob.Open
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Probe == nil {
		o.Probe = probe.New(nil)
	}
	o.StopGrace = cmp.Or(o.StopGrace, 10*time.Second)
	o.AnswerTimeout = cmp.Or(o.AnswerTimeout, time.Minute)
	o.StartTimeout = cmp.Or(o.StartTimeout, time.Minute)
	o.Keep = cmp.Or(o.Keep, 100)
	o.AdoptTimeout = cmp.Or(o.AdoptTimeout, 10*time.Second)
	o.LostTimeout = cmp.Or(o.LostTimeout, 70*time.Second)
	if o.Leadership != nil {
		o.Epoch = cmp.Or(o.Epoch, o.Leadership.Leader().Epoch)
	}
	m := &Manager{
		o: o, pool: schedule.NewPool(o.Pool, o.Epoch, false), tms: map[string]*taskManager{},
		jobs: map[string]*managed{}, workers: map[string]*member{}, background: background,
	}
	m.actor.Runner, m.now = o.Runner, clock.Steady(o.Clock)
	if o.Leadership != nil {
		m.records = ha.JobsOf(o.Leadership)
	}
	if o.History.Directory != "" {
		m.history = &history{History: o.History, open: o.Open, log: o.Log}
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.asked = o.Probe.Begin(func(a *control.Answer) { m.actor.Post(func() { m.asks.answer(a.Call, a) }) })
	m.conns.all = map[*wire.Conn]bool{}
	return m
}

// Epoch is the term of this JobManager.
func (m *Manager) Epoch() int64 { return m.o.Epoch }

// log is for lines about a job.
func (m *Manager) log(g *managed) *slog.Logger { return logging.Of(m.o.Log, g.Name, g.ID) }

// do runs f on the actor and waits for it.
func (m *Manager) do(f func()) {
	done := make(chan struct{})
	m.actor.Post(func() {
		defer close(done)
		f()
	})
	<-done
}

// after does f on the actor when d has passed, unless it is stopped before.
func (m *Manager) after(d time.Duration, f func()) (stop func()) {
	stopped := false // belongs to the actor
	disarm := m.o.Clock.AfterFunc(d, func() {
		m.actor.Post(func() {
			if !stopped {
				f()
			}
		})
	})
	return func() {
		stopped = true
		disarm()
	}
}

var (
	// ErrUnknownJob is the error about a job that is not there.
	ErrUnknownJob = errors.New("no such job")
	// ErrEnded is the error about a job of which there is only what it has left.
	ErrEnded = errors.New("the job has ended")
	// ErrSuspended is the error about a job whose record cannot be read.
	ErrSuspended = errors.New("the job is suspended")
	// ErrRecovering is the error about a job that this JobManager is taking over.
	ErrRecovering = errors.New("the job is being taken over from an earlier JobManager; try again")
)

// Submit starts a job. The error says why it cannot begin.
func (m *Manager) Submit(ctx context.Context, s control.Submission) error {
	done := make(chan error, 1)
	m.submit(ctx, s, func(err error) { done <- err })
	return <-done
}

// submit starts a job, and calls done on the actor.
func (m *Manager) submit(ctx context.Context, s control.Submission, done func(error)) {
	m.actor.Post(func() {
		if m.jobs[s.ID] != nil {
			done(fmt.Errorf("there is a job with the id %s already", s.ID))
			return
		}
		if s.Directory == "" && s.Checkpoints.Interval > 0 && !s.Batch {
			s.Directory = m.o.Directory
		}
		g := &managed{Submission: s, began: m.o.Clock.Now(), record: newRecord(m.o.Clock, s.Graph)}
		g.fleet = newFleet(m, g)
		m.jobs[s.ID] = g
		m.order = append(m.order, s.ID)
		m.o.Runner.Go(actor.Open, func() {
			j, err := m.begin(ctx, g, nil, 0)
			m.actor.Post(func() { m.begun(g, j, err, done) })
		})
	})
}

// begun asks for the slots of a job when it is recorded, unless it could not begin.
func (m *Manager) begun(g *managed, j *job.Job, err error, done func(error)) {
	if err != nil {
		m.refuse(g, err, done)
		return
	}
	g.job = j
	m.recordSubmission(g, func(err error) {
		if err != nil {
			j.Cancel()
			m.refuse(g, err, done)
			return
		}
		g.fleet.admit()
		done(nil)
	})
}

// refuse forgets a job that is not accepted.
func (m *Manager) refuse(g *managed, err error, done func(error)) {
	delete(m.jobs, g.ID)
	m.order = slices.DeleteFunc(m.order, func(id string) bool { return id == g.ID })
	done(err)
}

// begin makes the master of a job, which starts it, or goes on with what runs of it.
func (m *Manager) begin(ctx context.Context, g *managed, adopt *schedule.Adopted, lastID int64) (*job.Job, error) {
	s := &g.Settings
	o := job.Options{
		Name: g.Name, ID: g.ID, Traces: m.o.Traces, Clock: m.o.Clock, Runner: m.o.Runner, Checkpoints: s.Checkpoints, Restart: s.Restart.Strategy(),
		Fresh: s.Fresh, RestorePath: s.RestorePath, Claim: s.Claim, AllowNonRestored: s.AllowNonRestored,
		DeleteOnCancel: s.DeleteOnCancel, Batch: s.Batch, Native: s.Native, AtLeastOnce: s.AtLeastOnce,
		CancelTimeout: time.Duration(s.CancelTimeout), Log: m.o.Log, Adopt: adopt, LastID: lastID,
		Stopping: func(ctx context.Context, savepoint string) error { return m.recordStop(ctx, g, savepoint) },
		Ended:    func(done func(bool, func())) { m.actor.Post(func() { m.recordEnd(g, done) }) },
	}
	if o.Stages = s.Batch && s.Stages; o.Stages {
		if err := schedule.CheckStages(g.Graph); err != nil {
			return nil, err
		}
	}
	if s.Directory != "" && !s.Batch {
		root, err := m.o.Open(ctx, s.Directory)
		if err != nil {
			return nil, fmt.Errorf("checkpoint directory: %w", err)
		}
		o.Store = storage.New(root, g.ID, storage.Options{Confirm: m.term(), Retain: s.Retain, Compress: s.Compress})
		g.fleet.store = o.Store
	}
	return job.Manage(m.ctx, graphOf(g, adopt), o, func(l job.Listener) job.Workers {
		return g.record.between(l, g.fleet)
	})
}

// term asks whether this JobManager still leads, nil if there is nobody to ask.
func (m *Manager) term() func(context.Context) error {
	if m.o.Leadership == nil {
		return nil
	}
	return func(ctx context.Context) error {
		err := m.o.Leadership.Confirm(ctx)
		if errors.Is(err, ha.ErrDeposed) {
			return fmt.Errorf("%w: %w", storage.ErrDeposed, err)
		}
		return err
	}
}

// Job returns a job that was submitted.
func (m *Manager) Job(id string) (j *job.Job, err error) {
	m.do(func() {
		var g *managed
		if g, err = m.running(id); err == nil {
			j = g.job
		}
	})
	return j, err
}

// running is a job that has a master.
func (m *Manager) running(id string) (*managed, error) {
	switch g := m.jobs[id]; {
	case g == nil:
		return nil, fmt.Errorf("%w: %s", ErrUnknownJob, id)
	case g.job != nil:
		return g, nil
	case g.archived != nil && g.archived.State == Suspended:
		return nil, fmt.Errorf("%w: %s: %w", ErrSuspended, id, g.archived.Cause)
	case g.archived != nil:
		return nil, fmt.Errorf("%w: %s is %s", ErrEnded, id, g.archived.State)
	default:
		return nil, fmt.Errorf("%w: %s: %s", ErrRecovering, id, g.fleet.reason())
	}
}

// balance deals slots out anew, when what is at hand is done.
func (m *Manager) balance() {
	if m.due {
		return
	}
	m.due = true
	m.actor.Post(func() {
		m.due = false
		m.carryOut(m.pool.Balance(m.now()))
		m.arm()
		for _, id := range m.order {
			if f := m.jobs[id].fleet; f != nil { // else it is of the archive
				f.weigh()
			}
		}
	})
}

// arm sets the clock for when the pool must be asked again.
func (m *Manager) arm() {
	if m.tick != nil {
		m.tick()
		m.tick = nil
	}
	if at := m.pool.Wake(); at != 0 {
		m.tick = m.o.Clock.AfterFunc(max(0, time.Duration(at-m.now())), func() { m.actor.Post(m.balance) })
	}
}

// carryOut does what the pool says.
func (m *Manager) carryOut(actions []schedule.PoolAction) {
	for _, a := range actions {
		var f *fleet
		if g := m.jobs[a.Job]; g != nil {
			f = g.fleet
		}
		tm := m.tms[a.TaskManager]
		switch a.Do {
		case schedule.GrantSlot:
			if tm != nil {
				tm.send(&control.ToTaskManager{Grant: &control.Grant{
					Slot: a.Slot, Job: a.Job, Group: a.Group, Allocation: a.Allocation,
				}})
			}
			if f != nil {
				f.granted(a.Holding)
			}
		case schedule.AdoptSlot:
			if f != nil {
				f.granted(a.Holding)
			}
		case schedule.LoseSlot, schedule.RevokeSlot:
			if f != nil {
				f.lost(a.Holding)
			}
		case schedule.FreeSlot:
			if tm != nil {
				tm.free(a.Holding)
			}
		case schedule.WaitForSlots:
			if f != nil {
				f.waits = a.Reason
				m.log(f.job).Info("flott: a job waits", "reason", a.Reason)
			}
		case schedule.DismissTaskManager:
			if tm != nil {
				tm.send(&control.ToTaskManager{Dismiss: &control.Dismiss{}})
			}
		}
	}
}

// Serve takes the connections of TaskManagers and workers until the listener is closed.
func (m *Manager) Serve(l net.Listener) error {
	for {
		nc, err := l.Accept()
		if err != nil {
			if m.ctx.Err() != nil {
				return nil
			}
			return err
		}
		go m.accept(nc)
	}
}

// confirmTimeout is how long the store of high availability may take to say whether this JobManager leads.
const confirmTimeout = 2 * time.Second

// leads refuses connections when another JobManager leads. One that was paused for longer than its term does not know
// that yet: processes that have gone over to the next one must not come back.
func (m *Manager) leads() error {
	confirm := m.term()
	if confirm == nil || fault.Seeded(fault.AcceptDeposed) {
		return nil
	}
	ctx, stop := context.WithTimeout(m.ctx, confirmTimeout)
	defer stop()
	if err := confirm(ctx); err != nil {
		return fmt.Errorf("this JobManager does not lead, as far as it knows: %w", err)
	}
	return nil
}

func (m *Manager) accept(nc net.Conn) {
	o := m.o.Wire
	o.Check = func(_ string, hello []byte) error {
		if r := control.Role(hello); r != control.TaskManager && r != control.Worker {
			return fmt.Errorf("%q is neither a TaskManager nor a worker", hello)
		}
		return m.leads()
	}
	c, err := wire.Server(nc, o)
	if err != nil {
		m.o.Log.Warn("flott: a connection was not made", "error", err)
		return
	}
	m.conns.Lock()
	m.conns.all[c] = true
	m.conns.Unlock()
	if m.ctx.Err() != nil {
		c.Abort(errEnds)
	}
	if control.Role(c.Hello()) == control.Worker {
		err = m.acceptWorker(c)
	} else {
		err = m.acceptTaskManager(c)
	}
	if err != nil {
		c.Abort(err)
	}
	<-c.Done()
	m.conns.Lock()
	delete(m.conns.all, c)
	m.conns.Unlock()
}

var errEnds = errors.New("the JobManager ends")

// closeTimeout is how long Close waits for what is being stored.
const closeTimeout = 10 * time.Second

// Close ends all connections, and waits for what is being stored. Jobs are not told to end.
func (m *Manager) Close() {
	if m.history != nil {
		m.do(m.keepDecided)
		m.history.written(archiveTimeout)
	}
	m.cancel()
	m.asked.End()
	m.conns.Lock()
	for c := range m.conns.all {
		c.Abort(errEnds)
	}
	m.conns.Unlock()
	if m.background != nil {
		m.background.Wait(closeTimeout)
	}
}
