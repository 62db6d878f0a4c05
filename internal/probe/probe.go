// Package probe answers what a JobManager asks a process about itself: to log more, or less.
//
// Data flow: TaskManager, worker and JobManager have a Probe, and give it what control.Ask has come; what it answers is sent back.
package probe

import (
	"errors"
	"log/slog"

	"github.com/flott-dev/flott/internal/control"
)

// Probe answers for the process that it is in.
type Probe struct {
	// Level is that of the process's log.
	Level *slog.LevelVar
}

// New returns a Probe; nil stands for a level that nothing has.
func New(level *slog.LevelVar) *Probe {
	if level == nil {
		level = &slog.LevelVar{}
	}
	return &Probe{Level: level}
}

// Receive takes what is asked. It does not block; answer is called once, by any goroutine.
func (p *Probe) Receive(q *control.Ask, answer func(*control.Answer)) {
	a := &control.Answer{Call: q.Call}
	switch {
	case q.LogLevel != nil:
		p.Level.Set(q.LogLevel.Level)
		slog.Info("flott: the level of the log was changed", "to", q.LogLevel.Level.String())
	default:
		a.Error = errUnknown.Error()
	}
	answer(a)
}

var errUnknown = errors.New("it does not know what it is asked: its version is another one")
