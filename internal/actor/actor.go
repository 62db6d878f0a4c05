// Package actor runs what belongs together one after the other, and what may block beside it.
//
// Data flow: whoever has something for an actor posts a function; a Runner runs the actor, and the
// work that it gives away, on goroutines or, in a simulation, step by step on one.
package actor

import "sync"

// Runner runs functions: each on a goroutine of its own, or, in a simulation, all of them one after
// the other.
type Runner interface {
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
	Record                // of what must survive the JobManager
	works
)

// String names the kind.
func (w Work) String() string {
	return [works]string{"upload", "open", "publish", "sweep", "load", "enumerate", "call", "record"}[w]
}

// Goroutines is the Runner of production.
type Goroutines struct{}

// Soon runs f on a goroutine.
func (Goroutines) Soon(f func()) { go f() }

// Go runs work on a goroutine.
func (Goroutines) Go(_ Work, work func()) { go work() }

// Actor runs functions one after the other. It has a goroutine only while there is something to run.
type Actor struct {
	// Runner runs the actor. It must be set before the first Post.
	Runner Runner

	mu struct {
		sync.Mutex
		mail    []func()
		running bool
	}
}

// Post has f run soon. Any goroutine may call it.
func (a *Actor) Post(f func()) {
	a.mu.Lock()
	a.mu.mail = append(a.mu.mail, f)
	start := !a.mu.running
	a.mu.running = true
	a.mu.Unlock()
	if start {
		a.Runner.Soon(a.run)
	}
}

func (a *Actor) run() {
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
