package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// tableSource reads a table.
type tableSource struct {
	*table
	cfg *config
	bad connect.BadPolicy
}

func newTableSource(t *connect.TableSpec, f *connect.TableFactory) (connect.TableSource, error) {
	c, err := newTable(t, f)
	if err != nil {
		return nil, err
	}
	o, err := c.sourceOptions()
	cfg, err2 := o.config(propertiesPrefix)
	bad, err3 := connect.TableBadPolicy(t.Name, c.values)
	errs := []error{err, err2, err3}
	for _, p := range []*part{&c.key, &c.value} {
		if p.factory == nil {
			continue
		}
		if err := p.factory.ReadsRecords(); err != nil {
			errs = append(errs, err)
			continue
		}
		if p == &c.key && p.factory.Reads != row.InsertOnly {
			errs = append(errs, fmt.Errorf("'key.format' = '%s' has changes; keys have values only", p.factory.Name))
			continue
		}
		_, err := p.factory.NewDecoder(&p.rows)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return &tableSource{c, cfg, bad}, nil
}

func (s *tableSource) Bounded() bool { return s.cfg.Stop != nil }

// Kinds are those of the format, or upserts.
func (s *tableSource) Kinds() row.ChangeKinds {
	if s.isUpsert {
		return row.UpsertKinds
	}
	return s.value.factory.Reads
}

func (s *tableSource) Nested() bool { return s.value.factory.Nested }

// valuePrefix is before the names of metadata columns that the format of the value has.
const valuePrefix = "value."

// Metadata are the columns of the format of the value and those of the connector.
func (s *tableSource) Metadata() (all []row.Field) {
	for _, f := range s.value.factory.Metadata {
		f.Name = valuePrefix + f.Name
		all = append(all, f)
	}
	return append(all, metadata...)
}

// Readers is the number of partitions, if the brokers tell.
func (s *tableSource) Readers(most int) (int, error) {
	if n, ok := scanParallelismOption.Lookup(s.values); ok {
		return n, nil
	}
	f, err := newFinder(s.cfg)
	if err != nil {
		return 0, err
	}
	defer f.close()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.requestTimeout)
	defer cancel()
	topics, err := f.topics(ctx)
	if err != nil {
		return most, nil // the job waits for the brokers, and says why it fails
	}
	n := 0
	if details, err := f.admin.ListTopics(ctx, topics...); err == nil {
		for _, d := range details {
			n += len(d.Partitions)
		}
	}
	if n == 0 {
		return most, nil
	}
	return min(n, most), nil
}

// Scan makes a source of some of the columns.
func (s *tableSource) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	if scan.Project == nil {
		for i := range s.spec.Schema.Fields {
			scan.Project = append(scan.Project, i)
		}
	}
	c := &columnSource{tableSource: s, schema: &row.Schema{}}
	for i := range scan.Project {
		c.schema.Fields = append(c.schema.Fields, scan.Field(s.spec.Schema, i))
	}
	key, value := s.key.rows, s.value.rows
	key.Project, value.Project = []int{}, []int{}
	for out, place := range scan.Project {
		ofKey := s.isUpsert && slices.Contains(s.key.places, place) // what a deletion has, too
		if at := slices.Index(s.value.places, place); at >= 0 && !ofKey {
			value.Project = append(value.Project, at)
			value.Types = append(value.Types, c.schema.Fields[out].Type)
			c.valueOut = append(c.valueOut, out)
			continue
		}
		key.Project = append(key.Project, slices.Index(s.key.places, place))
		c.keyOut = append(c.keyOut, out)
		c.schema.Fields[out].Type = s.spec.Schema.Fields[place].Type
	}
	for i, name := range scan.Metadata {
		all := s.Metadata()
		ofValue := len(s.value.factory.Metadata)
		at := slices.IndexFunc(all, func(f row.Field) bool { return f.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("table %s: there is no metadata column '%s'; there are %s", s.spec.Name, name, names(all))
		}
		c.schema.Fields = append(c.schema.Fields, all[at])
		if at < ofValue {
			value.Metadata = append(value.Metadata, s.value.factory.Metadata[at])
			c.valueOut = append(c.valueOut, len(scan.Project)+i)
			continue
		}
		at -= ofValue
		c.metadata = append(c.metadata, metadataColumn{appendMetadata[at], len(scan.Project) + i})
	}
	var err error
	if c.newValue, err = s.value.factory.NewDecoder(&value); err == nil && len(c.keyOut) > 0 {
		c.newKey, err = s.key.factory.NewDecoder(&key)
	}
	return c, err
}

// columnSource reads some columns of a table.
type columnSource struct {
	*tableSource
	schema           *row.Schema
	keyOut, valueOut []int // places in the batch of the columns of each
	metadata         []metadataColumn
	newKey, newValue func() format.Decoder // newKey is nil if no column of the key is read
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

func (s *columnSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return newEnumerator(ctx, s.cfg, state)
}

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	r := &columnReader{
		consumer: newConsumer(s.cfg, ctx), s: s, value: s.newValue(),
		values: &columns.Batch{Cols: make([]*columns.Vector, len(s.valueOut))}, keys: &columns.Batch{},
	}
	format.Within(ctx.Context, r.value)
	if s.newKey != nil {
		r.key = s.newKey()
		format.Within(ctx.Context, r.key)
		for _, out := range s.keyOut {
			r.keys.Cols = append(r.keys.Cols, columns.New(s.schema.Fields[out].Type))
		}
	}
	return r, nil
}

// columnReader decodes records into columns.
type columnReader struct {
	*consumer
	s      *columnSource
	key    format.Decoder // nil if no column of the key is read
	value  format.Decoder
	values *columns.Batch // the columns of the batch that are in the value
	keys   *columns.Batch // the key of a record
}

// Poll decodes records of one partition.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	f, s, status, err := r.next(out)
	if f == nil {
		return status, err
	}
	b := out.Batch
	for i, place := range r.s.valueOut {
		r.values.Cols[i] = b.Cols[place]
	}
	r.values.N, r.values.Kinds = b.N, b.Kinds
	return connect.More, r.each(f, s, out, func(k *kgo.Record) error { return r.decode(b, k) })
}

// wrong deals with an error of a decoder: a record that is wrong, or a server that the decoder asks.
func (r *columnReader) wrong(k *kgo.Record, err error) error {
	if bad := (*format.Error)(nil); errors.As(err, &bad) {
		return r.s.bad.Handle(err, bytes.Clone(k.Value), func() string { return place(k) }, r.errors)
	}
	return fmt.Errorf("%s: %w", place(k), err)
}

func place(k *kgo.Record) string {
	return fmt.Sprintf("topic %s, partition %d, offset %d", k.Topic, k.Partition, k.Offset)
}

// decode appends the rows of a record to a batch.
func (r *columnReader) decode(b *columns.Batch, k *kgo.Record) error {
	if k.Value == nil && !r.s.isUpsert { // a tombstone
		return nil
	}
	before := r.values.N
	if r.key != nil {
		for _, c := range r.keys.Cols {
			c.Reset()
		}
		r.keys.N = 0
		if err := r.key.Decode(k.Key, r.keys); err != nil {
			return r.wrong(k, fmt.Errorf("the key: %w", err))
		}
		if r.keys.N != 1 {
			return nil // the format passes it over
		}
	}
	if k.Value == nil {
		for _, c := range r.values.Cols {
			c.AppendNull()
		}
		r.values.N++
	} else if err := r.value.Decode(k.Value, r.values); err != nil {
		return r.wrong(k, err)
	}
	for range r.values.N - before {
		for i, out := range r.s.keyOut {
			b.Cols[out].AppendFrom(r.keys.Cols[i], 0)
		}
		for _, m := range r.s.metadata {
			m.append(b.Cols[m.out], k)
		}
	}
	if r.s.isUpsert {
		kind := row.UpdateAfter
		if k.Value == nil {
			kind = row.Delete
		}
		r.values.Kinds = r.values.Kinds[:before]
		for range r.values.N - before {
			r.values.Kinds = append(r.values.Kinds, kind)
		}
	}
	b.N, b.Kinds = r.values.N, r.values.Kinds
	return nil
}
