package jobmanager

import (
	"log/slog"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/worker"
)

// TestFormerWorkers: the slots of a TaskManager that comes back with workers of before are granted when these have ended,
// and one that does not end them is taken to be lost.
func TestFormerWorkers(t *testing.T) {
	c := clock.NewManual(time.Unix(1_000_000, 0))
	m := New(Options{Clock: c, Log: slog.New(slog.DiscardHandler), AnswerTimeout: time.Second})
	defer m.Close()
	tm, r := arrive(m, "tm-1", "a", "b")
	wantFree(t, m, 0)
	for i, name := range []string{"a", "b"} {
		if len(r.sent) <= i || r.sent[i].StopWorker == nil || r.sent[i].StopWorker.Name != name {
			t.Fatalf("it is told %v, and not to end %s", r.sent, name)
		}
		wantFree(t, m, 0)
		m.do(func() { tm.receive(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{Name: name}}) })
	}
	wantFree(t, m, 2)
	_, silent := arrive(m, "tm-2", "c")
	c.Advance(time.Second)
	wantFree(t, m, 2)
	if v := m.Cluster(); r.aborted != nil || silent.aborted == nil || v.TaskManagers != 1 {
		t.Errorf("%d TaskManagers are left, connections ended with %v and %v", v.TaskManagers, r.aborted, silent.aborted)
	}
}

// TestWorkersOfEarlierLeader: slots beside a worker that an earlier leader has left are granted when it is known what
// becomes of it: it has ended, since its job starts again.
func TestWorkersOfEarlierLeader(t *testing.T) {
	m := New(Options{Runner: idle{}, Log: slog.New(slog.DiscardHandler)})
	defer m.Close()
	m.pool = schedule.NewPool(m.o.Pool, m.o.Epoch, true)
	g := &managed{}
	g.ID, g.Graph = "job", &graph.JobGraph{Vertices: []graph.Vertex{{
		Name: "v", Parallelism: 1, SlotGroup: "default", Operators: []graph.Operator{{MaxParallelism: 4}},
	}}}
	g.record, g.fleet = newRecord(m.o.Clock, g.Graph), newFleet(m, g)
	g.fleet.recovery = &recovery{}
	w := &member{fleet: g.fleet, taskManager: "tm-1"}
	w.peer.Name = "a"
	g.fleet.members, g.fleet.names["tm-1"], m.workers["a"] = []*member{w}, w, w
	m.jobs[g.ID], m.order = g, []string{g.ID}

	tm, r := arrive(m, "tm-1", "a")
	if len(r.sent) > 0 {
		t.Fatalf("it is told %v before it is known what the worker runs", r.sent)
	}
	m.do(m.closeWindow)
	if len(r.sent) != 1 || r.sent[0].StopWorker == nil || g.fleet.recovery.phase != clearing {
		t.Fatalf("it is told %v, and not to end the worker", r.sent)
	}
	wantFree(t, m, 0)
	m.do(func() { tm.receive(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{Name: "a"}}) })
	wantFree(t, m, 2)
}

// idle runs actors, and no work.
type idle struct{ worker.Goroutines }

func (idle) Go(actor.Work, func()) {}

// arrive has a TaskManager register that has two slots, which it says are free, and workers.
func arrive(m *Manager, id string, workers ...string) (*taskManager, *recorder) {
	tm, r := newTaskManager(m), &recorder{}
	tm.conn = r
	m.do(func() {
		tm.receive(&control.FromTaskManager{Register: &control.Register{ID: id, Slots: make([]control.Slot, 2), Workers: workers}})
	})
	return tm, r
}

func wantFree(t *testing.T, m *Manager, want int) {
	t.Helper()
	if v := m.Cluster(); v.FreeSlots != want {
		t.Errorf("%d of %d slots are free, want %d", v.FreeSlots, v.Slots, want)
	}
}

// recorder is a connection that notes what goes over it. It belongs to the Manager's actor.
type recorder struct {
	sent    []*control.ToTaskManager
	aborted error
}

func (r *recorder) Send(m *control.ToTaskManager) { r.sent = append(r.sent, m) }
func (r *recorder) Abort(err error)               { r.aborted = err }
func (r *recorder) Heard() time.Time              { return time.Time{} }
