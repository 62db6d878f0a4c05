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
		s, err := t.Step()
		t.stats.update(t)
		if err != nil {
			return err
		}
		switch s {
		case operator.Progressed:
			continue
		case operator.Waiting:
			t.Flush()
			if t.yield() {
				continue
			}
			t.park(&t.timing.idle)
		case operator.Blocked:
			t.park(&t.timing.blocked)
		case operator.Ended:
			return errCancelled
		}
	}
}

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
	account.begin(t.cfg.Clock.Now())
	<-t.wakeup
	account.end(t.cfg.Clock.Now())
}

// arm sets the clock for the earliest processing-time timer.
func (t *Task) arm() {
	if len(t.timers) == 0 || t.armed == t.timers[0].at {
		return
	}
	if t.disarm != nil {
		t.disarm()
	}
	t.armed = t.timers[0].at
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
