package queries

import (
	"errors"
	"strconv"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/row"
)

// probeTable is the connector 'probe', the sink of a measured SQL job: see Probe. It takes all kinds of changes.
func probeTable(p *Probe) connect.TableFactory {
	return connect.TableFactory{
		Name: "probe",
		NewSink: func(t *connect.TableSpec) (connect.TableSink, error) {
			return columnProbe{p}, nexmark.CheckColumns(t.Schema)
		},
	}
}

type columnProbe struct{ probe *Probe }

func (columnProbe) Kinds() row.ChangeKinds { return row.AllKinds }

func (p columnProbe) Sink(connect.Insert) (connect.ColumnSink, error) { return p, nil }

func (p columnProbe) Writer(connect.WriterContext, [][]byte) (connect.ColumnWriter, error) {
	return &columnProbeWriter{columnProbe: p}, nil
}

type columnProbeWriter struct {
	columnProbe
	out  Output
	hash nexmark.Hash
}

// Write reads every byte of every column of the rows that count.
func (w *columnProbeWriter) Write(b *column.Batch) error {
	w.out.Rows += int64(b.Len())
	w.out.Checksum += nexmark.Checksum(b)
	if w.probe.Hash {
		w.hash.AppendBatch(b)
	}
	return nil
}

func (w *columnProbeWriter) Flush(bool) error          { return nil }
func (w *columnProbeWriter) Snapshot() ([]byte, error) { return nil, nil }

// Close adds what was written to the probe: also that of a job that was stopped before the end of its input.
func (w *columnProbeWriter) Close() error {
	p := w.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Rows += w.out.Rows
	p.result.Checksum += w.out.Checksum
	p.hash.Merge(&w.hash)
	return nil
}

// sideTable is the connector 'side': a table (k BIGINT, v STRING) with v the text of k, for 0 <= k < rows, which is
// looked up.
var sideTable = connect.TableFactory{
	Name:      "side",
	NewSource: func(*connect.TableSpec) (connect.TableSource, error) { return side{10_000}, nil },
}

var errSide = errors.New("the table can be looked up only: JOIN side FOR SYSTEM_TIME AS OF …")

type side struct{ rows int64 }

func (side) Bounded() bool          { return true }
func (side) Kinds() row.ChangeKinds { return row.InsertOnly }

func (side) Scan(connect.Scan) (connect.ColumnSource, error) { return nil, errSide }

func (s side) NewLookup(l connect.LookupScan) (func(connect.ReaderContext) (connect.Lookup, error), error) {
	return func(connect.ReaderContext) (connect.Lookup, error) {
		t := &sideLookup{project: l.Project}
		for k := range s.rows {
			t.texts = append(t.texts, strconv.AppendInt(nil, k, 10))
		}
		return t, nil
	}, nil
}

type sideLookup struct {
	project []int
	texts   [][]byte
}

// Lookup appends the row of a key.
func (t *sideLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	k := keys[0].I64[place]
	if k < 0 || k >= int64(len(t.texts)) {
		return 0, nil
	}
	for i, c := range t.project {
		if c == 0 {
			out[i].AppendI64(k)
		} else {
			out[i].AppendBytes(t.texts[k])
		}
	}
	return 1, nil
}

func (t *sideLookup) Close() error { return nil }
