package avro

import (
	"github.com/twmb/avro"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
)

// jsonDecoder reads Avro's JSON: it has the module make it binary.
type jsonDecoder struct {
	schema *avro.Schema
	binary *decoder
	buf    []byte
}

// Decode appends the row of a record.
func (d *jsonDecoder) Decode(record []byte, b *column.Batch) (err error) {
	if record == nil {
		return nil
	}
	var v any
	if err = d.schema.DecodeJSON(record, &v, avro.TaggedUnions()); err == nil {
		d.buf, err = d.schema.AppendEncode(d.buf[:0], v)
	}
	if err != nil {
		return &format.Error{Value: string(record), Err: err}
	}
	return d.binary.Decode(d.buf, b)
}

// jsonEncoder writes Avro's JSON, by way of binary.
type jsonEncoder struct {
	schema *avro.Schema
	binary *encoder
	buf    []byte
}

// Append appends the record of a row.
func (e *jsonEncoder) Append(dst []byte, b *column.Batch, place int) (_ []byte, err error) {
	if e.buf, err = e.binary.Append(e.buf[:0], b, place); err != nil {
		return dst, err
	}
	var v any
	if _, err := e.schema.Decode(e.buf, &v, avro.TaggedUnions()); err != nil {
		return dst, err
	}
	return e.schema.AppendEncodeJSON(dst, v, avro.TaggedUnions())
}
