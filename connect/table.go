package connect

import (
	"context"
	"io"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// TableFactory is a connector as SQL sees it: what 'connector' names in CREATE TABLE. Factories are
// passed to who needs them; connect/all has the list of all.
type TableFactory struct {
	// Name is the value of the option 'connector'.
	Name string
	// Options are those of the connector, without 'connector' and those of formats.
	Options config.Set
	// Formatted says that the connector has a format, which 'format' names.
	Formatted bool
	// Keyed says that records have keys besides, whose format 'key.format' names if they are read or written; 'value.format' is
	// another name of 'format' then.
	Keyed bool
	// NewSource makes the source of a table; nil for a connector that only writes.
	NewSource func(t *TableSpec) (TableSource, error)
	// NewSink makes the sink of a table; nil for a connector that only reads.
	NewSink func(t *TableSpec) (TableSink, error)
	// NewCatalog makes the catalog of a system whose tables the connector reads and writes, of CREATE CATALOG with Name as 'type', whose
	// options it checks; nil where there is none.
	NewCatalog func(name string, options map[string]string) (Catalog, error)
	// Sample opens the first of the files that a path names, and says which it is: FROM 'path' finds the columns in it. nil for a
	// connector that has no files. If there is none the error wraps fs.ErrNotExist.
	Sample func(ctx context.Context, path string) (name string, content io.ReadCloser, err error)
}

// TableSpec is a table of a catalog as its connector sees it.
type TableSpec struct {
	// Name is the table's, for errors.
	Name string
	// Schema has the physical columns, partition columns included, metadata columns not.
	Schema *row.Schema
	// Partitions are the names of the partition columns.
	Partitions []string
	// PrimaryKey are the names of its columns; nil for none.
	PrimaryKey []string
	// Options are all that WITH has.
	Options map[string]string
	// Formats are those that 'format' can name.
	Formats []format.Factory
	// Zone is that of the session; nil is UTC.
	Zone *time.Location
	// Config is the session's configuration.
	Config *config.Configuration
}

// TableSource is a table that can be read. Optional abilities are Nested, MetadataColumns,
// Limited, Partitioned, Parallel, Sized, LookupTable and AsyncLookupTable.
type TableSource interface {
	// Bounded reports whether the input ends by itself.
	Bounded() bool
	// Kinds are the kinds of changes that rows are.
	Kinds() row.ChangeKinds
	// Scan makes the source that reads columns.
	Scan(s Scan) (ColumnSource, error)
}

// Scan is what is asked of a TableSource.
type Scan struct {
	// Project are the columns that are read, by their places in TableSpec.Schema and in the order of
	// the batches; nil is all of them.
	Project []int
	// Types are those of the columns of Project, of a Nested: ROWs may have some of the table's fields
	// only, in the table's order. nil asks for all fields.
	Types []*row.Type
	// Metadata are the names of the metadata columns that follow them, of a MetadataColumns.
	Metadata []string
	// Conditions are those of rows that are wanted, on columns by their places in TableSpec.Schema. Others may come.
	Conditions []format.Condition
	// Limit is how many rows are enough, of a Limited; 0 asks for all of them. More may come.
	Limit int64
	// Partitions are those that are read, of a Partitioned, as Partitioned.Partitions has them; nil
	// asks for all of them.
	Partitions []map[string]string
}

// Field is a column that is read: the i-th of Project, with the fields that are asked for.
func (s *Scan) Field(schema *row.Schema, i int) row.Field {
	f := schema.Fields[s.Project[i]]
	if s.Types != nil {
		f.Type = s.Types[i]
	}
	return f
}

// Nested is a TableSource that can leave out fields of ROWs.
type Nested interface {
	// Nested reports whether Scan.Types has an effect.
	Nested() bool
}

// MetadataColumns is a TableSource that knows more of a row than its physical columns.
type MetadataColumns interface {
	// Metadata are the columns that may be asked for.
	Metadata() []row.Field
}

// Parallel is a TableSource that knows how many readers have something to do. With a reader for each part
// of the input, and no others, rows of a part stay in order, and no reader without input holds back the
// watermark.
type Parallel interface {
	// Readers is that number, at least 1. No more than most, the job's parallelism, are wanted, unless the table asks for them
	// by an option.
	Readers(most int) (int, error)
}

// Sized is a TableSource that knows how many rows it has: for estimates.
type Sized interface {
	// Size is that number; ok is false where it is not known.
	Size() (rows int64, ok bool)
}

// Limited is a TableSource that may stop early.
type Limited interface {
	// Limit reports whether Scan.Limit has an effect.
	Limit() bool
}

// Partitioned is a TableSource that can read some of its partitions.
type Partitioned interface {
	// Partitions are the partitions that there are now, as texts by partition column. A NULL is not
	// in the map.
	Partitions() ([]map[string]string, error)
}

// TableSink is a table that can be written.
type TableSink interface {
	// Kinds are the kinds of changes that the sink takes.
	Kinds() row.ChangeKinds
	// Sink makes the sink of batches with the columns of TableSpec.Schema.
	Sink(o Insert) (ColumnSink, error)
}

// Insert is what an INSERT asks of a TableSink.
type Insert struct {
	// Overwrite replaces what is there: the partitions that are written to, all of a table that has
	// none.
	Overwrite bool
	// Static are the values of partition columns that the statement gives.
	Static map[string]string
	// Bounded says that the input ends: a sink may then wait for the end.
	Bounded bool
	// Metadata are the names of the metadata columns that batches have behind those of TableSpec.Schema, of a MetadataSink.
	Metadata []string
}

// MetadataSink is a TableSink that can write more of a row than its physical columns.
type MetadataSink interface {
	// WritableMetadata are the columns that may be written.
	WritableMetadata() []row.Field
}

// LookupTable is a TableSource whose rows can be looked up by the values of some columns.
type LookupTable interface {
	// NewLookup checks what is asked for and returns a function that makes a Lookup of a subtask. Several goroutines may
	// call it at once, and a subtask that has several rows looked up at a time calls it for each of them, up to the
	// 'capacity' of the hint LOOKUP: what all Lookups can share belongs to the function.
	NewLookup(s LookupScan) (func(ctx ReaderContext) (Lookup, error), error)
}

// AsyncLookupTable is a TableSource in which several goroutines can look rows up at once, as with a client of a server that
// has many requests under way. It may be a LookupTable, too, which then is taken where the hint LOOKUP has
// 'async' = 'false'. A table that is a LookupTable only is looked up by several goroutines, each with a Lookup of its own,
// where the hint has 'async' = 'true'.
type AsyncLookupTable interface {
	// NewAsyncLookup checks what is asked for and returns a function that makes the AsyncLookup of a subtask.
	NewAsyncLookup(s LookupScan) (func(ctx ReaderContext) (AsyncLookup, error), error)
}

// LookupScan is what is asked of a LookupTable or an AsyncLookupTable.
type LookupScan struct {
	// Keys are the columns that have given values, and Project those that are wanted, by their places in
	// TableSpec.Schema.
	Keys, Project []int
}

// Lookup looks rows up, one key after the other: one goroutine at a time uses it, not always the same one.
type Lookup interface {
	// Lookup appends the wanted columns of the rows whose keys are the values at a place of vectors, and
	// returns how many rows there are. It does not change the keys, nor keep the vectors. What it waits for ends when the
	// context of ReaderContext is done.
	Lookup(keys []*column.Vector, place int, out []*column.Vector) (n int, err error)
	// Close releases what the lookup holds.
	Close() error
}

// AsyncLookup looks rows up for several goroutines at once.
type AsyncLookup interface {
	// LookupAsync is Lookup of a Lookup. No two calls have the same vectors out. What it waits for ends when ctx is done,
	// which is so when the time of the row is up, too.
	LookupAsync(ctx context.Context, keys []*column.Vector, place int, out []*column.Vector) (n int, err error)
	// Close releases what the lookup holds, when no call is under way.
	Close() error
}
