package datagen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// maker makes the values of a column.
type maker struct {
	seed  uint64
	value func(d *draws, v *column.Vector)
}

// draws are the random numbers of one value: the generator SplitMix64 of Steele, Lea and Flood, Fast
// Splittable Pseudorandom Number Generators.
type draws struct {
	n     int64 // of the row
	state uint64
	now   time.Time
}

func (d *draws) next() uint64 {
	d.state += 0x9E3779B97F4A7C15
	z := d.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below is a number from 0 to n-1; any number if n is 0.
func (d *draws) below(n uint64) uint64 {
	if n == 0 {
		return d.next()
	}
	hi, _ := bits.Mul64(d.next(), n)
	return hi
}

// share is a number from 0 to 1, without 1.
func (d *draws) share() float64 { return float64(d.next()>>11) / (1 << 53) }

// planner reads the options of columns.
type planner struct {
	values *config.Configuration
	paths  map[string]bool // that there are
	seed   uint64
	count  int64 // of rows, as the shortest sequence has them
}

// plan is the maker of a column or a part of one.
func (p *planner) plan(path string, t *row.Type) (m maker, err error) {
	p.paths[path] = true
	d := draws{state: p.seed}
	p.seed = d.next()
	m.seed = p.seed
	if kindOption.At(path).Get(p.values) == "sequence" {
		m.value, err = p.sequence(path, t)
	} else {
		m.value, err = p.random(path, t)
	}
	if err != nil {
		return m, fmt.Errorf("column %s: %w", path, err)
	}
	if rate := nullOption.At(path).Get(p.values); rate > 0 {
		if t.NotNull {
			return m, fmt.Errorf("column %s: fields.%s.null-rate is %v, but the column is NOT NULL", path, path, rate)
		}
		value := m.value
		m.value = func(d *draws, v *column.Vector) {
			if d.share() < rate {
				v.AppendNull()
				return
			}
			value(d, v)
		}
	}
	return m, nil
}

// sequence counts from start to end.
func (p *planner) sequence(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	var bounds [2]int64
	for i, o := range []*config.Option[string]{startOption, endOption} {
		text, ok := o.At(path).Lookup(p.values)
		if !ok {
			return nil, fmt.Errorf("a sequence needs fields.%s.start and fields.%s.end", path, path)
		}
		if bounds[i], ok = valuetext.Int([]byte(text), 64); !ok {
			return nil, fmt.Errorf("%s: %q is not a whole number", o.At(path).Key, text)
		}
	}
	start, end := bounds[0], bounds[1]
	if end < start || end-start < 0 || end-start == math.MaxInt64 {
		return nil, fmt.Errorf("a sequence from %d to %d has no numbers, or too many", start, end)
	}
	if low, high, whole := limits(t); whole && (start < low || end > high) {
		return nil, fmt.Errorf("a sequence from %d to %d does not fit into %s", start, end, t)
	}
	if t.Kind == row.Decimal && (!fits(t, start) || !fits(t, end)) {
		return nil, fmt.Errorf("a sequence from %d to %d does not fit into %s", start, end, t)
	}
	p.count = min(p.count, end-start+1)
	switch t.Kind {
	case row.TinyInt, row.SmallInt, row.Int:
		return func(d *draws, v *column.Vector) { v.AppendI32(int32(start + d.n)) }, nil
	case row.BigInt:
		return func(d *draws, v *column.Vector) { v.AppendI64(start + d.n) }, nil
	case row.Float:
		return func(d *draws, v *column.Vector) { v.AppendF32(float32(start + d.n)) }, nil
	case row.Double:
		return func(d *draws, v *column.Vector) { v.AppendF64(float64(start + d.n)) }, nil
	case row.Decimal:
		unit := column.PowersOf10[t.Scale]
		return func(d *draws, v *column.Vector) {
			x, _ := column.Int128From(start + d.n).Mul(unit)
			v.AppendDecimal(x)
		}, nil
	case row.Char, row.Varchar, row.Binary, row.Varbinary:
		return func(d *draws, v *column.Vector) {
			v.Data = strconv.AppendInt(v.Data, start+d.n, 10)
			v.EndBytes()
		}, nil
	}
	return nil, fmt.Errorf("there are no sequences of type %s", t)
}

func fits(t *row.Type, n int64) bool {
	x, ok := column.Int128From(n).Mul(column.PowersOf10[t.Scale])
	return ok && x.Digits() <= t.Precision
}

// limits are the least and the greatest value of a type of whole numbers.
func limits(t *row.Type) (low, high int64, ok bool) {
	switch t.Kind {
	case row.TinyInt:
		return math.MinInt8, math.MaxInt8, true
	case row.SmallInt:
		return math.MinInt16, math.MaxInt16, true
	case row.Int, row.IntervalMonth:
		return math.MinInt32, math.MaxInt32, true
	case row.BigInt, row.IntervalDay:
		return math.MinInt64, math.MaxInt64, true
	}
	return 0, 0, false
}

// random makes values up.
func (p *planner) random(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	switch t.Kind {
	case row.Boolean:
		return func(d *draws, v *column.Vector) { v.AppendBool(d.next()&1 != 0) }, nil
	case row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.IntervalMonth, row.IntervalDay:
		return p.whole(path, t)
	case row.Float, row.Double:
		return p.float(path, t)
	case row.Decimal:
		return p.decimal(path, t)
	case row.Char, row.Varchar, row.Binary, row.Varbinary:
		return p.bytes(path, t)
	case row.Date:
		return func(d *draws, v *column.Vector) {
			year, month, day := d.now.Date()
			v.AppendI32(int32(valuetext.Days(year, int(month), day)))
		}, nil
	case row.Time:
		return func(d *draws, v *column.Vector) {
			of := time.Duration(d.now.Hour())*time.Hour + time.Duration(d.now.Minute())*time.Minute +
				time.Duration(d.now.Second())*time.Second + time.Duration(d.now.Nanosecond())
			v.AppendI32(valuetext.Millis(int64(of), t.Precision))
		}, nil
	case row.Timestamp, row.TimestampLTZ:
		past := uint64(maxPastOption.At(path).Get(p.values).Milliseconds())
		return func(d *draws, v *column.Vector) {
			ms := d.now.UnixMilli() - int64(d.below(past+1))
			if t.Kind == row.Timestamp {
				_, offset := d.now.Zone()
				ms += int64(offset) * 1000
			}
			v.AppendTimestamp(valuetext.Cut(ms*1000, 0, t.Precision))
		}, nil
	}
	return p.nested(path, t)
}

// whole makes numbers from min to max, both included.
func (p *planner) whole(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	low, high, _ := limits(t)
	bounds := [2]int64{low, high}
	for i, o := range []*config.Option[string]{minOption, maxOption} {
		if text, ok := o.At(path).Lookup(p.values); ok {
			n, ok := valuetext.Int([]byte(text), 64)
			if !ok || n < low || n > high {
				return nil, fmt.Errorf("%s: %q is not a value of type %s", o.At(path).Key, text, t)
			}
			bounds[i] = n
		}
	}
	if bounds[0] > bounds[1] {
		return nil, fmt.Errorf("fields.%s.min is above fields.%s.max", path, path)
	}
	low, size := bounds[0], uint64(bounds[1])-uint64(bounds[0])+1 // 0 is all of 64 bits
	if t.Kind == row.BigInt || t.Kind == row.IntervalDay {
		return func(d *draws, v *column.Vector) { v.AppendI64(low + int64(d.below(size))) }, nil
	}
	return func(d *draws, v *column.Vector) { v.AppendI32(int32(low + int64(d.below(size)))) }, nil
}

func (p *planner) float(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	size, low, high := 64, math.SmallestNonzeroFloat64, math.MaxFloat64
	if t.Kind == row.Float {
		size, low, high = 32, math.SmallestNonzeroFloat32, math.MaxFloat32
	}
	bounds := [2]float64{low, high}
	for i, o := range []*config.Option[string]{minOption, maxOption} {
		if text, ok := o.At(path).Lookup(p.values); ok {
			if bounds[i], ok = valuetext.Float([]byte(text), size); !ok || bounds[i]-bounds[i] != 0 {
				return nil, fmt.Errorf("%s: %q is not a value of type %s", o.At(path).Key, text, t)
			}
		}
	}
	low, high = bounds[0], bounds[1]
	if low > high {
		return nil, fmt.Errorf("fields.%s.min is above fields.%s.max", path, path)
	}
	return func(d *draws, v *column.Vector) {
		s := d.share()
		x := low*(1-s) + high*s
		if size == 32 {
			v.AppendF32(float32(x))
		} else {
			v.AppendF64(x)
		}
	}, nil
}

func (p *planner) decimal(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	most, _ := column.PowersOf10[t.Precision].Sub(column.Int128From(1))
	bounds := [2]column.Int128{{}, most}
	for i, o := range []*config.Option[string]{minOption, maxOption} {
		if text, ok := o.At(path).Lookup(p.values); ok {
			x, null, ok := valuetext.Decimal([]byte(text), t.Precision, t.Scale)
			if !ok || null {
				return nil, fmt.Errorf("%s: %q is not a value of type %s", o.At(path).Key, text, t)
			}
			bounds[i] = x
		}
	}
	low, high := bounds[0], bounds[1]
	if low.Cmp(high) > 0 {
		return nil, fmt.Errorf("fields.%s.min is above fields.%s.max", path, path)
	}
	size, ok := high.Sub(low)
	if !ok || size.Cmp(most) > 0 { // 38 digits are not enough: a draw decides about the sign
		return func(d *draws, v *column.Vector) {
			if d.next()&1 == 0 {
				v.AppendDecimal(d.decimal(high))
			} else {
				v.AppendDecimal(d.decimal(low.Neg()).Neg())
			}
		}, nil
	}
	return func(d *draws, v *column.Vector) {
		x, _ := low.Add(d.decimal(size))
		v.AppendDecimal(x)
	}, nil
}

// decimal is a number from 0 to most, which has no more than 38 digits.
func (d *draws) decimal(most column.Int128) column.Int128 {
	size, _ := most.Add(column.Int128From(1))
	_, x := column.Int128{Hi: int64(d.next() >> 1), Lo: d.next()}.DivRem(size)
	return x
}

// bytes makes hexadecimal digits for texts, and any bytes for others.
func (p *planner) bytes(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	length := min(t.Length, 100)
	if t.Kind == row.Char || t.Kind == row.Binary {
		length = t.Length
	}
	if n, ok := lengthOption.At(path).Lookup(p.values); ok {
		if n > t.Length {
			return nil, fmt.Errorf("fields.%s.length is %d, but values of type %s have at most %d", path, n, t, t.Length)
		}
		length = n
	}
	vary := varLenOption.At(path).Get(p.values)
	if vary && (t.Kind == row.Char || t.Kind == row.Binary) {
		return nil, fmt.Errorf("fields.%s.var-len: the length of values of type %s does not vary", path, t)
	}
	return func(d *draws, v *column.Vector) {
		n := length
		if vary && n > 0 {
			n = 1 + int(d.below(uint64(n)))
		}
		if t.IsText() {
			v.Data = appendHex(v.Data, d, n)
		} else {
			v.Data = appendBytes(v.Data, d, n)
		}
		v.EndBytes()
	}, nil
}

func appendHex(dst []byte, d *draws, n int) []byte {
	for n > 0 {
		x := d.next()
		for k := min(n, 16); k > 0; k-- {
			dst = append(dst, "0123456789abcdef"[x&15])
			x >>= 4
			n--
		}
	}
	return dst
}

func appendBytes(dst []byte, d *draws, n int) []byte {
	for ; n >= 8; n -= 8 {
		dst = binary.LittleEndian.AppendUint64(dst, d.next())
	}
	for x := d.next(); n > 0; n-- {
		dst = append(dst, byte(x))
		x >>= 8
	}
	return dst
}

// nested makes rows and lists of values.
func (p *planner) nested(path string, t *row.Type) (func(d *draws, v *column.Vector), error) {
	var parts []maker
	var errs []error
	part := func(name string, t *row.Type) {
		m, err := p.plan(path+"."+name, t)
		parts, errs = append(parts, m), append(errs, err)
	}
	switch t.Kind {
	case row.Row:
		for _, f := range t.Fields {
			part(f.Name, f.Type)
		}
		return func(d *draws, v *column.Vector) {
			for i, m := range parts {
				m.value(d, v.Children[i])
			}
			v.EndRow()
		}, errors.Join(errs...)
	case row.Array:
		part("element", t.Elem)
	case row.Map:
		part("key", t.Key)
		part("value", t.Elem)
	case row.Multiset:
		part("element", t.Elem)
	default:
		return nil, fmt.Errorf("there are no random values of type %s", t)
	}
	length := 3
	if n, ok := lengthOption.At(path).Lookup(p.values); ok {
		length = n
	}
	return func(d *draws, v *column.Vector) { list(d, v, parts, length) }, errors.Join(errs...)
}

// list makes a list or a map. Keys of maps and elements of multisets that came before are dropped.
func list(d *draws, v *column.Vector, parts []maker, length int) {
	from := v.Children[0].N
	for range length {
		keys := v.Children[0]
		parts[0].value(d, keys)
		if v.Type.Kind == row.Array {
			continue
		}
		if again(keys, from) {
			keys.Truncate(keys.N - 1)
			continue
		}
		if v.Type.Kind == row.Map {
			parts[1].value(d, v.Children[1])
		} else {
			v.Children[1].AppendI32(int32(1 + d.below(3)))
		}
	}
	v.EndList()
}

// again reports whether the last key is among those from a place on. Keys of other forms than numbers
// and texts, of which two are hardly ever equal, are taken to differ.
func again(keys *column.Vector, from int) bool {
	last := keys.N - 1
	for i := from; i < last; i++ {
		if keys.IsNull(i) || keys.IsNull(last) {
			if keys.IsNull(i) == keys.IsNull(last) {
				return true
			}
			continue
		}
		same := false
		switch column.FormOf(keys.Type) {
		case column.FormBool:
			same = keys.Bools[i] == keys.Bools[last]
		case column.FormI32:
			same = keys.I32[i] == keys.I32[last]
		case column.FormI64, column.FormTimestamp:
			same = keys.I64[i] == keys.I64[last]
		case column.FormDecimal:
			same = keys.Decimal(i) == keys.Decimal(last)
		case column.FormBytes:
			same = string(keys.Bytes(i)) == string(keys.Bytes(last))
		}
		if same {
			return true
		}
	}
	return false
}
