package jobmanager

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
)

// simWorker is a worker.
type simWorker struct {
	layout   []int // the parallelism of the last deployment
	w        *simWorld
	tm       *simTM
	job      *simJob
	name     string
	forsaken bool // its TaskManager was lost
	epoch    int  // of the JobManager that has started or adopted it
	obeyed   int
	alive    bool
	killed   bool
	conn     *simConn
	heard    func(*control.FromWorker)
	tasks    map[int]*simTask // by place
	coords   int              // the generation that runs here
	given    int              // the last one that was to run here
	hangs    bool             // they do, as they are to end
	opened   map[int64]bool   // checkpoints
	ended    map[int64]bool   // checkpoints that it was told of
	told     int64            // the last one that was complete
	last     *control.Deploy
	owed     []int64  // checkpoints that were open when it was adopted
	before   int64    // the greatest number that it had seen then
	lonely   func()   // stops the clock of its end for want of a JobManager
	todo     []func() // what happens in it soon, in any order
}

// simTask is a task in a worker.
type simTask struct {
	deployment, attempt int
	region              int
	part                checkpoint.Part
	of                  []int // the parallelism of the job
	ended               bool
	closing             bool
	hangs               bool
	delivered           int64 // the last checkpoint
}

func (wk *simWorker) soon(f func()) {
	if !wk.killed {
		wk.todo = append(wk.todo, f)
	}
}

func (wk *simWorker) due() int {
	switch {
	case !wk.alive || wk.killed:
		return 0
	case len(wk.tasks) > 0:
		return len(wk.todo) + 1
	}
	return len(wk.todo)
}

func (wk *simWorker) do(i int) {
	if i < len(wk.todo) {
		take(&wk.todo, i)
		return
	}
	wk.work()
}

// connect says hello.
func (wk *simWorker) connect() {
	w := wk.w
	l := wk.tm.dials()
	if !l.answers() {
		wk.again()
		return
	}
	c := &simConn{w: w, of: l}
	n := &newcomer{m: l.m}
	n.conn = &toProcess[control.ToWorker]{c, nil, func(m *control.ToWorker) {
		if wk.conn == c {
			wk.receive(m)
		}
	}, nil}
	h := handler[control.FromWorker]{l.m, n.receive, n.lost}
	c.lostUp = h.Lost
	c.lostDown = func() {
		if wk.alive && wk.conn == c {
			wk.lonely = w.clock.AfterFunc(lostTimeout, func() { wk.die("the JobManager is gone") })
			wk.again()
		}
	}
	if wk.lonely != nil {
		wk.lonely()
		wk.lonely = nil
	}
	w.checkObeys(wk.name, l, &wk.obeyed)
	wk.conn, wk.heard = c, h.Receive
	w.conns = append(w.conns, c)
	wk.send(&control.FromWorker{Hello: &control.Hello{Job: wk.job.ID, Name: wk.name, Address: wk.name, Running: wk.report()}})
}

// again connects again after a while.
func (wk *simWorker) again() {
	wk.w.clock.AfterFunc(time.Duration(wk.w.rng.IntN(1000))*time.Millisecond, func() {
		if wk.alive && !wk.killed {
			wk.connect()
		}
	})
}

// report is what a new JobManager is told.
func (wk *simWorker) report() *control.Running {
	if wk.last == nil {
		return nil
	}
	r := &control.Running{
		Workers: wk.last.Workers, Self: wk.last.Self, Coordinators: wk.coords,
		Completed: wk.told, Parallelism: wk.last.Parallelism,
	}
	if wk.hangs {
		r.Coordinators = 0
	}
	for _, place := range sortedKeys(wk.tasks) {
		t := wk.tasks[place]
		r.Tasks = append(r.Tasks, control.RunningTask{
			Place: place, Deployment: t.deployment, Region: t.region, Attempt: t.attempt, Ended: t.ended, Over: t.closing,
		})
	}
	for _, id := range sortedKeys(wk.opened) {
		r.Seen = max(r.Seen, id)
		if !wk.ended[id] {
			r.Open = append(r.Open, id)
		}
	}
	return r
}

func (wk *simWorker) send(m *control.FromWorker) {
	if c, heard := wk.conn, wk.heard; !c.cut {
		c.up = append(c.up, func() { heard(m) })
	}
}

// kill ends the process, which may take a while.
func (wk *simWorker) kill() {
	if wk.alive && !wk.killed {
		wk.killed, wk.todo = true, nil
		wk.w.clock.AfterFunc(time.Duration(wk.w.rng.IntN(300))*time.Millisecond, func() { wk.die("it was killed") })
	}
}

// die ends the process.
func (wk *simWorker) die(reason string) {
	if !wk.alive {
		return
	}
	w := wk.w
	w.note("%s dies: %s", wk.name, reason)
	wk.alive, wk.todo = false, nil
	clear(wk.tasks)
	if wk.conn != nil {
		wk.conn.vanish(errors.New("connection reset"))
	}
	freeing := wk.tm.freeing
	wk.tm.freeing = nil
	for _, m := range freeing {
		wk.tm.free(m)
	}
	if reason != "" {
		wk.tm.send(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{Job: wk.job.ID, Name: wk.name, Reason: reason}})
	}
}

func (wk *simWorker) receive(m *control.ToWorker) {
	switch {
	case !wk.alive || wk.killed:
		return
	case m.Deploy == nil:
		wk.w.note("%s: %s", wk.name, describe(m))
	}
	switch {
	case m.Adopt != nil:
		wk.job.adopted(wk)
	case m.Deploy != nil:
		wk.deploy(m.Deploy)
	case m.Cancel != nil:
		wk.cancel(m.Cancel.Deployment)
	case m.LetGo != nil:
		if m.LetGo.Commit && m.LetGo.Deployment == 0 && wk.job.Batch {
			wk.job.commits = wk.conn.of.number
		}
		wk.letGo(m.LetGo.Deployment, m.LetGo.Commit)
	case m.StopCoordinators != nil:
		wk.stopCoordinators(m.StopCoordinators.Generation)
	case m.StopSources != nil:
		for _, place := range sortedKeys(wk.tasks) {
			if wk.job.Graph.Vertices[wk.tasks[place].part.Chain].Source {
				wk.soon(func() { wk.end(place) })
			}
		}
	case m.Open != nil:
		wk.open(m.Open)
	case m.Barrier != nil:
		wk.barrier(m.Barrier)
	case m.Tell != nil:
		wk.tell(m.Tell)
	case m.Forget != nil:
		wk.ended[m.Forget.Checkpoint] = true
	case m.End != nil:
		wk.soon(func() { wk.die("it is not needed any more") })
	}
}

// adopted notes that the job goes on under a new JobManager.
func (j *simJob) adopted(wk *simWorker) {
	wk.epoch = wk.conn.of.number
	r := wk.report()
	wk.owed, wk.before = r.Open, r.Seen
	j.orphaned = false
	wk.w.count["workers that are adopted"]++
}

// disturb does something to the worker.
func (wk *simWorker) disturb() {
	w := wk.w
	switch n := w.rng.IntN(10); {
	case n < 4:
		w.count["workers that die"]++
		wk.die("signal: killed")
	case n < 6 && wk.conn.connected():
		w.count["workers that are cut off"]++
		w.note("%s is cut off", wk.name)
		wk.conn.sever(errors.New("timeout"))
	case n < 9 && len(wk.tasks) > 0 && !wk.killed:
		places := sortedKeys(wk.tasks)
		wk.failTask(places[w.rng.IntN(len(places))])
	}
}

// trusted reports whether the leader counts on the worker.
func (wk *simWorker) trusted() bool { return !wk.w.down && wk.counts() && wk.conn.of == wk.w.leader }

// counts reports whether the JobManager that the worker is connected with counts on it.
func (wk *simWorker) counts() bool {
	if !wk.alive || wk.killed || !wk.conn.connected() {
		return false
	}
	m := wk.conn.of.m.workers[wk.name]
	return m != nil && !m.gone
}

// describe shows the part of a message that is set.
func describe(m *control.ToWorker) string {
	if m.Open != nil {
		return fmt.Sprint("Open ", m.Open.ID, m.Open.Stored) // names of savepoints are random
	}
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsNil() {
			return fmt.Sprintf("%s%+v", f.Elem().Type().Name(), f.Elem())
		}
	}
	return "nothing"
}
