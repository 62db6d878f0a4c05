package jdbc

import (
	"fmt"
	"time"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// tableSink writes a table.
type tableSink struct {
	*table
	key []int // places of the primary key
}

func newTableSink(t *connect.TableSpec) (connect.TableSink, error) {
	c, err := newTable(t)
	if err != nil {
		return nil, err
	}
	s := &tableSink{table: c}
	for _, k := range t.PrimaryKey {
		s.key = append(s.key, t.Schema.Index(k))
	}
	return s, nil
}

// Kinds are upserts by the primary key, or inserts where there is none.
func (s *tableSink) Kinds() row.ChangeKinds {
	if len(s.key) > 0 {
		return row.UpsertKinds
	}
	return row.InsertOnly
}

// Writers are as many as the options say.
func (s *tableSink) Writers(row.ChangeKinds) (int, error) { return connect.WritersOf(s.values), nil }

// Sink makes the sink of a statement.
func (s *tableSink) Sink(o connect.Insert) (connect.ColumnSink, error) {
	if o.Overwrite {
		return nil, fmt.Errorf("table %s: INSERT OVERWRITE cannot be: delete the rows in the database", s.spec.Name)
	}
	return s, nil
}

// Writer makes the writer of a subtask.
func (s *tableSink) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	l, err := newLink(&s.connection)
	if err != nil {
		return nil, err
	}
	w := &columnWriter{s: s, ctx: ctx, link: l, rows: columns.NewBatch(s.spec.Schema), maxRows: flushRowsOption.Get(s.values), retries: retriesOption.Get(s.values)}
	w.interval = flushIntervalOption.Get(s.values)
	if len(s.key) > 0 {
		var types []*row.Type
		for _, k := range s.key {
			types, w.keys = append(types, s.spec.Schema.Fields[k].Type), append(w.keys, nil)
		}
		w.layout, w.at = colcodec.NewLayout(types), map[string]int32{}
	}
	if err := l.do(ctx.Context, w.retries, w.prepare); err != nil {
		l.close()
		return nil, err
	}
	return w, nil
}

// columnWriter collects rows; of those with the same key the last one is written.
type columnWriter struct {
	s        *tableSink
	ctx      connect.WriterContext
	link     *link
	maxRows  int // 0 has no bound
	interval time.Duration
	retries  int

	session session // of target
	target  target
	rows    *columns.Batch
	removes []bool // for each of rows: whether it deletes

	layout *colcodec.Layout  // of the key, nil without one
	keys   []*columns.Vector // its columns in a batch
	at     map[string]int32  // the last place in rows of a key
	text   []byte
	places []int32
}

// prepare prepares the statements of a session.
func (w *columnWriter) prepare(s session) (err error) {
	if w.session == s && w.target != nil {
		return nil
	}
	w.target, err = s.target(w.ctx.Context, w.s.tableName, w.s.spec.Schema.Fields, w.s.key)
	w.session = s
	return err
}

// Write collects the rows that count.
//
//flott:hot
func (w *columnWriter) Write(b *columns.Batch) error {
	n, first := b.Len(), w.rows.N == 0
	places := w.places[:0]
	for i := range n {
		place := b.Row(i)
		kind := b.Kind(place)
		if kind == row.UpdateBefore {
			continue
		}
		places = append(places, int32(place))
		w.removes = append(w.removes, kind == row.Delete)
	}
	w.places = places
	if w.layout != nil {
		for i, k := range w.s.key {
			w.keys[i] = b.Cols[k]
		}
		for i, place := range places {
			w.text = w.layout.Append(w.text[:0], w.keys, int(place))
			w.at[string(w.text)] = int32(w.rows.N + i)
		}
	}
	for i, v := range w.rows.Cols {
		v.AppendAll(b.Cols[i], places)
	}
	w.rows.N += len(places)
	switch {
	case w.maxRows > 0 && w.rows.N >= w.maxRows:
		return w.Flush(false)
	case first && w.rows.N > 0 && w.interval > 0:
		w.ctx.WakeAt(w.ctx.Now().Add(w.interval))
	}
	return nil
}

// Tick writes what was collected for long enough.
func (w *columnWriter) Tick(time.Time) error { return w.Flush(false) }

// Flush writes what was collected.
func (w *columnWriter) Flush(bool) error {
	if w.rows.N == 0 {
		return nil
	}
	puts, removes := w.last()
	err := w.link.do(w.ctx.Context, w.retries, func(s session) error {
		if err := w.prepare(s); err != nil {
			return err
		}
		return w.target.write(w.ctx.Context, w.rows, puts, removes)
	})
	w.rows.Reset()
	w.removes = w.removes[:0]
	clear(w.at)
	return err
}

// last are the places of rows that are written and of those that are deleted: the last ones with their keys.
func (w *columnWriter) last() (puts, removes []int32) {
	isLast := columns.NewBitmap(w.rows.N, w.layout == nil)
	for _, i := range w.at {
		isLast.Set(int(i))
	}
	for i := range w.rows.N {
		switch {
		case !isLast.Has(i):
		case w.removes[i]:
			removes = append(removes, int32(i))
		default:
			puts = append(puts, int32(i))
		}
	}
	return puts, removes
}

// Snapshot has no state: all is written.
func (w *columnWriter) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (w *columnWriter) Close() error {
	w.link.close()
	return nil
}
