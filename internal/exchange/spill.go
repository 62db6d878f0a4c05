package exchange

import (
	"sync/atomic"

	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

// Budgets of batch mode, in bytes.
const (
	// DefaultSpillBytes is what the blocking exchanges of a job keep in memory.
	DefaultSpillBytes = 64 << 20
	// DefaultSortBytes is what a subtask sorts in memory.
	DefaultSortBytes = 64 << 20
)

// Spill is where a job keeps what does not fit into memory, in batch mode, of feedback and of
// outputs that overflow: a directory of compressed files, and what may stay in memory before.
type Spill struct {
	spill.Dir
	// Bytes, SortBytes, FeedbackBytes (of a channel) and OverflowBytes (of an output) are the
	// budgets; 0 stands for the defaults.
	Bytes, SortBytes, FeedbackBytes, OverflowBytes int64

	used atomic.Int64 // by partitions in memory
}

func (s *Spill) budget() int64 {
	if s.Bytes > 0 {
		return s.Bytes
	}
	return DefaultSpillBytes
}

func (s *Spill) sortBudget() int64 {
	if s.SortBytes > 0 {
		return s.SortBytes
	}
	return DefaultSortBytes
}

func (s *Spill) feedbackBudget() int64 {
	if s.FeedbackBytes > 0 {
		return s.FeedbackBytes
	}
	return DefaultFeedbackBytes
}

func (s *Spill) overflowBudget() int64 {
	if s.OverflowBytes > 0 {
		return s.OverflowBytes
	}
	return operator.DefaultOverflowBytes
}
