package parquet

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// settings say how timestamps are written.
type settings struct {
	int64 bool
	unit  string
	zone  *time.Location // of TIMESTAMPs as INT96
}

// orderedGroup is a group whose fields have an order.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

// Fields are the fields.
func (g *orderedGroup) Fields() []parquet.Field { return g.fields }

// fieldNode is a field of a group.
type fieldNode struct {
	parquet.Node
	name string
}

// Name is the field's.
func (f *fieldNode) Name() string { return f.name }

// Value is of structs, of which there are none.
func (f *fieldNode) Value(reflect.Value) reflect.Value { panic("parquet: there are no structs") }

// group is the schema of columns, as Flink has it.
func (s *settings) group(fields []row.Field) parquet.Node {
	g := &orderedGroup{Group: parquet.Group{}}
	for _, f := range fields {
		n := s.node(f.Type)
		g.Group[f.Name] = n
		g.fields = append(g.fields, &fieldNode{n, f.Name})
	}
	return g
}

func (s *settings) node(t *row.Type) parquet.Node {
	n := s.value(t)
	if t.NotNull {
		return parquet.Required(n)
	}
	return parquet.Optional(n)
}

func (s *settings) value(t *row.Type) parquet.Node {
	switch t.Kind {
	case row.Boolean:
		return parquet.Leaf(parquet.BooleanType)
	case row.TinyInt:
		return parquet.Int(8)
	case row.SmallInt:
		return parquet.Int(16)
	case row.Int:
		return parquet.Leaf(parquet.Int32Type)
	case row.BigInt:
		return parquet.Leaf(parquet.Int64Type)
	case row.Float:
		return parquet.Leaf(parquet.FloatType)
	case row.Double:
		return parquet.Leaf(parquet.DoubleType)
	case row.Char, row.Varchar:
		return parquet.String()
	case row.Date:
		return parquet.Date()
	case row.Time:
		return parquet.Time(parquet.Millisecond)
	case row.Decimal:
		return parquet.Decimal(t.Scale, t.Precision, parquet.FixedLenByteArrayType(decimalBytes(t.Precision)))
	case row.Timestamp, row.TimestampLTZ:
		if !s.int64 {
			return parquet.Leaf(parquet.Int96Type)
		}
		unit := map[string]parquet.TimeUnit{"millis": parquet.Millisecond, "micros": parquet.Microsecond, "nanos": parquet.Nanosecond}[s.unit]
		return parquet.TimestampAdjusted(unit, t.Kind == row.TimestampLTZ)
	case row.Array:
		return parquet.List(s.node(t.Elem))
	case row.Map:
		return parquet.Map(s.node(t.Key.Nullable(false)), s.node(t.Elem))
	case row.Multiset:
		return parquet.Map(s.node(t.Elem.Nullable(false)), s.node(count))
	case row.Row:
		return s.group(t.Fields)
	}
	return parquet.Leaf(parquet.ByteArrayType)
}

// count is the type of how often a multiset has an element.
var count = row.Of(row.Int).Nullable(false)

// decimalBytes is how many bytes have room for so many digits.
func decimalBytes(precision int) int {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return (most.BitLen() + 8) / 8
}

// encoder writes files: it cuts rows into columns.
type encoder struct {
	w          *parquet.GenericWriter[any]
	blockBytes int64
	begun      int64 // size of the file when the group began
	parts      []*part
	columns    [][]parquet.Value // of the rows at hand
	memory     []byte            // of decimals
}

// part writes a column, or a part of one.
type part struct {
	settings
	e        *encoder
	path     string
	t        *row.Type
	null     int // level of a value that is NULL
	def      int // and of one that is not
	rep      int // of elements behind the first, of an array or a map
	parts    []*part
	from, to int // columns of the file
}

// shredder makes parts in the order of the columns of the file.
type shredder struct {
	settings
	e *encoder
}

func (s *shredder) fields(fields []row.Field, def, rep int) (parts []*part) {
	for _, f := range fields {
		parts = append(parts, s.part(f.Type, f.Name, def, rep))
	}
	return parts
}

// part makes the part of a type below some levels.
func (s *shredder) part(t *row.Type, path string, def, rep int) *part {
	p := &part{settings: s.settings, e: s.e, path: path, t: t, null: def, def: def, from: len(s.e.columns)}
	if !t.NotNull {
		p.def++
	}
	switch t.Kind {
	case row.Row:
		for _, f := range t.Fields {
			p.parts = append(p.parts, s.part(f.Type, path+"."+f.Name, p.def, rep))
		}
	case row.Array, row.Map, row.Multiset:
		p.rep = rep + 1
		elems := []*row.Type{t.Elem}
		if t.Kind == row.Map {
			elems = []*row.Type{t.Key.Nullable(false), t.Elem}
		} else if t.Kind == row.Multiset {
			elems = []*row.Type{t.Elem.Nullable(false), count}
		}
		for _, e := range elems {
			p.parts = append(p.parts, s.part(e, path, p.def+1, p.rep))
		}
	default:
		s.e.columns = append(s.e.columns, nil)
	}
	p.to = len(s.e.columns)
	return p
}

// Encode adds rows.
//
//flott:hot
func (e *encoder) Encode(b *column.Batch, places []int32) error {
	for i := range e.columns {
		e.columns[i] = e.columns[i][:0]
	}
	e.memory = e.memory[:0]
	for k, p := range e.parts {
		for _, i := range places {
			if err := p.value(b.Cols[k], int(i), 0); err != nil {
				return err
			}
		}
	}
	for i, w := range e.w.ColumnWriters() {
		if _, err := w.WriteRowValues(e.columns[i]); err != nil {
			return fmt.Errorf("parquet: %w", err)
		}
	}
	if e.w.Size()-e.begun < e.blockBytes {
		return nil
	}
	err := e.w.Flush()
	e.begun = e.w.Size()
	return err
}

// Close writes the last group and the footer.
func (e *encoder) Close() error { return e.w.Close() }

var errNull = errors.New("the value is NULL, and the type is NOT NULL")

// value cuts a value; rep is the level of repetition of its first part.
func (p *part) value(v *column.Vector, i, rep int) (err error) {
	if v.IsNull(i) {
		if p.null == p.def {
			return fmt.Errorf("column %s: %w", p.path, errNull)
		}
		p.nothing(rep, p.null)
		return nil
	}
	switch p.t.Kind {
	case row.Row:
		for k, part := range p.parts {
			if err := part.value(v.Children[k], i, rep); err != nil {
				return err
			}
		}
		return nil
	case row.Array, row.Map, row.Multiset:
		from, to := v.Range(i)
		if from == to {
			p.nothing(rep, p.def)
			return nil
		}
		for ; from < to; from++ {
			for k, part := range p.parts {
				if err := part.value(v.Children[k], from, rep); err != nil {
					return err
				}
			}
			rep = p.rep
		}
		return nil
	}
	c := &p.e.columns[p.from]
	*c = append(*c, p.leaf(v, i).Level(rep, p.def, p.from))
	return nil
}

// nothing adds NULL to all columns of the part.
func (p *part) nothing(rep, def int) {
	for i := p.from; i < p.to; i++ {
		p.e.columns[i] = append(p.e.columns[i], parquet.Value{}.Level(rep, def, i))
	}
}

// leaf is a value that has no parts.
func (p *part) leaf(v *column.Vector, i int) parquet.Value {
	switch column.FormOf(p.t) {
	case column.FormBool:
		return parquet.BooleanValue(v.Bools[i])
	case column.FormI32:
		return parquet.Int32Value(v.I32[i])
	case column.FormI64:
		return parquet.Int64Value(v.I64[i])
	case column.FormF32:
		return parquet.FloatValue(v.F32[i])
	case column.FormF64:
		return parquet.DoubleValue(v.F64[i])
	case column.FormDecimal:
		return p.decimal(v.Decimal(i))
	case column.FormTimestamp:
		nanos := int32(0)
		if v.Nanos != nil {
			nanos = v.Nanos[i]
		}
		return p.timestamp(v.I64[i], nanos)
	}
	return parquet.ByteArrayValue(v.Bytes(i))
}

func (p *part) decimal(d column.Int128) parquet.Value {
	wide := d.Bytes()
	n := decimalSizes[p.t.Precision]
	m := len(p.e.memory)
	p.e.memory = append(p.e.memory, wide[16-n:]...)
	return parquet.FixedLenByteArrayValue(p.e.memory[m : m+n : m+n])
}

var decimalSizes = func() (sizes [row.MaxPrecision + 1]int) {
	for i := range sizes {
		sizes[i] = decimalBytes(i)
	}
	return sizes
}()

func (p *part) timestamp(micros int64, nanos int32) parquet.Value {
	if p.int64 {
		switch p.unit {
		case "millis":
			micros = floorDiv(micros, 1000)
		case "nanos":
			micros = micros*1000 + int64(nanos)
		}
		return parquet.Int64Value(micros)
	}
	if p.zone != nil && p.t.Kind == row.Timestamp { // when clocks in zone show it
		t := time.UnixMicro(micros).UTC()
		micros = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), p.zone).UnixMicro()
	}
	day := floorDiv(micros, microsPerDay)
	inDay := uint64((micros-day*microsPerDay)*1000 + int64(nanos))
	return parquet.Int96Value(deprecated.Int96{uint32(inDay), uint32(inDay >> 32), uint32(day + julianEpoch)})
}
