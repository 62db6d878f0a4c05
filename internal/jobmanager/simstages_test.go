package jobmanager

import (
	"slices"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/schedule"
)

// keep notes that a task of a job in stages has made its results, in a worker of the TaskManager.
func (tm *simTM) keep(job string, deployment, place int) {
	tm.w.count["results"]++
	if tm.results == nil {
		tm.results = map[string]map[int][]int{}
	}
	if tm.results[job] == nil {
		tm.results[job] = map[int][]int{}
	}
	tm.results[job][deployment] = append(tm.results[job][deployment], place)
}

// damage makes results unreadable.
func (tm *simTM) damage() {
	tm.damaged = true
	for _, job := range sortedKeys(tm.results) {
		for _, deployment := range sortedKeys(tm.results[job]) {
			tm.w.note("what deployment %d of %s has made is damaged at %s", deployment, job, tm.id)
			tm.results[job][deployment] = nil
		}
	}
}

func (tm *simTM) discard(m *control.Discard) {
	tm.w.count["results that are discarded"]++
	tm.w.note("%s discards what deployment %d of %.8s… has made", tm.id, m.Deployment, m.Job[24:])
	if m.Deployment == 0 {
		delete(tm.results, m.Job)
		return
	}
	delete(tm.results[m.Job], m.Deployment)
	if len(tm.results[m.Job]) == 0 {
		delete(tm.results, m.Job)
	}
}

// unreadable reports whether all results are there that a deployment reads, and if not, the deployment whose results are
// missing, 0 if their TaskManager is not reached. They must be there, if the worker counts, the TaskManager was
// never gone, and nothing was damaged there.
func (wk *simWorker) unreadable(d *control.Deploy) (lost int, all bool) {
	w := wk.w
	for _, r := range d.Results {
		w.count["results that are read"]++
		name := d.Managers[r.Manager].Name
		i := slices.IndexFunc(w.tms, func(tm *simTM) bool { return tm.id == name })
		if i >= 0 && slices.Contains(w.tms[i].results[wk.job.ID][r.Deployment], r.Place) {
			continue
		}
		w.count["results that are lost"]++
		if i >= 0 && w.tms[i].lives == 1 && !w.tms[i].damaged && w.tms[i].known() && wk.trusted() && !wk.job.managed.job.State().Done() &&
			wk.wanted(d) {
			w.fail("%s reads the result of task %d, which deployment %d has made at %s, and it is not there",
				wk.name, r.Place, r.Deployment, name)
		}
		if i < 0 {
			return 0, false
		}
		return r.Deployment, false
	}
	return 0, true
}

// wanted reports whether the Manager still wants what it has had deployed.
func (wk *simWorker) wanted(d *control.Deploy) bool {
	f := wk.job.managed.fleet
	return slices.ContainsFunc(d.Deployments, func(n schedule.Deployment) bool { return f.runs[n.Number] != nil })
}
