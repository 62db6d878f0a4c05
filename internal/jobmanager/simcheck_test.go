package jobmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/storage"
)

// checkAlone checks that a task that is deployed does not run yet, and nothing of another layout.
func (j *simJob) checkAlone(w *simWorld, in *simWorker, place int, parallelism []int) {
	if !in.trusted() {
		return // a message on the way to a worker that was given up
	}
	for _, wk := range j.workers {
		if t := wk.tasks[place]; t != nil && wk.alive && wk.epoch != w.leader.number && !wk.forsaken {
			w.fail("task %d is deployed to %s while %s of an earlier JobManager still has it", place, in.name, wk.name)
		}
		if t := wk.tasks[place]; t != nil && wk.trusted() {
			w.fail("task %d is deployed to %s while deployment %d runs in %s", place, in.name, t.deployment, wk.name)
		}
		for _, t := range wk.tasks {
			if wk.trusted() && !slices.Equal(t.of, parallelism) {
				w.fail("rescaled to %v while a task of %v runs in %s", parallelism, t.of, wk.name)
			}
		}
	}
}

// newest is the newest checkpoint that is complete, 0 if there is none.
func (j *simJob) newest(w *simWorld) (id int64) {
	if j.Directory != "" {
		s, _, err := storage.New(w.disk, j.ID, storage.Options{}).Latest(context.Background())
		switch {
		case errors.Is(err, storage.ErrNone):
			return 0
		case err != nil:
			w.fail("the newest checkpoint of %s: %v", j.Name, err)
			return 0
		}
		return s.ID
	}
	for _, s := range j.managed.job.Checkpoints().Checkpoints {
		if s.Status == checkpoint.Completed && !s.Savepoint {
			id = max(id, s.ID)
		}
	}
	return id
}

// checkRestore checks what a deployment starts from.
func (j *simJob) checkRestore(w *simWorld, d *control.Deploy) {
	if j.checked[d.Deployments[0].Number] || j.managed.job.State().Done() {
		return
	}
	j.checked[d.Deployments[0].Number] = true
	s := &checkpoint.Snapshot{}
	if len(d.Restore) > 0 {
		var err error
		if s, err = checkpoint.DecodeManifest(d.Restore); err != nil {
			w.fail("%s restores from what cannot be read: %v", j.Name, err)
			return
		}
		w.count["restores"]++
	}
	if newest := j.newest(w); s.ID != newest {
		w.fail("%s restores from checkpoint %d, the newest is %d", j.Name, s.ID, newest)
	}
	if s.ID < j.complete {
		w.fail("%s restores from checkpoint %d, and %d was told complete", j.Name, s.ID, j.complete)
	}
	if s.ID == 0 {
		return
	}
	of := map[int]int{} // deployments of regions
	layout := ""
	for v := range j.Graph.Vertices {
		o := s.Operators[j.Graph.Vertices[v].Name]
		if o == nil {
			w.fail("checkpoint %d of %s lacks vertex %d", s.ID, j.Name, v)
			return
		}
		for i, subtask := range o.Subtasks {
			chain, index, region, deployment, of1 := 0, 0, 0, 0, ""
			if subtask == nil || len(subtask.List["task"]) != 1 {
				w.fail("checkpoint %d of %s lacks subtask %d of %d", s.ID, j.Name, i, v)
				return
			}
			text := string(subtask.List["task"][0])
			if _, err := fmt.Sscan(text, &chain, &index, &region, &deployment, &of1); err != nil || chain != v || index != i {
				w.fail("checkpoint %d of %s has %q for subtask %d of %d", s.ID, j.Name, text, i, v)
			}
			if first := of[region]; first != 0 && first != deployment {
				w.fail("checkpoint %d of %s has parts of deployments %d and %d of region %d", s.ID, j.Name, first, deployment, region)
			}
			of[region] = deployment
			if layout == "" {
				layout = of1
			}
			if n := strings.Split(layout, ",")[v]; layout != of1 || n != fmt.Sprint(len(o.Subtasks)) {
				w.fail("checkpoint %d of %s has %d subtasks of vertex %d, of layouts %s and %s",
					s.ID, j.Name, len(o.Subtasks), v, layout, of1)
			}
		}
	}
}

// layoutText writes the parallelism of the vertices without spaces.
func layoutText(parallelism []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(parallelism), "[]"), " ", ",")
}

// checkTold checks that a checkpoint which is told complete is.
func (j *simJob) checkTold(w *simWorld, id int64) {
	if j.Directory == "" {
		return
	}
	if j.managed == nil || j.managed.job == nil {
		return
	}
	for _, s := range j.managed.job.Checkpoints().Checkpoints {
		if s.ID == id && s.Status != checkpoint.Completed {
			w.fail("checkpoint %d of %s is told complete and is %v", id, j.Name, s.Status)
		}
	}
}

// hanging reports whether something of the job does not end.
func (j *simJob) hanging() bool {
	return slices.ContainsFunc(j.workers, func(wk *simWorker) bool {
		for _, t := range wk.tasks {
			if t.hangs {
				return true
			}
		}
		return wk.alive && wk.hangs
	})
}

// checkObeys checks that nobody goes back to an earlier leader.
func (w *simWorld) checkObeys(who string, l *simLeader, obeyed *int) {
	if l.number < *obeyed {
		w.fail("%s connects with JobManager %d, and was connected with %d", who, l.number, *obeyed)
	}
	*obeyed = l.number
}
