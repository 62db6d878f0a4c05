package nats

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/flott-dev/flott/connect"
)

// Guarantee is what a sink promises about messages when a job fails.
type Guarantee uint8

// The guarantees.
const (
	// AtLeastOnce: no message is lost, some may be there twice.
	AtLeastOnce Guarantee = iota
	// None: messages may be lost, and be there twice.
	None
	// ExactlyOnce: each message is there once, from the checkpoint on that has it.
	ExactlyOnce
)

// SinkOptions say where and how is written. Servers are needed.
type SinkOptions struct {
	Connection
	// Stream is the stream that is written, which takes the subjects. ExactlyOnce needs it; otherwise it is a check.
	Stream string
	// Subject is where messages go that name none.
	Subject string
	// Guarantee is AtLeastOnce by default.
	Guarantee Guarantee
	// AcceptDuplicates publishes the messages of a checkpoint again where it cannot be found out whether they are there, of
	// ExactlyOnce. By default the job fails then.
	AcceptDuplicates bool
}

func (o *SinkOptions) check() error {
	errs := o.validate()
	if o.Guarantee == ExactlyOnce && o.Stream == "" {
		errs = append(errs, errors.New("exactly-once needs the stream that is written ('stream')"))
	}
	if strings.ContainsAny(o.Subject, "*> \t\r\n") {
		errs = append(errs, fmt.Errorf("%q ('subject') is no subject that can be written", o.Subject))
	}
	return errors.Join(errs...)
}

// Sink writes streams. encode fills a message with what is written of a value; several goroutines call it. The message comes
// with the subject of the options. What it is given is kept until it is written, and must not be changed.
func Sink[T any](o SinkOptions, encode func(m *Message, v T) error) connect.Sink[T] {
	s := &sink[T]{o: &o, encode: encode}
	s.err = s.o.check()
	if o.Guarantee == ExactlyOnce {
		return &exactSink[T]{s, twoPhase{s.o}}
	}
	return s
}

type sink[T any] struct {
	o      *SinkOptions
	encode func(*Message, T) error
	err    error // of the options
}

func (s *sink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	p, err := newPlain(s.o, ctx)
	if err != nil {
		return nil, err
	}
	return &writer[T]{plain: p, encode: s.encode}, nil
}

// writer writes records one by one.
type writer[T any] struct {
	*plain
	encode func(*Message, T) error
}

// Write publishes records.
func (w *writer[T]) Write(records []T, _ []int64) error {
	return encodeEach(records, w.o.Subject, w.encode, w.put)
}

// exactSink is a sink that holds back what a checkpoint has until it is complete.
type exactSink[T any] struct {
	*sink[T]
	twoPhase
}

func (s *exactSink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	h, err := newHolder(s.sink.o, ctx)
	if err != nil {
		return nil, err
	}
	return &exactWriter[T]{holder: h, encode: s.encode}, nil
}

// exactWriter holds records back.
type exactWriter[T any] struct {
	*holder
	encode func(*Message, T) error
}

// Write holds records back.
func (w *exactWriter[T]) Write(records []T, _ []int64) error {
	return encodeEach(records, w.o.Subject, w.encode, w.put)
}

// encodeEach has messages made of records, and put somewhere.
func encodeEach[T any](records []T, subject string, encode func(*Message, T) error, put func(m *nats.Msg) error) error {
	for i := range records {
		m := Message{Subject: subject}
		if err := encode(&m, records[i]); err != nil {
			return err
		}
		if m.Subject == "" {
			return errors.New("nats: a message has no subject, and SinkOptions.Subject names none")
		}
		if err := put(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}); err != nil {
			return err
		}
	}
	return nil
}
