package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/flott-dev/flott/internal/actor"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/task"
)

// World is one process with a job in it: a worker.Runner that does one thing at a time.
type World struct {
	rng   *rand.Rand
	clock *clock.Manual
	plan  *plan
	job   *job.Job
	trees *trees // the disk for keyed state; nil if that is in memory
	// native says that checkpoints hold the files of trees.
	native bool

	tasks []*running
	soon  []func()
	work  []*pending
	doing *actor.Work // the work at hand
	// published is the step until which a checkpoint counts as just published.
	published int
	dead      bool // the process was killed
	// asked is how many changes of the parallelism were asked for; answered, how many were answered, and
	// rescales, how many of them well.
	asked, answered, rescales int
}

// running is a task.
type running struct {
	*task.Stepper
	done func(error)
}

// pending is work that runs on no actor.
type pending struct {
	kind actor.Work
	f    func()
	at   time.Time // not before
}

// Task adds a task.
func (w *World) Task(ctx context.Context, t *task.Task, done func(error)) {
	w.tasks = append(w.tasks, &running{task.NewStepper(ctx, t), done})
}

// Soon adds a step of an actor.
func (w *World) Soon(f func()) { w.soon = append(w.soon, f) }

// Go adds work, which a fault may delay or lose.
func (w *World) Go(kind actor.Work, f func()) {
	p := &pending{kind: kind, f: f, at: w.clock.Now()}
	if kind == actor.Upload {
		switch fault, ok := w.plan.take(w, slowUpload, lateAck, lostAck); {
		case !ok:
		case fault == slowUpload:
			p.at = p.at.Add(timeout / 4)
		case fault == lateAck:
			p.at = p.at.Add(2 * timeout)
		case fault == lostAck:
			return
		}
	}
	w.work = append(w.work, p)
}

// killed is the panic by which a process dies in the middle of an operation of its storage.
type killed struct{}

// storageHook makes an operation of the storage fail, or the process die in it.
func (w *World) storageHook(blob.Op, string, bool) error {
	if w.dead {
		return errStorage
	}
	if _, ok := w.plan.take(w, storageError); ok {
		return errStorage
	}
	if _, ok := w.plan.take(w, killInStorage); ok {
		panic(killed{})
	}
	return nil
}

// step does one thing. It reports whether there was any.
func (w *World) step() (did bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			w.dead, did = true, true
		}
	}()
	w.plan.tick(w)
	if w.dead {
		return true
	}
	var ready []func()
	for _, t := range w.tasks {
		if t.Runnable() {
			ready = append(ready, func() { w.stepTask(t) })
		}
	}
	if len(w.soon) > 0 {
		ready = append(ready, w.stepSoon)
	}
	now := w.clock.Now()
	for i, p := range w.work {
		if !p.at.After(now) {
			ready = append(ready, func() { w.stepWork(i) })
		}
	}
	if len(ready) == 0 {
		return w.pass(maxWait)
	}
	if w.rng.IntN(20) == 0 { // what runs is slow, but not as slow as a checkpoint may be
		w.pass(4 * interval)
	}
	ready[w.rng.IntN(len(ready))]()
	return true
}

func (w *World) stepTask(t *running) {
	ended, err := t.Step()
	if ended {
		w.end(t, err)
	}
}

func (w *World) end(t *running, err error) {
	for i, o := range w.tasks {
		if o == t {
			w.tasks = append(w.tasks[:i], w.tasks[i+1:]...)
			break
		}
	}
	t.done(err)
}

func (w *World) stepSoon() {
	i := w.rng.IntN(len(w.soon))
	f := w.soon[i]
	w.soon = append(w.soon[:i], w.soon[i+1:]...)
	f()
}

func (w *World) stepWork(i int) {
	p := w.work[i]
	w.work = append(w.work[:i], w.work[i+1:]...)
	w.doing = &p.kind
	p.f()
	w.doing = nil
	if p.kind == actor.Publish {
		w.published = w.plan.steps + publishedSteps
	}
}

// maxWait is longer than anything waits.
const maxWait = 1000 * time.Hour

// pass lets time pass until something is due. It reports whether anything is, within most.
func (w *World) pass(most time.Duration) bool {
	at, ok := w.clock.Next()
	for _, p := range w.work {
		if !ok || p.at.Before(at) {
			at, ok = p.at, true
		}
	}
	if !ok || at.Sub(w.clock.Now()) > most {
		return false
	}
	w.clock.Advance(max(0, at.Sub(w.clock.Now())))
	return true
}

// publishedSteps is about how long it takes until everybody knows of a checkpoint.
const publishedSteps = 15

// failTask makes a task fail, as its user's code might.
func (w *World) failTask() bool {
	if len(w.tasks) == 0 {
		return false
	}
	t := w.tasks[w.rng.IntN(len(w.tasks))]
	w.end(t, t.Fail(errTask))
	return true
}

// rescale asks for another parallelism.
func (w *World) rescale() {
	w.asked++
	w.job.BeginRescale(w.job.Graph().Uniform(1+w.rng.IntN(parallelismMax)), func(err error) {
		w.answered++
		if err == nil {
			w.rescales++
		}
	})
}

var (
	errTask    = fmt.Errorf("simulated failure of a task")
	errStorage = fmt.Errorf("simulated failure of the storage")
)
