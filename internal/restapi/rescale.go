package restapi

// ResourceRequirements are the bounds of a job's vertices, by their ids.
type ResourceRequirements map[string]VertexRequirements

// VertexRequirements are those of a vertex.
type VertexRequirements struct {
	Parallelism ParallelismBounds `json:"parallelism"`
}

// ParallelismBounds are the limits of a vertex's parallelism.
type ParallelismBounds struct {
	Lower int `json:"lowerBound"`
	Upper int `json:"upperBound"`
}

// RescaleRequest asks for another parallelism. Vertices has single ones, by their names or that of one of
// their operators.
type RescaleRequest struct {
	Parallelism int            `json:"parallelism,omitempty"`
	Vertices    map[string]int `json:"vertices,omitempty"`
}

// Scaling is with how many subtasks a job runs, and why.
type Scaling struct {
	// Scheduler is Default, Adaptive or Reactive.
	Scheduler string          `json:"scheduler"`
	Vertices  []VertexScaling `json:"vertices"`
	// Settled says that all of the job runs, each vertex with its upper bound.
	Settled bool `json:"settled"`
	// Reason is why the job was started or rescaled last, Refused why it was not rescaled since, and Waits what
	// slots it waits for.
	Reason  string `json:"reason,omitempty"`
	Refused string `json:"refused,omitempty"`
	Waits   string `json:"waits,omitempty"`
	// Rescales is how often it was rescaled.
	Rescales int `json:"rescales"`
	// Decisions are the last ones of the autoscaler, the oldest first, and Explained what it finds of each
	// vertex now.
	Decisions []ScalingDecision `json:"decisions,omitempty"`
	Explained []string          `json:"explained,omitempty"`
}

// ScalingDecision is one, with the parallelism of all vertices.
type ScalingDecision struct {
	Timestamp int64    `json:"timestamp"`
	From      []int    `json:"from"`
	To        []int    `json:"to"`
	Reasons   []string `json:"reasons"`
}

// VertexScaling is a vertex.
type VertexScaling struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Parallelism int    `json:"parallelism"`
	Lower       int    `json:"lowerBound"`
	Upper       int    `json:"upperBound"`
}
