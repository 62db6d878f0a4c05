package jdbc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// SQLite has whole numbers, floating-point numbers, texts and bytes. A BOOLEAN is 0 or 1 there; dates, times and timestamps are texts, as
// its functions have them: 2024-05-01, 10:20:30.5, 2024-05-01 10:20:30.5, the last one in UTC for TIMESTAMP_LTZ. A DECIMAL is a text with all
// digits: what a column with the affinity NUMERIC has no exact number for stays one.

// checkLiteType checks that values of a column can be in SQLite.
func checkLiteType(f row.Field) error {
	switch f.Type.Kind {
	case row.Boolean, row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.Float, row.Double, row.Decimal, row.Char, row.Varchar, row.Binary,
		row.Varbinary, row.Date, row.Time, row.Timestamp, row.TimestampLTZ:
		return nil
	}
	return fmt.Errorf("the column %s is %s, which SQLite has not", f.Name, f.Type.SQL())
}

// liteValue is a value as SQLite has it.
func liteValue(v *column.Vector, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch v.Type.Kind {
	case row.Boolean:
		return v.Bools[i]
	case row.TinyInt, row.SmallInt, row.Int:
		return int64(v.I32[i])
	case row.BigInt:
		return v.I64[i]
	case row.Float:
		return float64(v.F32[i])
	case row.Double:
		return v.F64[i]
	case row.Decimal:
		return string(valuetext.AppendExact(nil, v.Decimal(i), v.Type.Scale))
	case row.Date:
		return string(valuetext.AppendDate(nil, int64(v.I32[i])))
	case row.Time:
		return string(valuetext.AppendTime(nil, int64(v.I32[i])*1_000_000))
	case row.Timestamp, row.TimestampLTZ:
		nanos := int32(0)
		if v.Nanos != nil {
			nanos = v.Nanos[i]
		}
		return string(valuetext.AppendTimestamp(nil, v.I64[i], nanos, ' '))
	case row.Binary, row.Varbinary:
		return v.Bytes(i)
	}
	return string(v.Bytes(i))
}

// liteType is the type that a column has here, by how it is declared. SQLite has values of all kinds in any column: the rules are those by which it
// likes some more.
func liteType(declared string) *row.Type {
	name, args, _ := strings.Cut(strings.ToUpper(declared), "(")
	name = strings.TrimSpace(name)
	var numbers []int
	for a := range strings.SplitSeq(strings.TrimSuffix(args, ")"), ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(a)); err == nil {
			numbers = append(numbers, n)
		}
	}
	switch {
	case strings.Contains(name, "INT"):
		return row.Of(row.BigInt)
	case strings.Contains(name, "BOOL"):
		return row.Of(row.Boolean)
	case strings.Contains(name, "CHAR"), strings.Contains(name, "CLOB"), strings.Contains(name, "TEXT"):
		return row.StringType()
	case strings.Contains(name, "REAL"), strings.Contains(name, "FLOA"), strings.Contains(name, "DOUB"):
		return row.Of(row.Double)
	case name == "DATE":
		return row.Of(row.Date)
	case name == "TIME":
		return row.TimeOf(3)
	case name == "DATETIME", strings.HasPrefix(name, "TIMESTAMP"):
		return row.TimestampOf(6)
	case name == "DECIMAL", name == "NUMERIC":
		if len(numbers) > 0 && numbers[0] > 0 && numbers[0] <= row.MaxPrecision {
			scale := append(numbers, 0)[1]
			return row.DecimalOf(numbers[0], min(scale, numbers[0]))
		}
		return row.DecimalOf(row.MaxPrecision, 18)
	case name == "BLOB", name == "":
		return row.BytesType()
	}
	return row.StringType()
}

// appendLite appends a value of SQLite.
func appendLite(v *column.Vector, t *row.Type, x any) error {
	ok := false
	switch x := x.(type) {
	case nil:
		if t.NotNull {
			return errors.New("the value is NULL, and the column here is NOT NULL")
		}
		v.AppendNull()
		return nil
	case int64:
		ok = appendWhole(v, t, x)
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		ok = appendWhole(v, t, n)
	case float64:
		switch t.Kind {
		case row.Float:
			v.AppendF32(float32(x))
			ok = true
		case row.Double:
			v.AppendF64(x)
			ok = true
		}
	case []byte:
		if ok = t.IsBinary(); ok {
			v.AppendBytes(x)
		}
	case string:
		ok = appendLiteText(v, t, []byte(x))
	}
	if !ok {
		return fmt.Errorf("the value %v is none of %s", x, t.SQL())
	}
	return nil
}

// appendWhole appends a whole number, if there is such a one of the type.
func appendWhole(v *column.Vector, t *row.Type, n int64) bool {
	bits := map[row.Kind]uint{row.TinyInt: 7, row.SmallInt: 15, row.Int: 31}[t.Kind]
	switch t.Kind {
	case row.Boolean:
		v.AppendBool(n != 0)
	case row.TinyInt, row.SmallInt, row.Int:
		if n < -1<<bits || n >= 1<<bits {
			return false
		}
		v.AppendI32(int32(n))
	case row.BigInt:
		v.AppendI64(n)
	case row.Float:
		v.AppendF32(float32(n))
	case row.Double:
		v.AppendF64(float64(n))
	default:
		return false
	}
	return true
}

func appendLiteText(v *column.Vector, t *row.Type, b []byte) bool {
	switch t.Kind {
	case row.Char, row.Varchar, row.Binary, row.Varbinary:
		v.AppendBytes(b)
	case row.Decimal:
		d, isNull, ok := valuetext.Decimal(b, t.Precision, t.Scale)
		if !ok || isNull {
			return false
		}
		v.AppendDecimal(d)
	case row.Date:
		days, ok := valuetext.Date(b)
		if !ok {
			return false
		}
		v.AppendI32(days)
	case row.Time:
		nanos, ok := valuetext.Time(b, valuetext.ISO)
		if !ok {
			return false
		}
		v.AppendI32(valuetext.Millis(nanos, t.Precision))
	case row.Timestamp, row.TimestampLTZ:
		between := byte(' ')
		if len(b) > 10 && b[10] == 'T' {
			between = 'T'
		}
		micros, nanos, ok := valuetext.Timestamp(b, between, valuetext.ISO)
		if !ok {
			return false
		}
		v.AppendTimestamp(valuetext.Cut(micros, nanos, t.Precision))
	default:
		return false
	}
	return true
}

// encodeLite is a value of a position as bytes: what it is, and the value.
func encodeLite(x any) []byte {
	switch x := x.(type) {
	case int64:
		return binary.BigEndian.AppendUint64([]byte{'i'}, uint64(x))
	case float64:
		return binary.BigEndian.AppendUint64([]byte{'f'}, math.Float64bits(x))
	case []byte:
		return append([]byte{'b'}, x...)
	case string:
		return append([]byte{'s'}, x...)
	}
	return []byte{'?'}
}

func decodeLite(b []byte) (any, error) {
	if len(b) > 0 {
		switch kind, b := b[0], b[1:]; {
		case kind == 'i' && len(b) == 8:
			return int64(binary.BigEndian.Uint64(b)), nil
		case kind == 'f' && len(b) == 8:
			return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
		case kind == 'b':
			return append([]byte{}, b...), nil
		case kind == 's':
			return string(b), nil
		}
	}
	return nil, fmt.Errorf("its position is broken: % x", b)
}
