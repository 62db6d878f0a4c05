package postgres

import (
	"bytes"
	"encoding/hex"
	"errors"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// Session are the settings with which values are written as texts that TextDecoder reads.
var Session = map[string]string{"TimeZone": "UTC", "DateStyle": "ISO, MDY", "bytea_output": "hex", "extra_float_digits": "1"}

// TextDecoder decodes the values of one column from texts, as logical replication has them.
type TextDecoder struct {
	Decoder
	isBytes bool // \x and hexadecimal digits
}

// NewTextDecoder is the decoder of texts of a type of the database, for vectors of a type. Every type that there is not here can be read as text.
func NewTextDecoder(oid uint32, t *row.Type) (d TextDecoder, ok bool) {
	if t.IsText() && !isPlain(oid) {
		oid = textOID
	}
	d.Decoder, ok = NewDecoder(oid, t)
	d.isBytes = oid == byteaOID
	return d, ok && d.op != opArray
}

var errText = errors.New("the value has no text of its type")

// Append appends a value; nil is NULL. After an error nothing is appended.
//
//flott:hot
func (d *TextDecoder) Append(v *column.Vector, b []byte) error {
	ok := true
	switch {
	case b == nil:
		return d.Decoder.Append(v, nil)
	case d.isBytes:
		return d.hex(v, b)
	}
	switch d.op {
	case opBytes:
		v.AppendBytes(b)
	case opBool:
		v.AppendBool(string(b) == "t")
	case opTiny, opInt32:
		var n int64
		if n, ok = valuetext.Int(b, 32); ok && (d.op == opInt32 || int64(int8(n)) == n) {
			v.AppendI32(int32(n))
		}
	case opInt64:
		var n int64
		if n, ok = valuetext.Int(b, 64); ok {
			v.AppendI64(n)
		}
	case opFloat, opDouble:
		return d.float(v, b)
	case opNumeric, opIntegral:
		if string(b) == "NaN" || bytes.HasSuffix(b, []byte("nfinity")) {
			return errNaN
		}
		n, isNull, isNumber := valuetext.Decimal(b, d.t.Precision, d.t.Scale)
		if isNull {
			return errRange
		}
		if ok = isNumber; ok {
			v.AppendDecimal(n)
		}
	default:
		return d.time(v, b)
	}
	if !ok {
		return errText
	}
	return nil
}

func (d *TextDecoder) hex(v *column.Vector, b []byte) error {
	digits, ok := bytes.CutPrefix(b, []byte(`\x`))
	if !ok || len(digits)%2 != 0 {
		return errText
	}
	before := len(v.Data)
	data, err := hex.AppendDecode(v.Data, digits)
	if err != nil {
		v.Data = v.Data[:before]
		return errText
	}
	v.Data = data
	v.EndBytes()
	return nil
}

func (d *TextDecoder) float(v *column.Vector, b []byte) error {
	bits := 64
	if d.op == opFloat {
		bits = 32
	}
	f, ok := valuetext.Float(b, bits)
	switch {
	case !ok:
		return errText
	case bits == 32:
		v.AppendF32(float32(f))
	default:
		v.AppendF64(f)
	}
	return nil
}

// time appends dates and times. Those before the year 1 and after the year 9999 have no text here.
func (d *TextDecoder) time(v *column.Vector, b []byte) error {
	if bytes.HasSuffix(b, []byte("infinity")) {
		return errInfinite
	}
	ok := false
	switch d.op {
	case opDate:
		var days int32
		if days, ok = valuetext.Date(b); ok {
			v.AppendI32(days)
		}
	case opTime:
		var nanos int64
		if nanos, ok = valuetext.Time(b, valuetext.ISO); ok {
			v.AppendI32(valuetext.Millis(nanos, d.t.Precision))
		}
	case opTimestamp:
		var micros int64
		if micros, _, ok = valuetext.Timestamp(bytes.TrimSuffix(b, []byte("+00")), ' ', valuetext.ISO); ok {
			v.AppendTimestamp(micros, 0)
		}
	}
	if !ok {
		return errText
	}
	return nil
}
