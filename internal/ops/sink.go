package ops

import (
	"encoding/binary"
	"fmt"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// Sink hands records to a connect.Writer and commits what it prepared.
type Sink[T any] struct {
	operator.OneInput[T]
	sinkCore
	sink    connect.Sink[T]
	writer  connect.Writer[T]
	nothing operator.Outputs[struct{}]
}

// NewSink returns the operator of one subtask.
func NewSink[T any](sink connect.Sink[T]) *Sink[T] {
	s := &Sink[T]{sink: sink}
	if s.gather(sink); s.gathered != nil {
		s.Init(s, s.gathered)
		return s
	}
	s.Init(s, &s.nothing)
	s.nothing.Output.Init(nil)
	return s
}

// Open makes the writer and commits what was prepared before a restore.
func (s *Sink[T]) Open(ctx *operator.Context) error {
	s.Ctx = ctx
	return s.open(ctx, s.sink, func(wc connect.WriterContext, states [][]byte) (w sinkWriter, err error) {
		s.writer, err = s.sink.Writer(wc, states)
		return s.writer, err
	})
}

// Rows writes a run.
func (s *Sink[T]) Rows(b *batch.Rows[T], from, to int) int {
	s.At(from)
	if err := s.writer.Write(b.Vals[from:to], b.Times[from:to]); err != nil {
		s.Ctx.Fail(err, nil)
	}
	return to
}

// Watermark is for the writer and the committer.
func (s *Sink[T]) Watermark(t int64) bool {
	s.come(t)
	return true
}

// ColumnSink hands batches of columns to a connect.ColumnWriter and commits what it prepared.
type ColumnSink struct {
	sinkCore
	sink   connect.ColumnSink
	writer connect.ColumnWriter
}

// NewColumnSink returns the operator of one subtask.
func NewColumnSink(sink connect.ColumnSink) *ColumnSink {
	s := &ColumnSink{sink: sink}
	s.gather(sink)
	return s
}

// Open makes the writer and commits what was prepared before a restore.
func (s *ColumnSink) Open(ctx *operator.Context) error {
	return s.open(ctx, s.sink, func(wc connect.WriterContext, states [][]byte) (w sinkWriter, err error) {
		s.writer, err = s.sink.Writer(wc, states)
		return s.writer, err
	})
}

// Receiver is the operator itself.
func (s *ColumnSink) Receiver(int) any { return batch.ColumnReceiver(s) }

// Push writes a batch.
func (s *ColumnSink) Push(b *batch.Columns) bool {
	if b.Len() > 0 {
		if err := s.writer.Write(&b.Batch); err != nil {
			s.ctx.Fail(err, nil)
		}
	}
	if n := len(b.Marks); n > 0 {
		s.come(b.Marks[n-1].Time)
	}
	b.Release()
	return true
}

// Resume hands on committables.
func (s *ColumnSink) Resume() bool { return s.gathered == nil || s.gathered.Drain() }

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
