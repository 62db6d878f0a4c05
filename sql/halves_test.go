package sql_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// halvesTables are tables whose rows come one after the other: each has halvesRows rows, row n of the first table at halvesStep*n
// from the beginning of a test in a bubble of synctest, those of the others a moment later. Their rows must not change.
const (
	halvesTables = `
CREATE TABLE a (k INT, v BIGINT, s STRING, f DOUBLE, ts TIMESTAMP(3), p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
  WITH ('connector' = 'halves', 'seed' = '1');
CREATE TABLE b (k INT, v BIGINT, s STRING, f DOUBLE, ts TIMESTAMP(3), p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
  WITH ('connector' = 'halves', 'seed' = '2');
CREATE TABLE c (k INT, v BIGINT, s STRING, f DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
  WITH ('connector' = 'halves', 'seed' = '3', 'changes' = 'retract');
CREATE TABLE u (k INT, v BIGINT, s STRING, f DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND, PRIMARY KEY (k) NOT ENFORCED)
  WITH ('connector' = 'halves', 'seed' = '4', 'changes' = 'upsert');
`
	halvesRows = 40
	halvesStep = 100 * time.Millisecond
	halvesStop = halvesRows/2*halvesStep - halvesStep/8 // after half of the rows
)

// span is an aggregate function whose groups cannot be put together.
var span = sql.Aggregate("SPAN", sql.AggregateFunction[spanState]{
	Add:     func(s *spanState, v int64) { s.Sum, s.Count = s.Sum+v*v, s.Count+1 },
	Retract: func(s *spanState, v int64) { s.Sum, s.Count = s.Sum-v*v, s.Count-1 },
	Value:   func(s *spanState) string { return fmt.Sprint(s.Sum, "/", s.Count) },
})

type spanState struct{ Sum, Count int64 }

// halves are the connectors: halves to read, answers to look up, kept, which notes all changes, and lost, which does not.
func halves(changes *[]string) []connect.TableFactory {
	k := &kept{changes: changes}
	return []connect.TableFactory{
		{Name: "halves", NewSource: func(t *connect.TableSpec) (connect.TableSource, error) {
			return &halvesTable{t.Schema, t.Options["changes"], int(t.Options["seed"][0] - '0')}, nil
		}},
		{Name: "answers", NewSource: func(*connect.TableSpec) (connect.TableSource, error) { return answers{&halvesTable{}}, nil }},
		{Name: "kept", NewSink: func(t *connect.TableSpec) (connect.TableSink, error) {
			if t.Options["upsert"] == "true" {
				return &keptUpserts{k}, nil
			}
			return k, nil
		}},
		{Name: "lost", NewSink: func(*connect.TableSpec) (connect.TableSink, error) { return &kept{changes: new([]string)}, nil }},
	}
}

type halvesTable struct {
	schema  *row.Schema
	changes string
	seed    int
}

func (h *halvesTable) Bounded() bool            { return true }
func (h *halvesTable) Readers(int) (int, error) { return 1, nil }
func (h *halvesTable) Kinds() (k row.ChangeKinds) {
	switch h.changes {
	case "retract":
		return 1<<row.Insert | 1<<row.UpdateBefore | 1<<row.UpdateAfter | 1<<row.Delete
	case "upsert":
		return 1<<row.Insert | 1<<row.UpdateAfter | 1<<row.Delete
	}
	return row.InsertOnly
}

func (h *halvesTable) Scan(s connect.Scan) (connect.ColumnSource, error) {
	return &halvesSource{halvesTable: h, project: s.Project}, nil
}

type halvesSource struct {
	*halvesTable
	project []int
}

func (h *halvesSource) Schema() *row.Schema {
	s := &row.Schema{}
	for _, c := range h.project {
		s.Fields = append(s.Fields, h.schema.Fields[c])
	}
	return s
}

func (h *halvesSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if state != nil {
		return connect.NewDeal(ctx, nil), nil
	}
	return connect.NewDeal(ctx, []connect.Split{{ID: "all"}}), nil
}

func (h *halvesSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	return &halvesReader{halvesSource: h, ctx: ctx, at: -1, rows: halfRows(h.seed, h.changes)}, nil
}

// answers is a table (k INT, t STRING) that is looked up, and takes longer to answer than rows take to come.
type answers struct{ *halvesTable }

func (answers) NewLookup(s connect.LookupScan) (func(connect.ReaderContext) (connect.Lookup, error), error) {
	return func(ctx connect.ReaderContext) (connect.Lookup, error) { return &answer{ctx.Context, s.Project}, nil }, nil
}

type answer struct {
	ctx     context.Context
	project []int
}

func (a *answer) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	select {
	case <-time.After(5 * halvesStep / 2):
	case <-a.ctx.Done():
		return 0, a.ctx.Err()
	}
	k := keys[0].I32[place]
	for n := range k % 3 {
		for i, c := range a.project {
			if c == 0 {
				out[i].AppendI32(k)
			} else {
				out[i].AppendString(fmt.Sprintf("answer %d to %d", n+1, k))
			}
		}
	}
	return int(k % 3), nil
}

func (a *answer) Close() error { return nil }

type halvesReader struct {
	*halvesSource
	ctx   connect.ReaderContext
	rows  []halfRow
	at    int // the next row, -1 without the split
	ended bool
}

// halfRow is a row with what happens to it, and when.
type halfRow struct {
	kind  row.ChangeKind
	cells [5]any
	due   time.Duration
}

// halfRows are the rows of a table.
func halfRows(seed int, changes string) (rows []halfRow) {
	last := map[any][5]any{}
	base := time.Date(2024, 5, 6, 7, 8, 0, 0, time.UTC)
	for n := range halvesRows {
		x := n*7 + seed*13
		cells := [5]any{int32(x % 6), int64(x * x % 19), fmt.Sprintf("text %d", x%9), float64(x%11) / 4, base.Add(time.Duration(n*700+x%5*900) * time.Millisecond)}
		if changes == "" && x%10 == 3 {
			cells[0] = nil
		}
		if changes == "" && x%13 == 5 {
			cells[1], cells[2] = nil, nil
		}
		r := halfRow{cells: cells, due: time.Duration(n)*halvesStep + time.Duration(seed-1)*halvesStep/8}
		before, ok := last[cells[0]]
		if changes == "" || !ok {
			rows = append(rows, r)
			last[cells[0]] = cells
			continue
		}
		switch {
		case x%4 == 1:
			r.kind = row.Delete
			if changes == "retract" {
				r.cells = before
			}
			rows = append(rows, r)
			delete(last, cells[0])
			continue
		case changes == "retract":
			rows = append(rows, halfRow{row.UpdateBefore, before, r.due})
		}
		r.kind = row.UpdateAfter
		rows = append(rows, r)
		last[cells[0]] = cells
	}
	return rows
}

func (r *halvesReader) Assign(splits []connect.Split) error {
	r.at = 0
	if data := splits[0].Data; data != nil {
		r.at = int(binary.BigEndian.Uint16(data))
	}
	return nil
}

func (r *halvesReader) NoMoreSplits() { r.ended = true }

func (r *halvesReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	switch {
	case r.at < 0 && r.ended:
		return connect.Ended, nil
	case r.at < 0:
		return connect.Waiting, nil
	}
	out.Split("all")
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of the time in bubbles
	for ; r.at < len(r.rows); r.at++ {
		next := &r.rows[r.at]
		if at := begin.Add(next.due); r.ctx.Now().Before(at) {
			r.ctx.WakeAt(at)
			return connect.Waiting, nil
		}
		for i, c := range r.project {
			appendCell(out.Batch.Cols[i], next.cells[c])
		}
		out.Add(next.kind)
	}
	out.Finished()
	r.at = -1
	r.ctx.Request()
	return connect.More, nil
}

func appendCell(v *column.Vector, x any) {
	switch x := x.(type) {
	case nil:
		v.AppendNull()
	case int32:
		v.AppendI32(x)
	case int64:
		v.AppendI64(x)
	case float64:
		v.AppendF64(x)
	case string:
		v.AppendString(x)
	case time.Time:
		v.AppendTimestamp(x.UnixMicro(), 0)
	}
}

func (r *halvesReader) Snapshot() ([]connect.Split, error) {
	if r.at < 0 {
		return nil, nil
	}
	return []connect.Split{{ID: "all", Data: binary.BigEndian.AppendUint16(nil, uint16(r.at))}}, nil
}

func (r *halvesReader) Close() error { return nil }

// kept notes all changes.
type kept struct {
	mu      sync.Mutex
	changes *[]string
}

func (k *kept) Kinds() row.ChangeKinds                          { return 0xf }
func (k *kept) Sink(connect.Insert) (connect.ColumnSink, error) { return k, nil }
func (k *kept) Writer(connect.WriterContext, [][]byte) (connect.ColumnWriter, error) {
	return k, nil
}

func (k *kept) Write(b *column.Batch) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range b.Len() {
		p := b.Row(i)
		*k.changes = append(*k.changes, b.Kind(p).String()+" "+string(sqltest.AppendRow(nil, b.Cols, p)))
	}
	return nil
}

func (k *kept) Flush(bool) error          { return nil }
func (k *kept) Snapshot() ([]byte, error) { return nil, nil }
func (k *kept) Close() error              { return nil }

// keptUpserts takes changes by key.
type keptUpserts struct{ *kept }

func (keptUpserts) Kinds() row.ChangeKinds { return 1<<row.Insert | 1<<row.UpdateAfter | 1<<row.Delete }
