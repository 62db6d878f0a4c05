package restapi

// Processes are the processes of the cluster.
type Processes struct {
	Processes []Process `json:"processes"`
}

// Process is a process of the cluster.
type Process struct {
	// Name is jobmanager, the id of a TaskManager, or the name of a worker.
	Name string `json:"name"`
	// Kind is jobmanager, taskmanager or worker.
	Kind     string `json:"kind"`
	PID      int    `json:"pid"`
	LogLevel string `json:"log-level"`
	// TaskManagerID, JobID and JobName are those of a worker.
	TaskManagerID string `json:"taskmanager-id,omitempty"`
	JobID         string `json:"job-id,omitempty"`
	JobName       string `json:"job-name,omitempty"`
}

// LogLevel is what a process logs: what is of this level, or of a higher one.
type LogLevel struct {
	// Level is DEBUG, INFO, WARN or ERROR.
	Level string `json:"level"`
}
