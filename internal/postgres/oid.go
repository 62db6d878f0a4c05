package postgres

import (
	"github.com/flott-dev/flott/row"
)

// The numbers of types.
const (
	boolOID        = 16
	byteaOID       = 17
	nameOID        = 19
	int8OID        = 20
	int2OID        = 21
	int4OID        = 23
	textOID        = 25
	oidOID         = 26
	float4OID      = 700
	float8OID      = 701
	bpcharOID      = 1042
	varcharOID     = 1043
	dateOID        = 1082
	timeOID        = 1083
	timestampOID   = 1114
	timestamptzOID = 1184
	numericOID     = 1700
)

// elements are the types of arrays' elements.
var elements = map[uint32]uint32{
	1000: boolOID, 1001: byteaOID, 1005: int2OID, 1007: int4OID, 1016: int8OID, 1021: float4OID, 1022: float8OID, 1009: textOID,
	1014: bpcharOID, 1015: varcharOID, 1182: dateOID, 1183: timeOID, 1115: timestampOID, 1185: timestamptzOID, 1231: numericOID,
}

// natural is the type whose binary values are those of a type of ours, and its name; 0 where there is none.
func natural(t *row.Type) (oid uint32, name string) {
	switch t.Kind {
	case row.Boolean:
		return boolOID, "bool"
	case row.TinyInt, row.SmallInt:
		return int2OID, "int2"
	case row.Int:
		return int4OID, "int4"
	case row.BigInt:
		return int8OID, "int8"
	case row.Float:
		return float4OID, "float4"
	case row.Double:
		return float8OID, "float8"
	case row.Decimal:
		return numericOID, "numeric"
	case row.Char, row.Varchar:
		return textOID, "text"
	case row.Binary, row.Varbinary:
		return byteaOID, "bytea"
	case row.Date:
		return dateOID, "date"
	case row.Time:
		return timeOID, "time"
	case row.Timestamp:
		return timestampOID, "timestamp"
	case row.TimestampLTZ:
		return timestamptzOID, "timestamptz"
	}
	return 0, ""
}

// isText reports whether values of a type are texts also in binary.
func isText(oid uint32) bool {
	switch oid {
	case textOID, varcharOID, bpcharOID, nameOID:
		return true
	}
	return false
}

// isPlain reports whether a type of package row is made for a type: then it is not read as another one's text.
func isPlain(oid uint32) bool {
	switch oid {
	case boolOID, byteaOID, int8OID, int2OID, int4OID, oidOID, float4OID, float8OID, dateOID, timeOID, timestampOID, timestamptzOID, numericOID:
		return true
	}
	return isText(oid)
}

// isNumber reports whether a type is one of numbers, and its rank: what is converted to one of a higher rank does not change.
func isNumber(oid uint32) (rank int, ok bool) {
	switch oid {
	case int2OID:
		return 1, true
	case int4OID:
		return 2, true
	case int8OID:
		return 3, true
	case numericOID:
		return 4, true
	case float4OID:
		return 5, true
	case float8OID:
		return 6, true
	}
	return 0, false
}

// withoutScale is the type of a numeric that says no precision.
var withoutScale = row.DecimalOf(row.MaxPrecision, 18)

// RowType is the type that a column has here, as Flink's connector has it; nil where there is none.
func RowType(oid uint32, modifier int32) *row.Type {
	length := int(modifier) - 4
	switch oid {
	case boolOID:
		return row.Of(row.Boolean)
	case int2OID:
		return row.Of(row.SmallInt)
	case int4OID:
		return row.Of(row.Int)
	case int8OID, oidOID:
		return row.Of(row.BigInt)
	case float4OID:
		return row.Of(row.Float)
	case float8OID:
		return row.Of(row.Double)
	case byteaOID:
		return row.BytesType()
	case dateOID:
		return row.Of(row.Date)
	case timeOID:
		return row.TimeOf(fraction(modifier))
	case timestampOID:
		return row.TimestampOf(fraction(modifier))
	case timestamptzOID:
		return row.TimestampLTZOf(fraction(modifier))
	case numericOID:
		if modifier < 4 {
			return withoutScale
		}
		precision, scale := length>>16&0xffff, length&0x7ff
		if precision > row.MaxPrecision || scale > precision {
			return nil
		}
		return row.DecimalOf(precision, scale)
	case bpcharOID:
		if modifier > 4 {
			return row.CharOf(length)
		}
		return row.StringType()
	case varcharOID:
		if modifier > 4 {
			return row.VarcharOf(length)
		}
		return row.StringType()
	}
	if of := elements[oid]; of != 0 {
		if elem := RowType(of, modifier); elem != nil {
			return row.ArrayOf(elem)
		}
		return nil
	}
	return row.StringType()
}

// fraction is how many digits a time has behind the second.
func fraction(modifier int32) int {
	if modifier < 0 {
		return 6
	}
	return int(modifier)
}
