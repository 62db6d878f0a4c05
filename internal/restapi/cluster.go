package restapi

// Dashboard is what a dashboard asks for first.
type Dashboard struct {
	RefreshInterval int64    `json:"refresh-interval"`
	TimezoneName    string   `json:"timezone-name"`
	TimezoneOffset  int      `json:"timezone-offset"`
	Version         string   `json:"flink-version"`
	Revision        string   `json:"flink-revision"`
	Features        Features `json:"features"`
}

// Features says what a dashboard may offer.
type Features struct {
	WebSubmit  bool `json:"web-submit"`
	WebCancel  bool `json:"web-cancel"`
	WebRescale bool `json:"web-rescale"`
	WebHistory bool `json:"web-history"`
}

// Overview is the cluster in numbers.
type Overview struct {
	TaskManagers   int    `json:"taskmanagers"`
	SlotsTotal     int    `json:"slots-total"`
	SlotsAvailable int    `json:"slots-available"`
	JobsRunning    int    `json:"jobs-running"`
	JobsFinished   int    `json:"jobs-finished"`
	JobsCancelled  int    `json:"jobs-cancelled"`
	JobsFailed     int    `json:"jobs-failed"`
	Version        string `json:"flink-version"`
	Commit         string `json:"flink-commit"`
}

// KeyValue is an option with its value.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Environment is the JobManager's process.
type Environment struct {
	JVM       Runtime  `json:"jvm"`
	Classpath []string `json:"classpath"`
}

// Runtime is what a process runs on.
type Runtime struct {
	Version string   `json:"version"`
	Arch    string   `json:"arch"`
	Options []string `json:"options"`
}

// Metric is a metric; Value is left out in lists of what there is.
type Metric struct {
	ID    string `json:"id"`
	Value string `json:"value,omitempty"`
}

// MetricSummary is a metric over several subtasks.
type MetricSummary struct {
	ID   string   `json:"id"`
	Min  *float64 `json:"min,omitempty"`
	Max  *float64 `json:"max,omitempty"`
	Avg  *float64 `json:"avg,omitempty"`
	Sum  *float64 `json:"sum,omitempty"`
	Skew *float64 `json:"skew,omitempty"`
}

// Logs lists log files.
type Logs struct {
	Logs []Log `json:"logs"`
}

// Log is a log file.
type Log struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	Modified int64  `json:"mtime"`
}

// TaskManagers lists them.
type TaskManagers struct {
	TaskManagers []TaskManager `json:"taskmanagers"`
}

// TaskManager is one in a list.
type TaskManager struct {
	ID            string   `json:"id"`
	Path          string   `json:"path"`
	DataPort      int      `json:"dataPort"`
	JMXPort       int      `json:"jmxPort"`
	LastHeartbeat int64    `json:"timeSinceLastHeartbeat"` // a time, whatever its name says
	Slots         int      `json:"slotsNumber"`
	FreeSlots     int      `json:"freeSlots"`
	Total         Resource `json:"totalResource"`
	Free          Resource `json:"freeResource"`
	Memory        Memory   `json:"memoryConfiguration"`
}

// Resource is what slots have, in MiB.
type Resource struct {
	TaskHeapMemory int64              `json:"taskHeapMemory"`
	Extended       map[string]float64 `json:"extendedResources"`
}

// Memory is a TaskManager's memory, in bytes.
type Memory struct {
	TaskHeap int64 `json:"taskHeap"`
}

// TaskManagerDetails is one alone.
type TaskManagerDetails struct {
	TaskManager
	Allocated []AllocatedSlot `json:"allocatedSlots"`
}

// AllocatedSlot is a slot that a job has.
type AllocatedSlot struct {
	Job      string   `json:"jobId"`
	Resource Resource `json:"resource"`
}
