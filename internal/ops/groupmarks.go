package ops

import (
	"encoding/binary"
	"errors"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// GroupMarks knows, after a restore, how far the watermark of each key group had come.
//
// Whether a record is late, and whether a window has fired, depends on the watermark. The subtasks of
// an operator do not have the same one when an unaligned barrier reaches them: it is ahead of records
// and watermarks that are in flight to them. So when a subtask takes over key groups of several old
// ones, each group goes on from its own watermark:
//
//	group 3, to 100: window [80 100) has fired, a record at 90 is late
//	group 4, to  70: it has not, and there may be such records in flight
//
// The operator's watermark is then the least one of its groups. As soon as it has caught up with the
// greatest, there is no difference any more, and no cost.
type GroupMarks struct {
	groups int // of the operator
	first  int
	marks  []int64 // of the own groups; nil when none is ahead of the operator's watermark
	high   int64   // the greatest of them
}

// groupMarksState is the union state of the operator: first and last key group, and their watermark.
const groupMarksState = "watermarks"

var errGroupMarks = errors.New("the watermarks of an operator's key groups are cut off")

// Restore returns the watermark to begin with.
func (g *GroupMarks) Restore(ctx *operator.Context) (int64, error) {
	first, last := ctx.KeyGroups()
	*g = GroupMarks{groups: ctx.MaxParallelism, first: first, high: batch.MinTime}
	if ctx.Restored == nil || len(ctx.Restored.Union[groupMarksState]) == 0 {
		return batch.MinTime, nil
	}
	marks := make([]int64, last-first+1)
	for i := range marks {
		marks[i] = batch.MinTime
	}
	for _, item := range ctx.Restored.Union[groupMarksState] {
		from, n := binary.Uvarint(item)
		to, m := binary.Uvarint(item[max(n, 0):])
		if n <= 0 || m <= 0 {
			return 0, errGroupMarks
		}
		mark, k := binary.Varint(item[n+m:])
		if k <= 0 {
			return 0, errGroupMarks
		}
		for kg := max(first, int(from)); kg <= min(last, int(to)); kg++ {
			marks[kg-first] = mark
		}
	}
	low := int64(batch.MaxTime)
	for _, m := range marks {
		low, g.high = min(low, m), max(g.high, m)
	}
	if low < g.high {
		g.marks = marks
	}
	return low, nil
}

// Snapshot writes the watermark of all groups; mark is the operator's.
func (g *GroupMarks) Snapshot(w *operator.Snapshot, ctx *operator.Context, mark int64) {
	first, last := ctx.KeyGroups()
	for from := first; from <= last; {
		m, to := g.OfGroup(from, mark), from
		for to < last && g.OfGroup(to+1, mark) == m {
			to++
		}
		if m == batch.MaxTime {
			m = batch.MinTime // all was processed; what comes after a restore is something new
		}
		item := binary.AppendUvarint(nil, uint64(from))
		item = binary.AppendUvarint(item, uint64(to))
		w.Union(groupMarksState, binary.AppendVarint(item, m))
		from = to + 1
	}
}

// Differ reports whether groups are ahead of the operator's watermark.
func (g *GroupMarks) Differ() bool { return g.marks != nil }

// OfGroup is the watermark of a key group; mark is the operator's.
func (g *GroupMarks) OfGroup(kg int, mark int64) int64 {
	if g.marks == nil {
		return mark
	}
	return max(mark, g.marks[kg-g.first])
}

// High is the greatest watermark of a group, where groups are ahead.
func (g *GroupMarks) High() int64 { return g.high }

// Of is the watermark of the group of a key with a hash; mark is the operator's.
func (g *GroupMarks) Of(hash uint64, mark int64) int64 {
	if g.marks == nil {
		return mark
	}
	return g.OfGroup(codec.KeyGroup(hash, g.groups), mark)
}

// Reached tells that the operator's watermark is mark, and all that had to be done up to it is done.
func (g *GroupMarks) Reached(mark int64) {
	if g.marks != nil && mark >= g.high {
		g.marks = nil
	}
}

// Each calls rows for a run of rows, one by one, with *mark as the watermark of the row's group.
func (g *GroupMarks) Each(mark *int64, from, to int, hash func(i int) uint64, rows func(i int) bool,
) int {
	base := *mark
	defer func() { *mark = base }()
	for i := from; i < to; i++ {
		*mark = g.Of(hash(i), base)
		if !rows(i) {
			return i + 1
		}
	}
	return to
}
