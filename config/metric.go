package config

// Metrics of the processes of a cluster, and traces of jobs.
var (
	MetricsReporters = define(Enum(Doc{
		Key:  "metrics.reporters",
		Text: "With prom each TaskManager serves its metrics, and those of its workers, for Prometheus. The JobManager does so without it, at `/metrics` of its REST interface.",
	}, nil, "prom"))
	MetricsPort = define(Text(Doc{
		Key: "metrics.reporter.prom.port", Default: "9249-9348",
		Text: "The port at which a TaskManager serves them, at `taskmanager.host`, or ranges of ports of which the first free one is taken; 0 is any. Who may come is as for the REST interface. Flink's default is 9249 alone.",
	}))
	MetricsFilterLabels = define(Bool(Doc{
		Key: "metrics.reporter.prom.filterLabelValueCharacters", Default: "true",
		Text: "Whether characters of labels' values that are neither letters of ASCII, digits, colons nor underscores become underscores.",
	}))
	TraceReporters = define(Enum(Doc{
		Key:  "traces.reporters",
		Text: "With otel spans of checkpoints and of starts of jobs are sent to a collector of OpenTelemetry: by the JobManager, or by a program that runs its jobs itself.",
	}, nil, "otel"))
	TraceEndpoint = define(Text(Doc{
		Key: "traces.reporter.otel.exporter.endpoint", Default: "http://localhost:4318",
		Text: "The address of the collector, which takes OTLP by HTTP: spans are posted to `/v1/traces` there, unless it has a path of its own.",
	}))
	TraceTimeout = define(Duration(Doc{
		Key: "traces.reporter.otel.exporter.timeout", Default: "10 s",
		Text: "How long the collector may take to answer.",
	}))
	TraceService = define(Text(Doc{
		Key: "traces.reporter.otel.service.name", Default: "flott",
		Text: "The name of the service that spans are of.",
	}))
)
