// Package format is the contract between connectors and the formats of what they read and write:
// how the rows of a table are written as bytes.
//
// A Factory is a format: csv, json. It makes the Decoders and Encoders of one table. Factories are
// passed to who needs them; connect/all has the list of all.
//
// Data flow: a connector cuts its input into records and has a Decoder append each of them to a
// column.Batch; or it hands rows of a batch to an Encoder and writes the bytes.
package format

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/row"
)

// Factory is a format.
type Factory struct {
	// Name is the value of the option 'format'.
	Name string
	// Options are those of the format, without its name before them.
	Options config.Set
	// Reads and Writes are the kinds of changes that the format has; zero where it does not read, or
	// does not write.
	Reads, Writes row.ChangeKinds
	// Unread says that what columns have that are not read is not looked at.
	Unread bool
	// Nested says that decoders can leave out fields of ROWs: Table.Types has an effect.
	Nested bool
	// Metadata are what decoders know of a record besides its columns.
	Metadata []row.Field
	// Binary says that records may have any byte, so that files of lines cannot hold them.
	Binary bool
	// NewFileDecoder and NewFileEncoder are those of a format that has files of its own, as Avro and Parquet
	// have; nil where a file is records one after the other. Each decoder belongs to one goroutine.
	NewFileDecoder func(t *Table) (func() FileDecoder, error)
	NewFileEncoder func(t *Table) (func(w io.Writer) (FileEncoder, error), error)
	// NewDecoder checks a table and returns a function that makes decoders for it. Each decoder
	// belongs to one goroutine.
	NewDecoder func(t *Table) (func() Decoder, error)
	// NewEncoder checks a table and returns a function that makes encoders for it. Each encoder
	// belongs to one goroutine.
	NewEncoder func(t *Table) (func() Encoder, error)
}

// Table is what a format knows of a table.
type Table struct {
	// Schema is what a record has: the physical columns that do not come from elsewhere, as
	// partition columns do.
	Schema *row.Schema
	// Project are the columns that a decoder appends, by their places in Schema and in the order of
	// the batch; nil is all of them. The others are checked, so that the same records are errors
	// whatever is asked for, but are not kept; see Factory.Unread.
	Project []int
	// Types are those of the columns of Project, of a format that is Nested: ROWs may have some of the
	// fields of Schema only, in its order. nil is all fields. The others are checked, as columns are.
	Types []*row.Type
	// Conditions are those of rows that are wanted. Most formats do not look at them.
	Conditions []Condition
	// Metadata are those of Factory.Metadata that a decoder appends behind the columns of Project.
	Metadata []row.Field
	// Options are the values of the factory's options.
	Options *config.Configuration
	// Zone is that of the session; nil is UTC.
	Zone *time.Location
	// Subject is the name under which a schema registry has the schemas of the records, if options of the
	// format name none; "" where the connector knows none.
	Subject string
}

// Columns are the columns that a decoder appends.
func (t *Table) Columns() []row.Field {
	if t.Project == nil {
		return append(slices.Clip(t.Schema.Fields), t.Metadata...)
	}
	fields := make([]row.Field, len(t.Project))
	for i, at := range t.Project {
		fields[i] = t.Schema.Fields[at]
		if t.Types != nil {
			fields[i].Type = t.Types[i]
		}
	}
	return append(fields, t.Metadata...)
}

// Decoder reads records.
type Decoder interface {
	// Decode appends the rows of one record to the batch, whose columns are those of Table.Columns:
	// usually one row; none for a bad record that is passed over; two for an update. A format that
	// reads more than inserts appends to Kinds as well. The batch has no selection. After an error,
	// the batch is as it was before. It is an *Error if the record is wrong; any other is not about
	// the record, as that of a server. The record is not kept.
	Decode(record []byte, b *column.Batch) error
}

// Joiner is a Decoder whose records in a file may have several lines, which are given to it together.
type Joiner interface {
	// Open reports whether a record goes on in the line behind a line, of which open says whether it
	// goes on with a record itself. The line is with what ends it.
	Open(line []byte, open bool) bool
}

// Encoder writes rows.
type Encoder interface {
	// Append appends the record of the row at a place of a batch, whose columns are those of the
	// table's schema, without what separates records.
	Append(dst []byte, b *column.Batch, place int) ([]byte, error)
}

// Waiter is a Decoder or an Encoder that may wait for a server.
type Waiter interface {
	// Within has it wait until a context is done, at most.
	Within(ctx context.Context)
}

// Within has a Decoder or an Encoder that may wait for a server wait until a context is done.
func Within(ctx context.Context, coder any) {
	if w, ok := coder.(Waiter); ok {
		w.Within(ctx)
	}
}
