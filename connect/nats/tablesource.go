package nats

import (
	"context"
	"fmt"
	"slices"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// tableSource reads a table.
type tableSource struct {
	*table
	o *SourceOptions
}

func newTableSource(t *connect.TableSpec) (connect.TableSource, error) {
	c, err := newTable(t)
	if err != nil {
		return nil, err
	}
	o, err := c.sourceOptions()
	if err == nil {
		o.OnBad, err = connect.TableBadPolicy(t.Name, c.values)
	}
	if err == nil {
		if err = c.format.ReadsRecords(); err == nil {
			_, err = c.format.NewDecoder(&c.rows)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return &tableSource{c, o}, nil
}

func (s *tableSource) Bounded() bool { return s.o.Stop != nil }

// Kinds are those of the format.
func (s *tableSource) Kinds() row.ChangeKinds { return s.format.Reads }

func (s *tableSource) Nested() bool          { return s.format.Nested }
func (s *tableSource) Metadata() []row.Field { return slices.Clone(metadata) }

// Readers is the number of splits, if the server tells.
func (s *tableSource) Readers(most int) (int, error) {
	if n, ok := scanParallelismOption.Lookup(s.values); ok {
		return n, nil
	}
	if !s.o.EachSubject {
		return min(len(s.o.Streams)*max(1, len(s.o.Subjects)), most), nil
	}
	o := *s.o
	o.Timeout = askTimeout
	l := &look{o: &o, starts: map[string]uint64{}, known: map[string]bool{}}
	if err := l.run(context.Background()); err != nil || len(l.splits) == 0 {
		return most, nil // the job waits for the server, and says why it fails
	}
	return min(len(l.splits), most), nil
}

// Scan makes a source of some of the columns.
func (s *tableSource) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	if scan.Project == nil {
		for i := range s.spec.Schema.Fields {
			scan.Project = append(scan.Project, i)
		}
	}
	c := &columnSource{tableSource: s, schema: &row.Schema{}}
	rows := s.rows
	rows.Project, rows.Types = scan.Project, scan.Types
	for i := range scan.Project {
		c.schema.Fields = append(c.schema.Fields, scan.Field(s.spec.Schema, i))
	}
	for i, name := range scan.Metadata {
		at := slices.IndexFunc(metadata, func(f row.Field) bool { return f.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("table %s: there is no metadata column '%s'; there are %s", s.spec.Name, name, metadataNames())
		}
		c.schema.Fields = append(c.schema.Fields, metadata[at])
		c.metadata = append(c.metadata, metadataColumn{appendMetadata[at], len(scan.Project) + i})
	}
	var err error
	c.newDecoder, err = s.format.NewDecoder(&rows)
	return c, err
}

// columnSource reads some columns of a table.
type columnSource struct {
	*tableSource
	schema     *row.Schema
	metadata   []metadataColumn
	newDecoder func() format.Decoder
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

func (s *columnSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return newEnumerator(ctx, s.o, state)
}

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	return &columnReader{reader: newReader(s.o, ctx), s: s, decoder: s.newDecoder(), values: &columns.Batch{}}, nil
}

// columnReader decodes messages into columns.
type columnReader struct {
	*reader
	s       *columnSource
	decoder format.Decoder
	values  *columns.Batch // the columns of the batch that are in the message
}

// Poll decodes messages of one split.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	b := out.Batch
	r.values.Cols = b.Cols[:len(b.Cols)-len(r.s.metadata)]
	r.values.N, r.values.Kinds = b.N, b.Kinds
	return r.poll(out, func(m *Message) error { return r.decode(b, m) })
}

// decode appends the rows of a message to a batch.
func (r *columnReader) decode(b *columns.Batch, m *Message) error {
	before := r.values.N
	if err := r.decoder.Decode(m.Data, r.values); err != nil {
		return r.bad(m, err)
	}
	for range r.values.N - before {
		for _, c := range r.s.metadata {
			c.append(b.Cols[c.out], m)
		}
	}
	b.N, b.Kinds = r.values.N, r.values.Kinds
	return nil
}
