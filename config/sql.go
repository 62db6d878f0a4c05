package config

import "math"

// SQL.
var (
	LocalTimeZone = define(Text(Doc{
		Key: "table.local-time-zone", Default: "UTC",
		Text: "The session's time zone, by which TIMESTAMP_LTZ is shown and days begin: a name such as Europe/Berlin, or an offset such as GMT+02:00.",
	}))
	StateTTL = define(Duration(Doc{
		Key: "table.exec.state.ttl", Default: "0 ms",
		Text: "How long the state of joins, groups and the like is kept after its last change; 0 is for ever.",
	}))
	MiniBatch = define(Bool(Doc{
		Key: "table.exec.mini-batch.enabled", Default: "false",
		Text: "true has groups, deduplications and what keeps rows by a primary key wait for rows, and gives one change for each key; table.exec.mini-batch.allow-latency and .size have to be set then. false gives a change for each row. Not set, the rows of one batch are put together, and nothing waits for more. It has no effect in batch mode.",
	}))
	MiniBatchLatency = define(Duration(Doc{
		Key: "table.exec.mini-batch.allow-latency", Default: "0 ms", Text: "How long a row may wait for others, in each operator that puts rows together. Checkpoints and the end of the input do not wait.",
	}))
	MiniBatchSize = define(Int(Doc{
		Key: "table.exec.mini-batch.size", Default: "-1", Text: "How many rows wait at most, in each subtask of an operator that puts rows together.",
	}, -1, math.MaxInt))
	AggPhaseStrategy = define(Enum(Doc{
		Key: "table.optimizer.agg-phase-strategy", Default: "AUTO",
		Text: "TWO_PHASE computes sums and the like of the rows of a batch before they are dealt out by key, and merges them behind; ONE_PHASE deals out the rows. AUTO is TWO_PHASE where there are no keys and more than one subtask: else it pays with few keys, or where one has most of the rows. In streaming mode rows are dealt out, unless table.exec.mini-batch.enabled is set. Aggregates that have more than a few numbers to a group (DISTINCT, of texts, lists) are computed in one phase.",
	}, nil, "AUTO", "ONE_PHASE", "TWO_PHASE"))
	DistinctSplit = define(Bool(Doc{
		Key: "table.optimizer.distinct-agg.split.enabled", Default: "false",
		Text: "true computes COUNT, SUM, AVG, MIN and MAX beside DISTINCT in two steps: in buckets of what is distinct, then of all buckets. So a key with most of the rows does not have them all in one subtask. It has an effect with table.exec.mini-batch.enabled.",
	}))
	DistinctBuckets = define(Int(Doc{
		Key: "table.optimizer.distinct-agg.split.bucket-num", Default: "1024", Text: "How many buckets table.optimizer.distinct-agg.split.enabled makes of each column.",
	}, 1, math.MaxInt32))
	WatermarkInterval = define(Duration(Doc{
		Key: "pipeline.auto-watermark-interval", Default: "200 ms",
		Text: "0 gives a watermark after each row that advances it; else there is one with each batch.",
	}))
	SourceIdleTimeout = define(Duration(Doc{
		Key: "table.exec.source.idle-timeout", Default: "0 ms",
		Text: "The time without rows after which a reader of a table with a watermark is not waited for; 0 is never. scan.watermark.idle-timeout of a table stands before it.",
	}))
	NotNullEnforcer = define(Enum(Doc{
		Key: "table.exec.sink.not-null-enforcer", Default: "ERROR",
		Text: "What becomes of a row with NULL in a column of a sink that is NOT NULL: ERROR fails the job, DROP leaves the row out.",
	}, nil, "ERROR", "DROP"))
	LegacyCast = define(Enum(Doc{
		Key: "table.exec.legacy-cast-behaviour", Default: "DISABLED",
		Text: "ENABLED makes a CAST that fails NULL, as TRY_CAST is.",
	}, nil, "ENABLED", "DISABLED"))
	AsyncLookupCapacity = define(Int(Doc{
		Key: "table.exec.async-lookup.buffer-capacity", Default: "100",
		Text: "How many rows each subtask of an asynchronous lookup join looks up at once. 'capacity' of the hint LOOKUP stands before it.",
	}, 1, math.MaxInt32))
	AsyncLookupTimeout = define(Duration(Doc{
		Key: "table.exec.async-lookup.timeout", Default: "3 min",
		Text: "How long an asynchronous lookup may take, with all its retries, before the job fails; 0 is for ever. 'timeout' of the hint LOOKUP stands before it.",
	}))
	AsyncLookupMode = define(Enum(Doc{
		Key: "table.exec.async-lookup.output-mode", Default: "ORDERED",
		Text: "ALLOW_UNORDERED lets results of asynchronous lookups go out as they come, where the input has new rows only; ORDERED keeps the order of the rows. 'output-mode' of the hint LOOKUP stands before it.",
	}, nil, "ORDERED", "ALLOW_UNORDERED"))
	PlanCompileObjects = define(Enum(Doc{
		Key: "table.plan.compile.catalog-objects", Default: "ALL",
		Text: "What COMPILE PLAN writes of tables into the file: ALL, the SCHEMA without options, or the IDENTIFIER.",
	}, nil, "ALL", "SCHEMA", "IDENTIFIER"))
	PlanRestoreObjects = define(Enum(Doc{
		Key: "table.plan.restore.catalog-objects", Default: "ALL",
		Text: "What EXECUTE PLAN takes of tables from the file: ALL that is in there, and the rest from the catalog; ALL_ENFORCED, where nothing may be missing; or the IDENTIFIER, by which the catalog has the rest.",
	}, nil, "ALL", "ALL_ENFORCED", "IDENTIFIER"))
	PlanForceRecompile = define(Bool(Doc{
		Key: "table.plan.force-recompile", Default: "false",
		Text: "true has COMPILE PLAN overwrite a file that there is. Its state may then be lost: meant for tests.",
	}))
	DMLSync = define(Bool(Doc{
		Key: "table.dml-sync", Default: "true",
		Text: "Whether the job of an INSERT belongs to its statement, and is waited for before the next one. With false it goes on by " +
			"itself, and the statement gives its id, for SHOW JOBS and STOP JOB. In Flink the default is false.",
	}))
	JobName = define(AnyText(Doc{Key: "pipeline.name", Default: "", Text: "The name of the next job."}))
)

// Memory of SQL in batch mode.
var (
	SortMemory = define(Size(Doc{
		Key: "table.exec.resource.sort.memory", Default: "256 mb",
		Text: "How much memory each subtask of a sort takes in batch mode, also of OVER and of ranks; beyond it rows are sorted on disk (`io.tmp.dirs`).",
	}))
	HashAggMemory = define(Size(Doc{
		Key: "table.exec.resource.hash-agg.memory", Default: "512 mb",
		Text: "How much memory the groups of each subtask of an aggregate take in batch mode; beyond it rows of other groups wait on disk.",
	}))
	HashJoinMemory = define(Size(Doc{
		Key: "table.exec.resource.hash-join.memory", Default: "512 mb",
		Text: "How much memory the rows of both sides of a join take in each subtask in batch mode; beyond it they are dealt out to disk, the larger side first.",
	}))
)
