package httpio

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	columns "github.com/flott-dev/flott/column"
	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// The options of tables.
var (
	urlOption   = options.Text(options.Doc{Key: "url", Required: true, Text: "What is asked, or posted to, as `https://host/path`."})
	modeOption  = options.Enum(options.Doc{Key: "scan.mode", Default: "poll", Text: "How it is read: `poll` asks again and again, `events` follows server-sent events."}, nil, "poll", "events")
	everyOption = options.Duration(options.Doc{Key: "scan.interval", Default: "10 s", Text: "How often is asked, with `poll`."})
	lineOption  = options.Enum(options.Doc{
		Key: "scan.records", Default: "lines", Text: "What a body has: `lines` are records each, `whole` is one record.",
	}, nil, "lines", "whole")
	cursorHeaderOption = options.Text(options.Doc{
		Key: "scan.cursor.header", Text: "The header of an answer that has the cursor of the next one, with `poll`. The newest answer has none, or the one that led to it.",
	})
	cursorParameterOption = options.Text(options.Doc{Key: "scan.cursor.parameter", Text: "The parameter of the URL in which the cursor is sent."})
	stopOption            = options.Enum(options.Doc{
		Key: "scan.bounded.mode", Default: "unbounded", Text: "`latest` ends with the newest answer, with `poll`.",
	}, nil, "unbounded", "latest")
	reconnectOption = options.Duration(options.Doc{
		Key: "scan.reconnect-delay", Default: "1 s", Text: "How long is waited when a stream of events has ended, unless the server says it.",
	})
	bodyOption  = options.Size(options.Doc{Key: "body.max-size", Text: "How large a body, or an event, may be: 64 MiB for an answer, 1 MiB for a post or an event by default."})
	rowsOption  = options.Int(options.Doc{Key: "sink.batch.rows", Default: "500", Text: "How many rows a post has at most."}, 1, 1<<20)
	sizeOption  = options.Size(options.Doc{Key: "sink.batch.size", Default: "1 mb", Text: "How large a post becomes before it is sent."})
	delayOption = options.Duration(options.Doc{Key: "sink.batch.interval", Default: "1 s", Text: "How long rows wait for others."})
	arrayOption = options.Enum(options.Doc{
		Key: "sink.body", Default: "lines", Text: "A post has its rows as `lines`, or as a JSON `array`.",
	}, nil, "lines", "array")
	contentOption = options.Text(options.Doc{
		Key: "sink.content-type", Text: "The Content-Type of posts: application/x-ndjson, or application/json for an array, by default.",
	})
	tokenOption   = options.Text(options.Doc{Key: "token", Text: "Is sent, or wanted, as `Authorization: Bearer`."})
	headersOption = options.Text(options.Doc{Key: "headers", Text: "Headers that are sent, as `Name: value`, with semicolons between them."})
	timeoutOption = options.Duration(options.Doc{Key: "request.timeout", Default: "30 s", Text: "How long an answer may take."})
	retryOption   = options.Duration(options.Doc{
		Key: "retry.timeout", Default: "5 min", Text: "How long a server is asked again that is away, or answers with 408, 429 or 5xx, or with 401 or 403 after it has answered otherwise, before the job fails.",
	})
	listenOption = options.Text(options.Doc{Key: "listen", Required: true, Text: "Where posts are taken, as `127.0.0.1:8080`. Others than those of this machine need `token`, or `open`."})
	openOption   = options.Bool(options.Doc{Key: "open", Default: "false", Text: "Lets anybody post who can reach the machine."})
	answerOption = options.Enum(options.Doc{
		Key: "answer", Default: "at-once", Text: "When a post is answered: `at-once`, and its rows may be lost; or `checkpoint`, when the checkpoint that has them is complete.",
	}, nil, "at-once", "checkpoint")
	holdOption = options.Duration(options.Doc{Key: "answer.timeout", Default: "1 min", Text: "After how long a post is answered by 503 that waits for a checkpoint."})
)

// The factories without what makes sources and sinks, which parse their options by them.
var (
	base = connect.TableFactory{
		Name: "http", Formatted: true,
		Options: append(options.Set{
			urlOption, modeOption, everyOption, lineOption, cursorHeaderOption, cursorParameterOption, stopOption, reconnectOption, bodyOption,
			rowsOption, sizeOption, delayOption, arrayOption, contentOption, tokenOption, headersOption, timeoutOption, retryOption,
		}, connect.BadRecordOptions...),
	}
	webhookBase = connect.TableFactory{
		Name: "http-webhook", Formatted: true,
		Options: append(options.Set{listenOption, tokenOption, openOption, answerOption, holdOption, lineOption, bodyOption}, connect.BadRecordOptions...),
	}
)

// Table is the connector 'http' of SQL: answers or events of a server are read, rows are posted to it.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options, Formatted: base.Formatted,
	NewSource: newTableSource,
	NewSink:   newTableSink,
}

// WebhookTable is the connector 'http-webhook' of SQL: rows are what is posted.
var WebhookTable = connect.TableFactory{
	Name: webhookBase.Name, Options: webhookBase.Options, Formatted: webhookBase.Formatted,
	NewSource: newWebhookSource,
}

// table is what sources and sinks of tables have in common.
type table struct {
	spec   *connect.TableSpec
	values *options.Configuration
	format *format.Factory
	rows   format.Table
}

func newTable(t *connect.TableSpec, f *connect.TableFactory) (*table, error) {
	o, err := f.Parse(t)
	if err != nil {
		return nil, err
	}
	if len(t.Partitions) > 0 {
		err = fmt.Errorf("table %s: the connector '%s' has no PARTITIONED BY", t.Name, f.Name)
	}
	return &table{t, o.Connector, o.Format, format.Table{Schema: t.Schema, Options: o.FormatOptions, Zone: t.Zone}}, err
}

func (c *table) server() (Server, error) {
	s := Server{
		URL: urlOption.Get(c.values), Token: tokenOption.Get(c.values), Timeout: timeoutOption.Get(c.values), RetryTimeout: retryOption.Get(c.values),
		Header: map[string]string{},
	}
	for i, h := range strings.Split(headersOption.Get(c.values), ";") {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok && name != "" {
			return s, fmt.Errorf("header %d of 'headers' is not like Name: value", i+1)
		}
		if name != "" {
			s.Header[name] = strings.TrimSpace(value)
		}
	}
	return s, nil
}

func newTableSource(t *connect.TableSpec) (connect.TableSource, error) {
	c, err := newTable(t, &base)
	if err != nil {
		return nil, err
	}
	s, err := c.server()
	size := bodyOption.Get(c.values)
	if modeOption.Get(c.values) == "events" {
		if stopOption.Get(c.values) != "unbounded" {
			err = errors.Join(err, errors.New("'scan.bounded.mode' is for 'scan.mode' = 'poll': events have no newest one"))
		}
		o := &EventOptions{Server: s, Reconnect: reconnectOption.Get(c.values), EventBytesMax: int(size)}
		return c.source(o, eventMetadata, errors.Join(err, o.check()))
	}
	o := &PollOptions{
		Server: s, Every: everyOption.Get(c.values), Whole: lineOption.Get(c.values) == "whole", CursorHeader: cursorHeaderOption.Get(c.values),
		CursorParameter: cursorParameterOption.Get(c.values), BodyBytesMax: size, Bounded: stopOption.Get(c.values) == "latest",
	}
	return c.source(o, nil, errors.Join(err, o.check(), c.lines(!o.Whole)))
}

// lines wants records to be lines, if a body has them as such.
func (c *table) lines(has bool) error {
	if !has {
		return nil
	}
	return c.format.HasLines()
}

func newWebhookSource(t *connect.TableSpec) (connect.TableSource, error) {
	c, err := newTable(t, &webhookBase)
	if err != nil {
		return nil, err
	}
	o := &WebhookOptions{
		Address: listenOption.Get(c.values), Token: tokenOption.Get(c.values), Open: openOption.Get(c.values), Hold: answerOption.Get(c.values) == "checkpoint",
		HoldTimeout: holdOption.Get(c.values), Whole: lineOption.Get(c.values) == "whole", BodyBytesMax: bodyOption.Get(c.values),
	}
	return c.source(o, nil, errors.Join(o.check(), c.lines(!o.Whole)))
}

// source makes the source of an origin. err is what is wrong with its options.
func (c *table) source(o origin, metadata []metadataColumn, err error) (connect.TableSource, error) {
	if err == nil {
		if err = c.format.ReadsRecords(); err == nil {
			_, err = c.format.NewDecoder(&c.rows)
		}
	}
	bad, badErr := connect.TableBadPolicy(c.spec.Name, c.values)
	if err = errors.Join(err, badErr); err != nil {
		return nil, fmt.Errorf("table %s: %w", c.spec.Name, err)
	}
	return &tableSource{c, o, metadata, bad}, nil
}

// metadataColumn is a metadata column that can be read.
type metadataColumn struct {
	row.Field
	append func(v *columns.Vector, r *Record)
}

var eventMetadata = []metadataColumn{
	{row.Field{Name: "event-id", Type: row.StringType().Nullable(false)}, func(v *columns.Vector, r *Record) { v.AppendString(r.ID) }},
	{row.Field{Name: "event-type", Type: row.StringType().Nullable(false)}, func(v *columns.Vector, r *Record) { v.AppendString(r.Event) }},
}

// tableSource reads a table.
type tableSource struct {
	*table
	o        origin
	metadata []metadataColumn
	bad      connect.BadPolicy
}

func (s *tableSource) Bounded() bool            { return s.o.bounded() }
func (s *tableSource) Kinds() row.ChangeKinds   { return s.format.Reads }
func (s *tableSource) Nested() bool             { return s.format.Nested }
func (s *tableSource) Readers(int) (int, error) { return 1, nil }

func (s *tableSource) Metadata() (fields []row.Field) {
	for _, m := range s.metadata {
		fields = append(fields, m.Field)
	}
	return fields
}

// Scan makes a source of some of the columns.
func (s *tableSource) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	if scan.Project == nil {
		for i := range s.spec.Schema.Fields {
			scan.Project = append(scan.Project, i)
		}
	}
	c := &columnSource{tableSource: s, schema: &row.Schema{}}
	rows := s.rows
	rows.Project, rows.Types = scan.Project, scan.Types
	for i := range scan.Project {
		c.schema.Fields = append(c.schema.Fields, scan.Field(s.spec.Schema, i))
	}
	for _, name := range scan.Metadata {
		at := slices.IndexFunc(s.metadata, func(m metadataColumn) bool { return m.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("table %s: there is no metadata column '%s'; events have event-id, event-type", s.spec.Name, name)
		}
		c.schema.Fields = append(c.schema.Fields, s.metadata[at].Field)
		c.read = append(c.read, s.metadata[at])
	}
	var err error
	c.newDecoder, err = s.format.NewDecoder(&rows)
	return c, err
}

// columnSource reads some columns of a table.
type columnSource struct {
	*tableSource
	schema     *row.Schema
	read       []metadataColumn // behind the others
	newDecoder func() format.Decoder
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

func (s *columnSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return newEnumerator(ctx, s.o, state)
}

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	return &columnReader{newReader(s.o, s.bad, ctx), s, s.newDecoder(), &columns.Batch{}}, nil
}

// columnReader decodes records into columns.
type columnReader struct {
	*reader
	s       *columnSource
	decoder format.Decoder
	values  *columns.Batch // the columns of the batch that are in the record
}

// Poll decodes records.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	b := out.Batch
	physical := len(b.Cols) - len(r.s.read)
	r.values.Cols, r.values.N, r.values.Kinds = b.Cols[:physical], b.N, b.Kinds
	return r.poll(out, func(i *item) error {
		before := r.values.N
		if err := r.decoder.Decode(i.Data, r.values); err != nil {
			return r.bad(i, err)
		}
		for range r.values.N - before {
			for k, m := range r.s.read {
				m.append(b.Cols[physical+k], &i.Record)
			}
		}
		b.N, b.Kinds = r.values.N, r.values.Kinds
		return nil
	})
}

// tableSink writes a table.
type tableSink struct {
	*table
	o          *SinkOptions
	newEncoder func() format.Encoder
}

func newTableSink(t *connect.TableSpec) (connect.TableSink, error) {
	c, err := newTable(t, &base)
	if err != nil {
		return nil, err
	}
	s, err := c.server()
	o := &SinkOptions{
		Server: s, Rows: rowsOption.Get(c.values), Bytes: int(sizeOption.Get(c.values)), Interval: delayOption.Get(c.values),
		Array: arrayOption.Get(c.values) == "array", ContentType: contentOption.Get(c.values),
	}
	errs := []error{err, o.check(), c.lines(true)} // nor are they items of an array
	sink := &tableSink{table: c, o: o}
	if err = c.format.WritesRecords(); err == nil {
		sink.newEncoder, err = c.format.NewEncoder(&c.rows)
	}
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return sink, nil
}

// Kinds are those of the format.
func (s *tableSink) Kinds() row.ChangeKinds { return s.format.Writes }

// Sink makes the sink of a statement.
func (s *tableSink) Sink(o connect.Insert) (connect.ColumnSink, error) {
	if o.Overwrite {
		return nil, fmt.Errorf("table %s: INSERT OVERWRITE cannot be: what was posted is not replaced", s.spec.Name)
	}
	return s, nil
}

// Writer makes the writer of a subtask.
func (s *tableSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	return &columnWriter{newPoster(s.o, ctx), s.newEncoder(), nil}, nil
}

// columnWriter posts batches.
type columnWriter struct {
	*poster
	encoder format.Encoder
	text    []byte
}

// Write collects the rows that count.
//
//flott:hot
func (w *columnWriter) Write(b *columns.Batch) (err error) {
	for i := range b.Len() {
		if w.text, err = w.encoder.Append(w.text[:0], b, b.Row(i)); err != nil {
			return fmt.Errorf("http: %w", err)
		}
		if err := w.add(w.text); err != nil {
			return err
		}
	}
	return nil
}
