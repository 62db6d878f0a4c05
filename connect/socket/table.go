package socket

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
)

// The options of tables that are read from a server.
var (
	hostOption = config.Text(config.Doc{Key: "hostname", Required: true, Text: "The server."})
	portOption = config.Int(config.Doc{Key: "port", Required: true, Text: "Its port."}, 1, 65_535)
	endOption  = config.Bool(config.Doc{
		Key: "bounded", Default: "false", Text: "Makes the end of the connection the end of the table. By default it is an error.",
	})
	retriesOption = config.Int(config.Doc{
		Key: "retries", Default: "0", Text: "How often in a row the server is tried again.",
	}, 0, 1<<31-1)
	delayOption = config.Duration(config.Doc{Key: "retry-delay", Default: "1 s", Text: "The time before that."})
)

var base = connect.TableFactory{
	Name: "socket", Formatted: true,
	Options: append(config.Set{hostOption, portOption, endOption, retriesOption, delayOption}, connect.BadRecordOptions...),
}

// Table is the connector 'socket' of SQL: lines in a format from a TCP server. Rows are lost when a job
// is restarted, as with Lines.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options, Formatted: base.Formatted,
	NewSource: func(t *connect.TableSpec) (connect.TableSource, error) { return newTable(t) },
}

type table struct {
	spec   *connect.TableSpec
	format *format.Factory
	rows   format.Table
	lines  connect.Source[string]
	bad    connect.BadPolicy
}

func newTable(t *connect.TableSpec) (connect.TableSource, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	c := o.Connector
	s := &table{
		spec: t, format: o.Format, rows: format.Table{Schema: t.Schema, Options: o.FormatOptions, Zone: t.Zone},
		lines: Lines(net.JoinHostPort(hostOption.Get(c), strconv.Itoa(portOption.Get(c))), Options{
			Bounded: endOption.Get(c), Retries: retriesOption.Get(c), RetryDelay: delayOption.Get(c),
		}),
	}
	if s.bad, err = connect.TableBadPolicy(t.Name, c); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	if len(t.Partitions) > 0 {
		return nil, fmt.Errorf("table %s: the connector 'socket' has no partitions", t.Name)
	}
	if err := errors.Join(s.format.ReadsRecords(), s.format.HasLines()); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	if _, err := s.format.NewDecoder(&s.rows); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return s, nil
}

func (s *table) Bounded() bool          { return s.lines.Bounded() }
func (s *table) Kinds() row.ChangeKinds { return s.format.Reads }
func (s *table) Nested() bool           { return s.format.Nested }

func (s *table) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	rows := s.rows
	rows.Project, rows.Types = scan.Project, scan.Types
	newDecoder, err := s.format.NewDecoder(&rows)
	return &columnSource{s.lines, &row.Schema{Fields: rows.Columns()}, newDecoder, s.bad}, err
}

// columnSource decodes the lines of a source.
type columnSource struct {
	connect.Source[string]
	schema     *row.Schema
	newDecoder func() format.Decoder
	bad        connect.BadPolicy
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	r, err := s.Source.Reader(ctx)
	if err != nil {
		return nil, err
	}
	return &columnReader{
		inner: r, lines: connect.NewOutput[string](), decoder: s.newDecoder(), bad: s.bad, errors: ctx.Metrics.Counter("numRecordsInErrors"),
	}, nil
}

type columnReader struct {
	inner   connect.Reader[string]
	lines   *connect.Output[string]
	pool    *batch.Pool[string]
	room    int // of the pool's batches
	decoder format.Decoder
	bad     connect.BadPolicy
	errors  *metric.Counter
	buf     []byte
	line    int64
}

func (r *columnReader) Assign(splits []connect.Split) error { return r.inner.Assign(splits) }

func (r *columnReader) NoMoreSplits() { r.inner.NoMoreSplits() }

func (r *columnReader) Snapshot() ([]connect.Split, error) { return r.inner.Snapshot() }

func (r *columnReader) Close() error { return r.inner.Close() }

func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	if room := out.Room(); r.pool == nil || r.room != room {
		r.pool, r.room = batch.NewPool[string](room), room
	}
	lines := r.pool.Get()
	defer lines.Release()
	r.lines.Reset(lines)
	status, err := r.inner.Poll(r.lines)
	if err != nil {
		return status, err
	}
	split, finished := r.lines.Current()
	if len(lines.Vals) > 0 || finished {
		out.Split(split)
	}
	for _, line := range lines.Vals {
		r.line++
		if err := r.decode(line, out.Batch); err != nil {
			return status, err
		}
	}
	if finished {
		out.Finished()
	}
	return status, nil
}

func (r *columnReader) decode(line string, b *column.Batch) error {
	r.buf = append(r.buf[:0], line...)
	err := r.decoder.Decode(r.buf, b)
	if err == nil {
		return nil
	}
	return r.bad.Handle(err, []byte(line), func() string { return fmt.Sprintf("socket: line %d since the start", r.line) }, r.errors)
}
