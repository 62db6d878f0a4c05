package restapi

// FlameGraph is where CPU time of a vertex goes.
type FlameGraph struct {
	// EndTimestamp is when it was sampled; negative, as in Flink, if there is nothing: see the constants.
	EndTimestamp int64      `json:"endTimestamp"`
	Data         *FlameNode `json:"data,omitempty"`
	// Millis is for how long it was sampled, SampleMillis what CPU time a sample stands for.
	Millis       int64   `json:"flott-millis"`
	SampleMillis float64 `json:"flott-sample-millis"`
	// Workers were sampled; Missing are others, with the reasons.
	Workers int      `json:"flott-workers"`
	Missing []string `json:"flott-missing"`
}

// What EndTimestamp says of a vertex that has no samples.
const (
	FlameTerminated = -1 // it has ended
	FlameWaiting    = -3 // it does not run yet
)

// FlameNode is a function with the samples in it and in what it has called.
type FlameNode struct {
	Name     string      `json:"name"`
	Value    int64       `json:"value"`
	Children []FlameNode `json:"children"`
}
