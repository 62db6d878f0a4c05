package queries

import (
	"errors"
	"strconv"

	"github.com/zeebo/xxh3"

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
			return columnProbe{p, t.Schema}, nil
		},
	}
}

type columnProbe struct {
	probe  *Probe
	schema *row.Schema
}

func (columnProbe) Kinds() row.ChangeKinds {
	return 1<<row.Insert | 1<<row.UpdateBefore | 1<<row.UpdateAfter | 1<<row.Delete
}

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
	n := b.Len()
	w.out.Rows += int64(n)
	sum := uint64(0)
	for c, v := range b.Cols {
		seed := uint64(c+1) * 0x9e3779b97f4a7c15
		switch column.FormOf(v.Type) {
		case column.FormI32:
			for i := range n {
				sum += (uint64(uint32(v.I32[b.Row(i)])) ^ seed) * 0x9e3779b97f4a7c15
			}
		case column.FormI64, column.FormDecimal, column.FormTimestamp:
			for i := range n {
				sum += (uint64(v.I64[b.Row(i)]) ^ seed) * 0x9e3779b97f4a7c15
			}
		case column.FormBytes:
			for i := range n {
				sum += xxh3.Hash(v.Bytes(b.Row(i))) ^ seed
			}
		}
	}
	w.out.Checksum += sum
	if w.probe.Hash {
		w.hashRows(b)
	}
	return nil
}

// hashRows adds rows to the hash of the final result, and takes those away that are retracted.
func (w *columnProbeWriter) hashRows(b *column.Batch) {
	for i := range b.Len() {
		p := b.Row(i)
		for _, v := range b.Cols {
			switch {
			case v.IsNull(p):
				w.hash.AppendNull()
			case v.Type.Kind == row.Decimal:
				w.hash.AppendDecimal(v.I64[p], v.Type.Scale)
			case v.Type.IsTimestamp():
				w.hash.AppendInt(v.I64[p] / 1000)
			case v.Type.Kind == row.BigInt:
				w.hash.AppendInt(v.I64[p])
			case v.Type.IsInteger():
				w.hash.AppendInt(int64(v.I32[p]))
			default:
				w.hash.AppendBytes(v.Bytes(p))
			}
		}
		if b.Kind(p).IsAdd() {
			w.hash.Insert()
		} else {
			w.hash.Retract()
		}
	}
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
