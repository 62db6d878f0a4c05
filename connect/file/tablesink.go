package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// tableSink writes a table.
type tableSink struct {
	*table
	newEncoder func() formats.Encoder
	// newFileEncoder is that of a format that has files of its own.
	newFileEncoder func(w io.Writer) (formats.FileEncoder, error)
	commit         *PartitionCommit // nil if partitions are not committed
	compaction     *Compaction      // nil if files are not merged
}

func newTableSink(t *connect.TableSpec) (connect.TableSink, error) {
	c, err := newTable(t)
	if err != nil {
		return nil, err
	}
	s := &tableSink{table: c}
	if c.format.NewFileEncoder != nil {
		s.newFileEncoder, err = c.format.NewFileEncoder(&c.formatted)
	} else if err = errors.Join(c.format.WritesRecords(), c.format.HasLines()); err == nil {
		s.newEncoder, err = c.format.NewEncoder(&c.formatted)
	}
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	if s.commit, err = c.newPartitionCommit(); err == nil {
		s.compaction, err = s.newCompaction()
	}
	return s, err
}

func (s *tableSink) Kinds() row.ChangeKinds { return s.format.Writes }

// Writers are as many as the options say.
func (s *tableSink) Writers(kinds row.ChangeKinds) (int, error) {
	n := connect.WritersOf(s.values)
	if n > 0 && kinds != row.InsertOnly {
		return 0, fmt.Errorf("table %s: 'sink.parallelism' is for new rows only, and the query gives changes, which have to stay in order", s.spec.Name)
	}
	return n, nil
}

// Sink makes the sink of a statement.
func (s *tableSink) Sink(o connect.Insert) (connect.ColumnSink, error) {
	if o.Overwrite && !o.Bounded {
		return nil, fmt.Errorf("table %s: INSERT OVERWRITE needs the batch mode: rows that never end cannot replace others; "+
			"SET 'execution.runtime-mode' = 'batch'", s.spec.Name)
	}
	c := &columnSink{tableSink: s, insert: o}
	c.inner = &sink[place]{
		dir: s.path, open: filesystem.For, enc: s.encoderOfPlaces(),
		o: SinkOptions[place]{
			PartBytes: partSizeOption.Get(s.values), Rollover: rolloverOption.Get(s.values),
			Inactivity: inactivityOption.Get(s.values), Compact: s.compaction, PartitionCommit: s.commit,
		}.withDefaults(),
	}
	if len(s.partitions) > 0 {
		c.inner.o.Bucket = func(p *place, _ time.Time) string { return p.w.bucket(p.i) }
	}
	if s.isBatch() {
		c.inner.otherwise = c.named
	}
	if c.inner.isGlobal() {
		return &globalColumnSink{c}, nil
	}
	return c, nil
}

// place is a row of the batch that a writer writes.
type place struct {
	w *columnWriter
	i int
}

func appendPlace(dst []byte, p *place) ([]byte, error) {
	dst, err := p.w.encoder.Append(dst, p.w.view, p.i)
	return append(dst, '\n'), err
}

// encoderOfPlaces writes lines, or files of the format.
func (s *tableSink) encoderOfPlaces() Encoder[place] {
	if s.newFileEncoder == nil {
		return Encoder[place]{Append: appendPlace}
	}
	return Encoder[place]{Merge: s.merge, Bulk: func(w io.Writer) (BulkWriter[place], error) {
		e, err := s.newFileEncoder(w)
		return &placesWriter{FileEncoder: e}, err
	}}
}

// placesWriter writes a file of the format.
type placesWriter struct {
	formats.FileEncoder
	places []int32
}

func (w *placesWriter) Write(records []place) error {
	w.places = w.places[:0]
	for i := range records {
		w.places = append(w.places, int32(records[i].i))
	}
	return w.Encode(records[0].w.view, w.places)
}

// columnSink is the sink of places, whose writers turn batches into places.
type columnSink struct {
	*tableSink
	insert connect.Insert
	inner  *sink[place]
}

func (s *columnSink) Writer(ctx connect.WriterContext, states [][]byte) (connect.ColumnWriter, error) {
	w := &columnWriter{s: s, view: &columns.Batch{Cols: make([]*columns.Vector, len(s.places))}}
	if s.newEncoder != nil {
		w.encoder = s.newEncoder()
	}
	inner, err := s.inner.Writer(ctx, states)
	if err != nil {
		return nil, err
	}
	w.writer = inner.(*writer[place])
	if s.insert.Overwrite {
		w.replaced = map[string]bool{}
		if len(s.partitions) == 0 && ctx.Subtask == 0 {
			err = w.replace("")
		}
	}
	return w, err
}

// Committer makes files visible, and deletes those that they replace.
func (s *columnSink) Committer(ctx connect.WriterContext) (connect.Committer, error) {
	inner, err := s.inner.committer(ctx)
	switch {
	case err != nil:
		return nil, err
	case s.insert.Overwrite:
		return &replacer{inner, inner}, nil
	}
	return inner, nil
}

// named is what a statement of batch mode commits without rows: the table itself, or the partition that it names.
func (s *columnSink) named() (bucket string, ok bool) {
	var name []byte
	for i, column := range s.spec.Partitions {
		value, ok := s.insert.Static[column]
		if !ok {
			return "", false
		}
		if i > 0 {
			name = append(name, filepath.Separator)
		}
		name = append(escapePath(name, []byte(column)), '=')
		name = escapePath(name, []byte(value))
	}
	return string(name), true
}

// globalColumnSink is a columnSink with one committer for all subtasks.
type globalColumnSink struct{ *columnSink }

// GlobalCommitter makes the committer.
func (s *globalColumnSink) GlobalCommitter(ctx connect.WriterContext, state []byte) (connect.GlobalCommitter, error) {
	c, err := s.inner.globalCommitter(ctx, state)
	if err != nil {
		return nil, err
	}
	if s.insert.Overwrite {
		c.Committer = &replacer{c.Committer, c.inner}
	}
	return c, nil
}

// columnWriter writes batches.
type columnWriter struct {
	*writer[place]
	s       *columnSink
	encoder formats.Encoder
	batch   *columns.Batch
	view    *columns.Batch // the physical columns of it
	places  []place
	times   []int64 // of rows without a time, as many as there were in any batch
	name    []byte  // of a bucket

	replaced map[string]bool // buckets; nil without OVERWRITE
	old      [][]byte        // committables of the files to delete
}

// Write encodes the rows that count.
func (w *columnWriter) Write(b *columns.Batch) error {
	w.batch = b
	for i, at := range w.s.places {
		w.view.Cols[i] = b.Cols[at]
	}
	w.view.N, w.view.Kinds = b.N, b.Kinds
	w.places = w.places[:0]
	for i := range b.Len() {
		w.places = append(w.places, place{w, b.Row(i)})
	}
	for len(w.times) < len(w.places) {
		w.times = append(w.times, math.MinInt64)
	}
	if w.replaced != nil {
		for i := range w.places {
			if err := w.replace(w.bucket(w.places[i].i)); err != nil {
				return err
			}
		}
	}
	return w.writer.Write(w.places, w.times[:len(w.places)])
}

// bucket is the directory of a row.
func (w *columnWriter) bucket(i int) string {
	w.name = w.name[:0]
	for k, p := range w.s.partitions {
		if k > 0 {
			w.name = append(w.name, filepath.Separator)
		}
		w.name = w.s.appendDirectory(w.name, p.Name, w.batch.Cols[p.place], i)
	}
	return string(w.name)
}

// replace notes the files that a bucket has before the first row is written to it. No job in batch mode
// makes files visible before its end, so that these are not its own.
func (w *columnWriter) replace(bucket string) error {
	if w.replaced[bucket] {
		return nil
	}
	w.replaced[bucket] = true
	entries, err := w.files.ReadDir(w.ctx.Context, filesystem.Join(w.s.path, bucket))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("file: list what is to be replaced: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !hidden(e.Name()) {
			w.old = append(w.old, append([]byte(deletion), filepath.Join(bucket, e.Name())...))
		}
	}
	return nil
}

// deletion begins the committable of a file to delete. No other begins with ten bytes of this kind: they
// begin with a length in the form of varints, of which the last byte is below 0x80.
const deletion = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

// Prepare hands out the ended files, and before them those that they replace.
func (w *columnWriter) Prepare(checkpoint int64) ([][]byte, error) {
	parts, err := w.writer.Prepare(checkpoint)
	if err != nil {
		return nil, err
	}
	parts = slices.Concat(w.old, parts)
	w.old = nil
	return parts, nil
}

// replacer commits deletions and files.
type replacer struct {
	connect.Committer // of the files
	inner             *committer
}

func (c *replacer) Commit(committables [][]byte) error {
	var parts [][]byte
	for _, b := range committables {
		name, ok := cutDeletion(b)
		if !ok {
			parts = append(parts, b)
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file: a file to delete in the sink's state is broken: %q", name)
		}
		if err := c.inner.files.Remove(c.inner.ctx, filesystem.Join(c.inner.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("file: replace a file: %w", err)
		}
	}
	return c.Committer.Commit(parts)
}

func cutDeletion(b []byte) (name string, ok bool) {
	if len(b) < len(deletion) || string(b[:len(deletion)]) != deletion {
		return "", false
	}
	return string(b[len(deletion):]), true
}
