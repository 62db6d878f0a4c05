package config

// Metrics of the processes of a cluster.
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
)
