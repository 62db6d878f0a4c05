package restapi

// Vertex is a vertex alone.
type Vertex struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	Parallelism    int        `json:"parallelism"`
	MaxParallelism int        `json:"maxParallelism"`
	Now            int64      `json:"now"`
	Subtasks       []Subtask  `json:"subtasks"`
	Aggregated     Aggregated `json:"aggregated"`
}

// Unassigned is where a task runs that has no slot.
const Unassigned = "(unassigned)"

// Subtask is an attempt of a subtask.
type Subtask struct {
	Subtask        int              `json:"subtask"`
	Status         string           `json:"status"`
	Attempt        int              `json:"attempt"`
	Endpoint       string           `json:"endpoint"`
	StartTime      int64            `json:"start-time"`
	EndTime        int64            `json:"end-time"`
	Duration       int64            `json:"duration"`
	Metrics        IOMetrics        `json:"metrics"`
	TaskManager    string           `json:"taskmanager-id"`
	StatusDuration map[string]int64 `json:"status-duration"`
	StartTime2     int64            `json:"start_time"` // the same once more
}

// Aggregated is numbers of several subtasks.
type Aggregated struct {
	Metrics        map[string]Spread `json:"metrics"`
	StatusDuration map[string]Spread `json:"status-duration"`
}

// Spread says how values are spread.
type Spread struct {
	Min    int64 `json:"min"`
	Max    int64 `json:"max"`
	Avg    int64 `json:"avg"`
	Sum    int64 `json:"sum"`
	Median int64 `json:"median"`
	P25    int64 `json:"p25"`
	P75    int64 `json:"p75"`
	P95    int64 `json:"p95"`
}

// SubtaskTimes is when subtasks came into their states.
type SubtaskTimes struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Now      int64         `json:"now"`
	Subtasks []SubtaskTime `json:"subtasks"`
}

// SubtaskTime is when a subtask came into its states; 0 is never.
type SubtaskTime struct {
	Subtask    int              `json:"subtask"`
	Endpoint   string           `json:"endpoint"`
	Duration   int64            `json:"duration"`
	Timestamps map[string]int64 `json:"timestamps"`
}

// VertexTaskManagers is where a vertex runs.
type VertexTaskManagers struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	Now          int64               `json:"now"`
	TaskManagers []VertexTaskManager `json:"taskmanagers"`
}

// VertexTaskManager is what of a vertex runs on a TaskManager.
type VertexTaskManager struct {
	Endpoint     string         `json:"endpoint"`
	Status       string         `json:"status"`
	StartTime    int64          `json:"start-time"`
	EndTime      int64          `json:"end-time"`
	Duration     int64          `json:"duration"`
	Metrics      IOMetrics      `json:"metrics"`
	StatusCounts map[string]int `json:"status-counts"`
	TaskManager  string         `json:"taskmanager-id"`
	Aggregated   Aggregated     `json:"aggregated"`
}

// Backpressure is how subtasks spend their time now.
type Backpressure struct {
	Status       string                `json:"status"`
	Level        string                `json:"backpressureLevel"` // ok, low or high
	EndTimestamp int64                 `json:"end-timestamp"`
	Subtasks     []SubtaskBackpressure `json:"subtasks"`
	Level2       string                `json:"backpressure-level"` // the same once more
}

// SubtaskBackpressure is how a subtask spends its time now.
type SubtaskBackpressure struct {
	Subtask int     `json:"subtask"`
	Attempt int     `json:"attempt-number"`
	Level   string  `json:"backpressureLevel"`
	Ratio   float64 `json:"ratio"`
	Idle    float64 `json:"idleRatio"`
	Busy    float64 `json:"busyRatio"`
	Level2  string  `json:"backpressure-level"`
}

// VertexAccumulators is the sums of a vertex's accumulators.
type VertexAccumulators struct {
	ID   string        `json:"id"`
	User []Accumulator `json:"user-accumulators"`
}

// SubtasksAccumulators is the accumulators of each subtask.
type SubtasksAccumulators struct {
	ID          string                `json:"id"`
	Parallelism int                   `json:"parallelism"`
	Subtasks    []SubtaskAccumulators `json:"subtasks"`
}

// SubtaskAccumulators is the accumulators of a subtask.
type SubtaskAccumulators struct {
	Subtask  int           `json:"subtask"`
	Attempt  int           `json:"attempt"`
	Endpoint string        `json:"endpoint"`
	User     []Accumulator `json:"user-accumulators"`
}
