package jobmanager

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
)

// TestArchive: what a job has left is the same when it is read again.
func TestArchive(t *testing.T) {
	at := time.Unix(1_700_000_000, 123).UTC()
	v := &JobView{Cause: errors.New("disk full"), Restarts: 3, RestoredTimes: 1, Restored: Restored{ID: 7, At: 1}}
	v.ID, v.Name, v.State, v.Began, v.Ended, v.Changed = "1", "job", schedule.Failed, at, at.Add(time.Second), at
	v.Tasks = map[TaskState]int{TaskFailed: 1, TaskCanceled: 2}
	v.Entered = map[schedule.State]time.Time{schedule.Running: at}
	v.Settings = control.Settings{Directory: "file:///x", Restart: control.Restart{Fixed: &schedule.FixedDelay{Attempts: 3}}}
	v.Vertices = []VertexView{{
		Vertex:   graph.Vertex{Name: "v", Parallelism: 1, Operators: []graph.Operator{{UID: "u", Name: "o"}}},
		Subtasks: []SubtaskView{{Attempt: Attempt{Number: 2, State: TaskFailed, TaskManager: "tm"}, Earlier: []Attempt{{State: TaskCanceled}}}},
	}}
	v.Failures = []FailureView{{Kind: "TaskFailure", Text: "disk full", At: 5, Later: []FailureView{{Text: "more"}}}}
	v.Checkpoints.Completed = 4
	v.Checkpoints.Checkpoints = []checkpoint.Stats{
		{ID: 1, Status: checkpoint.Completed, Location: "chk-1"}, {ID: 2, Status: checkpoint.Failed, Err: errors.New("late")},
	}
	data, err := encodeView(v)
	if err != nil {
		t.Fatal(err)
	}
	if v.Checkpoints.Checkpoints[1].Err == nil {
		t.Error("to encode a view changes it")
	}
	got, err := decodeView(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, v) {
		t.Errorf("it is\n%+v, was\n%+v", got, v)
	}
}
