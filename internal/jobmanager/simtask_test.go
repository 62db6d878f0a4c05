package jobmanager

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/operator"
)

func (wk *simWorker) deploy(d *control.Deploy) {
	w, j := wk.w, wk.job
	w.note("%s: %+v, coordinators %d in %d of %v", wk.name, d.Deployments, d.Coordinators, d.Coordinator, d.Places)
	if d.Workers[d.Self].Name != wk.name {
		w.fail("%s is taken for %s", wk.name, d.Workers[d.Self].Name)
	}
	if wk.trusted() {
		j.checkRestore(w, d)
	}
	wk.last = d
	if wk.refuse(d) {
		return
	}
	if d.Coordinators != 0 && d.Coordinator == d.Self {
		wk.given = d.Coordinators
		if wk.coords != 0 {
			w.fail("coordinators %d start in %s, where %d run", d.Coordinators, wk.name, wk.coords)
		}
		wk.coords = d.Coordinators
	}
	if !w.calm && w.rng.IntN(400) == 0 {
		for _, n := range d.Deployments {
			wk.send(&control.FromWorker{DeployFailed: &control.DeployFailed{Deployment: n.Number, Error: "it cannot be built"}})
		}
		return
	}
	wk.layout = d.Parallelism
	parts := partsOf(d.Parallelism)
	for _, n := range d.Deployments {
		for _, place := range n.Tasks {
			if int(d.Places[place]) != d.Self {
				continue
			}
			j.checkAlone(w, wk, place, d.Parallelism)
			wk.tasks[place] = &simTask{
				deployment: n.Number, attempt: n.Attempt, region: n.Region, part: parts[place], of: d.Parallelism,
			}
			if open := j.barriers[wk.conn.of]; len(open) > 0 {
				wk.tasks[place].delivered = slices.Max(open)
			}
			if n, all := wk.unreadable(d); !all {
				wk.tasks[place].closing = true
				wk.soon(func() {
					delete(wk.tasks, place)
					e := event(d.Deployments[0].Number, place, errTask)
					e.Results = n
					wk.send(&control.FromWorker{TaskClosed: e})
				})
			}
		}
		wk.soon(func() { wk.send(&control.FromWorker{Deployed: &control.Deployed{Deployment: n.Number}}) })
	}
	if wk.trusted() && wk.tm.known() {
		wk.tm.checkSlots()
	}
}

// refuse tells that the worker cannot run a deployment, if it does not reach another worker.
func (wk *simWorker) refuse(d *control.Deploy) bool {
	w, j := wk.w, wk.job
	refuse := !w.calm && w.rng.IntN(40) == 0
	for _, at := range d.Places {
		if at >= 0 {
			name := d.Workers[at].Name
			refuse = refuse || !slices.ContainsFunc(j.workers, func(o *simWorker) bool { return o.name == name && o.alive })
		}
	}
	if !refuse {
		return false
	}
	w.note("%s refuses", wk.name)
	for _, n := range d.Deployments {
		here := false
		for _, place := range n.Tasks {
			if int(d.Places[place]) == d.Self {
				here = true
				wk.send(&control.FromWorker{TaskClosed: event(n.Number, place, errTask)})
			}
		}
		if !here {
			wk.send(&control.FromWorker{TaskFailed: event(n.Number, n.Tasks[0], errTask)})
		}
	}
	if d.Coordinators != 0 && d.Coordinator == d.Self {
		wk.given = d.Coordinators
		wk.send(&control.FromWorker{CoordinatorFailed: &control.CoordinatorFailed{
			Generation: d.Coordinators, Error: errTask.Error(),
		}})
	}
	return true
}

var errTask = errors.New("a task failed")

func event(deployment, place int, err error) *control.TaskEvent {
	e := &control.TaskEvent{Deployment: deployment, Place: place}
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

// cancel ends the tasks of a deployment, or of all.
func (wk *simWorker) cancel(deployment int) {
	for _, place := range sortedKeys(wk.tasks) {
		if t := wk.tasks[place]; deployment == 0 || t.deployment == deployment {
			wk.close(place, nil)
		}
	}
}

// close has a task end, soon or never.
func (wk *simWorker) close(place int, err error) {
	t := wk.tasks[place]
	if t.closing {
		return
	}
	t.closing = true
	if wk.w.rng.IntN(60) == 0 && err == nil {
		wk.w.count["tasks that hang"]++
		wk.w.note("task %d hangs in %s", place, wk.name)
		t.hangs = true
		return
	}
	wk.soon(func() {
		if wk.tasks[place] == t {
			delete(wk.tasks, place)
		}
		wk.send(&control.FromWorker{TaskClosed: event(t.deployment, place, err)})
	})
}

func (wk *simWorker) letGo(deployment int, commit bool) {
	for _, place := range sortedKeys(wk.tasks) {
		t := wk.tasks[place]
		if deployment != 0 && t.deployment != deployment {
			continue
		}
		if commit && !t.ended {
			wk.w.fail("task %d is let go in %s and has not ended", place, wk.name)
		}
		if err := error(nil); !t.closing {
			if !wk.w.calm && wk.w.rng.IntN(20) == 0 {
				err = errTask
			}
			wk.close(place, err)
		}
	}
}

func (wk *simWorker) stopCoordinators(generation int) {
	if wk.given != generation {
		wk.w.fail("coordinators %d are stopped in %s, which has had %d", generation, wk.name, wk.given)
	}
	if wk.w.rng.IntN(60) == 0 {
		wk.w.count["tasks that hang"]++
		wk.hangs = true
		return
	}
	wk.soon(func() {
		wk.coords = 0
		wk.send(&control.FromWorker{CoordinatorsClosed: &control.CoordinatorsClosed{Generation: generation}})
	})
}

func (wk *simWorker) open(m *control.Open) {
	w := wk.w
	if m.Stored && wk.job.Directory == "" {
		w.fail("%s is to store checkpoint %d and has nowhere to", wk.name, m.ID)
	}
	wk.soon(func() {
		text := ""
		if !w.calm && w.rng.IntN(60) == 0 {
			text = "there is no room"
		} else {
			wk.opened[m.ID] = true
		}
		wk.send(&control.FromWorker{Opened: &control.Opened{ID: m.ID, Error: text}})
	})
}

func (wk *simWorker) barrier(m *control.Barrier) {
	j, of := wk.job, wk.conn.of
	if !wk.counts() {
		return
	}
	for _, id := range wk.owed {
		if !wk.ended[id] {
			wk.w.fail("%s was not told what has become of checkpoint %d", wk.name, id)
		}
	}
	if m.ID <= wk.before {
		wk.w.fail("%s has checkpoint %d, and had %d before it was adopted", wk.name, m.ID, wk.before)
	}
	if !slices.Contains(j.barriers[of], m.ID) {
		j.barriers[of] = append(j.barriers[of], m.ID)
	}
	if wk.coords == 0 {
		return
	}
	for i, v := range j.Graph.Vertices {
		if v.Source {
			wk.soon(func() {
				wk.send(&control.FromWorker{CoordinatorDelivered: &control.CoordinatorDelivered{
					ID: m.ID, Operator: operatorOf(j, i, wk.layout), State: []byte("state"),
				}})
			})
		}
	}
}

func operatorOf(j *simJob, vertex int, parallelism []int) checkpoint.Operator {
	name := j.Graph.Vertices[vertex].Name
	return checkpoint.Operator{UID: name, Name: name, Parallelism: parallelism[vertex], MaxParallelism: 4}
}

// partsOf are the subtasks by their places.
func partsOf(parallelism []int) (parts []checkpoint.Part) {
	for v, n := range parallelism {
		for i := range n {
			parts = append(parts, checkpoint.Part{Chain: v, Subtask: i})
		}
	}
	return parts
}

func (wk *simWorker) tell(m *control.Tell) {
	wk.ended[m.Checkpoint] = true
	if !m.Completed {
		return
	}
	if m.Checkpoint <= wk.told {
		wk.w.fail("%s is told that checkpoint %d is complete, after %d", wk.name, m.Checkpoint, wk.told)
	}
	wk.told = m.Checkpoint
	if wk.job.Directory != "" || wk.trusted() {
		wk.job.complete = max(wk.job.complete, m.Checkpoint)
	}
	if wk.trusted() {
		wk.job.checkTold(wk.w, m.Checkpoint)
	}
}

// work has something happen to a task.
func (wk *simWorker) work() {
	w := wk.w
	places := sortedKeys(wk.tasks)
	place := places[w.rng.IntN(len(places))]
	t := wk.tasks[place]
	if t.closing {
		return
	}
	for _, id := range wk.job.barriers[wk.conn.of] {
		if id > t.delivered && !wk.ended[id] && w.rng.IntN(4) > 0 {
			t.delivered = id
			wk.deliver(place, t, id)
			return
		}
	}
	switch n := w.rng.IntN(200); {
	case n < 2 || w.calm && n < 20:
		wk.end(place)
	case n == 4 && !w.calm:
		wk.failTask(place)
	case n == 5 && !w.calm && wk.coords != 0 && w.rng.IntN(2) == 0:
		wk.send(&control.FromWorker{CoordinatorFailed: &control.CoordinatorFailed{Generation: wk.coords, Error: "it failed"}})
	}
}

func (wk *simWorker) end(place int) {
	if t := wk.tasks[place]; t != nil && !t.ended && !t.closing {
		t.ended = true
		if wk.job.Stages {
			wk.tm.keep(wk.job.ID, t.deployment, place)
		}
		wk.send(&control.FromWorker{TaskEnded: event(t.deployment, place, nil)})
	}
}

func (wk *simWorker) failTask(place int) {
	t := wk.tasks[place]
	if t.closing {
		return
	}
	wk.w.note("task %d fails in %s", place, wk.name)
	if wk.w.rng.IntN(2) == 0 {
		wk.send(&control.FromWorker{TaskFailed: event(t.deployment, place, errTask)})
	}
	wk.close(place, errTask)
}

// deliver delivers a task's part of a checkpoint.
func (wk *simWorker) deliver(place int, t *simTask, id int64) {
	w, j := wk.w, wk.job
	if !wk.opened[id] {
		if !wk.counts() {
			return // others do not send it barriers
		}
		w.fail("task %d has a barrier of checkpoint %d, and %s does not know where that goes", place, id, wk.name)
	}
	if !w.calm && w.rng.IntN(60) == 0 {
		wk.send(&control.FromWorker{Declined: &control.Declined{ID: id, Error: "it could not be written"}})
		return
	}
	m, err := control.NewDelivered(checkpoint.Delivery{
		ID: id, Part: t.part, Operators: []checkpoint.Operator{operatorOf(j, t.part.Chain, t.of)},
		States: []*operator.Snapshot{{Checkpoint: id, State: operator.State{
			List: map[string][][]byte{"task": {fmt.Append(nil, t.part.Chain, " ", t.part.Subtask, " ", t.region, " ", t.deployment, " ", layoutText(t.of))}},
		}}},
	})
	if err != nil {
		w.fail("%v", err)
		return
	}
	wk.soon(func() { wk.send(&control.FromWorker{Delivered: m}) })
}
