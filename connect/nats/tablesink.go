package nats

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// tableSink writes a table.
type tableSink struct {
	*table
	o          *SinkOptions
	subject    *subject
	newEncoder func() format.Encoder
}

func newTableSink(t *connect.TableSpec) (connect.TableSink, error) {
	c, err := newTable(t)
	if err != nil {
		return nil, err
	}
	s := &tableSink{table: c, o: &SinkOptions{
		Connection: c.connection, AcceptDuplicates: acceptOption.Get(c.values),
		Guarantee: map[string]Guarantee{"none": None, "exactly-once": ExactlyOnce}[guaranteeOption.Get(c.values)],
	}}
	var errs []error
	switch streams := list(streamOption.Get(c.values)); len(streams) {
	case 0:
	case 1:
		s.o.Stream = streams[0]
	default:
		errs = append(errs, errors.New("'stream' has several names; one stream can be written"))
	}
	text := subjectOption.Get(c.values)
	s.subject, err = parseSubject(text, t.Schema)
	if err == nil && len(s.subject.cols) == 0 {
		s.o.Subject = text
	}
	errs = append(errs, err, s.o.check())
	if err = c.format.WritesRecords(); err == nil {
		s.newEncoder, err = c.format.NewEncoder(&c.rows)
	}
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return s, nil
}

// Kinds are those of the format.
func (s *tableSink) Kinds() row.ChangeKinds { return s.format.Writes }

// WritableMetadata are the subject and the headers.
func (s *tableSink) WritableMetadata() []row.Field {
	return []row.Field{
		{Name: "subject", Type: row.StringType()},
		{Name: "headers", Type: row.MapOf(row.StringType(), row.StringType())},
	}
}

// Sink makes the sink of a statement.
func (s *tableSink) Sink(o connect.Insert) (connect.ColumnSink, error) {
	if o.Overwrite {
		return nil, fmt.Errorf("table %s: INSERT OVERWRITE cannot be: messages of a stream are not replaced", s.spec.Name)
	}
	at := func(name string) int {
		if i := slices.Index(o.Metadata, name); i >= 0 {
			return len(s.spec.Schema.Fields) + i
		}
		return -1
	}
	c := &columnSink{tableSink: s, subjectAt: at("subject"), headersAt: at("headers")}
	if subjectOption.Get(s.values) == "" && c.subjectAt < 0 {
		return nil, fmt.Errorf("table %s: the option 'subject' is missing, and no metadata column 'subject' is written", s.spec.Name)
	}
	if s.o.Guarantee == ExactlyOnce {
		return &exactColumnSink{c, twoPhase{s.o}}, nil
	}
	return c, nil
}

// columnSink writes batches.
type columnSink struct {
	*tableSink
	subjectAt, headersAt int // places of metadata columns in the batch, -1 for none
}

func (s *columnSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	p, err := newPlain(s.o, ctx)
	if err != nil {
		return nil, err
	}
	return &columnWriter{p, s.rows()}, nil
}

func (s *columnSink) rows() *rowEncoder {
	return &rowEncoder{s: s, encoder: s.newEncoder(), values: &columns.Batch{}}
}

// columnWriter publishes batches at once.
type columnWriter struct {
	*plain
	rows *rowEncoder
}

// Write publishes the rows that count.
func (w *columnWriter) Write(b *columns.Batch) error { return w.rows.write(b, w.put) }

// exactColumnSink is a columnSink that holds back what a checkpoint has until it is complete.
type exactColumnSink struct {
	*columnSink
	twoPhase
}

func (s *exactColumnSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	h, err := newHolder(s.columnSink.o, ctx)
	if err != nil {
		return nil, err
	}
	return &exactColumnWriter{h, s.rows()}, nil
}

// exactColumnWriter holds batches back.
type exactColumnWriter struct {
	*holder
	rows *rowEncoder
}

// Write holds back the rows that count.
func (w *exactColumnWriter) Write(b *columns.Batch) error { return w.rows.write(b, w.put) }

// rowEncoder makes messages of rows.
type rowEncoder struct {
	s       *columnSink
	encoder format.Encoder
	values  *columns.Batch // the columns of the batch that are in the message
	size    int            // of the texts of the last batch
	ends    []int
}

// write has messages made of the rows of a batch that count, and put somewhere.
//
//flott:hot
func (e *rowEncoder) write(b *columns.Batch, put func(m *nats.Msg) error) (err error) {
	e.values.Cols, e.values.N, e.values.Kinds = b.Cols[:len(e.s.spec.Schema.Fields)], b.N, b.Kinds
	// All texts of a batch lie in one piece of memory, which goes with its messages.
	text, ends := make([]byte, 0, e.size+e.size/8), e.ends[:0]
	for i := range b.Len() {
		if text, err = e.encoder.Append(text, e.values, b.Row(i)); err != nil {
			return fmt.Errorf("nats: %w", err)
		}
		ends = append(ends, len(text))
	}
	e.size, e.ends = len(text), ends
	messages, at := make([]nats.Msg, b.Len()), 0
	for i := range messages {
		m, place := &messages[i], b.Row(i)
		m.Data, at = text[at:ends[i]:ends[i]], ends[i]
		if m.Subject, err = e.subject(b, place); err != nil {
			return err
		}
		m.Header = e.headers(b, place)
		if err := put(m); err != nil {
			return err
		}
	}
	return nil
}

// subject is that of a row: the metadata column's, or the option's.
func (e *rowEncoder) subject(b *columns.Batch, place int) (string, error) {
	if c := e.s.subjectAt; c >= 0 && !b.Cols[c].IsNull(place) {
		return string(b.Cols[c].Bytes(place)), nil
	}
	s, err := e.s.tableSink.subject.of(b, place)
	if err == nil && s == "" {
		err = errors.New("nats: the metadata column 'subject' is NULL, and the option 'subject' is not given")
	}
	return s, err
}

// headers are those that the metadata column says.
func (e *rowEncoder) headers(b *columns.Batch, place int) (h nats.Header) {
	c := e.s.headersAt
	if c < 0 || b.Cols[c].IsNull(place) {
		return nil
	}
	v := b.Cols[c]
	for i, to := v.Range(place); i < to; i++ {
		if v.Children[0].IsNull(i) || v.Children[1].IsNull(i) {
			continue
		}
		if h == nil {
			h = nats.Header{}
		}
		h[string(v.Children[0].Bytes(i))] = []string{string(v.Children[1].Bytes(i))}
	}
	return h
}
