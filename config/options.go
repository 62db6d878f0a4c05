package config

import "math"

// Parallelism and what a job is as a whole.
var (
	Parallelism = define(Int(Doc{
		Key: "parallelism.default", Default: "1",
		Text: "How many subtasks an operator has that sets none itself.",
	}, 1, math.MaxInt))
	MaxParallelism = define(Int(Doc{
		Key: "pipeline.max-parallelism",
		Text: "The number of key groups, and so the largest parallelism that the job can ever have without losing its " +
			"state. By default it follows from the parallelism: at least 128.",
	}, 1, 1<<15))
	RuntimeMode = define(Enum(Doc{
		Key: "execution.runtime-mode", Default: "STREAMING",
		Text: "How bounded input is treated. AUTOMATIC is BATCH when all sources are bounded; for SQL it is STREAMING.",
	}, nil, "STREAMING", "BATCH", "AUTOMATIC"))
	BatchShuffleMode = define(Enum(Doc{
		Key: "execution.batch-shuffle-mode",
		Text: "Whether tasks in batch mode begin when those that they read from have ended, or run at the same time as those. By " +
			"default they are blocking on a cluster, so that a job needs few slots and what has ended is not run again. In one " +
			"process SQL is pipelined by default, and operators of package stream are always blocking.",
	}, nil, "ALL_EXCHANGES_BLOCKING", "ALL_EXCHANGES_PIPELINED"))
	BufferTimeout = define(Duration(Doc{
		Key: "execution.buffer-timeout.interval", Aliases: []string{"execution.buffer-timeout"}, Default: "5 ms",
		Text: "The longest time for which a record is held back to fill a batch; 0 sends every record at once.",
	}))
	Params = define(Pairs(Doc{
		Key:  "pipeline.global-job-parameters",
		Text: "Values that change what the job's functions do, as `a:1,b:2` or as keys below this one.",
	}))
	TempDir = define(Text(Doc{
		Key: "io.tmp.dirs",
		Text: "The directory of what does not fit in memory, state on disk and copies for local recovery. By default " +
			"it is the system's. One directory, not a list.",
	}))
	CancelTimeout = define(Duration(Doc{
		Key: "task.cancellation.timeout", Default: "30 s",
		Text: "How long user code may take to return after a cancellation, before the job ends with the stacks of what is stuck.",
	}))
)

// Checkpoints and savepoints.
var (
	CheckpointInterval = define(Duration(Doc{
		Key:  "execution.checkpointing.interval",
		Text: "The time from the beginning of a checkpoint to that of the next. Without it there are none.",
	}))
	CheckpointMode = define(Enum(Doc{
		Key: "execution.checkpointing.mode", Default: "EXACTLY_ONCE",
		Text: "AT_LEAST_ONCE does not align barriers: faster under skew, with records possibly counted twice after a recovery.",
	}, nil, "EXACTLY_ONCE", "AT_LEAST_ONCE"))
	CheckpointTimeout = define(Duration(Doc{
		Key: "execution.checkpointing.timeout", Default: "10 min",
		Text: "How long a checkpoint may take before it is given up.",
	}))
	CheckpointMinPause = define(Duration(Doc{
		Key: "execution.checkpointing.min-pause", Default: "0 ms",
		Text: "The least time between the end of a checkpoint and the beginning of the next.",
	}))
	CheckpointsConcurrent = define(Int(Doc{
		Key: "execution.checkpointing.max-concurrent-checkpoints", Default: "1",
		Text: "How many checkpoints may be under way at a time.",
	}, 1, math.MaxInt))
	CheckpointFailures = define(Int(Doc{
		Key: "execution.checkpointing.tolerable-failed-checkpoints", Default: "0",
		Text: "How many checkpoints in a row may fail without failing the job.",
	}, 0, math.MaxInt))
	Unaligned = define(Bool(Doc{
		Key: "execution.checkpointing.unaligned.enabled", Aliases: []string{"execution.checkpointing.unaligned"},
		Default: "false",
		Text:    "Lets barriers overtake the records that are on the way, which become part of the checkpoint.",
	}))
	AlignedTimeout = define(Duration(Doc{
		Key:     "execution.checkpointing.aligned-checkpoint-timeout",
		Aliases: []string{"execution.checkpointing.alignment-timeout"}, Default: "0 ms",
		Text: "Lets barriers overtake once they are so old; 0 never does.",
	}))
	Incremental = define(Bool(Doc{
		Key: "execution.checkpointing.incremental", Aliases: []string{"state.backend.incremental"}, Default: "true",
		Text: "Writes what has changed since a checkpoint that is complete. With false each checkpoint is written in full.",
	}))
	CheckpointDir = define(Text(Doc{
		Key: "execution.checkpointing.dir", Aliases: []string{"state.checkpoints.dir"},
		Text: "Where checkpoints are stored: a path, `file:///path` or `s3://bucket/prefix`. Then the job survives its " +
			"process. By default the last one is kept in memory.",
	}))
	CheckpointMemory = define(Size(Doc{
		Key: "execution.checkpointing.memory", Default: "256 mb",
		Text: "How large a checkpoint may be that is kept in memory.",
	}))
	CheckpointsRetained = define(Int(Doc{
		Key: "execution.checkpointing.num-retained", Aliases: []string{"state.checkpoints.num-retained"}, Default: "1",
		Text: "How many checkpoints are kept in the directory. With more, a damaged one can be made up for by an older one.",
	}, 1, math.MaxInt))
	CheckpointRetention = define(Enum(Doc{
		Key: "execution.checkpointing.externalized-checkpoint-retention", Default: "RETAIN_ON_CANCELLATION",
		Text: "Whether the checkpoints of a job that is cancelled are kept. Those of one that fails are; those of one that " +
			"has finished are not.",
	}, nil, "RETAIN_ON_CANCELLATION", "DELETE_ON_CANCELLATION"))
	CheckpointCompression = define(Bool(Doc{
		Key: "execution.checkpointing.snapshot-compression", Default: "false",
		Text: "Compresses what checkpoints write, with s2: less to store and to send, for more CPU. Savepoints are always " +
			"compressed, with zstd.",
	}))
	SavepointDir = define(Text(Doc{
		Key: "execution.checkpointing.savepoint-dir", Aliases: []string{"state.savepoints.dir"},
		Text: "Where savepoints go whose request names no directory.",
	}))
	LocalRecovery = define(Bool(Doc{
		Key:     "execution.checkpointing.local-backup.enabled",
		Aliases: []string{"execution.state-recovery.from-local", "state.backend.local-recovery"}, Default: "false",
		Text: "Keeps a copy of what checkpoints write on the local disk, from which a restart reads it.",
	}))
)

// What a job starts from.
var (
	RestorePath = define(Text(Doc{
		Key: "execution.state-recovery.path", Aliases: []string{"execution.savepoint.path"},
		Text: "The savepoint or checkpoint that the job starts from, unless its own checkpoint directory has one.",
	}))
	RestoreMode = define(Enum(Doc{
		Key: "execution.state-recovery.claim-mode", Aliases: []string{"execution.savepoint-restore-mode"},
		Default: "NO_CLAIM",
		Text:    "CLAIM makes it the job's own, which deletes it when it is no longer needed.",
	}, nil, "NO_CLAIM", "CLAIM"))
	AllowNonRestored = define(Bool(Doc{
		Key:     "execution.state-recovery.ignore-unclaimed-state",
		Aliases: []string{"execution.savepoint.ignore-unclaimed-state"}, Default: "false",
		Text: "Drops state that no operator of the job takes up.",
	}))
)

// Keyed state.
var (
	StateBackend = define(Enum(Doc{
		Key: "state.backend.type", Aliases: []string{"state.backend"}, Default: "hashmap",
		Text: "Where keyed state lies: in memory, or with `pebble` on local disk behind tables in memory. `rocksdb` is the same as `pebble`.",
	}, map[string]string{"rocksdb": "pebble"}, "hashmap", "pebble"))
	StateMemory = define(Size(Doc{
		Key:     "state.backend.pebble.memory",
		Aliases: []string{"state.backend.rocksdb.memory.fixed-per-tm", "taskmanager.memory.managed.size"},
		Default: "256 mb", Text: "How much memory state on disk may take, for the whole process.",
	}))
)

// What becomes of failures.
var (
	RestartStrategy = define(Enum(Doc{
		Key: "restart-strategy.type", Aliases: []string{"restart-strategy"},
		Text: "Whether and when a job that has failed is restarted. By default, with checkpoints: after a delay that grows from a second " +
			"to a minute, until it has failed ten times without a complete checkpoint between; without: not. `off`, `disable`, " +
			"and names without the hyphen are accepted too. Keys of a strategy that is not chosen have no effect.",
	}, map[string]string{
		"off": "none", "disable": "none", "disabled": "none", "fixeddelay": "fixed-delay", "failurerate": "failure-rate",
		"exponentialdelay": "exponential-delay",
	}, "none", "fixed-delay", "failure-rate", "exponential-delay"))
	FixedDelayAttempts = define(Int(Doc{
		Key: "restart-strategy.fixed-delay.attempts", Default: "1", Text: "How often the job is restarted.",
	}, 0, math.MaxInt))
	FixedDelay = define(Duration(Doc{
		Key: "restart-strategy.fixed-delay.delay", Default: "1 s", Text: "The time before a restart.",
	}))
	FailureRateMax = define(Int(Doc{
		Key: "restart-strategy.failure-rate.max-failures-per-interval", Default: "1",
		Text: "How many failures there may be in an interval.",
	}, 0, math.MaxInt))
	FailureRateInterval = define(Duration(Doc{
		Key: "restart-strategy.failure-rate.failure-rate-interval", Default: "1 min", Text: "The interval.",
	}))
	FailureRateDelay = define(Duration(Doc{
		Key: "restart-strategy.failure-rate.delay", Default: "1 s", Text: "The time before a restart.",
	}))
	ExponentialInitial = define(Duration(Doc{
		Key: "restart-strategy.exponential-delay.initial-backoff", Default: "1 s", Text: "The time before the first restart.",
	}))
	ExponentialMax = define(Duration(Doc{
		Key: "restart-strategy.exponential-delay.max-backoff", Default: "1 min", Text: "The longest time before a restart.",
	}))
	ExponentialMultiplier = define(Float(Doc{
		Key: "restart-strategy.exponential-delay.backoff-multiplier", Default: "1.5",
		Text: "What the time is multiplied by with each failure.",
	}, 1, math.MaxFloat64))
	ExponentialReset = define(Duration(Doc{
		Key: "restart-strategy.exponential-delay.reset-backoff-threshold", Default: "1 h",
		Text: "After how long without a failure the time begins anew.",
	}))
	ExponentialJitter = define(Float(Doc{
		Key: "restart-strategy.exponential-delay.jitter-factor", Default: "0.1",
		Text: "The share of the time by which it is changed at random, up or down.",
	}, 0, 1))
	ExponentialAttempts = define(Int(Doc{
		Key: "restart-strategy.exponential-delay.attempts-before-reset-backoff", Default: "0",
		Text: "How many failures there may be in a row without a complete checkpoint between them; 0 does not bound them.",
	}, 0, math.MaxInt))
)
