package json

import (
	"math"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
)

// convert appends the value that a string stands for. It returns false, and appends nothing, if it
// stands for none of the type.
//
//flott:hot
func (d *decoder) convert(n *node, s []byte) bool {
	v := n.out
	switch n.op {
	case opTimestamp, opLTZ:
		return d.timestamp(n, s)
	case opDate:
		days, ok := valuetext.Date(s)
		if ok && v != nil {
			v.AppendI32(days)
		}
		return ok
	case opTime:
		nanos, ok := valuetext.Time(s, valuetext.SQL)
		if ok && v != nil {
			v.AppendI32(valuetext.Millis(nanos, n.t.Precision))
		}
		return ok
	case opSmall, opInt:
		x, ok := valuetext.Int(valuetext.Trim(s), n.bits)
		if ok && v != nil {
			appendInt(v, x, n.bits)
		}
		return ok
	case opFloat, opDouble:
		return float(n, s)
	case opDecimal:
		return decimal(n, valuetext.Trim(s))
	case opBool:
		if v != nil {
			v.AppendBool(valuetext.IsTrue(s))
		}
		return true
	case opBytes:
		return d.bytes(n, s)
	case opText:
		if v != nil {
			v.AppendBytes(s)
		}
		return true
	}
	return false
}

func appendInt(v *column.Vector, x int64, bits int) {
	if bits == 64 {
		v.AppendI64(x)
	} else {
		v.AppendI32(int32(x))
	}
}

func (d *decoder) timestamp(n *node, s []byte) bool {
	if n.op == opLTZ {
		if len(s) == 0 || s[len(s)-1] != 'Z' {
			return false
		}
		s = s[:len(s)-1]
	}
	if n.out == nil {
		return valuetext.IsTimestamp(s, d.between, d.clock)
	}
	micros, nanos, ok := valuetext.Timestamp(s, d.between, d.clock)
	if ok {
		n.out.AppendTimestamp(valuetext.Cut(micros, nanos, n.t.Precision))
	}
	return ok
}

func float(n *node, s []byte) bool {
	size := 64
	if n.op == opFloat {
		size = 32
	}
	x, ok := valuetext.Float(s, size)
	switch {
	case !ok || n.out == nil:
	case size == 32:
		n.out.AppendF32(float32(x))
	default:
		n.out.AppendF64(x)
	}
	return ok
}

func decimal(n *node, s []byte) bool {
	x, null, ok := valuetext.Decimal(s, n.t.Precision, n.t.Scale)
	switch {
	case !ok || n.out == nil:
	case null:
		n.out.AppendNull()
	default:
		n.out.AppendDecimal(x)
	}
	return ok
}

// bytes decodes base64; white space between groups of four is passed over.
func (d *decoder) bytes(n *node, s []byte) bool {
	if n.out == nil {
		out, ok := valuetext.Base64(d.discard[:0], s)
		d.discard = out
		return ok
	}
	out, ok := valuetext.Base64(n.out.Data, s)
	if ok {
		n.out.Data = out
		n.out.EndBytes()
	}
	return ok
}

// convertNumber is convert for a number.
//
//flott:hot
func (d *decoder) convertNumber(n *node, s []byte, whole bool) bool {
	switch n.op {
	case opInt:
		if whole {
			x, ok := valuetext.Int(s, n.bits)
			if ok && n.out != nil {
				appendInt(n.out, x, n.bits)
			}
			return ok
		}
		x, ok := valuetext.Float(s, 64)
		limit := math.Ldexp(1, n.bits-1)
		if n.bits == 32 {
			ok = ok && x >= -limit && x <= limit-1
		} else {
			ok = ok && x >= -limit && x < limit
		}
		if ok && n.out != nil {
			appendInt(n.out, int64(x), n.bits)
		}
		return ok
	case opSmall, opFloat, opDouble, opDecimal, opText, opBool:
		return d.convert(n, s)
	}
	return false
}

// convertBool is convert for true and false.
func (d *decoder) convertBool(n *node, s []byte) bool {
	if n.op == opBool || n.op == opText {
		return d.convert(n, s)
	}
	return false
}
