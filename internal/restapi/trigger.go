package restapi

// SavepointRequest asks for a savepoint.
type SavepointRequest struct {
	Directory *string `json:"target-directory"`
	CancelJob bool    `json:"cancel-job"`
	Format    *string `json:"formatType"` // CANONICAL or NATIVE
	Trigger   *string `json:"triggerId"`
}

// StopRequest asks for the end of a job, with a savepoint.
type StopRequest struct {
	Directory *string `json:"targetDirectory"`
	Drain     bool    `json:"drain"`
	Format    *string `json:"formatType"`
	Trigger   *string `json:"triggerId"`
}

// CheckpointRequest asks for a checkpoint.
type CheckpointRequest struct {
	Type    *string `json:"checkpointType"` // CONFIGURED
	Trigger *string `json:"triggerId"`
}

// DisposalRequest asks for the deletion of a savepoint.
type DisposalRequest struct {
	Path string `json:"savepoint-path"`
}

// Trigger names an operation that was begun.
type Trigger struct {
	ID string `json:"request-id"`
}

// OperationStatus is IN_PROGRESS or COMPLETED.
type OperationStatus struct {
	ID string `json:"id"`
}

// The statuses of operations.
const (
	InProgress = "IN_PROGRESS"
	Completed  = "COMPLETED"
)

// OperationResult is how far an operation is.
type OperationResult struct {
	Status    OperationStatus `json:"status"`
	Operation *Operation      `json:"operation,omitempty"`
}

// Operation is what an operation has come to: Flink writes the cause of a failed checkpoint in another way.
type Operation struct {
	Location          string `json:"location,omitempty"`
	CheckpointID      int64  `json:"checkpointId,omitempty"`
	FailureCause      *Cause `json:"failure-cause,omitempty"`
	CheckpointFailure *Cause `json:"failureCause,omitempty"`
}
