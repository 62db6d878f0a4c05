// Package coltest is a small job on columns for tests and benchmarks: a source, a count for each key, and a
// sink that collects rows as text.
//
// Data flow: tests add its parts to the graph of a stream.Env by internal/columnar.
package coltest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/row"
)

// Rows are the columns of the source: the number of the row, which is its event time too, a key that is
// a word, and the same key as a text, which is NULL for some.
var Rows = &row.Schema{Fields: []row.Field{
	{Name: "n", Type: row.Of(row.BigInt)},
	{Name: "k", Type: row.Of(row.BigInt).Nullable(false)},
	{Name: "name", Type: row.StringType()},
}}

// The key columns of Rows.
var (
	ByWord = []int{1}
	ByText = []int{2}
)

// Counts are the columns of Count.
var Counts = &row.Schema{Fields: append(Rows.Fields[1:3:3], row.Field{Name: "count", Type: row.Of(row.BigInt)})}

// Source has rows of some keys, and watermarks that no row is behind. The key of row i is keyOf(i).
type Source struct {
	connect.Source[int64]
	keyOf func(i int64) int64
	texts bool
}

// NewSource returns a source of n rows. Without texts the column of texts is NULL.
func NewSource(n int64, texts bool, keyOf func(i int64) int64) *Source {
	return &Source{slice.Func(n, func(i int64) int64 { return i }), keyOf, texts}
}

// Config is the source's operator.
func (s *Source) Config() *ops.ColumnSourceConfig {
	return &ops.ColumnSourceConfig{Source: s, Watermarks: func() func(*batch.Columns) {
		return func(b *batch.Columns) {
			for i, n := range b.Cols[0].I64 {
				if n%5 == 4 || i == b.N-1 {
					b.Marks = append(b.Marks, batch.Mark{Row: i + 1, Time: n})
				}
			}
		}
	}}
}

// Plain is the source's operator without watermarks.
func (s *Source) Plain() *ops.ColumnSourceConfig { return &ops.ColumnSourceConfig{Source: s} }

// Schema is Rows.
func (s *Source) Schema() *row.Schema { return Rows }

// Reader makes the reader of a subtask.
func (s *Source) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	r, err := s.Source.Reader(ctx)
	return &reader{Reader: r, source: s, out: connect.NewOutput[int64](), pool: batch.NewPool[int64](0)}, err
}

// reader makes columns of what a reader of numbers reads.
type reader struct {
	connect.Reader[int64]
	source *Source
	out    *connect.Output[int64]
	pool   *batch.Pool[int64]
}

// Poll reads numbers and makes rows of them.
func (r *reader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	if n := out.Room(); n != r.pool.Rows() && n > 0 {
		r.pool = batch.NewPool[int64](n)
	}
	rows := r.pool.Get()
	defer rows.Release()
	r.out.Reset(rows)
	status, err := r.Reader.Poll(r.out)
	split, done := r.out.Current()
	out.Split(split)
	if done {
		out.Finished()
	}
	b := out.Batch
	for _, n := range rows.Vals {
		k := r.source.keyOf(n)
		b.Cols[0].AppendI64(n)
		b.Cols[1].AppendI64(k)
		if !r.source.texts || k == 4 {
			b.Cols[2].AppendNull()
		} else {
			v := b.Cols[2]
			v.Data = strconv.AppendInt(append(v.Data, "name "...), k, 10)
			v.EndBytes()
		}
	}
	b.N = len(rows.Vals)
	return status, err
}

// Count emits for each row its key with how many rows of the key there are up to it.
type Count struct {
	operator.ColumnInput
	out     operator.ColumnOutput
	at      []int
	copies  int
	key     *colcodec.Key
	backend *keyed.Backend
	counts  *keyed.Values[int64]

	watermark int64
	words     []uint64 // of all places of a batch
	hashes    []uint64 // of a run
	run       []uint64
	keys      [][]byte
	bytes     []byte
	cols      []*column.Vector
	values    []*int64
	fresh     []bool
	places    []int32
}

// NewCount returns the operator of one subtask, for rows with keys in some columns. It emits each row
// copies times, the first time as an insert and then as updates.
func NewCount(by []int, copies int) *Count {
	c := &Count{at: by, copies: copies, key: colcodec.NewKey(columnar.KeyTypes(Rows, by)), watermark: batch.MinTime}
	c.Init(c, &c.out)
	c.out.Init(Counts)
	return c
}

// Open makes the state.
func (c *Count) Open(ctx *operator.Context) error {
	c.Ctx = ctx
	enc, err := codec.For[int64](nil)
	if err != nil {
		return err
	}
	c.backend = ops.NewColumnBackend(ctx, c.key)
	c.counts = keyed.NewValues(c.backend, enc)
	c.backend.Add("count", c.counts)
	return c.backend.Restore(ctx.Restored)
}

// Connect adds a consumer.
func (c *Count) Connect(tag string, receiver any) error { return c.out.ConnectTag(tag, receiver) }

// Rows counts a run.
func (c *Count) Rows(b *batch.Columns, from, to int) int {
	c.find(b, from, to)
	if c.copies == 1 {
		c.project(b, from, to)
		return to
	}
	for i := from; i < to; i++ {
		p := b.Row(i)
		if n := b.Cols[0].I64[p]; n <= c.watermark {
			c.Ctx.Fail(fmt.Errorf("row %d is behind the watermark %d", n, c.watermark), nil)
		}
		*c.values[i-from]++
		for k := range c.copies {
			c.out.Cur.Cols[0].AppendFrom(b.Cols[1], p)
			c.out.Cur.Cols[1].AppendFrom(b.Cols[2], p)
			c.out.Cur.Cols[2].AppendI64(*c.values[i-from])
			c.out.EndRow(row.ChangeKind(min(k, 1) * int(row.UpdateAfter)))
		}
		if c.out.Blocked() {
			return i + 1
		}
	}
	return to
}

// find sets values to the counts of the rows of a run.
func (c *Count) find(b *batch.Columns, from, to int) {
	n := to - from
	c.hashes, c.run, c.keys, c.bytes, c.places = c.hashes[:0], c.run[:0], c.keys[:0], c.bytes[:0], c.places[:0]
	if cap(c.values) < n {
		c.values, c.fresh = make([]*int64, 2*n), make([]bool, 2*n)
	}
	c.values, c.fresh = c.values[:n], c.fresh[:n]
	for i := from; i < to; i++ {
		p := b.Row(i)
		c.places = append(c.places, int32(p))
		c.hashes = append(c.hashes, b.Hashes[p])
	}
	if c.key.IsWord() {
		if from == 0 {
			c.words = append(c.words[:0], make([]uint64, b.N)...)
			c.key.Words(c.words, b.Cols[c.at[0]])
		}
		for _, p := range c.places {
			c.run = append(c.run, c.words[p])
		}
		c.counts.UpsertAll(c.hashes, c.run, c.values, c.fresh)
		return
	}
	c.cols = c.cols[:0]
	for _, a := range c.at {
		c.cols = append(c.cols, b.Cols[a])
	}
	ends := make([]int, 0, n)
	for _, p := range c.places {
		c.bytes = c.key.Append(c.bytes, c.cols, int(p))
		ends = append(ends, len(c.bytes))
	}
	begin := 0
	for _, end := range ends {
		c.keys = append(c.keys, c.bytes[begin:end:end])
		begin = end
	}
	c.counts.UpsertAllBytes(c.hashes, c.keys, c.values, c.fresh)
}

// project hands on the columns of the keys with one of counts.
func (c *Count) project(b *batch.Columns, from, to int) {
	out := c.out.Get()
	out.Borrow(b.Share())
	out.Cols[0], out.Cols[1] = b.Cols[1], b.Cols[2]
	out.Marks, out.Hashes = out.Marks[:0], nil
	counts := out.Cols[2]
	counts.Resize(b.N)
	numbers := b.Cols[0].I64
	for i, p := range c.places {
		if numbers[p] <= c.watermark {
			c.Ctx.Fail(fmt.Errorf("row %d is behind the watermark %d", numbers[p], c.watermark), nil)
		}
		*c.values[i]++
		counts.I64[p] = *c.values[i]
	}
	if to-from < b.N {
		out.Keep(c.places)
	}
	c.out.Pass(out)
}

// Watermark passes the watermark on.
func (c *Count) Watermark(t int64) bool {
	c.watermark = t
	c.out.Mark(t)
	return true
}

// Control does nothing.
func (c *Count) Control(operator.Control) {}

// Snapshot freezes the counts.
func (c *Count) Snapshot(w *operator.Snapshot) error {
	c.backend.Snapshot(w)
	return nil
}

// Close does nothing.
func (c *Count) Close() error { return nil }

// Sink writes rows as text to a sink of texts.
type Sink struct{ *collect.Sink[string] }

// Writer makes the writer of a subtask.
func (s Sink) Writer(ctx connect.WriterContext, states [][]byte) (connect.ColumnWriter, error) {
	w, err := s.Sink.Writer(ctx, states)
	return writer{w}, err
}

// writer leaves all but Write to the writer of texts, which prepares commits too.
type writer struct{ connect.Writer[string] }

// Prepare is that of the writer of texts.
func (w writer) Prepare(checkpoint int64) ([][]byte, error) {
	return w.Writer.(connect.Preparer).Prepare(checkpoint)
}

// Write writes the rows that count.
func (w writer) Write(b *column.Batch) error {
	var lines []string
	for i := range b.Len() {
		lines = append(lines, Text(b, b.Row(i)))
	}
	return w.Writer.Write(lines, make([]int64, len(lines)))
}

// Text is the row at a place: its kind and values.
func Text(b *column.Batch, place int) string {
	s := []string{b.Kind(place).String()}
	for _, c := range b.Cols {
		switch {
		case c.IsNull(place):
			s = append(s, "NULL")
		case column.FormOf(c.Type) == column.FormI64:
			s = append(s, fmt.Sprint(c.I64[place]))
		default:
			s = append(s, string(c.Bytes(place)))
		}
	}
	return strings.Join(s, " ")
}

// Job adds to a graph: a source of n rows, their counts by key, and a sink. With texts the key is the
// text.
func Job(g *graph.Graph, n int64, texts bool, copies int, sink *collect.Sink[string]) {
	by := ByWord
	if texts {
		by = ByText
	}
	s := columnar.Source(g, columnar.Node{}, NewSource(n, texts, func(i int64) int64 { return i * i % 11 }).Config())
	s = columnar.Add(g, columnar.Node{
		Kind: "Count", Out: Counts, States: []string{"count: value int64"},
		Inputs: []columnar.Input{{From: s, Strategy: graph.Keyed, Keys: by}},
		New:    func() operator.Node { return NewCount(by, copies) },
	})
	columnar.Sink(g, columnar.Node{Inputs: []columnar.Input{{From: s}}}, Sink{sink})
}
