package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/twmb/avro"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// encoder writes rows as records of a schema.
type encoder struct{ plan *part }

// part writes a value: it is the step of an encoder.
type part struct {
	op     op
	name   string // of the field, for errors
	micros bool   // a timestamp is in microseconds, and not in milliseconds
	null   int    // the branch of NULL, encoded; -1 if there is none
	branch int    // the branch of the value, encoded; -1 if it is in no union
	places []int  // of the fields of a record among the columns, or -1 for NULL
	parts  []*part
	elem   *part // of an array or map
}

// compileParts makes the plan by which columns are written as records of a schema.
func compileParts(schema *avro.SchemaNode, fields []row.Field) (*part, error) {
	c := compiler{named: map[string]*avro.SchemaNode{}}
	c.collect(schema)
	p, err := c.part(schema, row.RowOf(fields...).Nullable(false), "")
	if err == nil && (p.op != opRecord || p.branch >= 0) {
		err = fmt.Errorf("the schema is one of %s, and not of a record, which has columns", describe(schema))
	}
	return p, err
}

// part writes a column of a type.
func (c *compiler) part(n *avro.SchemaNode, t *row.Type, path string) (*part, error) {
	n = c.resolve(n)
	p := &part{name: path, null: -1, branch: -1}
	if n.Type != "union" {
		if !t.NotNull && n.Type != "null" {
			return nil, fmt.Errorf("column %s may be NULL, and is %s in the schema: declare it NOT NULL, or make it a union with null", path, describe(n))
		}
		return p, c.fill(p, n, t)
	}
	var err error
	for i := range n.Branches {
		b := c.resolve(&n.Branches[i])
		if b.Type == "null" {
			p.null = 2 * i
		} else if p.branch < 0 {
			if err = c.fill(p, b, t); err == nil {
				p.branch = 2 * i
			}
		}
	}
	switch {
	case p.branch < 0 && err != nil:
		return nil, err
	case p.branch < 0:
		return nil, fmt.Errorf("column %s is null in the schema, and %s here", path, t)
	case p.null < 0 && !t.NotNull:
		return nil, fmt.Errorf("column %s may be NULL, and the union in the schema has no null: declare it NOT NULL", path)
	}
	return p, nil
}

// fill says how values of a type are written.
func (c *compiler) fill(p *part, n *avro.SchemaNode, t *row.Type) (err error) {
	ok := false
	switch n.Type {
	case "null":
		p.op, ok = opNull, t.Kind == row.Null
	case "boolean":
		p.op, ok = opBool, t.Kind == row.Boolean
	case "int":
		p.op, ok = opInt, column.FormOf(t) == column.FormI32
	case "long":
		p.op, ok = opLong, t.Kind == row.BigInt || t.IsTimestamp()
		p.micros = !millis(t)
		switch n.LogicalType {
		case "timestamp-millis", "local-timestamp-millis":
			p.micros = false
		case "timestamp-micros", "local-timestamp-micros":
			p.micros = true
		case "timestamp-nanos", "local-timestamp-nanos":
			ok = false
		}
	case "float":
		p.op, ok = opFloat, t.Kind == row.Float
	case "double":
		p.op, ok = opDouble, t.Kind == row.Double
	case "string":
		p.op, ok = opBytes, t.IsText()
	case "bytes":
		p.op, ok = opBytes, t.IsBinary()
		if t.Kind == row.Decimal {
			ok = n.LogicalType == "decimal" && n.Scale == t.Scale && n.Precision >= t.Precision
		}
	case "record", "error":
		if p.op, ok = opRecord, t.Kind == row.Row; ok {
			err = c.fillRecord(p, n, t)
		}
	case "array":
		if p.op, ok = opArray, t.Kind == row.Array; ok {
			p.elem, err = c.part(n.Items, t.Elem, p.name)
		}
	case "map":
		elem := t.Elem
		if t.Kind == row.Multiset {
			elem = multisetCount
		}
		ok = t.Kind == row.Map && t.Key.IsText() || t.Kind == row.Multiset && t.Elem.IsText()
		if p.op = opMap; ok {
			p.elem, err = c.part(n.Values, elem, p.name)
		}
	}
	if !ok {
		return fmt.Errorf("column %s of type %s is not written as %s", p.name, t, describe(n))
	}
	return err
}

func (c *compiler) fillRecord(p *part, n *avro.SchemaNode, t *row.Type) error {
	var errs []error
	for _, f := range t.Fields {
		if !slices.ContainsFunc(n.Fields, func(s avro.SchemaField) bool { return s.Name == f.Name }) {
			errs = append(errs, fmt.Errorf("the schema has no field %s", join(p.name, f.Name)))
		}
	}
	p.places, p.parts = nil, nil
	for i := range n.Fields {
		s := &n.Fields[i]
		at := slices.IndexFunc(t.Fields, func(f row.Field) bool { return f.Name == s.Name })
		if at < 0 { // NULL is written, if the schema has it
			null := &part{name: join(p.name, s.Name), null: -1, branch: -1}
			u := c.resolve(&s.Type)
			for i := range u.Branches {
				if c.resolve(&u.Branches[i]).Type == "null" {
					null.null = 2 * i
				}
			}
			if null.null < 0 {
				errs = append(errs, fmt.Errorf("there is no column for the field %s of the schema, which has no null", null.name))
			}
			p.places, p.parts = append(p.places, -1), append(p.parts, null)
			continue
		}
		f, err := c.part(&s.Type, t.Fields[at].Type, join(p.name, s.Name))
		errs = append(errs, err)
		p.places, p.parts = append(p.places, at), append(p.parts, f)
	}
	return errors.Join(errs...)
}

// Append appends a record.
//
//flott:hot
func (e *encoder) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	begin := len(dst)
	dst, err := e.plan.fields(dst, b.Cols, place)
	if err != nil {
		return dst[:begin], err
	}
	return dst, nil
}

var (
	errNull    = errors.New("the value is NULL, and the type is NOT NULL")
	errNullKey = errors.New("a key of a map is NULL, which the format avro does not have")
)

func (p *part) fields(dst []byte, cols []*column.Vector, i int) (_ []byte, err error) {
	for k, at := range p.places {
		if at < 0 {
			dst = binary.AppendUvarint(dst, uint64(p.parts[k].null))
		} else if dst, err = p.parts[k].value(dst, cols[at], i); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// value appends a value: in a union, behind the number of its branch.
//
//flott:hot
func (p *part) value(dst []byte, v *column.Vector, i int) ([]byte, error) {
	if v.IsNull(i) {
		if p.null < 0 && p.op != opNull {
			return dst, fmt.Errorf("column %s: %w", p.name, errNull)
		}
		return binary.AppendUvarint(dst, uint64(max(p.null, 0))), nil
	}
	if p.branch >= 0 {
		dst = binary.AppendUvarint(dst, uint64(p.branch))
	}
	switch p.op {
	case opBool:
		if v.Bools[i] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case opInt:
		return binary.AppendVarint(dst, int64(v.I32[i])), nil
	case opLong:
		x := v.I64[i]
		if v.Type.IsTimestamp() && !p.micros {
			x = floorDiv(x, 1000)
		}
		return binary.AppendVarint(dst, x), nil
	case opFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.F32[i])), nil
	case opDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.F64[i])), nil
	case opBytes:
		if v.Type.Kind == row.Decimal {
			return appendDecimal(dst, v.Decimal(i)), nil
		}
		s := v.Bytes(i)
		return append(binary.AppendVarint(dst, int64(len(s))), s...), nil
	case opRecord:
		return p.fields(dst, v.Children, i)
	}
	return p.items(dst, v, i)
}

var multisetCount = row.Of(row.Int)

// items appends the elements of an array or a map, in one block.
func (p *part) items(dst []byte, v *column.Vector, i int) (_ []byte, err error) {
	from, to := v.Range(i)
	if from == to {
		return append(dst, 0), nil
	}
	dst = binary.AppendVarint(dst, int64(to-from))
	elems := v.Children[len(v.Children)-1]
	for k := from; k < to; k++ {
		if p.op == opMap {
			if v.Children[0].IsNull(k) {
				return dst, fmt.Errorf("column %s: %w", p.name, errNullKey)
			}
			key := v.Children[0].Bytes(k)
			dst = append(binary.AppendVarint(dst, int64(len(key))), key...)
		}
		if dst, err = p.elem.value(dst, elems, k); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// appendDecimal appends the fewest bytes that hold a number in two's complement, the highest first.
func appendDecimal(dst []byte, d column.Int128) []byte {
	b, n := d.Bytes(), 0
	for n < 15 && (b[n] == 0 && b[n+1] < 0x80 || b[n] == 0xFF && b[n+1] >= 0x80) {
		n++
	}
	dst = binary.AppendVarint(dst, int64(16-n))
	return append(dst, b[n:]...)
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}
