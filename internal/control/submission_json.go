package control

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/flott-dev/flott/internal/graph"
)

// EncodeSubmission is the submission as JSON, as clients send it. The keys are the names of the fields. What
// the other side does not know it leaves out, and what it does not get is zero: so sides of neighbouring
// versions understand each other.
func EncodeSubmission(s *Submission) ([]byte, error) { return json.Marshal(s) }

// DecodeSubmission reads a submission, and checks all that the JobManager relies on.
func DecodeSubmission(b []byte) (*Submission, error) {
	s := &Submission{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	return s, nil
}

// isHex reports whether a text is n lower-case hexadecimal digits.
func isHex(text string, n int) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == n && strings.ToLower(text) == text
}

// tasksMost is how many subtasks a job may have: it is to refuse nonsense, not to be reached.
const tasksMost = 1 << 20

func (s *Submission) validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !isHex(s.ID, 32) {
		fail("id %q is not 32 hexadecimal digits", s.ID)
	}
	if s.Hash != "" && !isHex(s.Hash, 64) {
		fail("hash %q is not 64 hexadecimal digits", s.Hash)
	}
	c := &s.Checkpoints
	for _, n := range []int64{
		c.Interval, c.Timeout, c.MinPause, c.SizeMax, s.CancelTimeout,
		int64(c.MaxConcurrent), int64(c.TolerableFailures), int64(c.History), int64(s.Retain),
	} {
		if n < 0 {
			fail("a setting of checkpoints or of cancellation is %d, below 0", n)
		}
	}
	if s.Graph == nil || len(s.Graph.Vertices) == 0 {
		fail("the job is empty")
	} else {
		errs = append(errs, checkGraph(s.Graph)...)
	}
	return errors.Join(errs...)
}

func checkGraph(g *graph.JobGraph) (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	tasks, seen := 0, map[string]bool{}
	for i := range g.Vertices {
		v := &g.Vertices[i]
		if v.Parallelism < 1 || v.Parallelism > graph.MaxMaxParallelism {
			fail("task %d has the parallelism %d", i, v.Parallelism)
			continue
		}
		tasks += v.Parallelism
		if len(v.Operators) == 0 {
			fail("task %d has no operators", i)
		}
		for _, o := range v.Operators {
			if o.UID == "" || seen[o.UID] {
				fail("operator %q of task %d has the uid %q, which is empty or not unique", o.Name, i, o.UID)
			}
			seen[o.UID] = true
			if o.MaxParallelism < v.Parallelism || o.MaxParallelism > graph.MaxMaxParallelism {
				fail("operator %q of task %d has the maximum parallelism %d", o.Name, i, o.MaxParallelism)
			}
		}
		for _, in := range v.In {
			switch {
			case in.From < 0 || in.From >= len(g.Vertices) || in.Input < 0:
				fail("task %d has an input from task %d", i, in.From)
			case in.Strategy == graph.Auto || in.Strategy > graph.Feedback:
				fail("task %d has an input by strategy %d, which is not known here", i, uint8(in.Strategy))
			case (in.Strategy == graph.Forward || in.Strategy == graph.Feedback) &&
				g.Vertices[in.From].Parallelism != v.Parallelism:
				fail("task %d has another parallelism than its %v input", i, in.Strategy)
			}
		}
	}
	if tasks > tasksMost {
		fail("the job has %d subtasks, more than %d", tasks, tasksMost)
	}
	return errs
}
