package parquet

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// leaf walks over the values of a column of the file, each with its levels.
type leaf struct {
	path   string
	index  int  // of the column in the file
	maxDef byte // the level of a value that is not NULL
	op     op
	t      *row.Type // nil if only levels are wanted
	zone   *time.Location
	out    *column.Vector

	pages    parquet.Pages
	page     parquet.Page
	def, rep []byte // levels of the page; nil where all are maxDef, or 0
	n, at    int    // values in the page, NULLs included, and the next one
	dense    int    // the next one of those that are not NULL
	data     values
}

// values are those of a page that are not NULL: in one of the slices, or at places of it.
type values struct {
	places []int32 // nil where there is no dictionary
	count  int
	i32    []int32
	i64    []int64
	f32    []float32
	f64    []float64
	i96    []deprecated.Int96
	bits   []byte
	bytes  []byte
	off    []uint32
	size   int // of values in bytes that are all as long
}

// errShort is that of a column that has fewer values than the group has rows.
var errShort = errors.New("the column ends too early")

// open begins with a group of rows.
func (l *leaf) open(g parquet.RowGroup) {
	l.close()
	l.pages = g.ColumnChunks()[l.index].Pages()
	l.n, l.at = 0, 0
}

func (l *leaf) close() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page = nil
	}
	if l.pages != nil {
		_ = l.pages.Close()
		l.pages = nil
	}
}

// fill makes sure that there is a next value; it returns io.EOF at the end of the group.
func (l *leaf) fill() error {
	for l.at == l.n {
		if l.page != nil {
			parquet.Release(l.page)
			l.page = nil
		}
		p, err := l.pages.ReadPage()
		if err != nil {
			return err
		}
		l.page = p
		l.def, l.rep = p.DefinitionLevels(), p.RepetitionLevels()
		l.n, l.at, l.dense = int(p.NumValues()), 0, 0
		if err := l.load(p); err != nil {
			return err
		}
	}
	return nil
}

// load takes the values of a page.
func (l *leaf) load(p parquet.Page) error {
	data := p.Data()
	l.data = values{}
	if d := p.Dictionary(); d != nil {
		l.data.places = data.Int32()
		data = d.Page().Data()
	}
	v := &l.data
	switch data.Kind() {
	case encoding.Boolean:
		v.bits = data.Boolean()
		v.count = len(v.bits) * 8
	case encoding.Int32:
		v.i32 = data.Int32()
		v.count = len(v.i32)
	case encoding.Int64:
		v.i64 = data.Int64()
		v.count = len(v.i64)
	case encoding.Int96:
		v.i96 = data.Int96()
		v.count = len(v.i96)
	case encoding.Float:
		v.f32 = data.Float()
		v.count = len(v.f32)
	case encoding.Double:
		v.f64 = data.Double()
		v.count = len(v.f64)
	case encoding.ByteArray:
		v.bytes, v.off = data.ByteArray()
		v.count = max(0, len(v.off)-1)
	case encoding.FixedLenByteArray:
		v.bytes, v.size = data.FixedLenByteArray()
		v.count = len(v.bytes) / max(1, v.size)
	default:
		if l.t != nil {
			return fmt.Errorf("values of kind %v cannot be read", data.Kind())
		}
	}
	return nil
}

// level are the levels of the next value, which there is.
func (l *leaf) level() (def, rep byte) {
	def = l.maxDef
	if len(l.def) > 0 {
		def = l.def[l.at]
	}
	if len(l.rep) > 0 {
		rep = l.rep[l.at]
	}
	return def, rep
}

// next passes over the next value.
func (l *leaf) next() {
	if len(l.def) == 0 || l.def[l.at] == l.maxDef {
		l.dense++
	}
	l.at++
}

// flat appends n values of a column without arrays above it, of which each is a row.
//
//flott:hot
func (l *leaf) flat(n int) error {
	for n > 0 {
		if err := l.fill(); err == io.EOF {
			return errShort
		} else if err != nil {
			return err
		}
		m := min(n, l.n-l.at)
		n -= m
		if len(l.def) == 0 {
			if err := l.run(m); err != nil {
				return err
			}
			l.at += m
			continue
		}
		for end := l.at + m; l.at < end; {
			from := l.at
			for l.at < end && l.def[l.at] == l.maxDef {
				l.at++
			}
			if err := l.run(l.at - from); err != nil {
				return err
			}
			from = l.at
			for l.at < end && l.def[l.at] != l.maxDef {
				l.at++
			}
			if from < l.at && l.t != nil {
				if l.t.NotNull {
					return errNotNull
				}
				l.out.AppendNulls(l.at - from)
			}
		}
	}
	return nil
}

var errNotNull = errors.New("the value is NULL, and the column is NOT NULL")

// run appends the next m values that are not NULL.
//
//flott:hot
func (l *leaf) run(m int) error {
	from := l.dense
	l.dense += m
	if l.t == nil || m == 0 {
		return nil
	}
	d := &l.data
	if d.places != nil {
		if l.dense > len(d.places) {
			return errShort
		}
		for _, at := range d.places[from:l.dense] {
			if uint(at) >= uint(d.count) {
				return errors.New("a place is not in the dictionary")
			}
			if err := l.append(int(at)); err != nil {
				return err
			}
		}
		return nil
	}
	if l.dense > d.count {
		return errShort
	}
	switch l.op { // in one go
	case opI32:
		n := l.out.N
		l.out.Extend(m)
		copy(l.out.I32[n:], d.i32[from:l.dense])
	case opI64:
		n := l.out.N
		l.out.Extend(m)
		copy(l.out.I64[n:], d.i64[from:l.dense])
	case opF64:
		n := l.out.N
		l.out.Extend(m)
		copy(l.out.F64[n:], d.f64[from:l.dense])
	default:
		for i := from; i < l.dense; i++ {
			if err := l.append(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// append appends value i of those of the page, or of its dictionary.
//
//flott:hot
func (l *leaf) append(i int) error {
	d, v := &l.data, l.out
	switch l.op {
	case opBool:
		v.AppendBool(d.bits[i>>3]>>(i&7)&1 != 0)
	case opI32:
		v.AppendI32(d.i32[i])
	case opI32AsI64:
		v.AppendI64(int64(d.i32[i]))
	case opU32AsI64:
		v.AppendI64(int64(uint32(d.i32[i])))
	case opI64:
		v.AppendI64(d.i64[i])
	case opF32:
		v.AppendF32(d.f32[i])
	case opF32AsF64:
		v.AppendF64(float64(d.f32[i]))
	case opF64:
		v.AppendF64(d.f64[i])
	case opText:
		v.Data = valuetext.AppendUTF8(v.Data, d.value(i))
		v.EndBytes()
	case opBytes:
		v.AppendBytes(d.value(i))
	case opMillis:
		if d.i64[i] > math.MaxInt64/1000 || d.i64[i] < math.MinInt64/1000 {
			return fmt.Errorf("%d milliseconds are no TIMESTAMP", d.i64[i])
		}
		v.AppendTimestamp(valuetext.Cut(d.i64[i]*1000, 0, l.t.Precision))
	case opMicros:
		v.AppendTimestamp(valuetext.Cut(d.i64[i], 0, l.t.Precision))
	case opNanos:
		micros := floorDiv(d.i64[i], 1000)
		v.AppendTimestamp(valuetext.Cut(micros, int32(d.i64[i]-micros*1000), l.t.Precision))
	case opInt96:
		l.int96(d.i96[i])
	case opTimeMicros:
		v.AppendI32(int32(floorDiv(d.i64[i], 1000)))
	case opTimeNanos:
		v.AppendI32(int32(floorDiv(d.i64[i], 1_000_000)))
	case opDecimal32:
		return l.decimal(column.Int128From(int64(d.i32[i])), true)
	case opDecimal64:
		return l.decimal(column.Int128From(d.i64[i]), true)
	case opDecimal:
		return l.decimal(column.Int128FromBytes(d.value(i)))
	}
	return nil
}

// value are the bytes of a value.
func (d *values) value(i int) []byte {
	if d.off == nil {
		return d.bytes[i*d.size : (i+1)*d.size]
	}
	return d.bytes[d.off[i]:d.off[i+1]]
}

// The Julian day of 1970-01-01, and microseconds of a day.
const (
	julianEpoch  = 2440588
	microsPerDay = 86400 * 1_000_000
)

// int96 appends a timestamp of a Julian day and nanoseconds of it; without a zone what clocks show in zone then.
func (l *leaf) int96(x deprecated.Int96) {
	nanos := int64(uint64(x[1])<<32 | uint64(x[0]))
	inDay := floorDiv(nanos, 1000)
	micros := (int64(int32(x[2]))-julianEpoch)*microsPerDay + inDay
	if l.zone != nil && l.t.Kind == row.Timestamp {
		_, offset := time.UnixMicro(micros).In(l.zone).Zone()
		micros += int64(offset) * 1_000_000
	}
	l.out.AppendTimestamp(valuetext.Cut(micros, int32(nanos-inDay*1000), l.t.Precision))
}

func (l *leaf) decimal(x column.Int128, ok bool) error {
	if !ok || !x.Fits(l.t.Precision) {
		return fmt.Errorf("a number has more digits than %s", l.t)
	}
	l.out.AppendDecimal(x)
	return nil
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}
