package ops

import (
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// ColumnSourceConfig is what a source of columns is made of.
type ColumnSourceConfig struct {
	Source connect.ColumnSource
	// Watermarks makes a function for each split, or is nil for none: it adds marks to a batch of the
	// split, as if there were no others. The source passes on the least watermark of all splits.
	Watermarks func() func(b *batch.Columns)
	// IdleTimeout is the processing time without rows after which a split is not waited for; 0 means
	// never.
	IdleTimeout time.Duration
	// Group, MaxDrift and UpdateInterval align sources, as those of watermark.Strategy do.
	Group                    string
	MaxDrift, UpdateInterval time.Duration
}

// ColumnSource polls a connect.ColumnReader.
type ColumnSource struct {
	sourceCore
	columns *ColumnSourceConfig
	reader  connect.ColumnReader
	out     operator.ColumnOutput
	pool    *batch.ColumnPool
	conn    *connect.ColumnOutput
}

// NewColumnSource returns the operator of one subtask.
func NewColumnSource(cfg *ColumnSourceConfig) *ColumnSource {
	s := &ColumnSource{columns: cfg, conn: connect.NewColumnOutput()}
	s.sourceCore = makeSourceCore(&s.out)
	s.cfg = coreConfig{
		idleTimeout: cfg.IdleTimeout, group: cfg.Group, drift: cfg.MaxDrift,
		updateInterval: cfg.UpdateInterval,
	}
	if cfg.Watermarks != nil {
		s.cfg.newGen = func() any { return cfg.Watermarks() }
	}
	s.out.Init(cfg.Source.Schema())
	return s
}

// Open makes the reader and restores its splits.
func (s *ColumnSource) Open(ctx *operator.Context) (err error) {
	s.pool = batch.NewColumnPool(s.columns.Source.Schema(), ctx.BatchRows)
	if s.reader, err = s.columns.Source.Reader(s.readerContext(ctx)); err != nil {
		return err
	}
	return s.begin(s.reader)
}

// Poll reads at most one batch of one split.
func (s *ColumnSource) Poll() operator.Status {
	if status, ok := s.beforePoll(); !ok {
		return status
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
	case b.N > 0:
		s.read += int64(b.N)
		st := s.stamp(id, b)
		if s.ctx.Batch {
			b.Marks = b.Marks[:0] // in batch mode there is one watermark, at the end
		}
		s.out.Pass(b)
		if done {
			s.finish(st) // which may send a watermark that is for after b
		}
		if s.ctx.Read != nil {
			s.ctx.Read()
		}
	case done:
		b.Release()
		s.finish(s.split(id))
	default:
		b.Release()
	}
	return s.afterPoll(status)
}

// stamp has the split's function add marks to b and turns them into marks of the least watermark of all
// splits.
func (s *ColumnSource) stamp(id string, b *batch.Columns) *splitState {
	st := s.split(id)
	if s.cfg.idleTimeout > 0 {
		st.active = s.ctx.NowMillis()
		s.setIdle(st, false)
	}
	if st.gen == nil {
		return st
	}
	st.gen.(func(*batch.Columns))(b)
	out := b.Marks[:0]
	for _, m := range b.Marks {
		if m.Time <= st.watermark {
			continue
		}
		st.watermark = m.Time
		if c := s.combined(); c > s.watermark {
			s.watermark = c
			out = append(out, batch.Mark{Row: m.Row, Time: c})
		}
	}
	b.Marks = out
	return st
}

// ColumnStep is the frame of a one-input operator on columns without state and timers, as Step is for
// rows. Operators embed it and implement operator.ColumnWorker's Rows.
type ColumnStep struct {
	operator.ColumnInput
	Out operator.ColumnOutput
}

// InitStep connects the frame with its worker, whose output has a schema.
func (s *ColumnStep) InitStep(w operator.ColumnWorker, out *row.Schema) {
	s.Init(w, &s.Out)
	s.Out.Init(out)
}

// Open keeps the context.
func (s *ColumnStep) Open(ctx *operator.Context) error {
	s.Ctx = ctx
	return nil
}

// Connect adds a consumer.
func (s *ColumnStep) Connect(tag string, receiver any) error { return s.Out.ConnectTag(tag, receiver) }

// Watermark passes the watermark on.
func (s *ColumnStep) Watermark(t int64) bool {
	s.Out.Mark(t)
	return true
}

// Control does nothing.
func (s *ColumnStep) Control(operator.Control) {}

// Snapshot has nothing to write.
func (s *ColumnStep) Snapshot(*operator.Snapshot) error { return nil }

// Close does nothing.
func (s *ColumnStep) Close() error { return nil }

// EachBatch makes a batch of each batch: a projection, a filter. f owns what it is given and returns what
// is handed on, marks included; nil is nothing. It fails by Context.Fail.
type EachBatch struct {
	ColumnStep
	f func(ctx *operator.Context, b *batch.Columns) *batch.Columns
}

// NewEachBatch returns the operator of one subtask.
func NewEachBatch(f func(ctx *operator.Context, b *batch.Columns) *batch.Columns, out *row.Schema) *EachBatch {
	e := &EachBatch{f: f}
	e.InitStep(nil, out)
	return e
}

// Receiver is the operator itself.
func (e *EachBatch) Receiver(int) any { return batch.ColumnReceiver(e) }

// Push hands on what f makes of b.
func (e *EachBatch) Push(b *batch.Columns) bool {
	if b = e.f(e.Ctx, b); b != nil {
		e.Out.Pass(b)
	}
	return e.Out.Flush()
}

// Resume drains the output: no batch is pending.
func (e *EachBatch) Resume() bool { return e.Out.Drain() }

// ToColumns makes columns of records: f appends one with its event time to the columns of b.
type ToColumns[T any] struct {
	operator.OneInput[T]
	Out operator.ColumnOutput
	f   func(b *batch.Columns, v *T, t int64) error
}

// NewToColumns returns the operator of one subtask.
func NewToColumns[T any](f func(b *batch.Columns, v *T, t int64) error, out *row.Schema) *ToColumns[T] {
	c := &ToColumns[T]{f: f}
	c.Init(c, &c.Out)
	c.Out.Init(out)
	return c
}

// Open keeps the context.
func (c *ToColumns[T]) Open(ctx *operator.Context) error {
	c.Ctx = ctx
	return nil
}

// Connect adds a consumer.
func (c *ToColumns[T]) Connect(tag string, receiver any) error {
	return c.Out.ConnectTag(tag, receiver)
}

// Rows converts a run.
func (c *ToColumns[T]) Rows(b *batch.Rows[T], from, to int) int {
	for i := from; i < to; i++ {
		c.At(i)
		if err := c.f(c.Out.Cur, &b.Vals[i], b.Times[i]); err != nil {
			c.Ctx.Fail(err, b.Vals[i])
		}
		if c.Out.Cur.Full() {
			c.Out.Ship()
		}
	}
	return to
}

// Watermark passes the watermark on.
func (c *ToColumns[T]) Watermark(t int64) bool {
	c.Out.Mark(t)
	return true
}

// Control does nothing.
func (c *ToColumns[T]) Control(operator.Control) {}

// Snapshot has nothing to write.
func (c *ToColumns[T]) Snapshot(*operator.Snapshot) error { return nil }

// Close does nothing.
func (c *ToColumns[T]) Close() error { return nil }

// FromColumns makes records of columns: f makes one, with its event time, of the row at a place.
type FromColumns[T any] struct {
	operator.ColumnInput
	Out operator.Outputs[T]
	f   func(b *column.Batch, place int) (v T, t int64, err error)
}

// NewFromColumns returns the operator of one subtask.
func NewFromColumns[T any](f func(b *column.Batch, place int) (v T, t int64, err error)) *FromColumns[T] {
	c := &FromColumns[T]{f: f}
	c.Init(c, &c.Out)
	c.Out.Output.Init(nil)
	return c
}

// Open keeps the context.
func (c *FromColumns[T]) Open(ctx *operator.Context) error {
	c.Ctx = ctx
	return nil
}

// Connect adds a consumer.
func (c *FromColumns[T]) Connect(tag string, receiver any) error {
	return c.Out.ConnectTag(tag, receiver)
}

// Rows converts a run.
func (c *FromColumns[T]) Rows(b *batch.Columns, from, to int) int {
	for i := from; i < to; i++ {
		v, t, err := c.f(&b.Batch, b.Row(i))
		if err != nil {
			c.Ctx.Fail(err, nil)
		}
		c.Out.Emit(v, t)
	}
	return to
}

// Watermark passes the watermark on.
func (c *FromColumns[T]) Watermark(t int64) bool {
	c.Out.MarkAll(t)
	return true
}

// Control does nothing.
func (c *FromColumns[T]) Control(operator.Control) {}

// Snapshot has nothing to write.
func (c *FromColumns[T]) Snapshot(*operator.Snapshot) error { return nil }

// Close does nothing.
func (c *FromColumns[T]) Close() error { return nil }

// NewColumnBackend returns a backend whose keys are k's.
func NewColumnBackend(ctx *operator.Context, k *colcodec.Key) *keyed.Backend {
	b := keyed.NewBackend(ctx, k.IsWord())
	b.KeySchema = k.Schema()
	if !k.IsWord() {
		b.HashOf = k.HashOf
	}
	return b
}
