package schedule

// Adopted is what runs of a job whose former JobManager is gone.
type Adopted struct {
	// Deployments has one of each region. Their tasks are not looked at.
	Deployments []Deployment
	// Coordinators is the generation that runs.
	Coordinators int
	// Ended tells, by place, which tasks have processed their input.
	Ended []bool
}

// Adopt goes on with what runs already, in place of Start. What has happened since the newest checkpoint of
// Config.Restore goes on to count; checkpoints that were under way are given up.
func (e *Execution) Adopt(now int64, a Adopted) []Action {
	return e.step(now, func() {
		for _, d := range a.Deployments {
			r := e.regions[d.Region]
			r.number, r.attempt, r.open, r.deployed = d.Number, d.Attempt, len(r.tasks), true
			e.number = max(e.number, d.Number)
		}
		e.started, e.generation = a.Coordinators, a.Coordinators
		for place, ended := range a.Ended {
			e.tasks[place].ended = ended
		}
		e.from = e.cfg.Restore
		e.checkpoints.Restored(e.from)
		e.do(Adopt{idOf(e.from)})
		e.allRun()
	})
}
