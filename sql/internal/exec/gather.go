package exec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// gather is all rows of an operator that gives its result at the end, to be put in order: by a partition, then by
// sort keys, and equal ones as they came.
type gather struct {
	layout    *colcodec.Layout
	partition *colcodec.Layout
	at        []int // columns of the partition
	sort      *sorting
	cols      []*column.Vector
	rows      []gathered
	block     []byte // memory of rows

	groups int // key groups of the operator
	dealt  []int
	key    *colcodec.Key // by which rows were dealt out
	hashes []uint64
}

// gathered is a row.
type gathered struct {
	data   []byte // the partition, what the row is ordered by, the row
	prefix uint64 // the first bytes of data
	by     uint32 // where these parts begin
	row    uint32
	group  uint16 // the key group
}

// gatherBlock is the memory that is made at once.
const gatherBlock = 256 << 10

// newGather gathers rows of an operator's input, which were dealt out by some columns. What a snapshot has of them comes
// back.
func newGather(ctx *operator.Context, fields []row.Field, partition, dealt []int, keys []logical.SortKey) (*gather, error) {
	s, err := newSorting(fields, keys)
	if err != nil {
		return nil, err
	}
	g := &gather{
		layout: colcodec.NewLayout(types(fields)), partition: colcodec.NewLayout(KeyTypes(fields, partition)), at: partition, sort: s,
		groups: ctx.MaxParallelism, dealt: dealt, key: colcodec.NewKey(KeyTypes(fields, dealt)),
	}
	return g, g.restore(ctx)
}

// gatheredState is the union state of the operator: a key group, then rows of it.
const gatheredState = "rows"

// gatheredBytesMax is about how long an item gets.
const gatheredBytesMax = 1 << 20

// snapshot writes the rows. All subtasks get them, and take those of their key groups.
func (g *gather) snapshot(w *operator.Snapshot) {
	items := map[uint16][]byte{}
	for i := range g.rows {
		r := &g.rows[i]
		item := items[r.group]
		if item == nil {
			item = binary.AppendUvarint(nil, uint64(r.group))
		}
		item = binary.AppendUvarint(binary.AppendUvarint(item, uint64(r.by)), uint64(r.row))
		item = append(binary.AppendUvarint(item, uint64(len(r.data))), r.data...)
		if len(item) > gatheredBytesMax {
			w.Union(gatheredState, item)
			item = nil
		}
		items[r.group] = item
	}
	for _, group := range slices.Sorted(maps.Keys(items)) {
		if items[group] != nil {
			w.Union(gatheredState, items[group])
		}
	}
}

func (g *gather) restore(ctx *operator.Context) error {
	if ctx.Restored == nil {
		return nil
	}
	first, last := ctx.KeyGroups()
	for _, item := range ctx.Restored.Union[gatheredState] {
		group, n := binary.Uvarint(item)
		if n <= 0 {
			return errGathered
		}
		if int(group) < first || int(group) > last {
			continue
		}
		for item = item[n:]; len(item) > 0; {
			var head [3]uint64
			for i := range head {
				if head[i], n = binary.Uvarint(item); n <= 0 {
					return errGathered
				}
				item = item[n:]
			}
			by, row, size := head[0], head[1], head[2]
			if by > row || row > size || size > uint64(len(item)) {
				return errGathered
			}
			g.rows = append(g.rows, gathered{
				data: item[:size:size], prefix: firstBytes(item[:row]), by: uint32(by), row: uint32(row), group: uint16(group),
			})
			item = item[size:]
		}
	}
	return nil
}

var errGathered = errors.New("the rows that an operator has gathered are cut off")

// hashesOf are the hashes of rows of a batch, by which they were dealt out.
func (g *gather) hashesOf(b *batch.Columns) []uint64 {
	if b.Hashes != nil {
		return b.Hashes
	}
	g.cols = g.cols[:0]
	for _, c := range g.dealt {
		g.cols = append(g.cols, b.Cols[c])
	}
	g.hashes = resized(g.hashes, b.N)
	g.key.Hashes(g.hashes, g.cols)
	return g.hashes
}

func (g *gathered) partition() []byte { return g.data[:g.by] }
func (g *gathered) order() []byte     { return g.data[g.by:g.row] }

// add adds the rows number from up to to of a batch.
func (g *gather) add(b *batch.Columns, from, to int) {
	g.sort.begin(b)
	hashes := g.hashesOf(b)
	g.cols = g.cols[:0]
	for _, c := range g.at {
		g.cols = append(g.cols, b.Cols[c])
	}
	for i := from; i < to; i++ {
		p := b.Row(i)
		if cap(g.block)-len(g.block) < gatherBlock/8 {
			g.block = make([]byte, 0, gatherBlock)
		}
		at := len(g.block)
		block := g.partition.Append(g.block, g.cols, p)
		by := len(block)
		block = g.sort.append(block, p)
		row := len(block)
		block = g.layout.Append(block, b.Cols, p)
		g.rows = append(g.rows, gathered{
			data: block[at:len(block):len(block)], prefix: firstBytes(block[at:row]), by: uint32(by - at), row: uint32(row - at),
			group: uint16(codec.KeyGroup(hashes[p], g.groups)),
		})
		g.block = block
	}
}

// firstBytes are the first eight bytes, filled up with zeros.
func firstBytes(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var all [8]byte
	copy(all[:], b)
	return binary.BigEndian.Uint64(all[:])
}

// order puts the rows in order.
func (g *gather) order() {
	slices.SortStableFunc(g.rows, func(a, b gathered) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(a.data[:a.row], b.data[:b.row])
	})
}

// keep drops all but the first rows, and the memory of the others.
func (g *gather) keep(n int64) {
	if int64(len(g.rows)) <= n {
		return
	}
	g.order()
	rows := g.rows[:n]
	g.block = nil
	for i := range rows {
		d := rows[i].data
		if cap(g.block)-len(g.block) < len(d) {
			g.block = make([]byte, 0, max(gatherBlock, len(d)))
		}
		at := len(g.block)
		g.block = append(g.block, d...)
		rows[i].data = g.block[at:len(g.block):len(g.block)]
	}
	clear(g.rows[n:])
	g.rows = rows
}

// partitions calls f for the rows of each partition, which are in order.
func (g *gather) partitions(f func(rows []gathered)) {
	for from := 0; from < len(g.rows); {
		to := from + 1
		for to < len(g.rows) && bytes.Equal(g.rows[from].partition(), g.rows[to].partition()) {
			to++
		}
		f(g.rows[from:to])
		from = to
	}
}

// decode appends a row to columns.
func (g *gather) decode(r *gathered, cols []*column.Vector) {
	if _, err := g.layout.Decode(r.data[r.row:], cols); err != nil {
		panic(err) // what was encoded here
	}
}
