// Package probe answers what a JobManager asks a process about itself: to log more, or less, and for profiles.
//
// Data flow: TaskManager, worker and JobManager have a Probe, and give it what control.Ask has come; what it answers is sent back.
package probe

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
)

// Probe answers for the process that it is in. Its methods may be called by any goroutine.
type Probe struct {
	// Level is that of the process's log.
	Level *slog.LevelVar
	// Clock says when a profile is over; nil is the system's.
	Clock clock.Clock
}

// New returns a Probe; nil stands for a level that nothing has.
func New(level *slog.LevelVar) *Probe {
	if level == nil {
		level = &slog.LevelVar{}
	}
	return &Probe{Level: level, Clock: clock.System{}}
}

// Session is what one connection asks.
type Session struct {
	p      *Probe
	answer func(*control.Answer)
	ctx    context.Context
	cancel context.CancelFunc

	mu struct {
		sync.Mutex
		calls map[int64]context.CancelFunc
	}
}

// Begin begins a session. answer is called once for each question but withdrawals, by any goroutine; it must not block.
func (p *Probe) Begin(answer func(*control.Answer)) *Session {
	s := &Session{p: p, answer: answer}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.calls = map[int64]context.CancelFunc{}
	return s
}

// End ends what is being done: the connection has ended.
func (s *Session) End() { s.cancel() }

// Receive takes what is asked. It does not block.
func (s *Session) Receive(q *control.Ask) {
	a := &control.Answer{Call: q.Call}
	switch {
	case q.LogLevel != nil:
		s.p.Level.Set(q.LogLevel.Level)
		slog.Info("flott: the level of the log was changed", "to", q.LogLevel.Level.String())
	case q.Profile != nil:
		ctx := s.begin(q.Call)
		go func() {
			var err error
			if a.Data, err = s.p.profile(ctx, q.Profile); err != nil {
				a.Error, a.Busy = err.Error(), errors.Is(err, errBusy)
			}
			s.withdraw(q.Call)
			s.answer(a)
		}()
		return
	case q.Withdrawn != 0:
		s.withdraw(q.Withdrawn)
		return
	default:
		a.Error = errUnknown.Error()
	}
	s.answer(a)
}

func (s *Session) begin(call int64) context.Context {
	ctx, cancel := context.WithCancel(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.calls[call] = cancel
	return ctx
}

// withdraw ends what is done for a call, if that is not over.
func (s *Session) withdraw(call int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.mu.calls[call]; cancel != nil {
		cancel()
		delete(s.mu.calls, call)
	}
}

var errUnknown = errors.New("it does not know what it is asked: its version is another one")
