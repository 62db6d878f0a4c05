// Package parquet is the format of files of Apache Parquet, as Flink has it.
//
// Of a file the footer is read, and then, of each group of rows, the columns that are wanted. A leaf
// (leaf.go) walks over the values of one column of the file with their levels; nodes (node.go) put values
// of several leaves together to rows, arrays and maps. Flat columns go to vectors in runs.
//
// Data flow: the connector of files hands ranges of files to a decoder, which fills its batches; and rows
// to an encoder, which cuts them into columns (encode.go).
package parquet

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

var (
	utcTimezone = config.Bool(config.Doc{
		Key: "utc-timezone", Default: "false",
		Text: "Says that TIMESTAMPs that are stored as INT96 are in UTC. By default they are in the session's time zone.",
	})
	int64Timestamps = config.Bool(config.Doc{
		Key: "write.int64.timestamp", Default: "false", Text: "Writes timestamps as INT64 with their unit, and not as INT96. They are never in a time zone then.",
	})
	timeUnit = config.Enum(config.Doc{
		Key: "timestamp.time.unit", Default: "micros", Text: "The unit of timestamps that are written as INT64.",
	}, nil, "nanos", "micros", "millis")
	compression = config.Enum(config.Doc{
		Key: "compression", Default: "SNAPPY", Text: "How pages are compressed.",
	}, nil, "UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4_RAW")
	blockSize = config.Size(config.Doc{
		Key: "block.size", Default: "128 mb", Text: "The size, in memory, at which a group of rows is ended. A number is of bytes.",
	})
	pageSize = config.Size(config.Doc{
		Key: "page.size", Default: "1 mb", Text: "The size at which a page is ended.",
	})
	dictionary = config.Bool(config.Doc{
		Key: "enable.dictionary", Default: "true", Text: "Writes texts and bytes as places in a dictionary, until that has a megabyte.",
	})
	batchSize = config.Int(config.Doc{
		Key: "batch-size", Default: "2048", Text: "Has no effect: batches are as long as those that the engine wants.",
	}, 1, 1<<30)
)

// Factory is the format 'parquet'.
var Factory = format.Factory{
	Name:    "parquet",
	Options: config.Set{utcTimezone, int64Timestamps, timeUnit, compression, blockSize, pageSize, dictionary, batchSize},
	Reads:   row.InsertOnly, Writes: row.InsertOnly, Unread: true, Nested: true, Binary: true,
	NewFileDecoder: newDecoder, NewFileEncoder: newEncoder,
}

var codecs = map[string]compress.Codec{
	"UNCOMPRESSED": &parquet.Uncompressed, "SNAPPY": &parquet.Snappy, "GZIP": &parquet.Gzip, "ZSTD": &parquet.Zstd,
	"BROTLI": &parquet.Brotli, "LZ4_RAW": &parquet.Lz4Raw,
}

// zoneOf is the time zone of TIMESTAMPs as INT96; nil for UTC.
func zoneOf(t *format.Table) *time.Location {
	if utcTimezone.Get(t.Options) || t.Zone == time.UTC {
		return nil
	}
	return t.Zone
}

func newDecoder(t *format.Table) (func() format.FileDecoder, error) {
	if err := check(t.Schema); err != nil {
		return nil, err
	}
	return func() format.FileDecoder {
		return &decoder{columns: t.Columns(), conditions: conditionsOf(t), zone: zoneOf(t)}
	}, nil
}

func newEncoder(t *format.Table) (func(w io.Writer) (format.FileEncoder, error), error) {
	if err := check(t.Schema); err != nil {
		return nil, err
	}
	s := settings{int64Timestamps.Get(t.Options), timeUnit.Get(t.Options), zoneOf(t)}
	schema := parquet.NewSchema("flink_schema", s.group(t.Schema.Fields))
	options := []parquet.WriterOption{
		schema, parquet.Compression(codecs[compression.Get(t.Options)]), parquet.PageBufferSize(int(pageSize.Get(t.Options))), parquet.CreatedBy("flott", "", ""),
	}
	if dictionary.Get(t.Options) {
		options = append(options, parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.RLEDictionary), parquet.DictionaryMaxBytes(1<<20))
	}
	if _, err := parquet.NewWriterConfig(options...); err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	return func(w io.Writer) (format.FileEncoder, error) {
		e := &encoder{w: parquet.NewGenericWriter[any](w, options...), blockBytes: blockSize.Get(t.Options)}
		e.parts = (&shredder{settings: s, e: e}).fields(t.Schema.Fields, 0, 0)
		return e, nil
	}, nil
}

// check refuses types that Parquet does not have.
func check(s *row.Schema) error {
	var errs []error
	for _, f := range s.Fields {
		if err := checkType(f.Type); err != nil {
			errs = append(errs, fmt.Errorf("column %s of type %s: %w", f.Name, f.Type, err))
		}
	}
	if len(s.Fields) == 0 {
		errs = append(errs, errors.New("a file of Parquet has columns, and the table has none but those of partitions"))
	}
	return errors.Join(errs...)
}

func checkType(t *row.Type) error {
	switch t.Kind {
	case row.Boolean, row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.Float, row.Double, row.Char, row.Varchar, row.Binary, row.Varbinary,
		row.Decimal, row.Date, row.Time, row.Timestamp, row.TimestampLTZ:
		return nil
	case row.Array, row.Multiset:
		return checkType(t.Elem)
	case row.Map:
		return errors.Join(checkType(t.Key), checkType(t.Elem))
	case row.Row:
		if len(t.Fields) == 0 {
			return errors.New("the format parquet has no ROW without fields")
		}
		for _, f := range t.Fields {
			if err := checkType(f.Type); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("the format parquet has no values of type %s", t)
}
