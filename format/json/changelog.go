package json

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// dialect is how a tool that captures the changes of a database writes them: an object that has the row
// before, the row after, and what happened.
type dialect struct {
	name          string
	before, after string // fields
	op            string // the field
	list          bool   // before and after are arrays of rows
	partial       bool   // before has only what has changed; after has the row that was deleted
	// what the field op says
	inserts        []string
	update, delete string
	// ignored is what op may say of other than rows.
	ignored  []string
	hint     string // what may be wrong where an update lacks the row before
	metadata []metadatum
}

var (
	debezium = dialect{
		name: "debezium-json", before: "before", after: "after", op: "op", inserts: []string{"c", "r"}, update: "u", delete: "d",
		hint: "; has the table of PostgreSQL REPLICA IDENTITY FULL?", metadata: debeziumMetadata,
	}
	ogg = dialect{
		name: "ogg-json", before: "before", after: "after", op: "op_type", inserts: []string{"I"}, update: "U", delete: "D",
	}
	canal = dialect{
		name: "canal-json", before: "old", after: "data", op: "type", list: true, partial: true, inserts: []string{"INSERT"},
		update: "UPDATE", delete: "DELETE", ignored: []string{"CREATE"}, metadata: canalMetadata,
	}
	maxwell = dialect{
		name: "maxwell-json", before: "old", after: "data", op: "type", partial: true, inserts: []string{"insert"},
		update: "update", delete: "delete", metadata: maxwellMetadata,
	}
)

var schemaInclude = config.Bool(config.Doc{
	Key: "schema-include", Default: "false", Text: "Says that records have the schema beside the payload, as Kafka Connect can write them.",
})

// The formats of changelogs.
var (
	Debezium = debezium.factory(schemaInclude)
	Canal    = canal.factory()
	Maxwell  = maxwell.factory()
	Ogg      = ogg.factory()
)

func (l *dialect) factory(more ...config.Declared) format.Factory {
	return format.Factory{
		Name: l.name,
		Options: append(config.Set{
			ignoreErrors, timestampFormat, mapNullKey, mapNullLiteral, plainDecimal, ignoreNull,
		}, more...),
		Reads: row.AllKinds, Writes: row.AllKinds, Metadata: l.metadataOf(),
		NewDecoder: l.newDecoder, NewEncoder: l.newEncoder,
	}
}

// changeDecoder decodes a record into a row of its own, from which it copies the rows.
type changeDecoder struct {
	*dialect
	inner    *decoder
	wrapped  bool // in the field payload
	envelope *column.Batch
	old, new *node // of the rows
	project  []int
	metadata []wanted // behind the columns of project
}

func (l *dialect) newDecoder(t *format.Table) (func() format.Decoder, error) {
	s, err := settingsOf(t.Options)
	if err != nil {
		return nil, err
	}
	if err := check(t.Schema); err != nil {
		return nil, err
	}
	rows := &row.Type{Kind: row.Row, Fields: t.Schema.Fields}
	if l.list {
		rows = row.ArrayOf(rows)
	}
	schema := &row.Schema{Fields: []row.Field{
		{Name: l.before, Type: rows}, {Name: l.after, Type: rows}, {Name: l.op, Type: row.StringType()},
	}}
	metadata, inside, outside, err := l.choose(t.Metadata)
	if err != nil {
		return nil, err
	}
	schema.Fields = append(schema.Fields, inside...)
	wrapped := schemaInclude.Get(t.Options)
	if wrapped {
		payload := row.Field{Name: "payload", Type: &row.Type{Kind: row.Row, Fields: schema.Fields}}
		schema = &row.Schema{Fields: append([]row.Field{payload}, outside...)}
	}
	return func() format.Decoder {
		d := &changeDecoder{dialect: l, inner: makeDecoder(s, schema, nil), wrapped: wrapped, project: t.Project, metadata: metadata}
		d.inner.ignore, d.inner.lenient = false, s.ignore
		if t.Project == nil {
			for i := range t.Schema.Fields {
				d.project = append(d.project, i)
			}
		}
		d.bind(schema, t.Schema)
		return d
	}, nil
}

// bind makes the columns that are not asked for be checked only.
func (d *changeDecoder) bind(schema, rows *row.Schema) {
	d.envelope = column.NewBatch(schema)
	d.inner.bind(d.envelope.Cols)
	root := d.inner.root
	if d.wrapped {
		root = root.fields[0].node
	}
	d.old, d.new = root.fields[0].node, root.fields[1].node
	if d.list {
		d.old, d.new = d.old.elem, d.new.elem
	}
	d.old.tracks = d.partial
	wanted := make([]bool, len(rows.Fields))
	for _, i := range d.project {
		wanted[i] = true
	}
	for i, yes := range wanted {
		if !yes {
			d.old.fields[i].unbind()
			d.new.fields[i].unbind()
		}
	}
}

// Decode appends the rows of a change.
func (d *changeDecoder) Decode(record []byte, b *column.Batch) error {
	if len(record) == 0 {
		return nil
	}
	d.envelope.Reset()
	d.old.present = d.old.present[:0]
	n := b.N
	err := d.decode(record, b)
	if err == nil {
		return nil
	}
	b.Truncate(n)
	if d.inner.lenient {
		return nil
	}
	return err
}

func (d *changeDecoder) decode(record []byte, b *column.Batch) error {
	if err := d.inner.Decode(record, d.envelope); err != nil {
		return err
	}
	cols := d.envelope.Cols
	if d.envelope.N != 1 || d.wrapped && cols[0].IsNull(0) {
		return wrong(record, "", "the record is not a change: an object is expected")
	}
	if d.wrapped {
		cols = cols[0].Children
	}
	if cols[2].IsNull(0) {
		return wrong(record, d.op, "the record does not say what has happened to the row")
	}
	n := b.N
	if err := d.change(record, cols, b); err != nil {
		return err
	}
	return d.appendMetadata(record, cols, b, b.N-n)
}

// appendMetadata appends what is asked for besides the rows, for each of n rows.
func (d *changeDecoder) appendMetadata(record []byte, cols []*column.Vector, b *column.Batch, n int) error {
	for i, m := range d.metadata {
		out := b.Cols[len(d.project)+i]
		for range n {
			switch {
			case !m.outside:
				if !m.append(out, cols[3+m.at]) {
					return wrong(record, m.key, "the value is not of type "+m.Type.String())
				}
			case d.wrapped:
				m.append(out, d.envelope.Cols[1+m.at])
			default:
				out.AppendNull()
			}
		}
	}
	return nil
}

func (d *changeDecoder) change(record []byte, cols []*column.Vector, b *column.Batch) error {
	old, changed, op := cols[0], cols[1], string(cols[2].Bytes(0))
	switch {
	case op == d.update:
		return d.updates(record, old, changed, b)
	case op == d.delete:
		gone, name := old, d.before
		if d.partial {
			gone, name = changed, d.after
		}
		return d.rows(record, gone, name, row.Delete, b)
	case contains(d.inserts, op):
		return d.rows(record, changed, d.after, row.Insert, b)
	case contains(d.ignored, op):
		return nil
	}
	return wrong(record, d.op, fmt.Sprintf("there is no change %q", op))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func wrong(record []byte, field, what string) error {
	return &format.Error{Field: field, Value: string(record), Err: errors.New(what)}
}

// places are where the rows of a field are, and the vector that they are in.
func (d *changeDecoder) places(v *column.Vector) (rows *column.Vector, from, to int) {
	if !d.list {
		return v, 0, 1
	}
	from, to = v.Range(0)
	return v.Children[0], from, to
}

// rows appends the rows of a field.
func (d *changeDecoder) rows(record []byte, v *column.Vector, name string, kind row.ChangeKind, b *column.Batch) error {
	if v.IsNull(0) {
		return wrong(record, name, "the row is missing")
	}
	rows, from, to := d.places(v)
	for i := from; i < to; i++ {
		if rows.IsNull(i) {
			return wrong(record, name, "the row is missing")
		}
		d.copyRow(rows, i, b)
		d.end(kind, b)
	}
	return nil
}

func (d *changeDecoder) updates(record []byte, old, changed *column.Vector, b *column.Batch) error {
	if old.IsNull(0) {
		return wrong(record, d.before, "the row as it was is missing"+d.hint)
	}
	if changed.IsNull(0) {
		return wrong(record, d.after, "the row is missing")
	}
	before, i, end := d.places(old)
	after, j, to := d.places(changed)
	if end-i != to-j {
		return wrong(record, d.before, "there are not as many rows as they were as there are changed ones")
	}
	for k := 0; i+k < end; k++ {
		if before.IsNull(i+k) || after.IsNull(j+k) {
			return wrong(record, d.before, "the row is missing")
		}
		d.copyOld(before, i+k, after, j+k, k, b)
		d.end(row.UpdateBefore, b)
		d.copyRow(after, j+k, b)
		d.end(row.UpdateAfter, b)
	}
	return nil
}

func (d *changeDecoder) copyRow(rows *column.Vector, i int, b *column.Batch) {
	for c, at := range d.project {
		b.Cols[c].AppendFrom(rows.Children[at], i)
	}
}

// copyOld copies a row as it was: what the k-th object does not have has not changed.
func (d *changeDecoder) copyOld(old *column.Vector, i int, changed *column.Vector, j, k int, b *column.Batch) {
	for c, at := range d.project {
		if d.partial && !d.old.present[k*len(d.old.fields)+at] {
			b.Cols[c].AppendFrom(changed.Children[at], j)
		} else {
			b.Cols[c].AppendFrom(old.Children[at], i)
		}
	}
}

func (d *changeDecoder) end(kind row.ChangeKind, b *column.Batch) {
	b.N++
	b.Kinds = append(b.Kinds, kind)
}

// changeEncoder writes a row that comes or goes; an update is one row of each.
type changeEncoder struct {
	*dialect
	rows *encoder
}

func (l *dialect) newEncoder(t *format.Table) (func() format.Encoder, error) {
	if err := check(t.Schema); err != nil {
		return nil, err
	}
	if schemaInclude.Get(t.Options) {
		return nil, fmt.Errorf("%s.schema-include: the schema is read, but not written; leave it out for a sink", l.name)
	}
	return func() format.Encoder { return &changeEncoder{l, makeEncoder(t.Options, t.Schema.Fields)} }, nil
}

// Append appends the record of a change.
func (e *changeEncoder) Append(dst []byte, b *column.Batch, place int) (_ []byte, err error) {
	add := b.Kind(place).IsAdd()
	begin := len(dst)
	dst = append(dst, '{')
	field, op := e.after, e.inserts[0]
	nulls := !e.partial && !e.rows.ignoreNull // the row that there is not
	if !add {
		op = e.delete
		if !e.partial {
			field = e.before
		}
	}
	if add && nulls {
		dst = append(dst, `"`+e.before+`":null,`...)
	}
	dst = append(dst, `"`+field+`":`...)
	if e.list {
		dst = append(dst, '[')
	}
	if dst, err = e.rows.Append(dst, b, place); err != nil {
		return dst[:begin], err
	}
	if e.list {
		dst = append(dst, ']')
	}
	if !add && nulls {
		dst = append(dst, `,"`+e.after+`":null`...)
	}
	return append(dst, `,"`+e.op+`":"`+op+`"}`...), nil
}
