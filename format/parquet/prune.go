package parquet

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	pqformat "github.com/parquet-go/parquet-go/format"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
)

// wanted reports whether a group may have a row that meets the conditions, by what the file says of its columns.
func (d *decoder) wanted(g *pqformat.RowGroup) bool {
	for _, c := range d.conditions {
		at := slices.Index(d.places, c.Column)
		if at < 0 || d.parts[at].leaf == nil {
			continue
		}
		l := d.parts[at].leaf
		m := &g.Columns[l.index].MetaData
		if m.Statistics.NullCount == m.NumValues {
			return false
		}
		if b := l.bounds(&m.Statistics); b != nil && !c.May(b) {
			return false
		}
	}
	return true
}

// bounds are the least and the greatest value of a column, as the table has them; nil if they are not known.
func (l *leaf) bounds(s *pqformat.Statistics) *column.Vector {
	own := leaf{op: l.op, t: l.t, zone: l.zone, out: column.New(l.t)}
	for i, b := range [][]byte{s.MinValue, s.MaxValue} {
		if !own.data.add(l.op, b) || own.append(i) != nil {
			return nil
		}
	}
	return own.out
}

// add adds a value in the encoding of statistics, and reports whether that has the order of the table's values.
func (v *values) add(o op, b []byte) bool {
	switch o {
	case opI32, opI32AsI64, opU32AsI64, opDecimal32:
		if len(b) != 4 {
			return false
		}
		v.i32 = append(v.i32, int32(binary.LittleEndian.Uint32(b)))
	case opI64, opMillis, opMicros, opNanos, opTimeMicros, opTimeNanos, opDecimal64:
		if len(b) != 8 {
			return false
		}
		v.i64 = append(v.i64, int64(binary.LittleEndian.Uint64(b)))
	case opText:
		if b == nil || !utf8.Valid(b) { // it may be cut off within a character
			return false
		}
		if v.off == nil {
			v.off = []uint32{0}
		}
		v.bytes = append(v.bytes, b...)
		v.off = append(v.off, uint32(len(v.bytes)))
	default: // NaN, and orders that writers do not agree on
		return false
	}
	return true
}

// conditionsOf are those about columns that are read, by their places among these.
func conditionsOf(t *format.Table) (all []format.Condition) {
	for _, c := range t.Conditions {
		if t.Project != nil {
			c.Column = slices.Index(t.Project, c.Column)
		}
		if c.Column >= 0 {
			all = append(all, c)
		}
	}
	return all
}
