package exec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// errFinalSnapshot is never seen: a job in batch mode takes no snapshots.
var errFinalSnapshot = errors.New("an operator that gives its result at the end takes no snapshots")

// DefaultMemory is what an operator with Final keeps in memory where its Memory is 0.
const DefaultMemory = 512 << 20

// gather is all rows of an operator that gives its result at the end, in order: by a partition, then by sort keys, and
// equal ones as they came. A row is a record of a spill.Sorter:
//
//	partition │ what it is ordered by ║ length of the partition │ the row
type gather struct {
	task      *operator.Context
	rows      spill.Sorter
	layout    *colcodec.Layout
	partition *colcodec.Layout
	at        []int // columns of the partition
	sort      *sorting
	cols      []*column.Vector

	// The row at hand.
	isFirst bool // of its partition
	isPeer  bool // it is in the partition of the row before and ordered by the same
	by      int  // where what it is ordered by begins
	row     []byte
	last    []byte // the key of the row before
	lastBy  int
	started bool
}

// newGather gathers rows of an operator's input.
func newGather(ctx *operator.Context, fields []row.Field, partition []int, keys []logical.SortKey, memory int64) (*gather, error) {
	s, err := newSorting(fields, keys)
	if err != nil {
		return nil, err
	}
	g := &gather{
		task: ctx, rows: spill.Sorter{Dir: ctx.Temp, Budget: cmp.Or(memory, DefaultMemory)},
		layout: colcodec.NewLayout(types(fields)), partition: colcodec.NewLayout(KeyTypes(fields, partition)), at: partition, sort: s,
	}
	ctx.OnClose(func() error {
		g.rows.Close()
		return nil
	})
	return g, nil
}

func (g *gather) check(err error) {
	if err != nil {
		g.task.Fail(err, nil)
	}
}

// add adds the rows number from up to to of a batch.
func (g *gather) add(b *batch.Columns, from, to int) {
	g.sort.begin(b)
	g.cols = g.cols[:0]
	for _, c := range g.at {
		g.cols = append(g.cols, b.Cols[c])
	}
	for i := from; i < to; i++ {
		p := b.Row(i)
		record := g.partition.Append(g.rows.Room(), g.cols, p)
		by := len(record)
		record = g.sort.append(record, p)
		key := len(record)
		record = binary.AppendUvarint(record, uint64(by))
		g.check(g.rows.Put(g.layout.Append(record, b.Cols, p), key))
	}
}

// order puts the rows in order, to be read by next.
func (g *gather) order() { g.check(g.rows.Sort()) }

// next goes on to the next row, the first one at first.
func (g *gather) next() bool {
	if g.started {
		g.last, g.lastBy = append(g.last[:0], g.rows.Key()...), g.by
		g.check(g.rows.Next())
	}
	key := g.rows.Key()
	if key == nil {
		return false
	}
	by, n := binary.Uvarint(g.rows.Payload())
	g.by, g.row = int(by), g.rows.Payload()[n:]
	g.isFirst = !g.started || !bytes.Equal(g.last[:g.lastBy], key[:by])
	g.isPeer = !g.isFirst && bytes.Equal(g.last[g.lastBy:], key[by:])
	g.started = true
	return true
}

// decode appends the row at hand to columns.
func (g *gather) decode(cols []*column.Vector) {
	if _, err := g.layout.Decode(g.row, cols); err != nil {
		g.check(spill.Fail("read a sorted row", err))
	}
}
