package job

import (
	"context"
	"log/slog"

	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/schedule"
)

// level is that of a line about what the job does, or is told as its result: a program that runs its job in its own process
// hears of that by itself.
func (j *Job) level(onCluster slog.Level) slog.Level {
	if j.host != nil {
		return slog.LevelDebug
	}
	return onCluster
}

// logState logs that the job comes into a state, if it is a new one.
func (j *Job) logState(to State, cause error) {
	j.mu.Lock()
	from := j.mu.state
	j.mu.Unlock()
	if from == to {
		return
	}
	args := []any{"from", string(from), "to", string(to)}
	level := slog.LevelInfo
	if cause != nil && to != schedule.Finished {
		args = append(args, "cause", cause)
	}
	if to == schedule.Failed {
		level = slog.LevelError
	}
	j.log.Log(context.Background(), j.level(level), "flott: the job has another state", args...)
}

// logFailure logs that a task of a deployment has failed. Of those that fail after it, which may be all that are connected
// with it, only who wants to know all is told.
func (j *Job) logFailure(deployment, place int, f schedule.Failure) {
	attempt, current := j.exec.Attempt(deployment)
	if !current || place >= j.exec.Tasks() {
		return // of a deployment that is over
	}
	level := slog.LevelDebug
	if deployment != j.failed {
		j.failed, level = deployment, slog.LevelWarn
	}
	vertex, subtask := j.exec.Task(place)
	name := j.exec.Graph().Vertices[vertex].Name
	j.log.Log(context.Background(), j.level(level), "flott: a task has failed",
		logging.Vertex, logging.Name(name), logging.Subtask, subtask, logging.Attempt, attempt, "error", f.Err)
}
