package ops

import (
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
	sourceCore
	rows   *SourceConfig[T]
	reader connect.Reader[T]
	out    operator.Outputs[T]
	pool   *batch.Pool[T]
	conn   *connect.Output[T]
}

// NewSource returns the operator of one subtask.
func NewSource[T any](cfg *SourceConfig[T]) *Source[T] {
	s := &Source[T]{rows: cfg, conn: connect.NewOutput[T]()}
	s.sourceCore = makeSourceCore(&s.out)
	g := &cfg.Strategy
	s.cfg = coreConfig{
		idleTimeout: g.IdleTimeout, group: g.Group, drift: g.MaxDrift, updateInterval: g.UpdateInterval,
	}
	if g.New != nil {
		s.cfg.newGen = func() any { return g.New() }
	}
	s.out.Init(nil)
	return s
}

// Open makes the reader and restores its splits.
func (s *Source[T]) Open(ctx *operator.Context) (err error) {
	s.pool = batch.NewPool[T](ctx.BatchRows)
	if s.reader, err = s.rows.Source.Reader(s.readerContext(ctx)); err != nil {
		return err
	}
	return s.begin(s.reader)
}

// Poll reads at most one batch of one split.
func (s *Source[T]) Poll() operator.Status {
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
	case len(b.Vals) > 0:
		s.read += int64(len(b.Vals))
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
	return s.afterPoll(status)
}

// stamp gives the rows of b event times and moves their split's watermark.
//
//flott:hot
func (s *Source[T]) stamp(id string, b *batch.Rows[T]) *splitState {
	st, strategy := s.split(id), &s.rows.Strategy
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
	if strategy.Delay >= 0 && !s.rows.EachRow {
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
func (s *Source[T]) stampEach(st *splitState, b *batch.Rows[T]) {
	gen := st.gen.(watermark.Generator[T])
	for i := range b.Vals {
		w, ok := gen.Record(&b.Vals[i], b.Times[i])
		if !ok && s.rows.EachRow {
			w, ok = gen.Periodic()
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
	if w, ok := gen.Periodic(); ok {
		st.watermark = max(st.watermark, w)
	}
}

// advance marks the end of b with the least watermark of all splits.
func (s *Source[T]) advance(b *batch.Rows[T]) {
	if s.rows.Strategy.New == nil {
		return
	}
	if c := s.combined(); c > s.watermark {
		s.watermark = c
		b.Mark(c)
	}
}
