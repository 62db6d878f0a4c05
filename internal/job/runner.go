package job

import (
	"context"
	"sync"

	"github.com/flott-dev/flott/internal/task"
)

// Runner runs the parts of a job: each on a goroutine of its own, or, in a simulation, all of them
// step by step on one.
type Runner interface {
	// Task runs t until it ends, and then done with the cause of its end.
	Task(ctx context.Context, t *task.Task, done func(error))
	// Soon runs f soon. It does not block, and neither does f.
	Soon(f func())
	// Go runs work of a kind, which may block.
	Go(kind Work, work func())
}

// Work is a kind of work that may block.
type Work uint8

// The kinds.
const (
	Upload    Work = iota // of the state of a subtask
	Open                  // of a place for a snapshot
	Publish               // of a snapshot
	Sweep                 // of what is not needed
	Load                  // of the snapshot to restart from
	Enumerate             // of splits
	Call                  // of a user's asynchronous function
	works
)

// String names the kind.
func (w Work) String() string {
	return [works]string{"upload", "open", "publish", "sweep", "load", "enumerate", "call"}[w]
}

// goroutines is the Runner of production.
type goroutines struct{ wg *sync.WaitGroup }

func (g goroutines) Task(ctx context.Context, t *task.Task, done func(error)) {
	g.wg.Go(func() { done(t.Run(ctx)) })
}

func (g goroutines) Soon(f func())          { g.wg.Go(f) }
func (g goroutines) Go(_ Work, work func()) { g.wg.Go(work) }

// actor runs functions one after the other. It has a goroutine only while there is something to run.
type actor struct {
	runner Runner

	mu struct {
		sync.Mutex
		mail    []func()
		running bool
	}
}

// post has f run soon. Any goroutine may call it.
func (a *actor) post(f func()) {
	a.mu.Lock()
	a.mu.mail = append(a.mu.mail, f)
	start := !a.mu.running
	a.mu.running = true
	a.mu.Unlock()
	if start {
		a.runner.Soon(a.run)
	}
}

func (a *actor) run() {
	for {
		a.mu.Lock()
		mail := a.mu.mail
		a.mu.mail = nil
		a.mu.running = len(mail) > 0
		a.mu.Unlock()
		if len(mail) == 0 {
			return
		}
		for _, f := range mail {
			f()
		}
	}
}
