package jobmanager

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/hotkey"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/storage"
)

// ClusterView is what there is in a cluster.
type ClusterView struct {
	TaskManagers     int
	Slots, FreeSlots int
	Jobs             map[schedule.State]int
}

// TaskManagerView is what can be seen of a TaskManager.
type TaskManagerView struct {
	ID, Host, Version string
	PID               int
	Slots             []control.Slot // Holder is the job that has it
	Free              int
	// Heard is when it has last given a sign of life.
	Heard time.Time
}

// JobSummary is a job in a list.
type JobSummary struct {
	ID, Name string
	State    schedule.State
	// Waits is why the job has no slots, "" if it has or needs none.
	Waits string
	// Began is when it was submitted, Ended when it ended, zero if it has not; Changed is when its state
	// last changed.
	Began, Ended, Changed time.Time
	// Tasks is how many tasks are in each state.
	Tasks map[TaskState]int
}

// JobView is what can be seen of a job. It belongs to whoever has asked for it.
type JobView struct {
	JobSummary
	// Cause is why it ends or has ended, nil if it does not, or has finished.
	Cause error
	// Entered is when it has last come into each state.
	Entered  map[schedule.State]time.Time
	Restarts int
	Settings control.Settings
	Program  control.Program
	Vertices []VertexView
	Scaling  Scaling
	// Failures are the last ones, the oldest first; FailuresDropped says that there were more.
	Failures        []FailureView
	FailuresDropped bool
	Checkpoints     checkpoint.History
	// Restored is the last snapshot that it, or a part of it, was started from, as it was RestoredTimes.
	Restored      Restored
	RestoredTimes int
}

// VertexView is a vertex with its subtasks.
type VertexView struct {
	graph.Vertex
	Subtasks []SubtaskView
}

// SubtaskView is a subtask: its life and those before, the oldest first.
type SubtaskView struct {
	Attempt
	Earlier []Attempt
}

// HotKeys are the keys that many of the records have that a vertex gets, and of how many records that were looked at.
func (v *JobView) HotKeys(vertex int) (keys []hotkey.Key, rows int64) {
	var all [][]hotkey.Key
	for _, from := range v.Vertices {
		for _, t := range from.Subtasks {
			if t.State != TaskRunning {
				continue
			}
			for _, h := range t.Counters.HotKeys {
				if h.Vertex == vertex {
					all, rows = append(all, h.Keys), rows+h.Rows
				}
			}
		}
	}
	return hotkey.Merge(all...), rows
}

// The states of a job that has no master.
const (
	// Initializing is the state of a job that was submitted, or is started again by a new leader, and has not begun.
	Initializing schedule.State = "INITIALIZING"
	// Reconciling is the state of a job that a new leader is taking over: what runs of it is being told, or ended.
	Reconciling schedule.State = "RECONCILING"
	// Suspended is the state of a job whose record this JobManager cannot read. It does not run, and has not ended: a
	// JobManager that can read the record goes on with it.
	Suspended schedule.State = "SUSPENDED"
)

// Cluster tells what there is.
func (m *Manager) Cluster() (v ClusterView) {
	m.do(func() {
		v.TaskManagers = len(m.tms)
		v.Slots, v.FreeSlots = m.pool.Slots()
		v.Jobs = map[schedule.State]int{}
		for _, g := range m.jobs {
			v.Jobs[g.state()]++
		}
	})
	return v
}

// TaskManagers lists those that are there, in the order of their ids.
func (m *Manager) TaskManagers() (all []TaskManagerView) {
	m.do(func() {
		free := map[string]int{}
		for _, s := range m.pool.TaskManagers() {
			free[s.ID] = s.Free
		}
		for _, id := range sortedKeys(m.tms) {
			t := m.tms[id]
			v := TaskManagerView{
				ID: id, Host: t.Host, Version: t.Version, PID: t.PID, Free: free[id],
				Heard: t.conn.Heard(), Slots: slices.Clone(t.Slots),
			}
			for i := range v.Slots {
				v.Slots[i].Holder = ""
			}
			all = append(all, v)
		}
		for _, job := range m.order {
			for _, h := range append(m.pool.Held(job), m.pool.Asked(job)...) {
				for i := range all {
					if all[i].ID == h.TaskManager && h.Slot < len(all[i].Slots) {
						all[i].Slots[h.Slot].Holder = job
					}
				}
			}
		}
	})
	return all
}

// Jobs lists the jobs that there are, and the last of those that have ended, in order of submission.
func (m *Manager) Jobs() (all []JobSummary) {
	for _, g := range m.submitted("") {
		if g.of.archived == nil {
			g.JobSummary.Tasks = g.of.record.count(g.State)
		}
		all = append(all, g.JobSummary)
	}
	return all
}

// Running shows the jobs that have not ended, without what is known of their tasks, in order of submission.
func (m *Manager) Running() (all []*JobView) {
	for _, g := range m.submitted("") {
		if !g.State.Done() {
			all = append(all, g.JobView)
		}
	}
	return all
}

// View shows a job.
func (m *Manager) View(id string) (*JobView, error) {
	all := m.submitted(id)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownJob, id)
	}
	v := all[0]
	if v.of.archived == nil {
		v.of.record.view(v.JobView)
		v.Tasks = v.of.record.count(v.State)
	}
	return v.JobView, nil
}

// partial is a view without what the record has.
type partial struct {
	*JobView
	of *managed
}

// submitted shows a job, or all for "".
func (m *Manager) submitted(id string) (all []partial) {
	m.do(func() {
		for _, name := range m.order {
			if g := m.jobs[name]; g != nil && (id == "" || id == name) {
				all = append(all, partial{g.view(), g})
			}
		}
	})
	return all
}

func (g *managed) state() schedule.State {
	if g.archived != nil {
		return g.archived.State
	}
	if g.job != nil {
		return g.job.State()
	}
	if r := g.fleet.recovery; r != nil && r.phase != beginning {
		return Reconciling
	}
	return Initializing
}

// view is what the Manager's actor knows of a job.
func (g *managed) view() *JobView {
	if g.archived != nil {
		v := *g.archived // of which nothing is changed
		return &v
	}
	v := &JobView{Settings: g.Settings, Program: g.Program}
	v.ID, v.Name, v.State, v.Began, v.Changed = g.ID, g.Name, g.state(), g.began, g.began
	v.Entered = map[schedule.State]time.Time{}
	if g.job != nil {
		j := g.job.View()
		v.State, v.Cause, v.Entered, v.Ended, v.Restarts = j.State, j.Cause, j.Entered, j.Stopped, j.Restarts
		v.Checkpoints = g.job.Checkpoints()
	}
	v.Entered[Initializing] = g.began
	if g.job == nil {
		v.Entered[v.State] = g.began
	}
	for _, at := range v.Entered {
		if at.After(v.Changed) {
			v.Changed = at
		}
	}
	if !v.State.Done() {
		v.Waits = g.fleet.reason()
	}
	v.Scaling = g.fleet.scalingView()
	if g.job != nil {
		v.Scaling.Rescales = g.job.Rescales()
	}
	return v
}

// wholeView is also what the record has.
func (g *managed) wholeView() *JobView {
	v := g.view()
	if g.archived == nil {
		g.record.view(v)
		v.Tasks = g.record.count(v.State)
	}
	return v
}

// decide notes that a job has ended, and that this is recorded if anything is. It may still have workers.
func (m *Manager) decide(g *managed) {
	g.decided = true
	m.keepEnded(g)
}

// retire notes that a job has nothing any more: that it has ended may still have to be recorded.
func (m *Manager) retire(g *managed) {
	g.retired = true
	m.keepEnded(g)
	m.trim()
}

// trim forgets jobs that have ended and are too many, the oldest of them, or have ended too long ago.
func (m *Manager) trim() {
	now, next := m.o.Clock.Now(), time.Duration(0)
	expired := func(g *managed) bool {
		if m.o.Expire == 0 {
			return false
		}
		left := m.o.Expire
		if at := g.ended(); !at.IsZero() {
			left -= now.Sub(at)
		}
		if left > 0 && (next == 0 || left < next) {
			next = left
		}
		return left <= 0
	}
	over := -m.o.Keep
	for _, id := range m.order {
		if m.jobs[id].retired {
			over++
		}
	}
	m.order = slices.DeleteFunc(m.order, func(id string) bool {
		g := m.jobs[id]
		if !g.retired || over <= 0 && !expired(g) {
			return false
		}
		over--
		m.forget(g)
		delete(m.jobs, id)
		return true
	})
	if m.expiry != nil {
		m.expiry()
		m.expiry = nil
	}
	if next > 0 {
		m.expiry = m.after(next, m.trim)
	}
}

// ended is when a job that is retired has ended, zero if it is about to.
func (g *managed) ended() time.Time {
	if g.archived != nil {
		return g.archived.Ended
	}
	if g.job == nil { // it could not begin
		return g.began
	}
	return g.job.View().Stopped
}

// DisposeSavepoint deletes the savepoint at path.
func (m *Manager) DisposeSavepoint(ctx context.Context, path string) error {
	return storage.Dispose(ctx, path, nil)
}
