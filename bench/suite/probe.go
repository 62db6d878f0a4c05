package main

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// probe is the sink of a run: the connector 'probe'. It reads every byte of every column. With hashed it computes the hash of
// the final result, which does not depend on the order of rows: FNV-1a of the texts of a row's columns with a | between them, added
// for a row that is added and subtracted for one that is taken away. The texts are \N for NULL, true or false, digits, decimals with
// all digits of their scale, days and milliseconds since 1970 for dates and timestamps, and texts as they are.
type probe struct {
	hashed bool
	rows   atomic.Int64
	sum    atomic.Uint64
}

func (p *probe) table() connect.TableFactory {
	return connect.TableFactory{
		Name: "probe",
		NewSink: func(t *connect.TableSpec) (connect.TableSink, error) {
			for _, f := range t.Schema.Fields {
				switch column.FormOf(f.Type) {
				case column.FormBool, column.FormI32, column.FormI64, column.FormDecimal, column.FormTimestamp, column.FormBytes:
				default:
					return nil, fmt.Errorf("column %s: the probe takes no %s", f.Name, f.Type)
				}
			}
			return p, nil
		},
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
	text  []byte
}

func (w *probeWriter) Write(b *column.Batch) error {
	w.rows += int64(b.Len())
	if w.probe.hashed {
		w.hash(b)
		return nil
	}
	for _, v := range b.Cols {
		w.read(b, v)
	}
	return nil
}

func (w *probeWriter) read(b *column.Batch, v *column.Vector) {
	sum := w.sum
	switch column.FormOf(v.Type) {
	case column.FormBool:
		for i := range b.Len() {
			if v.Bools[b.Row(i)] {
				sum++
			}
		}
	case column.FormI32:
		for i := range b.Len() {
			sum = sum*31 + uint64(v.I32[b.Row(i)])
		}
	case column.FormI64, column.FormDecimal, column.FormTimestamp:
		for i := range b.Len() {
			sum = sum*31 + uint64(v.I64[b.Row(i)])
		}
	case column.FormBytes:
		for i := range b.Len() {
			sum = sum*31 + xxh3.Hash(v.Bytes(b.Row(i)))
		}
	}
	w.sum = sum
}

func (w *probeWriter) hash(b *column.Batch) {
	for i := range b.Len() {
		p := b.Row(i)
		w.text = w.text[:0]
		for c, v := range b.Cols {
			if c > 0 {
				w.text = append(w.text, '|')
			}
			w.text = appendText(w.text, v, p)
		}
		h := uint64(0xcbf29ce484222325)
		for _, x := range w.text {
			h = (h ^ uint64(x)) * 0x100000001b3
		}
		if b.Kind(p).IsAdd() {
			w.sum += h
		} else {
			w.sum -= h
		}
	}
}

func appendText(b []byte, v *column.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(b, `\N`...)
	}
	switch column.FormOf(v.Type) {
	case column.FormBool:
		return strconv.AppendBool(b, v.Bools[i])
	case column.FormI32:
		return strconv.AppendInt(b, int64(v.I32[i]), 10)
	case column.FormI64:
		return strconv.AppendInt(b, v.I64[i], 10)
	case column.FormDecimal:
		return valuetext.AppendExact(b, v.Decimal(i), v.Type.Scale)
	case column.FormTimestamp:
		return strconv.AppendInt(b, v.I64[i]/1000, 10)
	default:
		return append(b, v.Bytes(i)...)
	}
}

func (w *probeWriter) Flush(endOfInput bool) error {
	if endOfInput {
		w.probe.rows.Add(w.rows)
		w.probe.sum.Add(w.sum)
	}
	return nil
}

func (w *probeWriter) Snapshot() ([]byte, error) { return nil, nil }
func (w *probeWriter) Close() error              { return nil }
