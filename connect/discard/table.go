package discard

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
)

var base = connect.TableFactory{Name: "blackhole"}

// Table is the connector 'blackhole' of SQL: rows are counted in the metric numRecordsDropped and
// dropped.
var Table = connect.TableFactory{
	Name: base.Name,
	NewSink: func(t *connect.TableSpec) (connect.TableSink, error) {
		_, err := base.Parse(t)
		return tableSink{}, err
	},
}

type tableSink struct{}

func (tableSink) Kinds() row.ChangeKinds { return row.AllKinds }

func (s tableSink) Sink(connect.Insert) (connect.ColumnSink, error) { return s, nil }

func (tableSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	return &tableWriter{ctx.Metrics.Counter("numRecordsDropped")}, nil
}

type tableWriter struct{ dropped *metric.Counter }

func (w *tableWriter) Write(b *column.Batch) error {
	w.dropped.Add(int64(b.Len()))
	return nil
}

func (w *tableWriter) Flush(bool) error { return nil }

func (w *tableWriter) Snapshot() ([]byte, error) { return nil, nil }

func (w *tableWriter) Close() error { return nil }
