package jdbc

import (
	"fmt"

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
