package main

import (
	"sync"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/row"
)

// probe is the sink of a run: the connector 'probe'. It reads every byte of every column. With hashed it computes the hash of
// the final result instead, which does not depend on the order of rows.
type probe struct {
	hashed bool

	mu   sync.Mutex
	rows int64
	sum  uint64
	hash nexmark.Hash
}

func (p *probe) table() connect.TableFactory {
	return connect.TableFactory{
		Name:    "probe",
		NewSink: func(t *connect.TableSpec) (connect.TableSink, error) { return p, nexmark.CheckColumns(t.Schema) },
	}
}

func (p *probe) Kinds() row.ChangeKinds { return row.AllKinds }

func (p *probe) Sink(connect.Insert) (connect.ColumnSink, error) { return p, nil }

func (p *probe) Writer(connect.WriterContext, [][]byte) (connect.ColumnWriter, error) {
	return &probeWriter{probe: p}, nil
}

type probeWriter struct {
	probe *probe
	rows  int64
	sum   uint64
	hash  nexmark.Hash
}

func (w *probeWriter) Write(b *column.Batch) error {
	w.rows += int64(b.Len())
	if w.probe.hashed {
		w.hash.AppendBatch(b)
	} else {
		w.sum += nexmark.Checksum(b)
	}
	return nil
}

func (w *probeWriter) Flush(endOfInput bool) error {
	if !endOfInput {
		return nil
	}
	p := w.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows += w.rows
	p.sum += w.sum
	p.hash.Merge(&w.hash)
	return nil
}

func (w *probeWriter) Snapshot() ([]byte, error) { return nil, nil }
func (w *probeWriter) Close() error              { return nil }
