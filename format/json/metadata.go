package json

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// metadatum is what a record of a change says besides the rows.
type metadatum struct {
	row.Field
	key     string    // of the field that has it
	in      *row.Type // as which that is read
	outside bool      // it is beside the payload
	// append appends it; from has the field's value. It returns false if that is none.
	append func(v, from *column.Vector) bool
}

var (
	millisType = row.TimestampLTZOf(3)
	textMap    = row.MapOf(row.StringType(), row.StringType())
	textList   = row.ArrayOf(row.StringType())
)

// The metadata of Flink's formats.
var (
	debeziumMetadata = []metadatum{
		{row.Field{Name: "schema", Type: row.StringType()}, "schema", row.StringType(), true, same},
		{row.Field{Name: "ingestion-timestamp", Type: millisType}, "ts_ms", row.Of(row.BigInt), false, millis},
		{row.Field{Name: "source.timestamp", Type: millisType}, "source", textMap, false, sourceMillis},
		{row.Field{Name: "source.database", Type: row.StringType()}, "source", textMap, false, source("db")},
		{row.Field{Name: "source.schema", Type: row.StringType()}, "source", textMap, false, source("schema")},
		{row.Field{Name: "source.table", Type: row.StringType()}, "source", textMap, false, source("table")},
		{row.Field{Name: "source.properties", Type: textMap}, "source", textMap, false, same},
	}
	canalMetadata = []metadatum{
		plainMetadatum("database", "database", row.StringType()),
		plainMetadatum("table", "table", row.StringType()),
		plainMetadatum("sql-type", "sqlType", row.MapOf(row.StringType(), row.Of(row.Int))),
		plainMetadatum("pk-names", "pkNames", textList),
		{row.Field{Name: "ingestion-timestamp", Type: millisType}, "ts", row.Of(row.BigInt), false, millis},
		{row.Field{Name: "event-timestamp", Type: millisType}, "es", row.Of(row.BigInt), false, millis},
	}
	maxwellMetadata = []metadatum{
		plainMetadatum("database", "database", row.StringType()),
		plainMetadatum("table", "table", row.StringType()),
		plainMetadatum("primary-key-columns", "primary_key_columns", textList),
		{row.Field{Name: "ingestion-timestamp", Type: millisType}, "ts", row.Of(row.BigInt), false, millis},
	}
)

func plainMetadatum(name, key string, t *row.Type) metadatum {
	return metadatum{row.Field{Name: name, Type: t}, key, t, false, same}
}

func same(v, from *column.Vector) bool {
	v.AppendFrom(from, 0)
	return true
}

func millis(v, from *column.Vector) bool {
	if from.IsNull(0) {
		v.AppendNull()
		return true
	}
	return appendMillis(v, from.I64[0])
}

func appendMillis(v *column.Vector, ms int64) bool {
	if ms != ms*1000/1000 {
		return false
	}
	v.AppendTimestamp(ms*1000, 0)
	return true
}

// property is what a map has under a key.
func property(from *column.Vector, key string) (text []byte, ok bool) {
	if from.IsNull(0) {
		return nil, false
	}
	for i, to := from.Range(0); i < to; i++ {
		if string(from.Children[0].Bytes(i)) == key {
			return from.Children[1].Bytes(i), !from.Children[1].IsNull(i)
		}
	}
	return nil, false
}

// source appends a property of Debezium's source.
func source(key string) func(v, from *column.Vector) bool {
	return func(v, from *column.Vector) bool {
		if text, ok := property(from, key); ok {
			v.AppendBytes(text)
		} else {
			v.AppendNull()
		}
		return true
	}
}

func sourceMillis(v, from *column.Vector) bool {
	text, ok := property(from, "ts_ms")
	if !ok {
		v.AppendNull()
		return true
	}
	ms, ok := valuetext.Int(text, 64)
	return ok && appendMillis(v, ms)
}

// wanted is a metadatum that is asked for, and where it is found.
type wanted struct {
	*metadatum
	at int // of the envelope's fields, or of those beside the payload
}

// choose finds the metadata of a table, and the fields that have them.
func (l *dialect) choose(fields []row.Field) (all []wanted, inside, outside []row.Field, err error) {
	for _, f := range fields {
		i := slices.IndexFunc(l.metadata, func(m metadatum) bool { return m.Name == f.Name })
		if i < 0 {
			return nil, nil, nil, fmt.Errorf("the format %s has no metadata column '%s'", l.name, f.Name)
		}
		m := &l.metadata[i]
		in := &inside
		if m.outside {
			in = &outside
		}
		at := slices.IndexFunc(*in, func(f row.Field) bool { return f.Name == m.key })
		if at < 0 {
			at = len(*in)
			*in = append(*in, row.Field{Name: m.key, Type: m.in})
		}
		all = append(all, wanted{m, at})
	}
	return all, inside, outside, nil
}

// metadataOf are the fields of the format's metadata.
func (l *dialect) metadataOf() (fields []row.Field) {
	for _, m := range l.metadata {
		fields = append(fields, m.Field)
	}
	return fields
}
