package kafka

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
)

// Guarantee is what a sink promises about records when a job fails.
type Guarantee uint8

// The guarantees.
const (
	// AtLeastOnce: no record is lost, some may be there twice.
	AtLeastOnce Guarantee = iota
	// None: records may be lost, and be there twice.
	None
	// ExactlyOnce: each record is there once for consumers with isolation.level = read_committed, from the checkpoint on that has
	// it.
	ExactlyOnce
)

// SinkOptions say where and how is written. Brokers are needed.
type SinkOptions struct {
	// Brokers are those to begin with, as host:port.
	Brokers []string
	// Topic is where records go that name none.
	Topic string
	// Guarantee is AtLeastOnce by default.
	Guarantee Guarantee
	// TransactionPrefix is what the ids of transactions begin with, of ExactlyOnce. It must be the job's own, and stay the same.
	TransactionPrefix string
	// LoseAborted goes on where a transaction of a checkpoint cannot be committed any more since the brokers have aborted it: what was written in
	// it is lost. By default the job fails then.
	LoseAborted bool
	// Partition is the partition of a record, of a topic with so many; nil is by the hash of the key, as other clients of Kafka do
	// it, and without a key any.
	Partition func(r *Record, partitions int) int
	// BufferRows is how many records are held back at most, and BufferInterval for how long. Of those with the same topic and key only the last one
	// is written: for topics in which records replace each other. Zero holds none back; both are given, or none.
	BufferRows     int
	BufferInterval time.Duration
	// Properties are those of Kafka's Java client, as compression.type.
	Properties map[string]string
}

// Sink writes topics. encode fills a record with what is written of a value; several goroutines call it. The record comes with the topic
// of the options and the value's event time as timestamp, or a zero one, for the time of writing, if it has none. The bytes that it is given
// are kept until they are written, and must not be changed. A record whose value is nil says, in a topic whose records replace each other by their
// keys, that its key is deleted.
func Sink[T any](o SinkOptions, encode func(r *Record, v T) error) connect.Sink[T] {
	s := &sink[T]{encode: encode}
	s.cfg, s.err = o.config("")
	if o.Guarantee == ExactlyOnce {
		return &exactSink[T]{s, twoPhase{cfg: s.cfg}}
	}
	return s
}

// sinkConfig is checked options.
type sinkConfig struct {
	SinkOptions
	*settings
}

func (o SinkOptions) config(prefix string) (*sinkConfig, error) {
	s, err := parseProperties(withBrokers(o.Properties, o.Brokers), prefix)
	errs := []error{err}
	if o.Guarantee == ExactlyOnce && o.TransactionPrefix == "" {
		errs = append(errs, errors.New("exactly-once needs what the ids of transactions begin with (sink.transactional-id-prefix): a text of the job's own"))
	}
	if o.Guarantee == ExactlyOnce && s.unsafe {
		errs = append(errs, fmt.Errorf("%sacks must be all for exactly-once", prefix))
	}
	errs = append(errs, checkBuffer(o.BufferRows, o.BufferInterval))
	return &sinkConfig{o, s}, errors.Join(errs...)
}

type sink[T any] struct {
	cfg    *sinkConfig
	encode func(*Record, T) error
	err    error // of the options
}

func (s *sink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	p, err := newPlain(s.cfg, ctx)
	if err != nil {
		return nil, err
	}
	return &writer[T]{plain: p, encode: s.encode}, nil
}

// writer writes records one by one.
type writer[T any] struct {
	*plain
	encode func(*Record, T) error
}

// Write writes records.
func (w *writer[T]) Write(records []T, times []int64) error {
	return write(&w.producer, w.encode, records, times)
}

// exactSink is a sink with transactions.
type exactSink[T any] struct {
	*sink[T]
	twoPhase
}

func (s *exactSink[T]) Writer(ctx connect.WriterContext, states [][]byte) (connect.Writer[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	p, err := newTransactional(&s.twoPhase, ctx, states)
	if err != nil {
		return nil, err
	}
	return &exactWriter[T]{transactional: p, encode: s.encode}, nil
}

// exactWriter writes records in transactions.
type exactWriter[T any] struct {
	*transactional
	encode func(*Record, T) error
}

// Write writes records.
func (w *exactWriter[T]) Write(records []T, times []int64) error {
	if err := w.begin(); err != nil {
		return err
	}
	return write(&w.producer, w.encode, records, times)
}

// noTime is the event time of a record that has none.
const noTime = math.MinInt64

func write[T any](p *producer, encode func(*Record, T) error, records []T, times []int64) error {
	out, all := make([]kgo.Record, len(records)), make([]*kgo.Record, len(records))
	var r Record
	for i := range records {
		r = Record{Partition: Partition{Topic: p.cfg.Topic}, Headers: r.Headers[:0]}
		if times[i] != noTime {
			r.Timestamp = time.UnixMilli(times[i])
		}
		if err := encode(&r, records[i]); err != nil {
			return err
		}
		out[i] = kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
		for _, h := range r.Headers {
			out[i].Headers = append(out[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		all[i] = &out[i]
	}
	return p.put(all)
}
