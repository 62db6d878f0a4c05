package restapi

// JobStates are the states of a job, as they are listed everywhere.
var JobStates = []string{
	"INITIALIZING", "CREATED", "RUNNING", "FAILING", "FAILED", "CANCELLING", "CANCELED", "FINISHED",
	"RESTARTING", "SUSPENDED", "RECONCILING",
}

// TaskStates are the states of a task.
var TaskStates = []string{
	"CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED", "CANCELING", "CANCELED",
	"FAILED", "RECONCILING",
}

// JobIDs lists the jobs.
type JobIDs struct {
	Jobs []JobIDStatus `json:"jobs"`
}

// JobIDStatus is a job with its state.
type JobIDStatus struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// JobsOverview lists the jobs with more.
type JobsOverview struct {
	Jobs []JobOverview `json:"jobs"`
}

// JobOverview is a job in a list.
type JobOverview struct {
	ID               string         `json:"jid"`
	Name             string         `json:"name"`
	StartTime        int64          `json:"start-time"`
	EndTime          int64          `json:"end-time"`
	Duration         int64          `json:"duration"`
	State            string         `json:"state"`
	LastModification int64          `json:"last-modification"`
	Tasks            map[string]int `json:"tasks"`
	PendingOperators int            `json:"pending-operators"`
	// Waits is Flott's: why the job has no slots.
	Waits string `json:"flott-waiting-reason,omitempty"`
}

// JobDetails is a job alone.
type JobDetails struct {
	ID               string           `json:"jid"`
	Name             string           `json:"name"`
	Stoppable        bool             `json:"isStoppable"`
	State            string           `json:"state"`
	Type             string           `json:"job-type"`
	StartTime        int64            `json:"start-time"`
	EndTime          int64            `json:"end-time"`
	Duration         int64            `json:"duration"`
	MaxParallelism   int64            `json:"maxParallelism"`
	Now              int64            `json:"now"`
	Timestamps       map[string]int64 `json:"timestamps"`
	Vertices         []JobVertex      `json:"vertices"`
	StatusCounts     map[string]int   `json:"status-counts"`
	Plan             Plan             `json:"plan"`
	PendingOperators int              `json:"pending-operators"`
	// Waits and Restarts are Flott's.
	Waits    string `json:"flott-waiting-reason,omitempty"`
	Restarts int    `json:"flott-restarts"`
}

// JobVertex is a vertex of a job.
type JobVertex struct {
	ID               string         `json:"id"`
	SlotSharingGroup string         `json:"slotSharingGroupId"`
	Name             string         `json:"name"`
	MaxParallelism   int            `json:"maxParallelism"`
	Parallelism      int            `json:"parallelism"`
	Status           string         `json:"status"`
	StartTime        int64          `json:"start-time"`
	EndTime          int64          `json:"end-time"`
	Duration         int64          `json:"duration"`
	Tasks            map[string]int `json:"tasks"`
	Metrics          IOMetrics      `json:"metrics"`
}

// IOMetrics is what tasks have read and written, and how they have spent their time.
type IOMetrics struct {
	ReadBytes            int64   `json:"read-bytes"`
	ReadBytesComplete    bool    `json:"read-bytes-complete"`
	WriteBytes           int64   `json:"write-bytes"`
	WriteBytesComplete   bool    `json:"write-bytes-complete"`
	ReadRecords          int64   `json:"read-records"`
	ReadRecordsComplete  bool    `json:"read-records-complete"`
	WriteRecords         int64   `json:"write-records"`
	WriteRecordsComplete bool    `json:"write-records-complete"`
	Backpressured        int64   `json:"accumulated-backpressured-time"`
	Idle                 int64   `json:"accumulated-idle-time"`
	Busy                 float64 `json:"accumulated-busy-time"`
}

// JobPlan is a job's graph alone.
type JobPlan struct {
	Plan Plan `json:"plan"`
}

// Plan is a job's graph.
type Plan struct {
	ID    string     `json:"jid"`
	Name  string     `json:"name"`
	Type  string     `json:"type"`
	Nodes []PlanNode `json:"nodes"`
}

// PlanNode is a vertex of a plan. Its description is HTML.
type PlanNode struct {
	ID                  string      `json:"id"`
	Operator            string      `json:"operator"`
	Parallelism         int         `json:"parallelism"`
	OperatorStrategy    string      `json:"operator_strategy"`
	Description         string      `json:"description"`
	OptimizerProperties Empty       `json:"optimizer_properties"`
	Inputs              []PlanInput `json:"inputs,omitempty"`
}

// PlanInput is an edge of a plan.
type PlanInput struct {
	ID           string `json:"id"`
	Num          int    `json:"num"`
	Exchange     string `json:"exchange"`
	ShipStrategy string `json:"ship_strategy"`
}

// JobConfig is how a job is run.
type JobConfig struct {
	ID        string          `json:"jid"`
	Name      string          `json:"name"`
	Execution ExecutionConfig `json:"execution-config"`
}

// ExecutionConfig is the settings of a job.
type ExecutionConfig struct {
	RestartStrategy string            `json:"restart-strategy"`
	Parallelism     int               `json:"job-parallelism"`
	ObjectReuse     bool              `json:"object-reuse-mode"`
	User            map[string]string `json:"user-config"`
}

// JobStatus is a job's state.
type JobStatus struct {
	Status string `json:"status"`
}

// JobAccumulators is the sums of a job's accumulators.
type JobAccumulators struct {
	Job        []Empty           `json:"job-accumulators"`
	User       []Accumulator     `json:"user-task-accumulators"`
	Serialized map[string]string `json:"serialized-user-task-accumulators"`
}

// Accumulator is the value of an accumulator.
type Accumulator struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// JobExceptions is what has failed.
type JobExceptions struct {
	History ExceptionHistory `json:"exceptionHistory"`
}

// ExceptionHistory is the failures, the newest first.
type ExceptionHistory struct {
	Entries   []Exception `json:"entries"`
	Truncated bool        `json:"truncated"`
}

// Exception is a failure with those that followed it.
type Exception struct {
	Failure
	Concurrent []Failure `json:"concurrentExceptions"`
}

// Failure is one failure.
type Failure struct {
	Name        string            `json:"exceptionName"`
	StackTrace  string            `json:"stacktrace"`
	Timestamp   int64             `json:"timestamp"`
	Labels      map[string]string `json:"failureLabels"`
	Task        string            `json:"taskName,omitempty"`
	Endpoint    string            `json:"endpoint,omitempty"`
	TaskManager string            `json:"taskManagerId,omitempty"`
}

// ExecutionResult is how a job has ended.
type ExecutionResult struct {
	Status OperationStatus `json:"status"`
	Result *JobResult      `json:"job-execution-result,omitempty"`
}

// JobResult is the end of a job.
type JobResult struct {
	ID                string            `json:"id"`
	ApplicationStatus string            `json:"application-status"` // SUCCEEDED, FAILED or CANCELED
	Accumulators      map[string]string `json:"accumulator-results"`
	NetRuntime        int64             `json:"net-runtime"`
	FailureCause      *Cause            `json:"failure-cause,omitempty"`
}

// Cause is an error of the server's.
type Cause struct {
	Class      string `json:"class"`
	StackTrace string `json:"stack-trace"`
	// Serialized is the same as an object of Java, for Flink's clients, which look at nothing else.
	Serialized []byte `json:"serialized-throwable,omitempty"`
}
