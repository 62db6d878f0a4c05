package jobmanager

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/task"
)

// simLeader is the process of a JobManager. It runs what that has to do.
//
// One that is paused does nothing, until it goes on. By then its term is over, and another one may lead; it does
// not know that yet, and is what else is called a zombie, until it ends.
type simLeader struct {
	*simWorld
	number  int
	m       *Manager
	soon    []func() // steps of actors
	work    []func()
	deposed bool // its term is over
	paused  bool
	over    bool
}

// The times of a leader whose term is over. Together they are at most slack, since workers that have no other
// JobManager must have ended when the next one says so.
const (
	pauseMax = 2 * time.Second // until its connections are lost
	ghostMax = time.Second     // from its pause to its end
)

// lead has a JobManager lead.
func (w *simWorld) lead() *simLeader {
	term, err := w.store.Campaign(context.Background(), ha.Contender{Name: "sim"})
	if err != nil {
		panic(err)
	}
	w.terms++
	l := &simLeader{simWorld: w, number: w.terms}
	faulty := &blob.Faulty{Store: w.disk, Hook: l.storageHook}
	mode := schedule.DefaultScheduler
	if w.rng.IntN(2) == 0 {
		mode = schedule.AdaptiveScheduler + schedule.SchedulerMode(w.rng.IntN(2))
	}
	l.m = New(Options{
		Adaptive: schedule.AdaptiveConfig{
			Mode: mode, StartStabilization: int64(w.rng.IntN(500)) * 1e6,
			RescaleStabilization: int64(w.rng.IntN(500)) * 1e6, Cooldown: int64(w.rng.IntN(1000)) * 1e6,
		},
		Clock: w.clock, Runner: l, Log: slog.New(slog.DiscardHandler), StopGrace: stopGrace,
		AnswerTimeout: answerTimeout, StartTimeout: startTimeout, AdoptTimeout: adoptTimeout,
		LostTimeout: lostTimeout + slack, Leadership: simTerm{term, l},
		Pool: schedule.PoolConfig{Policy: w.policy, ReclaimTimeout: int64(time.Second)},
		Open: func(context.Context, string) (blob.Store, error) { return faulty, nil },
	})
	w.m, w.leader = l.m, l
	w.leaders = append(w.leaders, l)
	return l
}

// crash ends the JobManager at any moment. Another one leads after a while.
func (w *simWorld) crash() {
	w.note("the JobManager dies")
	w.count["JobManagers that die"]++
	w.leader.end()
	w.depose()
}

// pause stops the JobManager for longer than its term. Another one leads after a while.
func (l *simLeader) pause() {
	w := l.simWorld
	w.note("the JobManager is paused")
	w.count["JobManagers that are paused"]++
	l.paused = true
	w.clock.AfterFunc(time.Duration(w.rng.IntN(int(2*pauseMax))), l.goOn)
	w.clock.AfterFunc(pauseMax, func() {
		if l.paused {
			l.cut(errors.New("timeout"))
		}
	})
	w.depose()
}

// goOn has the JobManager go on for a while, without a term.
func (l *simLeader) goOn() {
	l.note("JobManager %d goes on", l.number)
	l.paused = false
	l.clock.AfterFunc(time.Duration(l.rng.IntN(int(ghostMax))), l.end)
}

// end ends the process.
func (l *simLeader) end() {
	if l.over {
		return
	}
	l.note("JobManager %d ends", l.number)
	l.over, l.soon, l.work = true, nil, nil
	l.leaders = slices.DeleteFunc(l.leaders, func(o *simLeader) bool { return o == l })
	for _, c := range l.conns {
		if c.of == l {
			c.lostUp = nil
		}
	}
	l.cut(errors.New("connection reset"))
	for _, c := range l.conns {
		if c.of == l {
			c.up = nil
		}
	}
}

// cut cuts the connections of the process.
func (l *simLeader) cut(err error) {
	for _, c := range l.conns {
		if c.of == l {
			c.sever(err)
		}
	}
}

// depose ends the leader's term. Clients do not know what has become of their requests.
func (w *simWorld) depose() {
	w.down, w.leader.deposed = true, true
	w.store.Depose()
	for _, j := range w.jobs {
		j.requests, j.cancelled = 0, time.Time{}
		j.orphaned = true
		if j.ordering > 0 { // it may be recorded
			j.ordering, j.ordered = 0, nil
		}
		if j.Directory == "" {
			j.complete = 0
		}
		clear(j.checked)
		if !j.accepted && j.refused == nil { // its client has no answer
			j.refused = errors.New("the connection was reset")
		}
		j.managed = nil
	}
	w.clock.AfterFunc(time.Duration(w.rng.IntN(int(lostTimeout/2))), func() {
		if w.rng.IntN(3) == 0 && !w.calm { // the storage cannot be reached for a while
			w.sick = w.rng.IntN(100)
		}
		l := w.lead()
		l.work = append(l.work, l.recover)
	})
}

// recover takes the jobs over that others have left, and then connections.
func (l *simLeader) recover() {
	w := l.simWorld
	err := l.m.Recover(context.Background())
	switch {
	case l.deposed || l.over:
		return
	case err != nil:
		w.fail("the new JobManager does not begin: %v", err)
		return
	}
	w.note("JobManager %d leads", l.number)
	w.down = false
	for _, j := range w.jobs {
		if j.managed = l.m.jobs[j.ID]; j.managed != nil {
			j.accepted, j.refused = true, nil
			j.checkBounds(w)
		} else if j.accepted {
			w.fail("%s is lost", j.Name)
		}
	}
	for _, tm := range w.tms {
		w.clock.AfterFunc(time.Duration(w.rng.IntN(int(ghostMax))), func() { tm.follow(l) })
	}
}

// due is how many steps it may do.
func (l *simLeader) due() int {
	if l.paused {
		return 0
	}
	return len(l.soon) + len(l.work)
}

func (l *simLeader) do(i int) {
	if i < len(l.soon) {
		take(&l.soon, i)
		return
	}
	take(&l.work, i-len(l.soon))
}

// Soon adds a step of an actor.
func (l *simLeader) Soon(f func()) {
	if !l.over {
		l.soon = append(l.soon, f)
	}
}

// Go adds work.
func (l *simLeader) Go(k actor.Work, f func()) {
	later := func() {
		if !l.over {
			l.work = append(l.work, f)
		}
	}
	if k == actor.Record && l.slow {
		l.clock.AfterFunc(time.Duration(l.rng.IntN(500))*time.Millisecond, later)
		return
	}
	later()
}

// Task is never called: tasks run in workers.
func (l *simLeader) Task(context.Context, *task.Task, func(error)) {
	panic("a task in the JobManager")
}

var (
	errStorage = errors.New("simulated failure of the storage")
	errOver    = errors.New("the process has ended")
)

// interrupt is called before all that the process does outside of itself: it may be paused there, for as long as the
// others need to go on without it.
func (l *simLeader) interrupt() error {
	w := l.simWorld
	if !l.deposed && len(w.leaders) == 1 && !w.calm && w.rng.IntN(400) == 0 {
		w.count["JobManagers that are paused at work"]++
		l.pause()
		for l.paused && !l.over && w.err == nil {
			w.step()
		}
	}
	if l.over {
		return errOver
	}
	return nil
}

// storageHook fails some operations of the storage, and sees to it that who has changed a job's pointer is followed
// by later leaders only.
func (l *simLeader) storageHook(op blob.Op, name string, after bool) error {
	w := l.simWorld
	if !after {
		if err := l.interrupt(); err != nil {
			return err
		}
	}
	if op == blob.Swapping && after {
		if by := w.swapped[name]; by > l.number {
			w.fail("JobManager %d changes %s, after %d has", l.number, name, by)
		}
		w.swapped[name] = l.number
	}
	if w.sick > 0 && w.rng.IntN(3) == 0 {
		w.sick--
		w.count["storage errors"]++
		return errStorage
	}
	return nil
}

// simTerm is a leadership whose process may be paused.
type simTerm struct {
	ha.Leadership
	l *simLeader
}

func (t simTerm) Get(ctx context.Context, key string) (r ha.Record, err error) {
	if err = t.l.interrupt(); err == nil {
		r, err = t.Leadership.Get(ctx, key)
	}
	return r, err
}

func (t simTerm) List(ctx context.Context, prefix string) (all []ha.Entry, err error) {
	if err = t.l.interrupt(); err == nil {
		all, err = t.Leadership.List(ctx, prefix)
	}
	return all, err
}

func (t simTerm) Put(ctx context.Context, key string, value []byte) (v ha.Version, err error) {
	if err = t.l.interrupt(); err == nil {
		v, err = t.Leadership.Put(ctx, key, value)
	}
	return v, err
}

func (t simTerm) Swap(ctx context.Context, key string, was ha.Version, value []byte) (v ha.Version, err error) {
	if err = t.l.interrupt(); err == nil {
		v, err = t.Leadership.Swap(ctx, key, was, value)
	}
	return v, err
}

func (t simTerm) Delete(ctx context.Context, key string, was ha.Version) (err error) {
	if err = t.l.interrupt(); err == nil {
		err = t.Leadership.Delete(ctx, key, was)
	}
	return err
}

// answers reports whether who connects is answered.
func (l *simLeader) answers() bool {
	return !l.over && !l.paused && l.m.leads() == nil && (l.deposed || !l.down)
}
