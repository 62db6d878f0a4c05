package ops

import (
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/watermark"
)

// sourceCore is what sources of rows and of columns share: splits with their positions and watermarks,
// idleness and alignment.
type sourceCore struct {
	cfg    coreConfig
	ctx    *operator.Context
	reader splitReader
	out    sourceOutput

	splits    map[string]*splitState
	last      *splitState // of the batch before, usually the next one's too
	slowest   *splitState // whose watermark is the subtask's; nil if none is known
	watermark int64
	idle      bool
	asked     bool // a request is with the enumerator
	noMore    bool
	stopping  bool
	finished  bool
	read      int64 // rows
	aligned   alignment
}

// coreConfig is the part of a source's configuration that does not know what it reads.
type coreConfig struct {
	newGen                func() any
	idleTimeout           time.Duration
	group                 string
	drift, updateInterval time.Duration
}

// splitReader is the part of a reader that does not know what it reads.
type splitReader interface {
	Assign(splits []connect.Split) error
	NoMoreSplits()
	Snapshot() ([]connect.Split, error)
	Close() error
}

// sourceOutput is operator.Outputs or operator.ColumnOutput.
type sourceOutput interface {
	operator.Drainer
	ConnectTag(tag string, receiver any) error
	MarkAll(t int64)
}

func makeSourceCore(out sourceOutput) sourceCore {
	return sourceCore{out: out, watermark: batch.MinTime, splits: map[string]*splitState{}}
}

// readerContext is what the reader may ask of its subtask.
func (s *sourceCore) readerContext(ctx *operator.Context) connect.ReaderContext {
	s.ctx = ctx
	return connect.ReaderContext{
		Context: ctx.Cancelled, Subtask: ctx.Subtask, Parallelism: ctx.Parallelism,
		Metrics: ctx.Metrics, Now: ctx.Clock.Now,
		Wake:    func() { ctx.Mail(func() {}) },
		WakeAt:  ctx.WakeAtTime,
		Request: s.request,
	}
}

// begin restores the splits of a reader, or asks for the first one.
func (s *sourceCore) begin(r splitReader) error {
	s.reader = r
	if s.ctx.Restored != nil {
		if err := s.restore(s.ctx.Restored.List[sourceSplitsState]); err != nil {
			return err
		}
	}
	if len(s.splits) == 0 {
		s.request()
	}
	return nil
}

// beforePoll tells whether the reader may be polled, and else what Poll reports.
func (s *sourceCore) beforePoll() (status operator.Status, ok bool) {
	if s.stopping {
		return s.end(), false
	}
	if s.ctx.Hold != nil && s.ctx.Hold() {
		return operator.Waiting, false
	}
	if s.aligned.group != nil && !s.align() {
		return operator.Waiting, false
	}
	return 0, true
}

// afterPoll is what Poll reports after the reader has.
func (s *sourceCore) afterPoll(status connect.Status) operator.Status {
	s.out.Flush()
	switch status {
	case connect.Ended:
		return s.end()
	case connect.Waiting:
		if len(s.splits) > 0 && s.cfg.idleTimeout > 0 {
			s.checkIdle(s.ctx.NowMillis())
		}
		return operator.Waiting
	}
	return operator.Progressed
}

// splitState is the watermark of one split.
type splitState struct {
	id        string
	gen       any // of watermarks: its type is the source's; nil for none
	watermark int64
	max       int64 // largest event time
	active    int64 // processing time of the last record, in milliseconds
	idle      bool
	paused    bool // by alignment
}

// SourceRequest is the message by which a source asks its coordinator for splits.
type SourceRequest struct{ Subtask int }

const sourceSplitsState = "splits"

// JoinAlignment joins the alignment group. The job has all sources join before any of them runs:
// one that ran alone would find itself the slowest.
func (s *sourceCore) JoinAlignment(ctx *operator.Context) {
	if s.cfg.group != "" {
		s.aligned = alignment{
			group: ctx.Alignment.Join(s.cfg.group, ctx.UID, ctx.Subtask),
			drift: s.cfg.drift.Milliseconds(), every: s.cfg.updateInterval.Milliseconds(),
			limit: batch.MaxTime,
		}
	}
}

func (s *sourceCore) request() {
	if !s.asked && s.ctx.Coordinator != nil {
		s.asked = true
		s.ctx.Coordinator(SourceRequest{s.ctx.Subtask})
	}
}

func (s *sourceCore) restore(items [][]byte) error {
	var splits []connect.Split
	low := int64(batch.MaxTime)
	for _, item := range items {
		sp, w, err := decodeSplit(item)
		if err != nil {
			return fmt.Errorf("restore splits: %w", err)
		}
		splits = append(splits, sp)
		st := s.split(sp.ID)
		st.watermark, st.max = w, w
		if r, ok := st.gen.(watermark.Restorer); ok {
			r.Restore(w)
		}
		low = min(low, w)
	}
	if len(splits) == 0 {
		return nil
	}
	if low > s.watermark {
		s.watermark = low
		s.out.MarkAll(low)
	}
	return s.reader.Assign(splits)
}

func decodeSplit(item []byte) (sp connect.Split, w int64, err error) {
	w, item, err = takeInt(item)
	if err != nil {
		return sp, 0, err
	}
	id, item, err := takeBytes(item)
	if err != nil {
		return sp, 0, err
	}
	data, _, err := takeBytes(item)
	return connect.Split{ID: string(id), Data: append([]byte(nil), data...)}, w, err
}

// Assign adds splits. The coordinator calls it through the task, in order with barriers.
func (s *sourceCore) Assign(splits []connect.Split) {
	s.asked = false
	for _, sp := range splits {
		s.split(sp.ID)
	}
	if err := s.reader.Assign(splits); err != nil {
		s.ctx.Fail(err, nil)
	}
}

// NoMoreSplits tells the reader that it has all its splits.
func (s *sourceCore) NoMoreSplits() {
	s.noMore = true
	s.reader.NoMoreSplits()
}

// Stop ends the source as if its input had ended here.
func (s *sourceCore) Stop() { s.stopping = true }

// Receiver is an error: a source has no input.
func (s *sourceCore) Receiver(int) any { return nil }

// Connect adds a consumer.
func (s *sourceCore) Connect(tag string, receiver any) error { return s.out.ConnectTag(tag, receiver) }

// Resume drains the output.
func (s *sourceCore) Resume() bool { return s.out.Drain() }

// Control does nothing.
func (s *sourceCore) Control(operator.Control) {}

// Close closes the reader.
func (s *sourceCore) Close() error {
	if s.reader == nil {
		return nil
	}
	return s.reader.Close()
}

// Snapshot writes the splits at their positions, each with its watermark.
func (s *sourceCore) Snapshot(w *operator.Snapshot) error {
	if s.finished && !s.stopping {
		return nil
	}
	splits, err := s.reader.Snapshot()
	if err != nil {
		return err
	}
	for _, sp := range splits {
		mark := int64(batch.MinTime)
		if st := s.splits[sp.ID]; st != nil {
			mark = st.watermark
		}
		item := appendInt(nil, mark)
		item = appendBytes(item, sp.ID)
		w.List(sourceSplitsState, appendBytes(item, sp.Data))
	}
	if l, ok := s.reader.(connect.CheckpointListener); ok {
		l.Snapshotted(w.Checkpoint)
	}
	return nil
}

// Completed tells the reader that a checkpoint is complete.
func (s *sourceCore) Completed(checkpoint int64) error {
	l, ok := s.reader.(connect.CheckpointListener)
	if !ok {
		return nil
	}
	if checkpoint == operator.FinalCheckpoint {
		l.Snapshotted(checkpoint)
	}
	l.Completed(checkpoint)
	return nil
}

// Aborted does nothing: a later checkpoint has what this one had.
func (s *sourceCore) Aborted(int64) {}

func (s *sourceCore) fail(err error) {
	var at *operator.Error
	if errors.As(err, &at) {
		panic(at)
	}
	s.ctx.Fail(err, nil)
}

// end passes the largest watermark on: nothing more will come.
func (s *sourceCore) end() operator.Status {
	if !s.finished {
		s.finished = true
		if s.aligned.group != nil {
			s.aligned.group.Report(s.ctx.Subtask, batch.MaxTime)
		}
		if !s.idle || s.watermark < batch.MaxTime {
			s.out.MarkAll(batch.MaxTime)
		}
		s.watermark = batch.MaxTime
		s.out.Flush()
	}
	return operator.Ended
}

func (s *sourceCore) split(id string) *splitState {
	if s.last != nil && s.last.id == id {
		return s.last
	}
	st := s.splits[id]
	if st == nil {
		st = &splitState{id: id, watermark: batch.MinTime, max: batch.MinTime}
		if s.cfg.newGen != nil {
			st.gen = s.cfg.newGen()
		}
		if s.cfg.idleTimeout > 0 {
			st.active = s.ctx.NowMillis()
			s.ctx.WakeAt(st.active + s.cfg.idleTimeout.Milliseconds())
		}
		s.splits[id] = st
	}
	s.last = st
	return st
}

// combined is the least watermark of the splits that are not idle.
func (s *sourceCore) combined() int64 {
	s.slowest = nil
	for _, st := range s.splits {
		if !st.idle && (s.slowest == nil || st.watermark < s.slowest.watermark) {
			s.slowest = st
		}
	}
	if s.slowest == nil {
		return s.watermark
	}
	return s.slowest.watermark
}

func (s *sourceCore) finish(st *splitState) {
	if s.slowest == st {
		s.slowest = nil
	}
	if len(s.splits) == 1 {
		// The watermark stays where it is until another split comes: it may hold older records.
		delete(s.splits, st.id)
	} else {
		delete(s.splits, st.id)
		if c := s.combined(); c > s.watermark {
			s.watermark = c
			s.mark(c)
		}
	}
	if s.last == st {
		s.last = nil
	}
}

func (s *sourceCore) mark(t int64) {
	if !s.ctx.Batch {
		s.out.MarkAll(t)
	}
}

// Progress is how many rows were read, and what the reader has still to read, if it tells that.
func (s *sourceCore) Progress() (read int64, left connect.Backlog, tells bool) {
	b, tells := s.reader.(connect.Backlogged)
	if tells && !s.finished {
		left = b.Backlog().Plus(connect.Backlog{}) // with records estimated
	}
	return s.read, left, tells
}

// Slowest is the split that holds the watermark back, "" if none is known, and whether all splits are idle.
func (s *sourceCore) Slowest() (split string, idle bool) {
	if s.slowest != nil {
		split = s.slowest.id
	}
	return split, s.idle
}

// OutputWatermark is the watermark that was passed on last.
func (s *sourceCore) OutputWatermark() int64 { return s.watermark }

// ProcessingTime checks which splits have become idle. The reader is polled by the task in any
// case.
func (s *sourceCore) ProcessingTime(now int64) bool {
	if s.cfg.idleTimeout > 0 {
		s.checkIdle(now)
	}
	return true
}

func (s *sourceCore) checkIdle(now int64) {
	timeout := s.cfg.idleTimeout.Milliseconds()
	for _, st := range s.splits {
		if st.idle || st.paused {
			continue
		}
		if now-st.active >= timeout {
			s.setIdle(st, true)
		} else {
			s.ctx.WakeAt(st.active + timeout)
		}
	}
}

func (s *sourceCore) setIdle(st *splitState, idle bool) {
	if st.idle == idle {
		return
	}
	st.idle = idle
	all, most := len(s.splits) > 0, s.watermark
	for _, o := range s.splits {
		all, most = all && o.idle, max(most, o.watermark)
	}
	c := s.combined()
	if all {
		c = most // as if they had become idle in the order of their watermarks, whichever is looked at first
	}
	if c > s.watermark {
		s.watermark = c
		s.mark(c)
		s.out.Flush()
	}
	if all != s.idle {
		s.idle = all
		kind := operator.Active
		if all {
			kind = operator.Idle
		}
		s.ctx.Send(operator.Control{Kind: kind})
	}
}
