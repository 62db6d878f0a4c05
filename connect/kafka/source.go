package kafka

import (
	"bytes"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
)

// Record is a record of a topic. Its slices are valid while it is decoded; what is kept of them must be copied.
type Record struct {
	Partition
	Offset     int64
	Timestamp  time.Time
	Key, Value []byte // nil where the record has none
	Headers    []Header
}

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Source reads topics. decode makes values of records; several goroutines call it. Its error is dealt with as SourceOptions.OnBad says, but
// for ErrSkip. Values have the times of records as event times, unless the stream's watermark strategy gives others.
func Source[T any](o SourceOptions, decode func(r *Record) (T, error)) connect.Source[T] {
	cfg, err := o.config("")
	return &source[T]{cfg: cfg, decode: decode, err: err}
}

type source[T any] struct {
	cfg    *config
	decode func(*Record) (T, error)
	err    error // of the options
}

func (s *source[T]) Bounded() bool { return s.cfg.Stop != nil }

func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if s.err != nil {
		return nil, s.err
	}
	return newEnumerator(ctx, s.cfg, state)
}

func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	return &reader[T]{consumer: newConsumer(s.cfg, ctx), decode: s.decode}, nil
}

// reader decodes records one by one.
type reader[T any] struct {
	*consumer
	decode func(*Record) (T, error)
	record Record
}

// Poll decodes records of one partition.
func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	f, s, status, err := r.next(out)
	if f == nil {
		return status, err
	}
	return connect.More, r.each(f, s, out, func(k *kgo.Record) error { return r.emit(out, k) })
}

// emit emits what becomes of a record.
func (r *reader[T]) emit(out *connect.Output[T], k *kgo.Record) error {
	r.record = Record{
		Partition: Partition{k.Topic, k.Partition}, Offset: k.Offset, Timestamp: k.Timestamp, Key: k.Key, Value: k.Value,
		Headers: r.record.Headers[:0],
	}
	for _, h := range k.Headers {
		r.record.Headers = append(r.record.Headers, Header{h.Key, h.Value})
	}
	v, err := r.decode(&r.record)
	switch {
	case err == nil:
		out.EmitAt(v, k.Timestamp)
		return nil
	case errors.Is(err, ErrSkip):
		return nil
	}
	return r.bad(k, err)
}

// bad deals with a record that cannot be decoded.
func (c *consumer) bad(k *kgo.Record, cause error) error {
	if c.cfg.OnBad.handle != nil {
		b := &Bad{Partition: Partition{k.Topic, k.Partition}, Offset: k.Offset, Key: bytes.Clone(k.Key), Value: bytes.Clone(k.Value), Err: cause}
		if err := c.cfg.OnBad.handle(b); err != nil {
			return err
		}
	}
	c.errors.Add(1)
	return nil
}
