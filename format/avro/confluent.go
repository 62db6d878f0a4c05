package avro

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/avro"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// Confluent is the format 'avro-confluent': a byte 0, the id of the schema in four bytes, and a record.
var Confluent = format.Factory{
	Name: "avro-confluent", Options: confluentOptions,
	Reads: row.InsertOnly, Writes: row.InsertOnly, Unread: true, Nested: true, Binary: true,
	NewDecoder: newConfluentDecoder, NewEncoder: newConfluentEncoder,
}

const idBytes = 5

// writtenSchema is the schema that a table's records are written with.
func writtenSchema(t *format.Table) (*avro.Schema, error) {
	text, given := schemaOption.Lookup(t.Options)
	if !given {
		return schemaOf(t)
	}
	s, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%sschema: %w", confluentPrefix, err)
	}
	return s, nil
}

func newConfluentDecoder(t *format.Table) (func() format.Decoder, error) {
	schema, err := writtenSchema(t)
	if err != nil {
		return nil, err
	}
	if _, err := compile(schema.Root(), t.Columns()); err != nil {
		return nil, fmt.Errorf("%sschema: %w", confluentPrefix, err)
	}
	r, err := newRegistry(t.Options)
	if err != nil {
		return nil, err
	}
	return func() format.Decoder {
		return &confluentDecoder{ctx: context.Background(), registry: r, columns: t.Columns(), decoders: map[uint32]*decoder{}}
	}, nil
}

// confluentDecoder has a decoder for each schema that it has met.
type confluentDecoder struct {
	ctx      context.Context
	registry *registry
	columns  []row.Field
	decoders map[uint32]*decoder
	last     *decoder
	lastID   uint32
}

// Within has it wait for the registry until ctx is done.
func (d *confluentDecoder) Within(ctx context.Context) { d.ctx = ctx }

// Decode appends the row of a record.
//
//flott:hot
func (d *confluentDecoder) Decode(record []byte, b *column.Batch) error {
	if record == nil {
		return nil
	}
	if len(record) < idBytes || record[0] != 0 {
		return &format.Error{Value: string(record), Err: errors.New("the record does not begin with a byte 0 and the id of a schema; was it written with the format avro-confluent?")}
	}
	id := binary.BigEndian.Uint32(record[1:])
	if d.last == nil || d.lastID != id {
		if err := d.find(id); err != nil {
			return err
		}
	}
	d.last.b, d.last.i = record, idBytes
	return d.last.next(b)
}

// find makes the decoder of a schema the last one.
func (d *confluentDecoder) find(id uint32) error {
	found := d.decoders[id]
	if found == nil {
		schema, err := d.registry.schema(d.ctx, int(id))
		if errors.Is(err, errUnknown) {
			return &format.Error{Err: err}
		}
		if err != nil {
			return err
		}
		plan, err := compile(schema, d.columns)
		if err != nil {
			return fmt.Errorf("records with the schema %d of %s do not fit the table: %w", id, d.registry.url, err)
		}
		found = &decoder{plan: plan}
		d.decoders[id] = found
	}
	d.last, d.lastID = found, id
	return nil
}

func newConfluentEncoder(t *format.Table) (func() format.Encoder, error) {
	subject, given := subjectOption.Lookup(t.Options)
	if !given {
		subject = t.Subject
	}
	if subject == "" {
		return nil, fmt.Errorf("the option '%ssubject' is missing: the subject under which the schema is registered", confluentPrefix)
	}
	schema, err := writtenSchema(t)
	if err != nil {
		return nil, err
	}
	plan, err := compileParts(schema.Root(), t.Schema.Fields)
	if err != nil {
		return nil, err
	}
	r, err := newRegistry(t.Options)
	if err != nil {
		return nil, err
	}
	return func() format.Encoder {
		return &confluentEncoder{ctx: context.Background(), registry: r, subject: subject, schema: schema.String(), records: encoder{plan}}
	}, nil
}

// confluentEncoder registers its schema before the first record.
type confluentEncoder struct {
	ctx             context.Context
	registry        *registry
	subject, schema string
	head            []byte // byte 0 and id; nil until the schema is registered
	records         encoder
}

// Within has it wait for the registry until ctx is done.
func (e *confluentEncoder) Within(ctx context.Context) { e.ctx = ctx }

// Append appends the record of a row.
//
//flott:hot
func (e *confluentEncoder) Append(dst []byte, b *column.Batch, place int) ([]byte, error) {
	if e.head == nil {
		id, err := e.registry.id(e.ctx, e.subject, e.schema)
		if err != nil {
			return dst, err
		}
		e.head = binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
	}
	begin := len(dst)
	dst, err := e.records.Append(append(dst, e.head...), b, place)
	if err != nil {
		return dst[:begin], err
	}
	return dst, nil
}
