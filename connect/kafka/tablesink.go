package kafka

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	columns "github.com/flott-dev/flott/column"
	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// The options of tables that are written.
var (
	guaranteeOption = options.Enum(options.Doc{
		Key: "sink.delivery-guarantee", Default: "at-least-once", Text: "What holds for records when a job fails. With `exactly-once` they are seen, by consumers " +
			"that read committed ones only, when the checkpoint that has them is complete.",
	}, nil, "none", "at-least-once", "exactly-once")
	prefixOption = options.Text(options.Doc{
		Key: "sink.transactional-id-prefix", Text: "What the ids of transactions begin with, of `exactly-once`: a text of the job's own, which stays the same.",
	})
	loseOption = options.Bool(options.Doc{
		Key: "sink.lose-aborted-transactions", Default: "false", Text: "Goes on where a transaction of a checkpoint cannot be committed any more, since the brokers " +
			"have aborted it: what was written in it is lost. By default the job fails.",
	})
	partitionerOption = options.Enum(options.Doc{
		Key: "sink.partitioner", Default: "default", Text: "The partition of a record: `default` is by the hash of the key, without a key any; `fixed` is one for each " +
			"subtask; `round-robin` is one after the other, for records without a key.",
	}, nil, "default", "fixed", "round-robin")
)

// tableSink writes a table.
type tableSink struct {
	*table
	cfg              *sinkConfig
	newKey, newValue func() format.Encoder // newKey is nil for records without keys
}

func newTableSink(t *connect.TableSpec, f *connect.TableFactory) (connect.TableSink, error) {
	c, err := newTable(t, f)
	if err != nil {
		return nil, err
	}
	o := SinkOptions{
		Properties: c.properties, TransactionPrefix: prefixOption.Get(c.values), LoseAborted: loseOption.Get(c.values),
		Guarantee: map[string]Guarantee{"none": None, "exactly-once": ExactlyOnce}[guaranteeOption.Get(c.values)],
	}
	if c.isUpsert {
		o.BufferRows, o.BufferInterval = flushRowsOption.Get(c.values), flushIntervalOption.Get(c.values)
	}
	s := &tableSink{table: c}
	var errs []error
	if len(c.topics) == 1 {
		o.Topic = c.topics[0]
	} else {
		errs = append(errs, errors.New("'topic' names the one that is written"))
	}
	if c.key.factory != nil && partitionerOption.Get(c.values) == "round-robin" {
		errs = append(errs, errors.New("'sink.partitioner' = 'round-robin' is for records without keys: those with one key stay in order"))
	}
	s.cfg, err = o.config(propertiesPrefix)
	errs = append(errs, err)
	encoder := func(p *part) func() format.Encoder {
		if p.factory == nil {
			return nil
		}
		if err := p.factory.WritesRecords(); err != nil {
			errs = append(errs, err)
			return nil
		}
		f, err := p.factory.NewEncoder(&p.rows)
		errs = append(errs, err)
		return f
	}
	s.newKey, s.newValue = encoder(&c.key), encoder(&c.value)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return s, nil
}

// Kinds are those of the format, or upserts.
func (s *tableSink) Kinds() row.ChangeKinds {
	if s.isUpsert {
		return row.UpsertKinds
	}
	return s.value.factory.Writes
}

// WritableMetadata are the headers and the timestamp.
func (s *tableSink) WritableMetadata() []row.Field {
	return []row.Field{
		{Name: "headers", Type: row.MapOf(row.StringType(), row.BytesType())},
		{Name: "timestamp", Type: row.TimestampLTZOf(3)},
		{Name: "topic", Type: row.StringType()},
	}
}

// Writers are as many as the options say.
func (s *tableSink) Writers(row.ChangeKinds) (int, error) { return connect.WritersOf(s.values), nil }

// Sink makes the sink of a statement.
func (s *tableSink) Sink(o connect.Insert) (connect.ColumnSink, error) {
	if o.Overwrite {
		return nil, fmt.Errorf("table %s: INSERT OVERWRITE cannot be: records of a topic are not replaced", s.spec.Name)
	}
	at := func(name string) int {
		if i := slices.Index(o.Metadata, name); i >= 0 {
			return len(s.spec.Schema.Fields) + i
		}
		return -1
	}
	c := &columnSink{tableSink: s, headers: at("headers"), timestamp: at("timestamp"), topic: at("topic")}
	if s.cfg.Guarantee == ExactlyOnce {
		return &exactColumnSink{c, twoPhase{cfg: s.cfg}}, nil
	}
	return c, nil
}

// columnSink writes batches.
type columnSink struct {
	*tableSink
	headers, timestamp, topic int // places in the batch, -1 for none
}

func (s *columnSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	p, err := newPlain(s.partitioned(ctx), ctx)
	if err != nil {
		return nil, err
	}
	return &columnWriter{plain: p, rows: s.rows(ctx)}, nil
}

// partitioned is the configuration of a subtask.
func (s *columnSink) partitioned(ctx connect.WriterContext) *sinkConfig {
	cfg, next := *s.cfg, ctx.Subtask
	switch partitionerOption.Get(s.values) {
	case "fixed":
		cfg.Partition = func(_ *Record, n int) int { return ctx.Subtask % n }
	case "round-robin":
		cfg.Partition = func(_ *Record, n int) int {
			next++
			return (next - 1) % n
		}
	}
	return &cfg
}

func (s *columnSink) rows(ctx connect.WriterContext) *rowEncoder {
	e := &rowEncoder{s: s, value: s.newValue(), values: &columns.Batch{Cols: make([]*columns.Vector, len(s.value.places))}}
	format.Within(ctx.Context, e.value)
	if s.newKey != nil {
		e.key, e.keys = s.newKey(), &columns.Batch{Cols: make([]*columns.Vector, len(s.key.places))}
		format.Within(ctx.Context, e.key)
	}
	return e
}

// columnWriter writes batches without transactions.
type columnWriter struct {
	*plain
	rows *rowEncoder
}

// Write writes the rows that count.
func (w *columnWriter) Write(b *columns.Batch) error { return w.rows.write(&w.producer, b) }

// exactColumnSink is a columnSink with transactions.
type exactColumnSink struct {
	*columnSink
	twoPhase
}

func (s *exactColumnSink) Writer(ctx connect.WriterContext, states [][]byte) (connect.ColumnWriter, error) {
	p, err := newTransactional(&s.twoPhase, ctx, states)
	if err != nil {
		return nil, err
	}
	p.cfg = s.partitioned(ctx)
	return &exactColumnWriter{p, s.columnSink.rows(ctx)}, nil
}

// exactColumnWriter writes batches in transactions.
type exactColumnWriter struct {
	*transactional
	rows *rowEncoder
}

// Write writes the rows that count.
func (w *exactColumnWriter) Write(b *columns.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if err := w.begin(); err != nil {
		return err
	}
	return w.rows.write(&w.producer, b)
}

// rowEncoder makes records of rows.
type rowEncoder struct {
	s            *columnSink
	key, value   format.Encoder // key is nil for records without keys
	keys, values *columns.Batch
	size         int // of the texts of the last batch
	ends         []int
}

// write writes the rows of a batch that count.
//
//flott:hot
func (e *rowEncoder) write(p *producer, b *columns.Batch) (err error) {
	view := func(to *columns.Batch, of *part) {
		for i, place := range of.places {
			to.Cols[i] = b.Cols[place]
		}
		if to.N, to.Kinds, to.Sel = b.N, b.Kinds, nil; e.s.isUpsert {
			to.Kinds = nil // the format has none
		}
	}
	view(e.values, &e.s.value)
	if e.key != nil {
		view(e.keys, &e.s.key)
	}
	// All texts of a batch lie in one piece of memory, which goes with its records.
	text, ends := make([]byte, 0, e.size+e.size/8), e.ends[:0]
	for i := range b.Len() {
		place := b.Row(i)
		if e.key != nil {
			if text, err = e.key.Append(text, e.keys, place); err != nil {
				return fmt.Errorf("kafka: the key: %w", err)
			}
		}
		ends = append(ends, len(text))
		if !e.s.isUpsert || b.Kind(place).IsAdd() {
			if text, err = e.value.Append(text, e.values, place); err != nil {
				return fmt.Errorf("kafka: %w", err)
			}
		}
		ends = append(ends, len(text))
	}
	e.size, e.ends = len(text), ends
	records, all := make([]kgo.Record, b.Len()), make([]*kgo.Record, 0, b.Len())
	at := 0
	for i := range records {
		r, place, key := &records[i], b.Row(i), ends[2*i]
		if r.Topic = p.cfg.Topic; e.key != nil {
			r.Key = text[at:key:key]
		}
		at = ends[2*i+1]
		if kind := b.Kind(place); !e.s.isUpsert || kind.IsAdd() {
			r.Value = text[key:at:at]
		} else if kind == row.UpdateBefore {
			continue
		}
		e.metadata(r, b, place)
		all = append(all, r)
	}
	return p.put(all)
}

// metadata sets what metadata columns say of a record.
func (e *rowEncoder) metadata(r *kgo.Record, b *columns.Batch, place int) {
	if c := e.s.topic; c >= 0 && !b.Cols[c].IsNull(place) {
		r.Topic = string(b.Cols[c].Bytes(place))
	}
	if c := e.s.timestamp; c >= 0 && !b.Cols[c].IsNull(place) {
		r.Timestamp = time.UnixMicro(b.Cols[c].I64[place])
	}
	c := e.s.headers
	if c < 0 || b.Cols[c].IsNull(place) {
		return
	}
	v := b.Cols[c]
	from, to := v.Range(place)
	for i := from; i < to; i++ {
		if v.Children[0].IsNull(i) || v.Children[1].IsNull(i) {
			continue
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{
			Key: string(v.Children[0].Bytes(i)), Value: slices.Clone(v.Children[1].Bytes(i)),
		})
	}
}
