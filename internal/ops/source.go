package ops

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/watermark"
)

// SourceConfig is what a source operator is made of. The builder may change it until the job
// starts.
type SourceConfig[T any] struct {
	Source   connect.Source[T]
	Strategy watermark.Strategy[T]
	// EachRow places a watermark after every row that advances it, not only at a batch's end.
	EachRow bool
}

// Source polls a connect.Reader and gives its records event times and watermarks, split by split.
type Source[T any] struct {
	cfg    *SourceConfig[T]
	ctx    *operator.Context
	reader connect.Reader[T]
	out    operator.Outputs[T]
	pool   *batch.Pool[T]
	conn   *connect.Output[T]

	splits    map[string]*splitState[T]
	last      *splitState[T] // of the batch before, usually the next one's too
	watermark int64
	idle      bool
	asked     bool // a request is with the enumerator
	noMore    bool
	stopping  bool
	finished  bool
	aligned   alignment[T]
}

// splitState is the watermark of one split.
type splitState[T any] struct {
	id        string
	gen       watermark.Generator[T]
	watermark int64
	max       int64 // largest event time
	active    int64 // processing time of the last record, in milliseconds
	idle      bool
	paused    bool // by alignment
}

// SourceRequest is the message by which a source asks its coordinator for splits.
type SourceRequest struct{ Subtask int }

const sourceSplitsState = "splits"

// NewSource returns the operator of one subtask.
func NewSource[T any](cfg *SourceConfig[T]) *Source[T] {
	s := &Source[T]{cfg: cfg, conn: connect.NewOutput[T](), watermark: batch.MinTime}
	s.splits = map[string]*splitState[T]{}
	s.out.Init(nil)
	return s
}

// JoinAlignment joins the alignment group. The job has all sources join before any of them runs:
// one that ran alone would find itself the slowest.
func (s *Source[T]) JoinAlignment(ctx *operator.Context) {
	if g := s.cfg.Strategy; g.Group != "" {
		s.aligned = alignment[T]{
			group: ctx.Alignment.Join(g.Group, ctx.UID, ctx.Parallelism),
			drift: g.MaxDrift.Milliseconds(), every: g.UpdateInterval.Milliseconds(),
			limit: batch.MaxTime,
		}
	}
}

// Open makes the reader and restores its splits.
func (s *Source[T]) Open(ctx *operator.Context) error {
	s.ctx = ctx
	s.pool = batch.NewPool[T](ctx.BatchRows)
	var err error
	s.reader, err = s.cfg.Source.Reader(connect.ReaderContext{
		Context: ctx.Cancelled, Subtask: ctx.Subtask, Parallelism: ctx.Parallelism,
		Metrics: ctx.Metrics, Now: ctx.Clock.Now,
		Wake:    func() { ctx.Mail(func() {}) },
		WakeAt:  ctx.WakeAtTime,
		Request: s.request,
	})
	if err != nil {
		return err
	}
	if ctx.Restored != nil {
		if err := s.restore(ctx.Restored.List[sourceSplitsState]); err != nil {
			return err
		}
	}
	if len(s.splits) == 0 {
		s.request()
	}
	return nil
}

func (s *Source[T]) request() {
	if !s.asked && s.ctx.Coordinator != nil {
		s.asked = true
		s.ctx.Coordinator(SourceRequest{s.ctx.Subtask})
	}
}

func (s *Source[T]) restore(items [][]byte) error {
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
func (s *Source[T]) Assign(splits []connect.Split) {
	s.asked = false
	for _, sp := range splits {
		s.split(sp.ID)
	}
	if err := s.reader.Assign(splits); err != nil {
		s.ctx.Fail(err, nil)
	}
}

// NoMoreSplits tells the reader that it has all its splits.
func (s *Source[T]) NoMoreSplits() {
	s.noMore = true
	s.reader.NoMoreSplits()
}

// Stop ends the source as if its input had ended here.
func (s *Source[T]) Stop() { s.stopping = true }

// Receiver is an error: a source has no input.
func (s *Source[T]) Receiver(int) any { return nil }

// Connect adds a consumer.
func (s *Source[T]) Connect(tag string, receiver any) error { return s.out.ConnectTag(tag, receiver) }

// Resume drains the output.
func (s *Source[T]) Resume() bool { return s.out.Drain() }

// Control does nothing.
func (s *Source[T]) Control(operator.Control) {}

// Close closes the reader.
func (s *Source[T]) Close() error {
	if s.reader == nil {
		return nil
	}
	return s.reader.Close()
}

// Snapshot writes the splits at their positions, each with its watermark.
func (s *Source[T]) Snapshot(w *operator.Snapshot) error {
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
	return nil
}

// Poll reads at most one batch of one split.
func (s *Source[T]) Poll() operator.Status {
	if s.stopping {
		return s.end()
	}
	if s.ctx.Hold != nil && s.ctx.Hold() {
		return operator.Waiting
	}
	if s.aligned.group != nil && !s.align() {
		return operator.Waiting
	}
	b := s.pool.Get()
	s.conn.Reset(b)
	status, err := s.reader.Poll(s.conn)
	if err != nil {
		b.Release()
		s.fail(err)
	}
	id, done := s.conn.Current()
	switch {
	case len(b.Vals) > 0:
		st := s.stamp(id, b)
		if done {
			s.finish(st)
		}
		s.advance(b)
		if s.ctx.Batch {
			b.Marks = b.Marks[:0] // in batch mode there is one watermark, at the end
		}
		s.out.Forward(b)
		if s.ctx.Read != nil {
			s.ctx.Read()
		}
	case done:
		b.Release()
		s.finish(s.split(id))
	default:
		b.Release()
	}
	s.out.Flush()
	switch status {
	case connect.Ended:
		return s.end()
	case connect.Waiting:
		if len(s.splits) > 0 && s.cfg.Strategy.IdleTimeout > 0 {
			s.checkIdle(s.ctx.NowMillis())
		}
		return operator.Waiting
	}
	return operator.Progressed
}

func (s *Source[T]) fail(err error) {
	var at *operator.Error
	if errors.As(err, &at) {
		panic(at)
	}
	s.ctx.Fail(err, nil)
}

// end passes the largest watermark on: nothing more will come.
func (s *Source[T]) end() operator.Status {
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

func (s *Source[T]) split(id string) *splitState[T] {
	if s.last != nil && s.last.id == id {
		return s.last
	}
	st := s.splits[id]
	if st == nil {
		st = &splitState[T]{id: id, watermark: batch.MinTime, max: batch.MinTime}
		if s.cfg.Strategy.New != nil {
			st.gen = s.cfg.Strategy.New()
		}
		if s.cfg.Strategy.IdleTimeout > 0 {
			st.active = s.ctx.NowMillis()
			s.ctx.WakeAt(st.active + s.cfg.Strategy.IdleTimeout.Milliseconds())
		}
		s.splits[id] = st
	}
	s.last = st
	return st
}

// stamp gives the rows of b event times and moves their split's watermark.
//
//flott:hot
func (s *Source[T]) stamp(id string, b *batch.Rows[T]) *splitState[T] {
	st, strategy := s.split(id), &s.cfg.Strategy
	if strategy.IdleTimeout > 0 {
		st.active = s.ctx.NowMillis()
		s.setIdle(st, false)
	}
	if strategy.Millis != nil {
		at := strategy.Millis
		for i := range b.Vals {
			b.Times[i] = at(&b.Vals[i], b.Times[i])
		}
	}
	if st.gen == nil {
		return st
	}
	if strategy.Delay >= 0 && !s.cfg.EachRow {
		for _, t := range b.Times {
			st.max = max(st.max, t)
		}
		if st.max != batch.NoTime {
			st.watermark = max(st.watermark, st.max-strategy.Delay.Milliseconds()-1)
		}
		return st
	}
	s.stampEach(st, b)
	return st
}

// stampEach asks the generator after every row.
func (s *Source[T]) stampEach(st *splitState[T], b *batch.Rows[T]) {
	for i := range b.Vals {
		w, ok := st.gen.Record(&b.Vals[i], b.Times[i])
		if !ok && s.cfg.EachRow {
			w, ok = st.gen.Periodic()
		}
		if !ok || w <= st.watermark {
			continue
		}
		st.watermark = w
		if c := s.combined(); c > s.watermark {
			s.watermark = c
			b.Marks = append(b.Marks, batch.Mark{Row: i + 1, Time: c})
		}
	}
	if w, ok := st.gen.Periodic(); ok {
		st.watermark = max(st.watermark, w)
	}
}

// advance marks the end of b with the least watermark of all splits.
func (s *Source[T]) advance(b *batch.Rows[T]) {
	if s.cfg.Strategy.New == nil {
		return
	}
	if c := s.combined(); c > s.watermark {
		s.watermark = c
		b.Mark(c)
	}
}

// combined is the least watermark of the splits that are not idle.
func (s *Source[T]) combined() int64 {
	low, any := int64(batch.MaxTime), false
	for _, st := range s.splits {
		if !st.idle {
			low, any = min(low, st.watermark), true
		}
	}
	if !any {
		return s.watermark
	}
	return low
}

func (s *Source[T]) finish(st *splitState[T]) {
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

func (s *Source[T]) mark(t int64) {
	if !s.ctx.Batch {
		s.out.MarkAll(t)
	}
}

// OutputWatermark is the watermark that was passed on last.
func (s *Source[T]) OutputWatermark() int64 { return s.watermark }

// ProcessingTime checks which splits have become idle. The reader is polled by the task in any
// case.
func (s *Source[T]) ProcessingTime(now int64) bool {
	if s.cfg.Strategy.IdleTimeout > 0 {
		s.checkIdle(now)
	}
	return true
}

func (s *Source[T]) checkIdle(now int64) {
	timeout := s.cfg.Strategy.IdleTimeout.Milliseconds()
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

func (s *Source[T]) setIdle(st *splitState[T], idle bool) {
	if st.idle == idle {
		return
	}
	st.idle = idle
	all := len(s.splits) > 0
	for _, o := range s.splits {
		all = all && o.idle
	}
	if !all {
		if c := s.combined(); c > s.watermark {
			s.watermark = c
			s.mark(c)
			s.out.Flush()
		}
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
