package nats

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Message is a message of a stream.
type Message struct {
	Stream, Subject string
	Sequence        uint64 // its number in the stream, from 1
	Timestamp       time.Time
	Header          map[string][]string // nil where it has none
	Data            []byte

	pending uint64 // how many messages the server had behind it
}

// SourceOptions say what is read. Servers and Streams are needed.
type SourceOptions struct {
	Connection
	// Streams are the streams that are read.
	Streams []string
	// Subjects are those that are read of each stream, which may have wildcards; nil are all. Each is a split of its own, so they
	// must have no message in common.
	Subjects []string
	// EachSubject makes a split of each subject that Subjects match, so that several readers share a stream. Messages of one
	// subject stay in order, those of several may not.
	EachSubject bool
	// Discover is how often new subjects are looked for, of EachSubject. Zero means each ten seconds. A bounded source looks once.
	Discover time.Duration
	// Start says where reading begins: Earliest by default.
	Start Position
	// Stop, if it is not nil, makes the source bounded: each stream ends before the position, which is found out when the job starts.
	Stop *Position
	// IgnoreLost goes on where messages that were to be read have been removed from a stream, as by its limits. By default
	// the job fails.
	IgnoreLost bool
	// OnBad is what is done with messages that cannot be decoded: connect.FailOnBad by default.
	OnBad connect.BadPolicy
}

const defaultDiscover = 10 * time.Second

// check checks options, and sets defaults.
func (o *SourceOptions) check() error {
	errs := o.validate()
	if len(o.Streams) == 0 {
		errs = append(errs, errors.New("no stream is named ('stream')"))
	}
	if o.Discover == 0 {
		o.Discover = defaultDiscover
	}
	for i, s := range o.Streams {
		if slices.Contains(o.Streams[:i], s) || strings.ContainsAny(s, " .*>") || s == "" {
			errs = append(errs, fmt.Errorf("the stream %q ('stream') is there twice, or is no name of a stream", s))
		}
	}
	for i, a := range o.Subjects {
		if strings.ContainsAny(a, " \t\r\n") || a == "" {
			errs = append(errs, fmt.Errorf("%q ('subject') is no subject", a))
		}
		for _, b := range o.Subjects[:i] {
			if overlap(a, b) {
				errs = append(errs, fmt.Errorf("the subjects %s and %s ('subject') have messages in common, which would be read twice", b, a))
			}
		}
	}
	return errors.Join(errs...)
}

// Source reads streams. decode makes a record of a message, which it must not keep, but for its Data and Header; several
// goroutines call it. The time of the message is the record's event time.
func Source[T any](o SourceOptions, decode func(m *Message) (T, error)) connect.Source[T] {
	s := &source[T]{o: &o, decode: decode}
	s.err = s.o.check()
	return s
}

type source[T any] struct {
	o      *SourceOptions
	decode func(*Message) (T, error)
	err    error // of the options
}

func (s *source[T]) Bounded() bool { return s.o.Stop != nil }

func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if s.err != nil {
		return nil, s.err
	}
	return newEnumerator(ctx, s.o, state)
}

func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	return &typedReader[T]{reader: newReader(s.o, ctx), decode: s.decode}, nil
}

// typedReader decodes messages one by one.
type typedReader[T any] struct {
	*reader
	decode func(*Message) (T, error)
}

// Poll decodes messages of one split.
func (r *typedReader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	return r.poll(out, func(m *Message) error {
		v, err := r.decode(m)
		if err != nil {
			return r.bad(m, err)
		}
		out.EmitAt(v, m.Timestamp)
		return nil
	})
}
