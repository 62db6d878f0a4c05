package exchange

import (
	"fmt"
	"sync"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/row"
)

// ColumnEdge is the EdgeType of batches of columns. In batch mode its keyed inputs are not sorted:
// operators on columns take the rows of all keys as they come.
type ColumnEdge struct {
	Schema *row.Schema
	// Keys are the key columns of a keyed edge, and KeyTypes the types that their keys have, which
	// colcodec.Key wants to be the same for all inputs of an operator.
	Keys     []int
	KeyTypes []*row.Type
	// KeyText is how the key of a row is shown; nil shows none.
	KeyText func(b *column.Batch, place int) string

	once sync.Once
	pool *batch.ColumnPool // of decoded batches
}

// Check reports what is wrong with the edge.
func (e *ColumnEdge) Check() error {
	if len(e.Keys) != len(e.KeyTypes) {
		return fmt.Errorf("%d key columns have %d types", len(e.Keys), len(e.KeyTypes))
	}
	for i, c := range e.Keys {
		switch t := e.KeyTypes[i]; {
		case c < 0 || c >= len(e.Schema.Fields):
			return fmt.Errorf("key column %d is none of the %d columns", c, len(e.Schema.Fields))
		case !e.Schema.Fields[c].Type.Nullable(true).Same(t.Nullable(true)):
			return fmt.Errorf("key column %q is %s, and its key %s: cast it", e.Schema.Fields[c].Name,
				e.Schema.Fields[c].Type, t)
		case t.NotNull && !e.Schema.Fields[c].Type.NotNull:
			return fmt.Errorf("key column %q may be NULL, and its key may not", e.Schema.Fields[c].Name)
		}
	}
	return nil
}

func (e *ColumnEdge) hasher() hasher { return hasher{key: colcodec.NewKey(e.KeyTypes), at: e.Keys} }

// isKeyed reports whether rows have keys. A key of no columns is one for all rows.
func (e *ColumnEdge) isKeyed() bool { return e.KeyTypes != nil }

// NewWriter makes a ColumnWriter.
func (e *ColumnEdge) NewWriter(cfg WriterConfig) operator.Node { return newColumnWriter(e, cfg) }

// Inlet asserts the receiver's type.
func (e *ColumnEdge) Inlet(receiver any) (func(batch.Any) bool, func(int64) bool, error) {
	r, ok := receiver.(batch.ColumnReceiver)
	if !ok {
		return nil, nil, fmt.Errorf("an edge of columns leads to an operator that takes %T", receiver)
	}
	pool := batch.NewColumnPool(e.Schema, 1)
	push := func(b batch.Any) bool { return r.Push(b.(*batch.Columns)) }
	mark := func(t int64) bool {
		b := pool.Get()
		b.Mark(t)
		return r.Push(b)
	}
	return push, mark, nil
}

// NewPartition makes an empty partition.
func (e *ColumnEdge) NewPartition(s *Spill) Partition {
	return &partition{spill: s, form: e.pieces()}
}

func (e *ColumnEdge) pieces() pieceForm {
	return &columnPieces{pool: e.decoded(), hasher: e.hasher(), keyed: e.isKeyed()}
}

func (e *ColumnEdge) decoded() *batch.ColumnPool {
	e.once.Do(func() { e.pool = batch.NewColumnPool(e.Schema, 0) })
	return e.pool
}

// NewOverflow makes an empty overflow.
func (e *ColumnEdge) NewOverflow(s *Spill) Overflow {
	return overflow[*batch.Columns]{spill.NewColumnStore(&s.Dir, e.Schema)}
}

// Consumer is receiver with a store behind it.
func (e *ColumnEdge) Consumer(receiver any, s *Spill) any {
	r, ok := receiver.(batch.ColumnReceiver)
	if !ok {
		return receiver // ColumnOutput.Connect complains about it
	}
	return operator.Consumer[*batch.Columns]{
		Receiver: r, Store: spill.NewColumnStore(&s.Dir, e.Schema), MemoryMax: s.overflowBudget(),
	}
}

// Sorts is false.
func (e *ColumnEdge) Sorts() bool { return false }

// NewSorter is never asked for.
func (e *ColumnEdge) NewSorter(*Spill) Sorter { return nil }

// AppendBatch is spill.AppendColumns.
func (e *ColumnEdge) AppendBatch(dst []byte, b batch.Any) []byte {
	return spill.AppendColumns(dst, b.(*batch.Columns))
}

// Encodes is true.
func (e *ColumnEdge) Encodes() bool { return true }

// FlightType has the columns with their types, and the key.
func (e *ColumnEdge) FlightType() operator.FlightType {
	t := operator.FlightType{Record: columnSchema(e.Schema)}
	if e.isKeyed() {
		t.Key = colcodec.NewKey(e.KeyTypes).Schema()
	}
	return t
}

// columnSchema is how snapshots know columns: by their names and types.
func columnSchema(s *row.Schema) codec.Schema {
	return codec.Schema{Kind: codec.KindCustom, Name: "SQL " + row.RowOf(s.Fields...).SQL()}
}

// BatchReader decodes what AppendBatch wrote. Columns do not change their types.
func (e *ColumnEdge) BatchReader(was operator.FlightType) (func(data []byte) (batch.Any, error), error) {
	is := e.FlightType()
	if !was.Record.Equal(is.Record) {
		return nil, fmt.Errorf("the columns change from %s to %s", nameOf(was.Record), nameOf(is.Record))
	}
	if err := checkKey(was.Key, is.Key); err != nil {
		return nil, err
	}
	pool := e.decoded()
	return func(data []byte) (batch.Any, error) {
		b := pool.Get()
		if err := spill.DecodeColumns(b, data); err != nil {
			b.Release()
			return nil, err
		}
		return b, nil
	}, nil
}

func nameOf(s codec.Schema) string {
	if s.Kind == codec.KindCustom {
		return s.Name
	}
	return s.String()
}

// Keep selects the rows of a keyed edge that belong to a subtask; others are dealt out whole.
func (e *ColumnEdge) Keep(b batch.Any, s Share) {
	if s.Strategy != graph.Keyed {
		return
	}
	c := b.(*batch.Columns)
	h := e.hasher()
	h.fill(c) // its own may be those of another edge, before
	mine := make([]int32, 0, c.Len())
	for i := range c.Len() {
		kg := codec.KeyGroup(c.Hashes[c.Row(i)], s.MaxParallelism)
		if operator.SubtaskOf(kg, s.MaxParallelism, s.Parallelism) == s.Subtask {
			mine = append(mine, int32(c.Row(i)))
		}
	}
	c.Keep(mine)
}

// columnPieces is the pieceForm of columns: the rows, without marks. Hashes are made again.
type columnPieces struct {
	pool *batch.ColumnPool
	hasher
	keyed bool
}

func (p *columnPieces) append(dst []byte, b batch.Any) []byte {
	return colcodec.Append(dst, &b.(*batch.Columns).Batch)
}

func (p *columnPieces) decode(piece []byte) (batch.Any, error) {
	b := p.pool.Get()
	rest, err := colcodec.Decode(&b.Batch, piece)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left of a batch of columns", len(rest))
	}
	if err != nil {
		b.Release()
		return nil, err
	}
	if p.keyed {
		p.fill(b)
	}
	return b, nil
}
