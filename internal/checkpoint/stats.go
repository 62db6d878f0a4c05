package checkpoint

import (
	"slices"

	"github.com/flott-dev/flott/internal/operator"
)

// Status is how far a checkpoint is.
type Status string

// The statuses.
const (
	InProgress Status = "IN_PROGRESS"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
)

// Stats are the statistics of a checkpoint. Times are in nanoseconds since the Unix epoch.
type Stats struct {
	ID        int64
	Savepoint bool
	Flags     operator.Flags
	Status    Status
	Triggered int64
	Ended     int64 // 0 while it is in progress
	Parts     int
	// Size is what the checkpoint has written, FullSize what it consists of, in bytes of encoded
	// state; InFlight is the bytes of records on the way among it.
	Size, FullSize, InFlight int64
	Subtasks                 []SubtaskStats
	// Location is where it is stored, "" while it is not.
	Location string
	Err      error
}

// SubtaskStats are the statistics of one subtask's part of a checkpoint; durations are in
// nanoseconds.
type SubtaskStats struct {
	Chain, Subtask int
	Acknowledged   int64
	// StartDelay is the time from the trigger to the first barrier, Alignment the time from the first
	// barrier to the last.
	StartDelay, Alignment int64
	// Sync is how long records had to wait for the snapshot, Async how long it was written afterwards.
	Sync, Async int64
	// Processed is the bytes that were processed during the alignment.
	Processed, InFlight int64
	Size, FullSize      int64
}

func (s *Stats) add(t SubtaskStats) {
	s.Size += t.Size
	s.FullSize += t.FullSize
	s.InFlight += t.InFlight
	s.Subtasks = append(s.Subtasks, t)
}

func (s *Stats) finish(now int64, err error) {
	s.Ended, s.Err, s.Status = now, err, Completed
	if err != nil {
		s.Status = Failed
	}
}

// clone shares the subtasks' statistics, which are only ever appended to.
func (s *Stats) clone() Stats {
	c := *s
	c.Subtasks = slices.Clip(s.Subtasks)
	return c
}

// History is the statistics of a job's checkpoints.
type History struct {
	// Checkpoints are the last ones, the oldest first.
	Checkpoints []Stats
	// Completed and Failed are their numbers since the job began.
	Completed, Failed int

	keep int
}

func (h *History) end(s Stats) {
	if s.Status == Failed {
		h.Failed++
	} else {
		h.Completed++
	}
	h.Checkpoints = append(h.Checkpoints, s.clone())
	if over := len(h.Checkpoints) - h.keep; over > 0 {
		h.Checkpoints = slices.Delete(h.Checkpoints, 0, over)
	}
}

func (h *History) clone() History {
	c := *h
	c.Checkpoints = slices.Clone(h.Checkpoints)
	return c
}

// known is the number of bytes of a state's trees that earlier checkpoints have stored.
func known(s *operator.State) (n int64) {
	for _, t := range s.Trees {
		n += t.Bytes() - t.New
	}
	return n
}

// size is the number of bytes of a state, without those.
func size(s *operator.State) (n int64) {
	for _, section := range s.Keyed {
		n += section.Data.Size()
	}
	for _, t := range s.Trees {
		n += t.New
	}
	n += s.InFlightBytes()
	for _, items := range []map[string][][]byte{s.List, s.Union} {
		for _, list := range items {
			for _, item := range list {
				n += int64(len(item))
			}
		}
	}
	for _, item := range s.Broadcast {
		n += int64(len(item))
	}
	return n
}
