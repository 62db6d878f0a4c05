package task

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/flott-dev/flott/internal/operator"
)

// Outcome is how a job lets its ended tasks go.
type Outcome uint8

// The outcomes.
const (
	Commit  Outcome = iota // commit what is prepared, then close
	Discard                // close only
)

// errReleased is the cause with which a task's own end is told from a cancellation.
var errReleased = errors.New("released")

// Finish lets an ended task go.
func (t *Task) Finish(o Outcome) {
	t.Mail(func() {
		t.stop = errReleased
		if o == Commit {
			if err := t.tell(operator.FinalCheckpoint, true); err != nil {
				t.stop = err
			}
		}
	})
}

// Run opens the task, steps it until it ends, and closes it. It returns nil when the task was let
// go by Finish and closing succeeded, else the cause of its end. The Listener was told Ended before.
func (t *Task) Run(ctx context.Context) (err error) {
	t.timing.start(t.cfg.Clock.Now())
	err = t.open()
	if err == nil {
		err = t.loop(ctx)
	}
	return t.conclude(err)
}

// conclude closes the task after err.
func (t *Task) conclude(err error) error {
	released := errors.Is(err, errReleased)
	if closeErr := t.close(); err == nil || released {
		err = closeErr
	}
	t.timing.stop()
	if released && err == nil {
		return nil
	}
	t.cfg.Listener.Ended(t, err)
	return err
}

func (t *Task) loop(ctx context.Context) error {
	stopWatch := context.AfterFunc(ctx, func() { t.Cancel(context.Cause(ctx)) })
	defer stopWatch()
	for {
		s, err := t.turn()
		if err != nil {
			return err
		}
		switch s {
		case operator.Progressed:
			continue
		case operator.Waiting:
			if t.yield() {
				continue
			}
			t.park(&t.timing.idle)
		case operator.Blocked:
			t.park(&t.timing.blocked)
		}
	}
}

// turn does one step, and what has to be done before the task may be parked.
func (t *Task) turn() (operator.Status, error) {
	s, err := t.Step()
	t.stats.update(t)
	if err == nil && s == operator.Ended {
		err = errCancelled
	}
	if err == nil && s == operator.Waiting {
		t.Flush()
	}
	return s, err
}

// Stepper runs a task as Run does, but step by step on the goroutine of its caller: for simulations.
type Stepper struct {
	t      *Task
	ctx    context.Context
	opened bool
	told   bool // of the cancellation
	parked bool
}

// NewStepper returns a Stepper for a task that has not begun.
func NewStepper(ctx context.Context, t *Task) *Stepper { return &Stepper{t: t, ctx: ctx} }

// Runnable reports whether Step would do anything: the task is not parked, or it was woken.
func (s *Stepper) Runnable() bool {
	if s.ctx.Err() != nil && !s.told {
		s.told, s.parked = true, false
		s.t.Cancel(context.Cause(s.ctx))
	}
	if s.parked {
		select {
		case <-s.t.wakeup:
			s.parked = false
		default:
		}
	}
	return !s.parked
}

// Opened reports whether the task has begun.
func (s *Stepper) Opened() bool { return s.opened }

// Step opens the task or does one step of it. It reports whether the task has ended, and with what
// Run would return.
func (s *Stepper) Step() (ended bool, err error) {
	if !s.opened {
		s.opened = true
		s.t.timing.start(s.t.cfg.Clock.Now())
		if err := s.t.open(); err != nil {
			return true, s.t.conclude(err)
		}
		return false, nil
	}
	status, err := s.t.turn()
	if err != nil {
		return true, s.t.conclude(err)
	}
	if status != operator.Progressed {
		s.parked = true
		s.t.arm()
	}
	return false, nil
}

// Fail makes the task end as if its user's code had failed.
func (s *Stepper) Fail(err error) error { return s.t.conclude(err) }

// yield lets other subtasks run once and reports whether one of them made work, which is cheaper
// than parking for a moment.
func (t *Task) yield() bool {
	if t.ended || t.cfg.Gate == nil {
		return false
	}
	runtime.Gosched()
	return !t.cfg.Gate.Empty()
}

// Flush ships what the writers hold back. A step that reports Waiting is followed by it.
func (t *Task) Flush() {
	for _, f := range t.flushers {
		if f.Held() != 0 && f.Timeout() >= 0 {
			f.Flush()
		}
	}
}

// park waits until the task is woken, and adds the time to account.
func (t *Task) park(account *account) {
	t.arm()
	account.begin(t.timing.at(t.cfg.Clock.Now()))
	<-t.wakeup
	account.end(t.timing.at(t.cfg.Clock.Now()))
}

// arm sets the clock for the earliest processing-time timer, or the barrier that becomes unaligned
// next. A timer that is due waits for something else, since the step before would have run it: for
// room, or for ever, behind the end.
func (t *Task) arm() {
	at := t.deadline()
	if len(t.timers) > 0 && !t.timers.due(t.now) && (at == 0 || t.timers[0].at < at) {
		at = t.timers[0].at
	}
	if at == 0 || t.armed == at {
		return
	}
	if t.disarm != nil {
		t.disarm()
	}
	t.armed = at
	d := time.Duration(t.armed - t.cfg.Clock.Now().UnixNano())
	t.disarm = t.cfg.Clock.AfterFunc(max(d, 0), func() {
		t.Mail(func() { t.armed = 0 })
	})
}

func (t *Task) close() (err error) {
	if t.disarm != nil {
		t.disarm()
	}
	t.dropReport()
	for i, n := range t.cfg.Nodes {
		if e := t.closeNode(n); e != nil && err == nil {
			err = t.cfg.Contexts[i].NewError(e, nil)
		}
		if e := t.cfg.Contexts[i].Close(); e != nil && err == nil {
			err = t.cfg.Contexts[i].NewError(e, nil)
		}
	}
	if t.cfg.Gate != nil {
		t.cfg.Gate.Discard()
	}
	return err
}

func (t *Task) closeNode(n operator.Node) (err error) {
	defer t.recovered(&err)
	return n.Close()
}
