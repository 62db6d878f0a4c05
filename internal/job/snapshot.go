package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
)

// Snapshot takes the state of the whole job while it runs, into memory.
func (j *Job) Snapshot(ctx context.Context) (*checkpoint.Snapshot, error) {
	s, _, err := j.take(ctx, checkpoint.Request{
		Flags: operator.Full | j.opts.Checkpoints.Flags&^operator.Native, InMemory: true,
	})
	return s, err
}

// Checkpoint takes a checkpoint now.
func (j *Job) Checkpoint(ctx context.Context) (id int64, err error) {
	s, _, err := j.take(ctx, checkpoint.Request{Flags: j.opts.Checkpoints.Flags})
	if err != nil {
		return 0, err
	}
	return s.ID, nil
}

// Begin begins a snapshot and returns at once; the End of r hears what becomes of it, unless the job has
// ended before.
func (j *Job) Begin(r checkpoint.Request) { j.master.Post(func() { j.request(r) }) }

// Drain ends all sources and takes a snapshot when all input is processed. It returns at once, as Begin.
func (j *Job) Drain(r checkpoint.Request) {
	j.tell(func(now int64) []schedule.Action { return j.exec.Drain(now, r) })
}

// take takes a snapshot and waits for it.
func (j *Job) take(ctx context.Context, r checkpoint.Request) (*checkpoint.Snapshot, string, error) {
	type result struct {
		s        *checkpoint.Snapshot
		location string
		err      error
	}
	done := make(chan result, 1)
	var ticket int64 // of the master
	r.End = func(s *checkpoint.Snapshot, location string, err error) { done <- result{s, location, err} }
	j.master.Post(func() { ticket = j.request(r) })
	select {
	case r := <-done:
		return r.s, r.location, r.err
	case <-ctx.Done():
		cause := context.Cause(ctx)
		j.tell(func(now int64) []schedule.Action { return j.exec.Withdraw(now, ticket, cause) })
		return nil, "", cause
	case <-j.done:
		select {
		case r := <-done:
			return r.s, r.location, r.err
		default:
			return nil, "", fmt.Errorf("the job is %v", j.State())
		}
	}
}

// takesSnapshots reports whether the job's operators do, which they do not in batch mode.
func (j *Job) takesSnapshots() bool { return !j.opts.Batch && !j.graph.Final }

// request asks for a snapshot and returns the ticket by which it can be withdrawn.
func (j *Job) request(r checkpoint.Request) int64 {
	ticket, actions := j.exec.Begin(j.now(), r)
	j.act(actions)
	return ticket
}

// snapshotAtBatch takes the snapshot that is wanted at one of the sources' batches.
func (j *Job) snapshotAtBatch() {
	j.master.Post(func() {
		j.request(checkpoint.Request{
			Flags: operator.Full | j.opts.Checkpoints.Flags&^operator.Native, InMemory: true,
			End: func(s *checkpoint.Snapshot, _ string, err error) { j.opts.OnSnapshot(s, err) },
		})
	})
}

// checkRestore refuses a snapshot that does not fit the graph.
func (j *Job) checkRestore() error {
	if j.opts.Restore == nil {
		return nil
	}
	known := map[string]int{}
	for o := range j.graph.Operators() {
		known[o.UID] = o.MaxParallelism
	}
	var lost []string
	for uid, o := range j.opts.Restore.Operators {
		maximum, ok := known[uid]
		if !ok {
			if hasState(o) {
				lost = append(lost, fmt.Sprintf("%q (uid %s)%s", o.Name, uid, j.instead(o.Name)))
			}
			continue
		}
		if maximum != o.MaxParallelism {
			return fmt.Errorf("operator %q: its state has %d key groups, but its maximum parallelism"+
				" is now %d; set MaxParallelism to %d, or rewrite the snapshot with "+
				"flott state rehash", o.Name, o.MaxParallelism, maximum, o.MaxParallelism)
		}
	}
	if len(lost) > 0 && !j.opts.AllowNonRestored {
		slices.Sort(lost)
		return fmt.Errorf("the snapshot has state of operators that the job does not have: %s; give "+
			"the operators their uid again, which in SQL follows from what they compute, or allow non-restored state",
			strings.Join(lost, ", "))
	}
	return nil
}

// instead is the operator that the job may have in place of one that it does not have: of the same name, or else of the same
// kind, which the name of an operator of SQL begins with.
func (j *Job) instead(name string) string {
	kind, _, isCall := strings.Cut(name, "(")
	other := ""
	for n := range j.graph.Operators() {
		if j.opts.Restore.Operators[n.UID] != nil {
			continue
		}
		if n.Name == name {
			return fmt.Sprintf(", where the job has one of the name (uid %s) on other input or of other types", n.UID)
		}
		if isCall && other == "" && strings.HasPrefix(n.Name, kind+"(") {
			other = fmt.Sprintf(", where the job has %q (uid %s)", n.Name, n.UID)
		}
	}
	return other
}

func hasState(o *checkpoint.OperatorState) bool {
	if len(o.Coordinator) > 0 {
		return true
	}
	for _, s := range o.Subtasks {
		if s != nil && !s.Empty() {
			return true
		}
	}
	return false
}
