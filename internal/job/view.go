package job

import (
	"maps"
	"time"

	"github.com/flott-dev/flott/internal/schedule"
)

// enterLocked notes the job's state.
func (j *Job) enterLocked(s State) {
	if s == j.mu.state {
		return
	}
	if j.mu.entered == nil {
		j.mu.entered = map[State]time.Time{}
	}
	j.mu.state = s
	j.mu.entered[s] = j.opts.Clock.Now()
}

// View is what can be seen of a job at one moment.
type View struct {
	State State
	// Cause is why the job ends or has ended, nil if it does not or has finished.
	Cause error
	// Entered is when the job has last come into each state that it was in.
	Entered map[State]time.Time
	// Stopped is when it ended, zero if it has not.
	Stopped  time.Time
	Restarts int
}

// View reads the job's state.
func (j *Job) View() View {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := View{
		State: j.mu.state, Entered: maps.Clone(j.mu.entered), Stopped: j.mu.stopped, Restarts: j.mu.restarts,
	}
	if j.mu.cause != nil && v.State != schedule.Finished {
		v.Cause = j.mu.cause
	}
	return v
}
