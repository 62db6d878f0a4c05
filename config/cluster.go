package config

// The processes of a cluster.
var (
	JobManagerAddress = define(Text(Doc{
		Key: "jobmanager.rpc.address", Default: "127.0.0.1",
		Text: "Where TaskManagers and workers find the JobManager, and where it listens for them.",
	}))
	JobManagerPort = define(Text(Doc{
		Key: "jobmanager.rpc.port", Default: "6123",
		Text: "The port for that, or ranges of ports such as `6123-6130` of which the first free one is taken; 0 is any.",
	}))
	RestAddress = define(Text(Doc{
		Key: "rest.address", Aliases: []string{"rest.bind-address"}, Default: "127.0.0.1",
		Text: "Where the JobManager serves its REST interface, and where clients find it.",
	}))
	RestPort = define(Text(Doc{
		Key: "rest.port", Aliases: []string{"rest.bind-port"}, Default: "8081",
		Text: "The port of the REST interface, or ranges of ports of which the first free one is taken; 0 is any.",
	}))
	TaskSlots = define(Int(Doc{
		Key: "taskmanager.numberOfTaskSlots", Default: "1",
		Text: "How many slots a TaskManager offers. Each runs one subtask of every task of a job, at most.",
	}, 1, 1<<16))
	TaskManagerHost = define(Text(Doc{
		Key: "taskmanager.host", Default: "127.0.0.1",
		Text: "The address at which workers of a TaskManager are reached by others.",
	}))
	TaskManagerMemory = define(Size(Doc{
		Key: "taskmanager.memory.process.size", Aliases: []string{"taskmanager.memory.flink.size"},
		Text: "The memory of a TaskManager's workers, shared equally by its slots: a worker that takes more than its slots have is ended, and its job restarts. " +
			"By default there is no limit.",
	}))
	HeartbeatInterval = define(Duration(Doc{
		Key: "heartbeat.interval", Default: "2 s",
		Text: "The time between two signs of life on each connection between processes. Flink's default is 10 s.",
	}))
	HeartbeatTimeout = define(Duration(Doc{
		Key: "heartbeat.timeout", Default: "10 s",
		Text: "After what silence the process at the other end of a connection is taken for dead. Flink's default is 50 s.",
	}))
	JobManagerLost = define(Duration(Doc{
		Key: "jobmanager.lost.timeout", Default: "1 min",
		Text: "How long workers go on without a JobManager, and without checkpoints, until they end. A JobManager that comes in time " +
			"goes on with what they run.",
	}))
	SlotIdleTimeout = define(Duration(Doc{
		Key: "slot.idle.timeout", Default: "50 s",
		Text: "How long a job keeps a slot that it does not want any more, if no other job wants it.",
	}))
	Scheduler = define(Enum(Doc{
		Key: "jobmanager.scheduler", Default: "Default",
		Text: "With how many slots jobs run: with Default with their parallelism, or they wait; with Adaptive with the slots there are, up to it.",
	}, nil, "Default", "Adaptive"))
	SchedulerMode = define(Enum(Doc{
		Key:  "scheduler-mode",
		Text: "REACTIVE has jobs run with all slots there are, up to their maximum parallelism, whatever their parallelism is. By default they do not.",
	}, nil, "REACTIVE"))
	AdaptiveWait = define(Duration(Doc{
		Key:  "jobmanager.adaptive-scheduler.submission.resource-wait-timeout",
		Text: "How long a job waits for its least number of slots before it fails, with the adaptive scheduler. By default it waits, and says for what; Flink's default is 5 min.",
	}))
	AdaptiveStart = define(Duration(Doc{
		Key: "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout", Default: "10 s",
		Text: "How long a job that has enough slots waits for all that it can use, before it starts. In reactive mode the default is 0 s.",
	}))
	AdaptiveRescale = define(Duration(Doc{
		Key: "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout", Default: "60 s",
		Text: "How long a job that runs and has got more slots waits for all that it can use, before it is rescaled. In reactive mode the default is 0 s.",
	}))
	AdaptiveCooldown = define(Duration(Doc{
		Key: "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling", Default: "30 s",
		Text: "The least time from a start or rescale to one that only uses more slots.",
	}))
	AdaptiveIncrease = define(Int(Doc{
		Key: "jobmanager.adaptive-scheduler.min-parallelism-increase", Default: "1",
		Text: "For how many more subtasks, of all vertices together, a job is rescaled when there are more slots.",
	}, 1, 1<<16))
	AutoscalerEnabled = define(Bool(Doc{
		Key: "job.autoscaler.enabled", Default: "false",
		Text: "Whether the parallelism of each vertex of the cluster's jobs follows its load, but in batch mode.",
	}))
	AutoscalerTarget = define(Float(Doc{
		Key: "job.autoscaler.utilization.target", Default: "0.7",
		Text: "The share of its time that a vertex is to be busy.",
	}, 0.05, 1))
	AutoscalerBoundary = define(Float(Doc{
		Key: "job.autoscaler.target.utilization.boundary", Default: "0.2",
		Text: "How far a vertex may be off that, up or down, before anything is done. Flink's default is 0.3.",
	}, 0.01, 1))
	AutoscalerWindow = define(Duration(Doc{
		Key: "job.autoscaler.metrics.window", Default: "1 min",
		Text: "Over what time samples are averaged; nothing is decided before it is full. Flink's default is 15 min.",
	}))
	AutoscalerStabilization = define(Duration(Doc{
		Key: "job.autoscaler.stabilization.interval", Default: "30 s",
		Text: "For how long after a start or rescale samples do not count. Flink's default is 5 min.",
	}))
	AutoscalerCooldown = define(Duration(Doc{
		Key: "job.autoscaler.cooldown", Default: "2 min",
		Text: "The least time from a rescale to the autoscaler's next decision, and between two decisions.",
	}))
	AutoscalerDownDelay = define(Duration(Doc{
		Key: "job.autoscaler.scale-down.interval", Default: "10 min",
		Text: "How long fewer subtasks must have been enough before a vertex gets fewer. Flink's default is 1 h.",
	}))
	AutoscalerDownMax = define(Float(Doc{
		Key: "job.autoscaler.scale-down.max-factor", Default: "0.6",
		Text: "The largest share of its subtasks that a vertex loses at once.",
	}, 0.01, 1))
	AutoscalerCatchUp = define(Duration(Doc{
		Key: "job.autoscaler.catch-up.duration", Default: "5 min",
		Text: "The time within which what has piled up at the sources is to be worked off, where they tell how much that is. Flink's default is 30 min.",
	}))
	AutoscalerRestart = define(Duration(Doc{
		Key: "job.autoscaler.restart.time", Default: "5 s",
		Text: "How long a rescale is expected to stop a job. Flink's default is 5 min.",
	}))
	AutoscalerMin = define(Int(Doc{
		Key: "job.autoscaler.vertex.min-parallelism", Default: "1",
		Text: "The least parallelism that the autoscaler gives a vertex.",
	}, 1, 32768))
	AutoscalerMax = define(Int(Doc{
		Key: "job.autoscaler.vertex.max-parallelism", Default: "200",
		Text: "The largest parallelism that the autoscaler gives a vertex, which its own maximum parallelism bounds besides.",
	}, 1, 32768))
	LogLevel = define(Enum(Doc{
		Key: "env.log.level", Default: "INFO",
		Text: "What the processes of a cluster write to their logs: what is of this level or a higher one. It can be changed while they run.",
	}, map[string]string{"TRACE": "DEBUG"}, "DEBUG", "INFO", "WARN", "ERROR"))
	LogFormat = define(Enum(Doc{
		Key: "env.log.format", Default: "text",
		Text: "How: a line is key=value with text, an object with json.",
	}, nil, "text", "json"))
	LoadBalance = define(Enum(Doc{
		Key: "taskmanager.load-balance.mode", Default: "NONE",
		Text: "Which TaskManager's slots go first: with NONE those of the fullest, so that few are in use; with SLOTS those of the emptiest.",
	}, map[string]string{"TASKS": "SLOTS"}, "NONE", "SLOTS"))
)
