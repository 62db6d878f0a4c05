package ops

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// sinkCore is what sinks of rows and of columns share: the life of a writer, and what it has prepared.
type sinkCore struct {
	ctx       *operator.Context
	out       sinkWriter
	committer connect.Committer
	// gathered takes what is prepared to the Committer of a connect.GlobalTwoPhase, with the watermark mark; it is nil for
	// others. carried is what was prepared before a restore, when the sink was none.
	gathered *operator.ColumnOutput
	mark     int64
	carried  [][]byte
	shares   bool       // the writer's state goes to all writers
	prepared []prepared // waits for its checkpoint's completion, oldest first
}

// sinkWriter is the part of a writer that does not know what it writes.
type sinkWriter interface {
	Flush(endOfInput bool) error
	Snapshot() ([]byte, error)
	Close() error
}

// prepared is the committables of one checkpoint.
type prepared struct {
	checkpoint int64
	items      [][]byte
}

// unassigned is the checkpoint of what was prepared at the end of the input, until one is taken.
const unassigned = math.MaxInt64

const (
	sinkWriterState   = "writer"
	sinkPreparedState = "committables"
)

// open makes the writer of a sink and commits what was prepared before a restore.
func (s *sinkCore) open(ctx *operator.Context, sink any,
	writer func(wc connect.WriterContext, states [][]byte) (sinkWriter, error),
) error {
	s.ctx = ctx
	wc := writerContext(ctx)
	var states [][]byte
	sharer, ok := sink.(connect.StateSharer)
	s.shares = ok && sharer.SharesStates()
	if ctx.Restored != nil {
		states = slices.Concat(ctx.Restored.List[sinkWriterState], ctx.Restored.Union[sinkWriterState])
	}
	out, err := writer(wc, states)
	if err != nil {
		return err
	}
	s.out = out
	if s.gathered != nil {
		if ctx.Restored != nil {
			s.carried = ctx.Restored.List[sinkPreparedState]
		}
		return nil
	}
	two, ok := sink.(connect.TwoPhase)
	if !ok {
		return nil
	}
	if s.committer, err = two.Committer(wc); err != nil {
		return err
	}
	if ctx.Restored != nil && !fault.Seeded(fault.SkipCommitAgain) {
		// The checkpoint that holds them is complete, else it would not be restored.
		if err := s.commit(ctx.Restored.List[sinkPreparedState]); err != nil {
			return fmt.Errorf("commit again after restore: %w", err)
		}
	}
	return nil
}

// gather has one Committer commit what is prepared, if the sink wants that.
func (s *sinkCore) gather(sink any) {
	if _, ok := sink.(connect.GlobalTwoPhase); ok {
		s.gathered, s.mark = &operator.ColumnOutput{}, math.MinInt64
		s.gathered.Init(Committables)
	}
}

func writerContext(ctx *operator.Context) connect.WriterContext {
	return connect.WriterContext{
		Context: ctx.Cancelled, Job: ctx.Job, UID: ctx.UID, Subtask: ctx.Subtask,
		Parallelism: ctx.Parallelism, Attempt: ctx.Attempt, Metrics: ctx.Metrics,
		Now:    ctx.Clock.Now,
		WakeAt: ctx.WakeAtTime,
	}
}

// Connect connects the Committer. Other sinks have no output.
func (s *sinkCore) Connect(tag string, receiver any) error {
	if s.gathered == nil {
		return fmt.Errorf("a sink has no output")
	}
	return s.gathered.ConnectTag(tag, receiver)
}

// come tells who wants to know what time it is in the input.
func (s *sinkCore) come(t int64) {
	s.mark = t
	if l, ok := s.out.(connect.WatermarkListener); ok {
		l.Watermark(t)
	}
}

// Control flushes at the end of the input.
func (s *sinkCore) Control(c operator.Control) {
	if c.Kind != operator.EndOfInput || c.Input >= 0 {
		return
	}
	if err := s.out.Flush(true); err != nil {
		s.ctx.Fail(err, nil)
	}
	// Not before the next checkpoint, which is the first that holds it, or the job's end.
	if err := s.prepare(unassigned); err != nil {
		s.ctx.Fail(err, nil)
	}
}

// Prepare flushes the writer and takes its committables, before a barrier.
func (s *sinkCore) Prepare(checkpoint int64) error {
	if err := s.out.Flush(false); err != nil {
		return err
	}
	return s.prepare(checkpoint)
}

func (s *sinkCore) prepare(checkpoint int64) error {
	p, ok := s.out.(connect.Preparer)
	if !ok || s.committer == nil && s.gathered == nil {
		return nil
	}
	items, err := p.Prepare(checkpoint)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if s.gathered != nil {
		s.handOver(append(s.carried, items...))
		return nil
	}
	if len(items) > 0 {
		s.prepared = append(s.prepared, prepared{checkpoint, items})
	}
	return nil
}

// handOver sends what is prepared to the Committer, before the barrier or the end of the input.
func (s *sinkCore) handOver(items [][]byte) {
	s.carried = nil
	for _, item := range items {
		s.gathered.Cur.Cols[0].AppendBytes(item)
		s.gathered.EndRow(row.Insert)
	}
	if s.mark > math.MinInt64 {
		s.gathered.Mark(s.mark)
	}
	s.gathered.Flush()
}

// Snapshot writes the writer's state and what is prepared and not committed.
func (s *sinkCore) Snapshot(w *operator.Snapshot) error {
	state, err := s.out.Snapshot()
	if err != nil {
		return err
	}
	switch {
	case state == nil:
	case s.shares:
		w.Union(sinkWriterState, state)
	default:
		w.List(sinkWriterState, state)
	}
	if len(s.carried) > 0 {
		w.List(sinkPreparedState, s.carried...)
	}
	for i := range s.prepared {
		if fault.Seeded(fault.ForgetPrepared) {
			break
		}
		p := &s.prepared[i]
		p.checkpoint = min(p.checkpoint, w.Checkpoint)
		w.List(sinkPreparedState, p.items...)
	}
	return nil
}

// Completed commits what was prepared up to a checkpoint.
func (s *sinkCore) Completed(checkpoint int64) error {
	for len(s.prepared) > 0 &&
		(s.prepared[0].checkpoint <= checkpoint || checkpoint == operator.FinalCheckpoint) {
		if err := s.commit(s.prepared[0].items); err != nil {
			return fmt.Errorf("commit checkpoint %d: %w", checkpoint, err)
		}
		s.prepared = s.prepared[1:]
	}
	return nil
}

// Aborted keeps what was prepared: the next completed checkpoint commits it.
func (s *sinkCore) Aborted(int64) {}

func (s *sinkCore) commit(items [][]byte) error {
	if len(items) == 0 {
		return nil
	}
	if s.committer == nil {
		return fmt.Errorf("%d committables are restored, but the sink does not commit in two phases",
			len(items))
	}
	return s.committer.Commit(items)
}

// ProcessingTime passes the time to a writer that asked for it.
func (s *sinkCore) ProcessingTime(now int64) bool {
	if t, ok := s.out.(connect.Ticker); ok {
		if err := t.Tick(time.UnixMilli(now)); err != nil {
			s.ctx.Fail(err, nil)
		}
	}
	return true
}

// Close closes the writer and the committer.
func (s *sinkCore) Close() error {
	var err error
	if s.out != nil {
		err = s.out.Close()
	}
	if s.committer != nil {
		if e := s.committer.Close(); err == nil {
			err = e
		}
	}
	return err
}
