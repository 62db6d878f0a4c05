package exec

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

// topMax is up to which last number the rows of a key are kept in one piece: a row that comes in has those behind it
// moved.
const topMax = 100

// topRank is rank where rows are only added and the last number is small. The rows of a key are one value, in order:
//
//	number of rows, 4 bytes │ what a row is ordered by │ the row │ their lengths, 4 bytes each │ …
//
// A new row is compared with the others from the last one on, up to its place: those that it passes are the ones whose
// numbers change. As entries of an ordered state each row that moves cost several look-ups, and was decoded twice.
//
// What is to be sent is collected: rows that were decoded, once each, and which of them go out in which order.
type topRank struct {
	sortedKeys
	op     *Rank
	layout *colcodec.Layout
	rows   *keyed.Bytes

	by     []byte
	kept   []byte
	behind []topEntry // the rows that a new one passes, from the last one on

	cols    []*column.Vector // the rows that were decoded
	count   int
	places  []int32
	kinds   []row.ChangeKind
	numbers []int64
}

// topEntry is a row that is kept, and where it begins.
type topEntry struct {
	from    int
	by, row []byte
}

const (
	topHead    = 4
	topLengths = 8
)

func newTopRank(r *Rank) *topRank {
	n := &topRank{op: r, layout: colcodec.NewLayout(types(r.In))}
	n.init(r.Out, nil)
	n.ColumnInput.Init(n, &n.out)
	for _, t := range n.layout.Types() {
		n.cols = append(n.cols, column.New(t))
	}
	return n
}

func (n *topRank) Open(ctx *operator.Context) error {
	if err := n.openKeys(ctx, n.op.In, n.op.Order, n.op.Partition); err != nil {
		return err
	}
	n.rows = keyed.NewBytes(n.keys.backend)
	n.keys.backend.Add("rows", n.rows)
	return n.ready(ctx, n.op.TTL, n.rows.Drop)
}

func (n *topRank) Rows(b *batch.Columns, from, to int) int {
	n.keys.begin(b)
	n.sort.begin(b)
	n.rows.Touch(n.keys.hashes[:b.N])
	now := int64(0)
	if n.expiry.ttl > 0 {
		now = n.task.NowMillis()
		defer n.expiry.arm()
	}
	for i := from; i < to; i++ {
		if n.out.Blocked() {
			return i
		}
		p := b.Row(i)
		n.keys.set(p)
		if n.add(b, p) {
			n.expiry.changed(now)
		}
		if len(n.places) >= batch.MaxRows {
			n.send()
		}
	}
	n.send()
	return to
}

// entry is the row that ends at a place.
func (n *topRank) entry(kept []byte, end int) topEntry {
	lengths := kept[end-topLengths : end]
	row := end - topLengths - int(binary.LittleEndian.Uint32(lengths[4:]))
	by := row - int(binary.LittleEndian.Uint32(lengths))
	return topEntry{by, kept[by:row], kept[row : end-topLengths]}
}

// add adds a row of a batch to those of the current key. It reports whether the row has a number.
func (n *topRank) add(b *batch.Columns, p int) bool {
	n.by = n.sort.append(n.by[:0], p)
	kept := n.rows.Get()
	rows := int64(0)
	if kept != nil {
		rows = int64(binary.LittleEndian.Uint32(kept))
	}
	isFull := rows == n.op.To
	n.behind = n.behind[:0]
	end := len(kept)
	for end > topHead {
		e := n.entry(kept, end)
		if bytes.Compare(n.by, e.by) >= 0 {
			break
		}
		n.behind, end = append(n.behind, e), e.from
	}
	if isFull && len(n.behind) == 0 {
		return false
	}
	n.collect(b, p, rows-int64(len(n.behind))+1, isFull)
	n.keep(b, p, kept, end, isFull)
	return true
}

// keep writes the rows of the current key with a new one that begins at a place.
func (n *topRank) keep(b *batch.Columns, p int, kept []byte, at int, isFull bool) {
	if kept == nil {
		n.kept, at = append(n.kept[:0], 0, 0, 0, 0), topHead
	} else {
		n.kept = append(n.kept[:0], kept[:at]...)
	}
	n.kept = append(n.kept, n.by...)
	from := len(n.kept)
	n.kept = n.layout.Append(n.kept, b.Cols, p)
	size := len(n.kept) - from
	n.kept = binary.LittleEndian.AppendUint32(n.kept, uint32(len(n.by)))
	n.kept = binary.LittleEndian.AppendUint32(n.kept, uint32(size))
	switch {
	case isFull:
		n.kept = append(n.kept, kept[at:n.behind[0].from]...)
	default:
		n.kept = append(n.kept, kept[min(at, len(kept)):]...)
		binary.LittleEndian.PutUint32(n.kept, binary.LittleEndian.Uint32(n.kept)+1)
	}
	n.rows.Put(n.kept)
}

// collect notes what a new row with a number changes.
func (n *topRank) collect(b *batch.Columns, p int, number int64, isFull bool) {
	added := n.take(b, p)
	if !n.op.Number && n.op.From == 1 && n.op.To > 1 { // numbers do not matter
		if isFull {
			n.note(row.Delete, n.decode(n.behind[0].row), n.op.To)
		}
		n.note(row.Insert, added, 1)
		return
	}
	for i := len(n.behind) - 1; i >= 0; i-- {
		passed := n.decode(n.behind[i].row)
		n.note(row.UpdateBefore, passed, number)
		n.note(row.UpdateAfter, added, number)
		added = passed
		number++
	}
	if !isFull {
		n.note(row.Insert, added, number)
	}
}

// take adds a row of a batch to those that may be sent.
func (n *topRank) take(b *batch.Columns, p int) (place int32) {
	for i, c := range n.cols {
		c.AppendFrom(b.Cols[i], p)
	}
	n.count++
	return int32(n.count - 1)
}

// decode is take for a row that was kept.
func (n *topRank) decode(r []byte) (place int32) {
	if _, err := n.layout.Decode(r, n.cols); err != nil {
		panic(err) // what was encoded here
	}
	n.count++
	return int32(n.count - 1)
}

// note notes a change of a row with a number, if it is one of those that are asked for.
func (n *topRank) note(kind row.ChangeKind, place int32, number int64) {
	if number < n.op.From || kind == row.UpdateBefore && !n.op.Before {
		return
	}
	n.places, n.kinds, n.numbers = append(n.places, place), append(n.kinds, kind), append(n.numbers, number)
}

// send sends what was noted.
func (n *topRank) send() {
	for from := 0; from < len(n.places); {
		cur := n.out.Cur
		to := from + n.room(len(n.places)-from)
		for i, c := range n.cols {
			cur.Cols[i].AppendAll(c, n.places[from:to])
		}
		if n.op.Number {
			for _, number := range n.numbers[from:to] {
				cur.Cols[len(n.cols)].AppendI64(number)
			}
		}
		n.endRows(n.kinds[from:to])
		from = to
	}
	n.places, n.kinds, n.numbers, n.count = n.places[:0], n.kinds[:0], n.numbers[:0], 0
	for _, c := range n.cols {
		c.Reset()
	}
}
