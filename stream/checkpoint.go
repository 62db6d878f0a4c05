package stream

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
)

// Settings are an environment's settings as the engine needs them.
type Settings struct {
	Mode Mode
	// Shuffle is config.BatchShuffleMode, "" for the default. Pipelines reports whether the tasks of the job can run at the
	// same time in batch mode.
	Shuffle     string
	Pipelines   bool
	AtLeastOnce bool
	Checkpoints checkpoint.Config
	// Directory is where checkpoints are stored, a URI; "" keeps the last one in memory.
	Directory string
	// SavepointDirectory is where savepoints go whose request names no directory.
	SavepointDirectory string
	// Retain is how many checkpoints are kept; 0 means 1.
	Retain int
	// DeleteOnCancel deletes the checkpoints of a job that is cancelled.
	DeleteOnCancel bool
	// Compress compresses what checkpoints write.
	Compress bool
	// LocalRecovery keeps copies of checkpoints on the local disk.
	LocalRecovery bool
	// Native stores keyed state on disk as the files it is in.
	Native bool
	// AlignedTimeout lets the barriers of aligned checkpoints overtake when they are so old; 0 is never.
	AlignedTimeout time.Duration
	// Restart makes the restart strategy; nil takes the default.
	Restart func() schedule.Strategy
	// Here runs the job in this process.
	Here bool
}

// DefaultCheckpointTimeout is how long a checkpoint may take.
const DefaultCheckpointTimeout = 10 * time.Minute

// Checkpoint takes a checkpoint of the job every interval, exactly once. A job with checkpoints is
// restarted from the last one when it fails; see Restart.
func Checkpoint(interval time.Duration) Option {
	return func(e *Env) {
		if interval < 0 {
			e.errs = append(e.errs, fmt.Errorf("stream.Checkpoint(%v): must not be negative", interval))
		}
		e.settings.Checkpoints.Interval = int64(interval)
		if e.settings.Checkpoints.Timeout == 0 {
			e.settings.Checkpoints.Timeout = int64(DefaultCheckpointTimeout)
		}
	}
}

// AtLeastOnce makes checkpoints without aligning barriers: faster under skew, with records possibly
// counted twice after a recovery.
func AtLeastOnce() Option { return func(e *Env) { e.settings.AtLeastOnce = true } }

// Unaligned lets the barriers of checkpoints overtake the records that are on the way between tasks.
// These become part of the checkpoint, which is larger but does not wait for slow operators. Barriers
// do not overtake between neighbours (forward and rescale edges), nor broadcast records, nor within a
// loop. It has no effect together with AtLeastOnce.
func Unaligned() Option { return func(e *Env) { e.settings.Checkpoints.Flags |= operator.Unaligned } }

// AlignedTimeout makes checkpoints begin as usual, and lets their barriers overtake (see Unaligned)
// once they are d old, also where Unaligned is set. The default, 0, never does. Savepoints never do.
func AlignedTimeout(d time.Duration) Option {
	return func(e *Env) {
		if d < 0 {
			e.errs = append(e.errs, fmt.Errorf("stream.AlignedTimeout(%v): must not be negative", d))
		}
		e.settings.AlignedTimeout = d
	}
}

// CheckpointTimeout is how long a checkpoint may take before it is given up.
func CheckpointTimeout(d time.Duration) Option {
	return func(e *Env) { e.settings.Checkpoints.Timeout = int64(d) }
}

// CheckpointMinPause is the least time between the end of a checkpoint and the beginning of the
// next, so that slow checkpoints leave time for work.
func CheckpointMinPause(d time.Duration) Option {
	return func(e *Env) { e.settings.Checkpoints.MinPause = int64(d) }
}

// CheckpointsConcurrent is how many checkpoints may be under way at a time. The default is 1.
func CheckpointsConcurrent(n int) Option {
	return func(e *Env) {
		if n < 1 {
			e.errs = append(e.errs, fmt.Errorf("stream.CheckpointsConcurrent(%d): must be at least 1", n))
		}
		e.settings.Checkpoints.MaxConcurrent = n
	}
}

// CheckpointFailures is how many checkpoints in a row may fail without failing the job. The default
// is 0.
func CheckpointFailures(n int) Option {
	return func(e *Env) { e.settings.Checkpoints.TolerableFailures = n }
}

// CheckpointDir is where checkpoints are stored: a path, file:///path or s3://bucket/prefix. Then the
// job survives its process: a later run of the same name with the same directory goes on where this
// one was, unless it has finished. By default the last checkpoint is kept in memory, up to
// CheckpointMemory.
func CheckpointDir(uri string) Option { return func(e *Env) { e.settings.Directory = uri } }

// DefaultCheckpointMemory is how large a checkpoint may be that is kept in memory.
const DefaultCheckpointMemory = 256 << 20

// CheckpointMemory is how large a checkpoint may be that is kept in memory, in bytes. The default is
// 256 MiB.
func CheckpointMemory(bytes int64) Option {
	return func(e *Env) { e.settings.Checkpoints.SizeMax = bytes }
}

// CheckpointsRetained is how many checkpoints are kept in the directory. The default is 1. With more,
// a damaged one can be made up for by an older one.
func CheckpointsRetained(n int) Option {
	return func(e *Env) {
		if n < 1 {
			e.errs = append(e.errs, fmt.Errorf("stream.CheckpointsRetained(%d): must be at least 1", n))
		}
		e.settings.Retain = n
	}
}

// DeleteCheckpointsOnCancel deletes the checkpoints of a job that is cancelled, as those of one that
// has finished always are. By default they are kept.
func DeleteCheckpointsOnCancel() Option { return func(e *Env) { e.settings.DeleteOnCancel = true } }

// CompressCheckpoints compresses what checkpoints write: less to store and to send, such as to S3, for more
// CPU. Savepoints are compressed without it.
func CompressCheckpoints() Option { return func(e *Env) { e.settings.Compress = true } }

// LocalRecovery keeps a copy of what checkpoints write on the local disk (launch.TempDir) as well, from
// which a restart after a failure reads it, instead of from CheckpointDir: for directories that are far
// away, such as those in S3.
func LocalRecovery() Option { return func(e *Env) { e.settings.LocalRecovery = true } }

// NativeCheckpoints has checkpoints store keyed state on disk (StateBackend) as the files it is in, of
// which each checkpoint stores the new ones. By default, and for state in memory, they store entries: all
// of them in the first checkpoint and from time to time, in the others what has changed. Without
// CheckpointDir there is nowhere to store files, and the option has no effect.
func NativeCheckpoints() Option { return func(e *Env) { e.settings.Native = true } }

// SavepointDir is where savepoints go whose request names no directory.
func SavepointDir(uri string) Option { return func(e *Env) { e.settings.SavepointDirectory = uri } }

// RestartStrategy decides whether, when and how often a job that has failed is restarted.
type RestartStrategy struct{ make func() schedule.Strategy }

// Restart sets what becomes of a failure. By default a job with checkpoints is restarted after a
// delay that grows from one second to a minute, until it has failed ten times without completing a
// checkpoint between, and one without checkpoints is not restarted. Only the region that a failure
// touches restarts: the subtasks that are connected with the one that failed.
//
// A job that is restarted without checkpoints begins anew, and writes again what it has written.
func Restart(s RestartStrategy) Option { return func(e *Env) { e.settings.Restart = s.make } }

// NoRestart lets the first failure fail the job.
func NoRestart() RestartStrategy {
	return RestartStrategy{func() schedule.Strategy { return schedule.Never{} }}
}

// FixedDelay restarts up to attempts times, each time after delay.
func FixedDelay(attempts int, delay time.Duration) RestartStrategy {
	return RestartStrategy{func() schedule.Strategy {
		return &schedule.FixedDelay{Attempts: attempts, Delay: int64(delay)}
	}}
}

// FailureRate restarts after delay as long as there are no more than most failures in any interval.
func FailureRate(most int, interval, delay time.Duration) RestartStrategy {
	return RestartStrategy{func() schedule.Strategy {
		return &schedule.FailureRate{Max: most, Interval: int64(interval), Delay: int64(delay)}
	}}
}

// ExponentialDelay restarts after a delay that begins with initial, is multiplied by 1.5 with each
// failure up to most, with a tenth of it at random, and begins anew after an hour without failure.
// attempts bounds the failures in a row without a completed checkpoint between them; 0 does not.
func ExponentialDelay(initial, most time.Duration, attempts int) RestartStrategy {
	return RestartStrategy{func() schedule.Strategy {
		return &schedule.ExponentialDelay{
			Initial: int64(initial), Max: int64(most), Multiplier: 1.5, Jitter: 0.1,
			Reset: int64(time.Hour), Attempts: attempts,
		}
	}}
}

// Strategy makes the restart strategy of a run.
func (s *Settings) Strategy() schedule.Strategy {
	if s.Restart != nil {
		return s.Restart()
	}
	if s.Checkpoints.Interval > 0 {
		return ExponentialDelay(time.Second, time.Minute, 10).make()
	}
	return schedule.Never{}
}
