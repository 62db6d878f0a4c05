package worker

import (
	"maps"
	"slices"
	"sync"

	"github.com/flott-dev/flott/internal/control"
)

// running is what an agent's next JobManager must know, if it loses the one that it has, and the connection
// to that. Each event is either sent on the connection that there is, or is part of the hello on the next.
type running struct {
	mu   sync.Mutex
	conn *control.Conn[control.FromWorker, control.ToWorker] // nil while there is none
	left bool                                                // nothing is told any more

	last  *control.Deploy // nil before the first
	tasks map[int]*control.RunningTask
	open  map[int64]bool // checkpoints
	now   control.Running
}

// attach makes c the connection, and introduces the worker.
func (r *running) attach(c *control.Conn[control.FromWorker, control.ToWorker], hello control.Hello) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn = c
	if r.last != nil {
		now := r.now
		now.Workers, now.Self = r.last.Workers, r.last.Self
		now.Parallelism = r.last.Parallelism
		for _, place := range slices.Sorted(maps.Keys(r.tasks)) {
			now.Tasks = append(now.Tasks, *r.tasks[place])
		}
		now.Open = slices.Sorted(maps.Keys(r.open))
		hello.Running = &now
	}
	c.Send(&control.FromWorker{Hello: &hello})
}

// detach forgets the connection. It reports whether it was the one that there is.
func (r *running) detach(c *control.Conn[control.FromWorker, control.ToWorker]) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != c {
		return false
	}
	r.conn = nil
	return true
}

// leave ends what is told, as the worker ends and nobody has asked it to: its tasks are cancelled by that, and to say that
// they are closed would be to say that they were asked to end. That they are gone, and why, is told by the end of the
// connection.
func (r *running) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = true
}

// connection is the one that there is, nil for none.
func (r *running) connection() *control.Conn[control.FromWorker, control.ToWorker] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn
}

// send tells the JobManager, if there is one, what has happened.
func (r *running) send(m *control.FromWorker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case m.TaskEnded != nil:
		if t := r.task(m.TaskEnded); t != nil {
			t.Ended = true
		}
	case m.TaskFailed != nil:
		r.over(m.TaskFailed)
	case m.TaskClosed != nil:
		r.over(m.TaskClosed)
	case m.CoordinatorFailed != nil && m.CoordinatorFailed.Generation == r.now.Coordinators:
		r.now.Coordinators = 0
	}
	if r.conn != nil && !r.left {
		r.conn.Send(m)
	}
}

func (r *running) task(e *control.TaskEvent) *control.RunningTask {
	if t := r.tasks[e.Place]; t != nil && t.Deployment == e.Deployment {
		return t
	}
	return nil
}

func (r *running) over(e *control.TaskEvent) {
	if t := r.task(e); t != nil {
		t.Over = true
	}
}

// heard notes what the JobManager has said.
func (r *running) heard(m *control.ToWorker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case m.Deploy != nil:
		r.deploy(m.Deploy)
	case m.Cancel != nil:
		for _, t := range r.tasks {
			t.Over = t.Over || m.Cancel.Deployment == 0 || t.Deployment == m.Cancel.Deployment
		}
	case m.LetGo != nil:
		for _, t := range r.tasks {
			t.Over = t.Over || m.LetGo.Deployment == 0 || t.Deployment == m.LetGo.Deployment
		}
	case m.StopCoordinators != nil && m.StopCoordinators.Generation == r.now.Coordinators:
		r.now.Coordinators = 0
	case m.Open != nil:
		r.begin(m.Open.ID)
	case m.Barrier != nil:
		r.begin(m.Barrier.ID)
	case m.Tell != nil:
		delete(r.open, m.Tell.Checkpoint)
		if m.Tell.Completed {
			r.now.Completed = max(r.now.Completed, m.Tell.Checkpoint)
		}
	case m.Forget != nil:
		delete(r.open, m.Forget.Checkpoint)
	}
}

func (r *running) begin(checkpoint int64) {
	if r.open == nil {
		r.open = map[int64]bool{}
	}
	r.open[checkpoint] = true
	r.now.Seen = max(r.now.Seen, checkpoint)
}

func (r *running) deploy(d *control.Deploy) {
	r.last = d
	if r.tasks == nil {
		r.tasks = map[int]*control.RunningTask{}
	}
	if d.Coordinators != 0 {
		clear(r.tasks) // all of the job is new, and places may be others'
		r.now.Coordinators = 0
		if d.Coordinator == d.Self {
			r.now.Coordinators = d.Coordinators
		}
	}
	for _, n := range d.Deployments {
		maps.DeleteFunc(r.tasks, func(_ int, t *control.RunningTask) bool { return t.Region == n.Region })
		for _, place := range n.Tasks {
			if int(d.Places[place]) == d.Self {
				r.tasks[place] = &control.RunningTask{
					Place: place, Deployment: n.Number, Region: n.Region, Attempt: n.Attempt,
				}
			}
		}
	}
}
