package restapi

// Checkpoints is the statistics of a job's checkpoints. Its summary is of the completed ones in its
// history.
type Checkpoints struct {
	Counts  CheckpointCounts  `json:"counts"`
	Summary CheckpointSummary `json:"summary"`
	Latest  LatestCheckpoints `json:"latest"`
	History []Checkpoint      `json:"history"` // the newest first
}

// CheckpointCounts is the numbers since the job began.
type CheckpointCounts struct {
	Restored   int `json:"restored"`
	Total      int `json:"total"`
	InProgress int `json:"in_progress"`
	Completed  int `json:"completed"`
	Failed     int `json:"failed"`
}

// CheckpointSummary is the numbers of several checkpoints.
type CheckpointSummary struct {
	CheckpointedSize  Quantiles `json:"checkpointed_size"`
	StateSize         Quantiles `json:"state_size"`
	EndToEndDuration  Quantiles `json:"end_to_end_duration"`
	AlignmentBuffered Quantiles `json:"alignment_buffered"`
	ProcessedData     Quantiles `json:"processed_data"`
	PersistedData     Quantiles `json:"persisted_data"`
}

// Quantiles says how values are spread.
type Quantiles struct {
	Min  int64  `json:"min"`
	Max  int64  `json:"max"`
	Avg  int64  `json:"avg"`
	P50  Number `json:"p50"`
	P90  Number `json:"p90"`
	P95  Number `json:"p95"`
	P99  Number `json:"p99"`
	P999 Number `json:"p999"`
}

// LatestCheckpoints is the last checkpoint of each kind, null where there is none.
type LatestCheckpoints struct {
	Completed *Checkpoint         `json:"completed"`
	Savepoint *Checkpoint         `json:"savepoint"`
	Failed    *Checkpoint         `json:"failed"`
	Restored  *RestoredCheckpoint `json:"restored"`
}

// RestoredCheckpoint is what a job was last started from.
type RestoredCheckpoint struct {
	ID        int64 `json:"id"`
	Timestamp int64 `json:"restore_timestamp"`
	Savepoint bool  `json:"is_savepoint"`
}

// Checkpoint is the statistics of a checkpoint.
type Checkpoint struct {
	ClassName       string  `json:"className"` // completed, failed or in_progress
	ID              int64   `json:"id"`
	Status          string  `json:"status"`
	Savepoint       bool    `json:"is_savepoint"`
	SavepointFormat *string `json:"savepointFormat"`
	Trigger         int64   `json:"trigger_timestamp"`
	CheckpointNumbers
	Type  string                    `json:"checkpoint_type"`
	Tasks map[string]TaskCheckpoint `json:"tasks"`
	// Path is where a completed one is, Failed when and Message why one has failed.
	Path    *string `json:"external_path,omitempty"`
	Failed  *int64  `json:"failure_timestamp,omitempty"`
	Message *string `json:"failure_message,omitempty"`
}

// CheckpointNumbers is what a checkpoint, or a vertex's part of it, has taken.
type CheckpointNumbers struct {
	LatestAck         int64 `json:"latest_ack_timestamp"`
	CheckpointedSize  int64 `json:"checkpointed_size"`
	StateSize         int64 `json:"state_size"`
	EndToEndDuration  int64 `json:"end_to_end_duration"`
	AlignmentBuffered int64 `json:"alignment_buffered"`
	ProcessedData     int64 `json:"processed_data"`
	PersistedData     int64 `json:"persisted_data"`
	Subtasks          int   `json:"num_subtasks"`
	Acknowledged      int   `json:"num_acknowledged_subtasks"`
}

// TaskCheckpoint is a vertex's part of a checkpoint.
type TaskCheckpoint struct {
	ID     int64  `json:"id"`
	Status string `json:"status"`
	CheckpointNumbers
}

// TaskCheckpointDetails is a vertex's part with its subtasks.
type TaskCheckpointDetails struct {
	TaskCheckpoint
	Summary  TaskCheckpointSummary `json:"summary"`
	Subtasks []SubtaskCheckpoint   `json:"subtasks"`
}

// TaskCheckpointSummary is the numbers of several subtasks.
type TaskCheckpointSummary struct {
	CheckpointedSize   Quantiles        `json:"checkpointed_size"`
	StateSize          Quantiles        `json:"state_size"`
	EndToEndDuration   Quantiles        `json:"end_to_end_duration"`
	CheckpointDuration DurationSummary  `json:"checkpoint_duration"`
	Alignment          AlignmentSummary `json:"alignment"`
	StartDelay         Quantiles        `json:"start_delay"`
}

// DurationSummary is how long snapshots took.
type DurationSummary struct {
	Sync  Quantiles `json:"sync"`
	Async Quantiles `json:"async"`
}

// AlignmentSummary is how barriers were aligned.
type AlignmentSummary struct {
	Buffered  Quantiles `json:"buffered"`
	Processed Quantiles `json:"processed"`
	Persisted Quantiles `json:"persisted"`
	Duration  Quantiles `json:"duration"`
}

// SubtaskCheckpoint is a subtask's part of a checkpoint. While it is pending it has no more than its index
// and status.
type SubtaskCheckpoint struct {
	ClassName string `json:"className"` // completed or pending
	Index     int    `json:"index"`
	Status    string `json:"status"` // completed or pending_or_failed
	*SubtaskCheckpointNumbers
}

// SubtaskCheckpointNumbers is what a subtask's part has taken.
type SubtaskCheckpointNumbers struct {
	Ack              int64              `json:"ack_timestamp"`
	EndToEndDuration int64              `json:"end_to_end_duration"`
	CheckpointedSize int64              `json:"checkpointed_size"`
	StateSize        int64              `json:"state_size"`
	Checkpoint       CheckpointDuration `json:"checkpoint"`
	Alignment        Alignment          `json:"alignment"`
	StartDelay       int64              `json:"start_delay"`
	Unaligned        bool               `json:"unaligned_checkpoint"`
	Aborted          bool               `json:"aborted"`
}

// CheckpointDuration is how long a snapshot took.
type CheckpointDuration struct {
	Sync  int64 `json:"sync"`
	Async int64 `json:"async"`
}

// Alignment is how a barrier was aligned.
type Alignment struct {
	Buffered  int64 `json:"buffered"`
	Processed int64 `json:"processed"`
	Persisted int64 `json:"persisted"`
	Duration  int64 `json:"duration"`
}

// CheckpointConfig is how a job takes checkpoints.
type CheckpointConfig struct {
	Mode             string          `json:"mode"`
	Interval         int64           `json:"interval"`
	Timeout          int64           `json:"timeout"`
	MinPause         int64           `json:"min_pause"`
	MaxConcurrent    int             `json:"max_concurrent"`
	Externalization  Externalization `json:"externalization"`
	Storage          string          `json:"checkpoint_storage"`
	Unaligned        bool            `json:"unaligned_checkpoints"`
	TolerableFailed  int             `json:"tolerable_failed_checkpoints"`
	AfterTasksFinish bool            `json:"checkpoints_after_tasks_finish"`
	ChangelogEnabled bool            `json:"state_changelog_enabled"`
}

// Externalization says what becomes of checkpoints when their job ends.
type Externalization struct {
	Enabled        bool `json:"enabled"`
	DeleteOnCancel bool `json:"delete_on_cancellation"`
}
