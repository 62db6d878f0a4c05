package ops

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// Sink hands records to a connect.Writer and commits what it prepared.
type Sink[T any] struct {
	operator.OneInput[T]
	sink      connect.Sink[T]
	writer    connect.Writer[T]
	committer connect.Committer
	prepared  []prepared // waits for its checkpoint's completion, oldest first
	nothing   operator.Outputs[struct{}]
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

// NewSink returns the operator of one subtask.
func NewSink[T any](sink connect.Sink[T]) *Sink[T] {
	s := &Sink[T]{sink: sink}
	s.Init(s, &s.nothing)
	s.nothing.Output.Init(nil)
	return s
}

// Open makes the writer and commits what was prepared before a restore.
func (s *Sink[T]) Open(ctx *operator.Context) error {
	s.Ctx = ctx
	wc := connect.WriterContext{
		Context: ctx.Cancelled, Job: ctx.Job, UID: ctx.UID, Subtask: ctx.Subtask,
		Parallelism: ctx.Parallelism, Attempt: ctx.Attempt, Metrics: ctx.Metrics,
		Now:    ctx.Clock.Now,
		WakeAt: ctx.WakeAtTime,
	}
	var states [][]byte
	if ctx.Restored != nil {
		states = ctx.Restored.List[sinkWriterState]
	}
	var err error
	if s.writer, err = s.sink.Writer(wc, states); err != nil {
		return err
	}
	two, ok := s.sink.(connect.TwoPhase)
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

// Connect is an error: a sink has no output.
func (s *Sink[T]) Connect(string, any) error { return fmt.Errorf("a sink has no output") }

// Rows writes a run.
func (s *Sink[T]) Rows(b *batch.Rows[T], from, to int) int {
	s.At(from)
	if err := s.writer.Write(b.Vals[from:to], b.Times[from:to]); err != nil {
		s.Ctx.Fail(err, nil)
	}
	return to
}

// Watermark ends here.
func (s *Sink[T]) Watermark(int64) bool { return true }

// Control flushes at the end of the input.
func (s *Sink[T]) Control(c operator.Control) {
	if c.Kind != operator.EndOfInput || c.Input >= 0 {
		return
	}
	if err := s.writer.Flush(true); err != nil {
		s.Ctx.Fail(err, nil)
	}
	// Not before the next checkpoint, which is the first that holds it, or the job's end.
	if err := s.prepare(unassigned); err != nil {
		s.Ctx.Fail(err, nil)
	}
}

// Prepare flushes the writer and takes its committables, before a barrier.
func (s *Sink[T]) Prepare(checkpoint int64) error {
	if err := s.writer.Flush(false); err != nil {
		return err
	}
	return s.prepare(checkpoint)
}

func (s *Sink[T]) prepare(checkpoint int64) error {
	p, ok := s.writer.(connect.Preparer)
	if !ok || s.committer == nil {
		return nil
	}
	items, err := p.Prepare(checkpoint)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if len(items) > 0 {
		s.prepared = append(s.prepared, prepared{checkpoint, items})
	}
	return nil
}

// Snapshot writes the writer's state and what is prepared and not committed.
func (s *Sink[T]) Snapshot(w *operator.Snapshot) error {
	state, err := s.writer.Snapshot()
	if err != nil {
		return err
	}
	if state != nil {
		w.List(sinkWriterState, state)
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
func (s *Sink[T]) Completed(checkpoint int64) error {
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
func (s *Sink[T]) Aborted(int64) {}

func (s *Sink[T]) commit(items [][]byte) error {
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
func (s *Sink[T]) ProcessingTime(now int64) bool {
	if t, ok := s.writer.(connect.Ticker); ok {
		if err := t.Tick(time.UnixMilli(now)); err != nil {
			s.Ctx.Fail(err, nil)
		}
	}
	return true
}

// Close closes the writer and the committer.
func (s *Sink[T]) Close() error {
	var err error
	if s.writer != nil {
		err = s.writer.Close()
	}
	if s.committer != nil {
		if e := s.committer.Close(); err == nil {
			err = e
		}
	}
	return err
}

// appendInt and takeInt are the integers in the states of this package.
func appendInt(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

func takeInt(b []byte) (int64, []byte, error) {
	v, n := binary.Varint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("state is cut off")
	}
	return v, b[n:], nil
}

func appendBytes[S ~string | ~[]byte](b []byte, s S) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func takeBytes(b []byte) (item, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, fmt.Errorf("state is cut off")
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}
