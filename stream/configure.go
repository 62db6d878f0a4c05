package stream

import (
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
)

// Configuration keeps options with the Env: those that are about a run, such as what it starts from, hold when it is
// launched, before launch.Configuration and files. Package sql passes on what SET has set.
func Configuration(c *config.Configuration) Option { return func(e *Env) { e.configuration = c } }

// ConfigurationOf is what the Env was made with by Configuration, nil for nothing.
func ConfigurationOf(e *Env) *config.Configuration { return e.configuration }

// Configure sets what c has and no option of NewEnv does: options in code stand before configuration. launch
// calls it with the configuration of a run, see launch.Configuration. It must be
// called before Explain, which resolves defaults.
func (e *Env) Configure(c *config.Configuration) {
	options := configured(c)
	if len(options) == 0 {
		return
	}
	errs := e.errs
	for _, o := range append(options, e.options...) { // the latter once more
		o(e)
	}
	e.errs = errs
}

// configured is what c sets, as options.
func configured(c *config.Configuration) []Option {
	var s configuring
	set(&s, c, config.Parallelism, Parallelism)
	set(&s, c, config.MaxParallelism, MaxParallelism)
	set(&s, c, config.RuntimeMode, func(mode string) Option {
		return RuntimeMode(map[string]Mode{"STREAMING": Streaming, "BATCH": Batch, "AUTOMATIC": Automatic}[mode])
	})
	set(&s, c, config.BatchShuffleMode, func(mode string) Option {
		return func(e *Env) { e.settings.Shuffle = mode }
	})
	set(&s, c, config.BufferTimeout, BufferTimeout)
	set(&s, c, config.Params, Params)
	set(&s, c, config.CheckpointInterval, Checkpoint)
	set(&s, c, config.CheckpointMode, func(mode string) Option {
		return func(e *Env) { e.settings.AtLeastOnce = mode == "AT_LEAST_ONCE" }
	})
	set(&s, c, config.CheckpointTimeout, CheckpointTimeout)
	set(&s, c, config.CheckpointMinPause, CheckpointMinPause)
	set(&s, c, config.CheckpointsConcurrent, CheckpointsConcurrent)
	set(&s, c, config.CheckpointFailures, CheckpointFailures)
	set(&s, c, config.Unaligned, flag(operator.Unaligned, true))
	set(&s, c, config.Incremental, flag(operator.Full, false))
	set(&s, c, config.AlignedTimeout, AlignedTimeout)
	set(&s, c, config.CheckpointDir, CheckpointDir)
	set(&s, c, config.CheckpointMemory, CheckpointMemory)
	set(&s, c, config.CheckpointsRetained, CheckpointsRetained)
	set(&s, c, config.CheckpointRetention, func(r string) Option {
		return func(e *Env) { e.settings.DeleteOnCancel = r == "DELETE_ON_CANCELLATION" }
	})
	set(&s, c, config.CheckpointCompression, func(on bool) Option {
		return func(e *Env) { e.settings.Compress = on }
	})
	set(&s, c, config.SavepointDir, SavepointDir)
	set(&s, c, config.LocalRecovery, func(on bool) Option {
		return func(e *Env) { e.settings.LocalRecovery = on }
	})
	set(&s, c, config.StateBackend, StateBackend)
	set(&s, c, config.StateMemory, StateMemory)
	set(&s, c, config.RestartStrategy, func(kind string) Option { return Restart(strategyOf(kind, c)) })
	return s.options
}

// configuring collects options.
type configuring struct{ options []Option }

// set adds the option that f makes of a value which c has.
func set[T any](s *configuring, c *config.Configuration, from *config.Option[T], f func(T) Option) {
	if v, ok := from.Lookup(c); ok {
		s.options = append(s.options, f(v))
	}
}

// flag makes the option that sets a flag of checkpoints where the value is on.
func flag(f operator.Flags, on bool) func(bool) Option {
	return func(v bool) Option {
		return func(e *Env) {
			if e.settings.Checkpoints.Flags &^= f; v == on {
				e.settings.Checkpoints.Flags |= f
			}
		}
	}
}

// strategyOf is the restart strategy of a kind with the parameters that c has.
func strategyOf(kind string, c *config.Configuration) RestartStrategy {
	switch kind {
	case "fixed-delay":
		return FixedDelay(config.FixedDelayAttempts.Get(c), config.FixedDelay.Get(c))
	case "failure-rate":
		return FailureRate(config.FailureRateMax.Get(c), config.FailureRateInterval.Get(c), config.FailureRateDelay.Get(c))
	case "exponential-delay":
		return RestartStrategy{func() schedule.Strategy {
			return &schedule.ExponentialDelay{
				Initial: nanos(config.ExponentialInitial, c), Max: nanos(config.ExponentialMax, c),
				Reset: nanos(config.ExponentialReset, c), Multiplier: config.ExponentialMultiplier.Get(c),
				Jitter: config.ExponentialJitter.Get(c), Attempts: config.ExponentialAttempts.Get(c),
			}
		}}
	}
	return NoRestart()
}

func nanos(o *config.Option[time.Duration], c *config.Configuration) int64 { return int64(o.Get(c)) }
