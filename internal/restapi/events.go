package restapi

// The events that a dashboard follows. Each has the time of the server, in milliseconds since 1970, as its id, and the
// JSON of one of these types as its data. One is sent at the beginning, and again when it has changed.

// EventKind is the name of an event.
type EventKind string

// The events of /flott/events, of a job, and of a vertex.
const (
	ClusterEvent     EventKind = "cluster"     // ClusterState
	JobsEvent        EventKind = "jobs"        // []JobLine
	JobEvent         EventKind = "job"         // JobLine
	PlanEvent        EventKind = "plan"        // []PlanVertex
	VerticesEvent    EventKind = "vertices"    // []VertexLoad, in the order of the plan
	CheckpointsEvent EventKind = "checkpoints" // Checkpoints
	ExceptionsEvent  EventKind = "exceptions"  // ExceptionHistory
	ScalingEvent     EventKind = "scaling"     // Scaling
	DiagnosisEvent   EventKind = "diagnosis"   // Diagnosis
	SubtasksEvent    EventKind = "subtasks"    // []SubtaskLoad
	HotKeysEvent     EventKind = "hot-keys"    // HotKeys
	GoneEvent        EventKind = "gone"        // Errors: what was followed is not there any more; it is the last event
)

// ClusterState is what there is in a cluster.
type ClusterState struct {
	Version        string             `json:"version"`
	Commit         string             `json:"commit,omitempty"`
	SlotsTotal     int                `json:"slots-total"`
	SlotsAvailable int                `json:"slots-available"`
	TaskManagers   []TaskManagerState `json:"taskmanagers"`
}

// TaskManagerState is a TaskManager with the jobs that have its slots: "" has none.
type TaskManagerState struct {
	ID      string   `json:"id"`
	Host    string   `json:"host"`
	PID     int      `json:"pid,omitempty"`
	Version string   `json:"version,omitempty"`
	Memory  int64    `json:"memory"` // of its slots, in bytes
	Slots   []string `json:"slots"`
}

// JobLine is a job in short.
type JobLine struct {
	ID       string         `json:"jid"`
	Name     string         `json:"name"`
	State    string         `json:"state"`
	Type     string         `json:"job-type,omitempty"` // of a job alone
	Start    int64          `json:"start-time"`
	End      int64          `json:"end-time"`
	Changed  int64          `json:"last-modification"`
	Waits    string         `json:"waiting-reason,omitempty"`
	Cause    string         `json:"cause,omitempty"` // of its end, of a job alone
	Restarts int            `json:"restarts"`        // of a job alone
	Tasks    map[string]int `json:"tasks"`           // those states that a task is in
}

// PlanVertex is a vertex of a job as it is laid out.
type PlanVertex struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	Parallelism    int            `json:"parallelism"`
	MaxParallelism int            `json:"maxParallelism"`
	Source         bool           `json:"source"`
	Sink           bool           `json:"sink"`
	Operators      []PlanOperator `json:"operators"`
	Inputs         []PlanEdge     `json:"inputs"`
}

// PlanOperator is an operator of a vertex.
type PlanOperator struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// PlanEdge is where records come from.
type PlanEdge struct {
	From     string `json:"from"` // a vertex
	Strategy string `json:"ship_strategy"`
	Exchange string `json:"exchange"`
}

// VertexLoad is what a vertex does. Of subtasks that have not reported yet nothing is counted.
type VertexLoad struct {
	ID     string         `json:"id"`
	Status string         `json:"status"`
	Tasks  map[string]int `json:"tasks"` // those states that a task is in
	Load
	// Loads has a digit for each subtask: the tenths of its time that it is busy, 9 for all; or - if that is not known.
	Loads string `json:"loads"`
	// Hottest is the subtask that is busy for the largest share of its time, -1 if that is not known.
	Hottest     int     `json:"hottest"`
	HottestBusy float64 `json:"hottest-busy"`
	// Skew is how far the subtasks' rates of records are from their mean, on average, as a share of it.
	Skew float64 `json:"skew"`
}

// SubtaskLoad is what a subtask does.
type SubtaskLoad struct {
	Index       int    `json:"subtask"`
	Status      string `json:"status"`
	Attempt     int    `json:"attempt"`
	TaskManager string `json:"taskmanager-id"`
	Endpoint    string `json:"endpoint"`
	Start       int64  `json:"start-time"`
	End         int64  `json:"end-time"`
	Load
}

// Load is numbers of one or more subtasks as they run, or last ran. Rates are per second, shares of time from 0 to 1;
// they are null as long as they are not known.
type Load struct {
	// RecordsIn is what came from other vertices, RecordsRead what a source has read.
	RecordsIn   int64 `json:"records-in"`
	RecordsOut  int64 `json:"records-out"`
	RecordsRead int64 `json:"records-read"`
	BytesIn     int64 `json:"bytes-in"`
	BytesOut    int64 `json:"bytes-out"`

	InRate       *float64 `json:"in-rate"`
	OutRate      *float64 `json:"out-rate"`
	ReadRate     *float64 `json:"read-rate"`
	BytesInRate  *float64 `json:"bytes-in-rate"`
	BytesOutRate *float64 `json:"bytes-out-rate"`

	Busy          *float64 `json:"busy"`
	Backpressured *float64 `json:"backpressured"`
	Idle          *float64 `json:"idle"`

	// Watermark is the least, in milliseconds since 1970, null if one has none. Done says that it is the end of time.
	Watermark     *int64 `json:"watermark"`
	WatermarkDone bool   `json:"watermark-done,omitempty"`
	// Pending is how many records sources have still to read, null if they do not tell.
	Pending *int64 `json:"pending-records"`
}
