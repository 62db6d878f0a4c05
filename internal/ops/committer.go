package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// Committables are the rows by which writers hand what they have prepared to a Committer.
var Committables = &row.Schema{Fields: []row.Field{{Name: "committable", Type: row.BytesType()}}}

// Committer commits what all subtasks of a sink have prepared, in one subtask.
//
//	writer 0 ── a  b  ┃ ──╮                  ┃  what is sent before a barrier, or before the end of
//	writer 1 ── c  ┃ ─────┼──▶ Committer        the input, is prepared for its checkpoint
//	writer 2 ──────── ┃ ──╯
//
// The barrier overtakes nothing on the way (graph.Edge.Aligned), so when it is aligned here, all of its checkpoint
// is here, in the state of this operator, and nothing of a later one. That is committed when the checkpoint is
// complete. Writers keep nothing of it.
type Committer struct {
	ctx       *operator.Context
	sink      connect.GlobalTwoPhase
	committer connect.GlobalCommitter
	current   connect.Prepared
	sealed    []sealed // waits for the completion of checkpoints, oldest first
}

// sealed is what was prepared for a checkpoint.
type sealed struct {
	checkpoint int64
	connect.Prepared
}

const (
	committerState       = "committer"
	committerSealedState = "prepared"
)

// NewCommitter returns the operator.
func NewCommitter(sink connect.GlobalTwoPhase) *Committer {
	return &Committer{sink: sink, current: connect.Prepared{Watermark: math.MinInt64}}
}

// Open makes the committer and commits what was prepared before a restore.
func (c *Committer) Open(ctx *operator.Context) (err error) {
	c.ctx = ctx
	var state []byte
	var again []sealed
	if ctx.Restored != nil {
		if states := ctx.Restored.List[committerState]; len(states) > 0 {
			state = states[0]
		}
		for _, b := range ctx.Restored.List[committerSealedState] {
			s, err := decodeSealed(b)
			if err != nil {
				return fmt.Errorf("restore what is prepared: %w", err)
			}
			again = append(again, s)
		}
	}
	if c.committer, err = c.sink.GlobalCommitter(writerContext(ctx), state); err != nil {
		return err
	}
	slices.SortFunc(again, func(a, b sealed) int { return cmp.Compare(a.checkpoint, b.checkpoint) })
	for i := range again {
		if fault.Seeded(fault.SkipCommitAgain) {
			break
		}
		// The checkpoint that holds it is complete, else it would not be restored.
		if err := c.committer.Commit(&again[i].Prepared); err != nil {
			return fmt.Errorf("commit again after restore: %w", err)
		}
	}
	return nil
}

// Receiver is the operator itself.
func (c *Committer) Receiver(int) any { return batch.ColumnReceiver(c) }

// Connect is an error: there is no output.
func (c *Committer) Connect(string, any) error { return fmt.Errorf("a committer has no output") }

// Push keeps what is prepared.
func (c *Committer) Push(b *batch.Columns) bool {
	for i := range b.Len() {
		c.current.Committables = append(c.current.Committables, slices.Clone(b.Cols[0].Bytes(b.Row(i))))
	}
	if n := len(b.Marks); n > 0 {
		c.current.Watermark = b.Marks[n-1].Time
	}
	b.Release()
	return true
}

// Resume has nothing pending.
func (c *Committer) Resume() bool { return true }

// Prepare ends what belongs to a checkpoint.
func (c *Committer) Prepare(checkpoint int64) error {
	c.seal(checkpoint)
	return nil
}

// Control ends what belongs to the last checkpoint.
func (c *Committer) Control(x operator.Control) {
	if x.Kind == operator.EndOfInput && x.Input < 0 {
		c.current.End = true
		c.seal(unassigned)
	}
}

func (c *Committer) seal(checkpoint int64) {
	c.sealed = append(c.sealed, sealed{checkpoint, c.current})
	c.current = connect.Prepared{Watermark: c.current.Watermark}
}

// Snapshot writes the committer's state, which is that after the last commit, and what is to be committed yet.
func (c *Committer) Snapshot(w *operator.Snapshot) error {
	state, err := c.committer.Snapshot()
	if err != nil {
		return err
	}
	if state != nil {
		w.List(committerState, state)
	}
	for i := range c.sealed {
		s := &c.sealed[i]
		s.checkpoint = min(s.checkpoint, w.Checkpoint)
		w.List(committerSealedState, s.encode())
	}
	return nil
}

// Completed commits what was prepared up to a checkpoint.
func (c *Committer) Completed(checkpoint int64) error {
	for len(c.sealed) > 0 && (c.sealed[0].checkpoint <= checkpoint || checkpoint == operator.FinalCheckpoint) {
		if err := c.committer.Commit(&c.sealed[0].Prepared); err != nil {
			return fmt.Errorf("commit checkpoint %d: %w", checkpoint, err)
		}
		c.sealed = c.sealed[1:]
	}
	return nil
}

// Aborted keeps what was prepared: the next completed checkpoint commits it.
func (c *Committer) Aborted(int64) {}

// Close closes the committer.
func (c *Committer) Close() error {
	if c.committer == nil {
		return nil
	}
	return c.committer.Close()
}

func (s *sealed) encode() []byte {
	b := appendInt(appendInt(nil, s.checkpoint), s.Watermark)
	end := int64(0)
	if s.End {
		end = 1
	}
	b = appendInt(b, end)
	for _, item := range s.Committables {
		b = appendBytes(b, item)
	}
	return b
}

func decodeSealed(b []byte) (s sealed, err error) {
	var end int64
	for _, v := range []*int64{&s.checkpoint, &s.Watermark, &end} {
		if *v, b, err = takeInt(b); err != nil {
			return s, err
		}
	}
	s.End = end != 0
	for len(b) > 0 {
		var item []byte
		if item, b, err = takeBytes(b); err != nil {
			return s, err
		}
		s.Committables = append(s.Committables, item)
	}
	return s, nil
}
