// Package avro is Apache Avro: the format 'avro', as Flink has it, of records without a schema and of
// container files, and 'avro-confluent' (registry.go), of records that name their schema in a registry.
//
// The schema of a record is that of who has written it. A plan (plan.go) says for each of its fields where
// the value goes, or that it is passed over; a decoder follows the plan from the first byte of a record to
// the last and appends values to vectors as it meets them.
//
// Data flow: connectors hand records, or files, to a decoder, which fills their batches; encoders append
// records to the buffers of connectors, or write files.
package avro

import (
	"errors"
	"fmt"

	"github.com/twmb/avro"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

var (
	encoding = config.Enum(config.Doc{
		Key: "encoding", Default: "binary", Text: "How records are written: `binary`, or Avro's JSON, which names the types of values that may be NULL. Files are `binary`.",
	}, nil, "binary", "json")
	legacyTimestamps = config.Bool(config.Doc{
		Key: "timestamp_mapping.legacy", Default: "true",
		Text: "Writes TIMESTAMP as Avro's timestamp, as Flink did before 1.19, up to precision 3. With `false` it is Avro's local-timestamp, TIMESTAMP_LTZ is its timestamp, and both have up to precision 6.",
	})
	codec = config.Enum(config.Doc{
		Key: "codec", Default: "snappy", Text: "How the blocks of files are compressed. It cannot be given for records that are in no file.",
	}, nil, "null", "deflate", "snappy", "zstandard")
)

// Factory is the format 'avro'.
var Factory = format.Factory{
	Name: "avro", Options: config.Set{encoding, legacyTimestamps, codec},
	Reads: row.InsertOnly, Writes: row.InsertOnly, Unread: true, Nested: true, Binary: true,
	NewDecoder: newDecoder, NewEncoder: newEncoder,
	NewFileDecoder: newFileDecoder, NewFileEncoder: newFileEncoder,
}

var errCodec = errors.New("avro.codec compresses files, and here are single records: leave it out, or have the connector compress")

// newDecoder makes decoders of records that were written with the schema of the table's columns.
func newDecoder(t *format.Table) (func() format.Decoder, error) {
	if _, given := codec.Lookup(t.Options); given {
		return nil, errCodec
	}
	schema, err := schemaOf(t)
	if err != nil {
		return nil, err
	}
	if _, err := compile(schema.Root(), t.Columns()); err != nil {
		return nil, err
	}
	return func() format.Decoder {
		p, _ := compile(schema.Root(), t.Columns())
		d := &decoder{plan: p}
		if encoding.Get(t.Options) == "json" {
			return &jsonDecoder{schema: schema, binary: d}
		}
		return d
	}, nil
}

func newEncoder(t *format.Table) (func() format.Encoder, error) {
	if _, given := codec.Lookup(t.Options); given {
		return nil, errCodec
	}
	schema, err := schemaOf(t)
	if err != nil {
		return nil, err
	}
	plan, err := compileParts(schema.Root(), t.Schema.Fields)
	if err != nil {
		return nil, err
	}
	return func() format.Encoder {
		e := &encoder{plan}
		if encoding.Get(t.Options) == "json" {
			return &jsonEncoder{schema: schema, binary: e}
		}
		return e
	}, nil
}

// schemaOf is the schema of a table's columns.
func schemaOf(t *format.Table) (*avro.Schema, error) {
	text, err := derive(t.Schema, legacyTimestamps.Get(t.Options))
	if err != nil {
		return nil, err
	}
	s, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the columns are no schema of Avro, whose names have letters, digits and _ only: %w", err)
	}
	return s, nil
}
