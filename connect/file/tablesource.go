package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// tableSource reads a table.
type tableSource struct {
	*table
	cfg *config
	bad connect.BadPolicy
}

func newTableSource(t *connect.TableSpec) (connect.TableSource, error) {
	c, err := newTable(t)
	if err != nil {
		return nil, err
	}
	if c.format.NewFileDecoder != nil {
		_, err = c.format.NewFileDecoder(&c.formatted)
	} else if err = errors.Join(c.format.ReadsRecords(), c.format.HasLines()); err == nil {
		_, err = c.format.NewDecoder(&c.formatted)
	}
	bad, badErr := connect.TableBadPolicy(t.Name, c.values)
	if c.format.NewFileDecoder != nil && !bad.Fails() {
		badErr = fmt.Errorf("'scan.bad-records' is of formats whose records stand for themselves: a file of '%s' is read as a whole or not", c.format.Name)
	}
	if err = errors.Join(err, badErr); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	cfg, err := c.sourceConfig()
	if err != nil {
		return nil, err
	}
	if c.format.Reads != row.InsertOnly {
		cfg.splitBytes = math.MaxInt64 // changes of a row are in order in a file, but not in several ranges
	}
	return &tableSource{c, cfg, bad}, nil
}

// Readers is the number of files, of which large ones are cut into ranges.
func (s *tableSource) Readers(most int) (int, error) {
	if s.cfg.watched {
		return most, nil
	}
	cfg := *s.cfg
	cfg.mayBeEmpty = true // who reads says it
	files, err := cfg.list(context.Background())
	if err != nil {
		return 1, nil
	}
	n := int64(0)
	for _, f := range files {
		n += max(1, f.size/s.cfg.splitBytes+min(1, f.size%s.cfg.splitBytes))
	}
	return int(max(1, min(n, int64(most)))), nil
}

func (s *tableSource) Bounded() bool          { return !s.cfg.watched }
func (s *tableSource) Kinds() row.ChangeKinds { return s.format.Reads }
func (s *tableSource) Metadata() []row.Field  { return slices.Clone(metadata) }
func (s *tableSource) Nested() bool           { return s.format.Nested }
func (s *tableSource) Limit() bool            { return s.Bounded() }

// Partitions lists the partitions that have files.
func (s *tableSource) Partitions() ([]map[string]string, error) {
	files, err := s.cfg.list(context.Background())
	if err != nil {
		return nil, err
	}
	var all []map[string]string
	seen := map[string]bool{}
	for _, f := range files {
		if dir := filepath.Dir(f.path); !seen[dir] {
			seen[dir] = true
			values, err := s.partitionsOf(f.path)
			if err != nil {
				return nil, err
			}
			all = append(all, values)
		}
	}
	return all, nil
}

// Scan makes a source of some of the columns.
func (s *tableSource) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	if scan.Project == nil {
		scan.Project = make([]int, len(s.spec.Schema.Fields))
		for i := range scan.Project {
			scan.Project[i] = i
		}
	}
	project := scan.Project
	c := &columnSource{table: s.table, cfg: s.cfg, bad: s.bad, scan: scan, schema: &row.Schema{}}
	for i := range project {
		c.schema.Fields = append(c.schema.Fields, scan.Field(s.spec.Schema, i))
	}
	formatted := s.formatted
	formatted.Project = []int{}
	for out, place := range project {
		if i := slices.IndexFunc(s.partitions, func(p partition) bool { return p.place == place }); i >= 0 {
			c.constants = append(c.constants, constant{Field: s.partitions[i].Field, out: out, partition: true})
			continue
		}
		formatted.Project = append(formatted.Project, slices.Index(s.places, place))
		formatted.Types = append(formatted.Types, c.schema.Fields[out].Type)
		c.decoded = append(c.decoded, out)
	}
	for _, condition := range scan.Conditions {
		if condition.Column = slices.Index(s.places, condition.Column); condition.Column >= 0 {
			formatted.Conditions = append(formatted.Conditions, condition)
		}
	}
	for i, name := range scan.Metadata {
		f, ok := metadataField(name)
		if !ok {
			return nil, fmt.Errorf("table %s: there is no metadata column '%s'; there are file.path, file.name, file.size and "+
				"file.modification-time", s.spec.Name, name)
		}
		c.schema.Fields = append(c.schema.Fields, f)
		c.constants = append(c.constants, constant{Field: f, out: len(project) + i})
	}
	if scan.Partitions != nil {
		cfg := *s.cfg
		wanted := func(path string) bool {
			values, err := s.partitionsOf(path)
			return err != nil || slices.ContainsFunc(scan.Partitions, func(p map[string]string) bool { return same(p, values) })
		}
		before := cfg.match
		cfg.match = func(path string) bool { return (before == nil || before(path)) && wanted(path) }
		cfg.mayBeEmpty = true
		c.cfg = &cfg
	}
	var err error
	if s.format.NewFileDecoder != nil {
		c.newFileDecoder, err = s.format.NewFileDecoder(&formatted)
		return c, err
	}
	if c.newDecoder, err = s.format.NewDecoder(&formatted); err != nil {
		return nil, err
	}
	if _, joins := c.newDecoder().(formats.Joiner); joins { // where a record begins is not known in the middle
		cfg := *c.cfg
		cfg.ranges = false
		c.cfg = &cfg
	}
	return c, nil
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// constant is a column that has one value in all of a file.
type constant struct {
	row.Field
	out       int // place in the batch
	partition bool
}

// columnSource reads some columns of a table.
type columnSource struct {
	*table
	cfg        *config
	bad        connect.BadPolicy
	scan       connect.Scan
	schema     *row.Schema // of the batches
	decoded    []int       // places in the batch of the columns that are in the files
	constants  []constant
	newDecoder func() formats.Decoder
	// newFileDecoder is that of a format that has files of its own.
	newFileDecoder func() formats.FileDecoder
}

func (s *columnSource) Schema() *row.Schema { return s.schema }
func (s *columnSource) Bounded() bool       { return !s.cfg.watched }

func (s *columnSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return newEnumerator(ctx, s.cfg, state)
}

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	base := scanReader{
		s: s, values: make([]*columns.Vector, len(s.constants)), view: &columns.Batch{Cols: make([]*columns.Vector, len(s.decoded))},
		reader: reader[struct{}]{ctx: ctx, cfg: s.cfg, errors: ctx.Metrics.Counter("numRecordsInErrors")},
	}
	for i, c := range s.constants {
		base.values[i] = columns.New(c.Type)
	}
	if s.newFileDecoder != nil {
		return &blockReader{scanReader: base, decoder: s.newFileDecoder()}, nil
	}
	r := &columnReader{scanReader: base, decoder: s.newDecoder()}
	r.joiner, _ = r.decoder.(formats.Joiner)
	return r, nil
}

// scanReader is what readers of lines and of blocks have in common. Of the reader of records it has the
// splits and the files.
type scanReader struct {
	reader[struct{}]
	s      *columnSource
	view   *columns.Batch    // the columns of the batch that are in the files
	values []*columns.Vector // of the constants, one value each, for the open file
	read   int64             // rows, for the limit
}

// begin names the split; it reports false with the status of a poll in which there is nothing to read.
func (r *scanReader) begin(out *connect.ColumnOutput) (status connect.Status, ok bool, err error) {
	if len(r.splits) == 0 {
		if r.noMore {
			return connect.Ended, false, nil
		}
		return connect.Waiting, false, nil
	}
	out.Split(r.splits[0].id)
	if limit := r.s.scan.Limit; limit > 0 && r.read >= limit {
		return r.end(out)
	}
	return connect.More, true, nil
}

// end ends the split.
func (r *scanReader) end(out *connect.ColumnOutput) (status connect.Status, ok bool, err error) {
	out.Finished()
	return connect.More, false, r.finish()
}

// look has the view be of a batch.
func (r *scanReader) look(b *columns.Batch) {
	for i, place := range r.s.decoded {
		r.view.Cols[i] = b.Cols[place]
	}
	r.view.N, r.view.Kinds = b.N, b.Kinds
}

// added ends what was appended to the view: it adds the columns that are not in the files.
func (r *scanReader) added(b *columns.Batch) {
	n := r.view.N - b.N
	b.N, b.Kinds = r.view.N, r.view.Kinds
	r.read += int64(n)
	for i, c := range r.s.constants {
		for range n {
			b.Cols[c.out].AppendFrom(r.values[i], 0)
		}
	}
}

// columnReader reads lines into columns.
type columnReader struct {
	scanReader
	lineReader
	decoder formats.Decoder
	joiner  formats.Joiner // nil where a record is a line
}

// Poll decodes lines of one split.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	if status, ok, err := r.begin(out); !ok {
		return status, err
	}
	if r.in == nil {
		if err := r.openColumns(); err != nil {
			return connect.More, err
		}
	}
	s := &r.splits[0]
	rows, left := r.read, s.left(r.in)
	text, ends, err := r.records(out.Room(), s.limit())
	if err != nil {
		return connect.More, err
	}
	if len(ends) == 0 {
		status, _, err := r.end(out)
		return status, err
	}
	done, err := r.decode(out, text, ends)
	if err != nil {
		return connect.More, err
	}
	r.scan.consume(done)
	s.pos = r.scan.offset
	r.reads(int(r.read-rows), left)
	return connect.More, nil
}

// records returns the text of records, as take does of lines.
func (r *columnReader) records(room int, limit int64) (text []byte, ends []int, err error) {
	for lines := room; ; {
		text, ends, err = r.take(lines, limit)
		if r.joiner == nil || err != nil || len(ends) == 0 {
			return text, ends, err
		}
		if n := r.join(text, ends); n > 0 {
			return text[:ends[n-1]], ends[:n], nil
		}
		// The first record goes on behind these lines.
		switch {
		case len(ends) == lines:
			lines *= 2
		case r.scan.eof: // to the end, where it may be broken off
			text = r.scan.buf[r.scan.start:r.scan.filled]
			return text, append(ends[:0], len(text)), nil
		default:
			if err := r.scan.fill(); err != nil {
				return nil, nil, err
			}
		}
	}
}

// join puts lines together to records, and returns the number of those that are whole.
func (r *columnReader) join(text []byte, ends []int) (n int) {
	from, open := 0, false
	for _, to := range ends {
		open = r.joiner.Open(text[from:to], open)
		if from = to; !open {
			ends[n] = to
			n++
		}
	}
	return n
}

// openColumns opens the file of the first split, and finds what is constant in it.
func (r *columnReader) openColumns() (err error) {
	s := &r.splits[0]
	if r.in, err = r.disk().openAt(s.path, s.pos); err != nil {
		return err
	}
	r.lines = counter{disk: r.disk(), path: s.path}
	if err := r.s.constantsOf(r.ctx.Context, s.path, r.values); err != nil {
		return err
	}
	return beginLines(&r.lineReader, &r.reader, r.in)
}

// decode appends the rows of lines until there is no more room, and returns the length of those lines.
// The last one may make more rows than there is room for: it cannot be divided.
//
//flott:hot
func (r *columnReader) decode(out *connect.ColumnOutput, text []byte, ends []int) (done int, err error) {
	b, room := out.Batch, out.Room()
	before := b.N
	r.look(b)
	for _, to := range ends {
		line := trimEnd(text[done:to])
		if err := r.decoder.Decode(line, r.view); err != nil {
			if err := r.wrong(int64(done), line, err); err != nil {
				return 0, err
			}
		}
		if done = to; r.view.N-before >= room {
			break
		}
	}
	r.added(b)
	return done, nil
}

// wrong deals with a line that cannot be decoded, and says where it is.
func (r *columnReader) wrong(at int64, line []byte, cause error) error {
	n, err := r.lines.line(r.scan.offset + at)
	if err != nil {
		return errors.Join(cause, err)
	}
	bad := &Bad{File: r.splits[0].path, Line: n, Text: string(line), Err: cause}
	var e *formats.Error
	if errors.As(cause, &e) && e.Column > 0 {
		c := *e
		bad.Column, c.Column = e.Column, 0
		bad.Err = &c
	}
	if r.s.bad.Fails() {
		return bad
	}
	return r.s.bad.Handle(bad.Err, []byte(bad.Text), bad.place, r.errors)
}

// constantsOf sets what is known of a file's rows.
func (s *columnSource) constantsOf(ctx context.Context, path string, values []*columns.Vector) error {
	partitions, err := s.partitionsOf(path)
	if err != nil {
		return err
	}
	var info fs.FileInfo
	for i, c := range s.constants {
		v := values[i]
		v.Reset()
		if c.partition {
			text, ok := partitions[c.Name]
			if err := appendPartition(v, text, ok); err != nil {
				return fmt.Errorf("file: %q: partition %s: %w", path, c.Name, err)
			}
			continue
		}
		if info == nil {
			if info, err = s.cfg.files.Stat(ctx, path); err != nil {
				return openError(path, err)
			}
		}
		switch c.Name {
		case "file.path":
			v.AppendString(path)
		case "file.name":
			v.AppendString(filepath.Base(path))
		case "file.size":
			v.AppendI64(info.Size())
		default:
			v.AppendTimestamp(info.ModTime().UnixMilli()*1000, 0)
		}
	}
	return nil
}
