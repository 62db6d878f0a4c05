package jdbc

import (
	"errors"
	"fmt"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// The options of tables that are read.
var (
	partitionColumnOption = options.Text(options.Doc{
		Key: "scan.partition.column", Text: "A column of numbers by which the table is read in ranges, side by side. The other options of `scan.partition` belong to it.",
	})
	partitionNumOption = options.Int(options.Doc{
		Key: "scan.partition.num", Text: "How many ranges there are.",
	}, 1, 1<<20)
	partitionLowerOption = options.Int(options.Doc{
		Key: "scan.partition.lower-bound", Text: "Where the first range begins. Rows below are read in it, too.",
	}, -1<<63, 1<<63-1)
	partitionUpperOption = options.Int(options.Doc{
		Key: "scan.partition.upper-bound", Text: "Where the last range ends. Rows above are read in it, too.",
	}, -1<<63, 1<<63-1)
	fetchSizeOption = options.Int(options.Doc{
		Key: "scan.fetch-size", Default: "0", Text: "How many rows are handed over at a time; `0` is 1024. Rows are streamed in any case.",
	}, 0, 1<<20)
	autoCommitOption = options.Bool(options.Doc{
		Key: "scan.auto-commit", Default: "true", Text: "Has no effect: each range is read by one statement, which is a transaction.",
	})
	scanParallelismOption = options.Int(options.Doc{
		Key: "scan.parallelism", Text: "How many subtasks read. By default one for each range, up to the job's parallelism.",
	}, 1, 1<<15)
)

const defaultFetchSize = 1024

// tableSource reads a table.
type tableSource struct {
	*table
	ranges Ranges
	size   int
}

func newTableSource(t *connect.TableSpec) (connect.TableSource, error) {
	c, err := newTable(t)
	if err != nil {
		return nil, err
	}
	s := &tableSource{table: c, size: fetchSizeOption.Get(c.values)}
	orDefault(&s.size, defaultFetchSize)
	var errs []error
	given := 0
	for _, o := range []*options.Option[int]{partitionNumOption, partitionLowerOption, partitionUpperOption} {
		if _, ok := o.Lookup(c.values); ok {
			given++
		}
	}
	column, ok := partitionColumnOption.Lookup(c.values)
	if ok && given != 3 || !ok && given != 0 {
		errs = append(errs, errors.New("'scan.partition.column', 'scan.partition.num', 'scan.partition.lower-bound' and 'scan.partition.upper-bound' belong together"))
	} else if ok {
		s.ranges = Ranges{column, partitionNumOption.Get(c.values), int64(partitionLowerOption.Get(c.values)), int64(partitionUpperOption.Get(c.values))}
		errs = append(errs, s.ranges.check())
		if i := t.Schema.Index(column); i < 0 || !t.Schema.Fields[i].Type.IsNumeric() {
			errs = append(errs, fmt.Errorf("'scan.partition.column' is %s, which is no column of numbers of the table", column))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s, connector 'jdbc': %w", t.Name, err)
	}
	return s, nil
}

func (s *tableSource) Bounded() bool          { return true }
func (s *tableSource) Kinds() row.ChangeKinds { return row.InsertOnly }
func (s *tableSource) Limit() bool            { return true }

// Readers is the number of ranges.
func (s *tableSource) Readers(most int) (int, error) {
	if n, ok := scanParallelismOption.Lookup(s.values); ok {
		return n, nil
	}
	return min(most, max(1, s.ranges.Parts)), nil
}

// Scan makes a source of some of the columns.
func (s *tableSource) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	c := &columnSource{tableSource: s, schema: &row.Schema{}, limit: scan.Limit}
	if scan.Project == nil {
		c.schema.Fields = s.spec.Schema.Fields
	}
	for i := range scan.Project {
		c.schema.Fields = append(c.schema.Fields, scan.Field(s.spec.Schema, i))
	}
	return c, nil
}

// columnSource reads some columns of a table.
type columnSource struct {
	*tableSource
	schema *row.Schema
	limit  int64
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

// Enumerator hands the ranges out.
func (s *columnSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return newQueue(ctx, &s.ranges, state)
}

func newQueue(ctx connect.EnumeratorContext, ranges *Ranges, state []byte) (connect.Enumerator, error) {
	if state == nil {
		return connect.NewQueue(ctx, ranges.splits()), nil
	}
	splits, err := connect.DecodeSplits(state)
	if err != nil {
		return nil, fmt.Errorf("jdbc: %w", err)
	}
	return connect.NewQueue(ctx, splits), nil
}

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	l, err := newLink(&s.connection)
	if err != nil {
		return nil, err
	}
	q := query{table: s.tableName, fields: s.schema.Fields, column: s.ranges.Column, limit: s.limit}
	return &columnReader{scanner{ctx: ctx, link: l, query: q, size: s.size}}, nil
}

// columnReader hands over what was read.
type columnReader struct{ scanner }

// Poll copies rows of one chunk.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	c, status, err := r.next()
	if c == nil || err != nil {
		return status, err
	}
	out.Split(r.splits[0].id)
	n := min(out.Room(), c.rows.N-r.at)
	for i, v := range out.Batch.Cols {
		v.AppendRange(c.rows.Cols[i], r.at, r.at+n)
	}
	out.Batch.N += n
	if r.took(n) {
		out.Finished()
	}
	return connect.More, nil
}
