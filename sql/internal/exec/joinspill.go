package exec

import (
	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

// joinedSide is the rows of a side: in memory, or when there is no room dealt out to files by their keys.
//
//	both sides in memory      a table of the smaller one
//	the larger one on disk    a table of the other one, which the files pass by
//	both on disk              file by file: a table of the smaller one, if it has room
//	                          else both are dealt out again, by other bits of the hash
//	                          else, as one key has too many rows, a table of a part of them, and again for the next part
type joinedSide struct {
	fields []row.Field
	keys   []int
	pool   *batch.ColumnPool // of what comes from disk
	mem    []*batch.Columns
	bytes  int64 // in memory
	rows   int
	files  *dealt // nil while all rows are in memory
}

const (
	// joinLevels is how often rows are dealt out.
	joinLevels = 6
	// joinRowBytes is what a row of the table takes beside its columns.
	joinRowBytes = 48
)

func (n *hashJoin) openSpill() {
	for i := range n.in {
		n.in[i].pool = poolOf(n.in[i].fields)
	}
	n.task.OnClose(func() error {
		for i := range n.in {
			if f := n.in[i].files; f != nil {
				f.close()
			}
		}
		return nil
	})
}

// keep keeps rows of a side.
func (n *hashJoin) keep(side int, b *batch.Columns, from, to int) int {
	in := &n.in[side]
	if in.files != nil {
		n.deal(side, in.files, b, from, to)
		return to
	}
	h := b.Share()
	h.Marks = h.Marks[:0]
	if from > 0 || to < b.Len() {
		h.Keep(rowPlaces(b, from, to))
	}
	in.mem = append(in.mem, h)
	in.rows += h.Len()
	in.bytes += int64(h.Bytes()) + int64(joinRowBytes*h.Len())
	for n.in[0].bytes+n.in[1].bytes > n.memory() {
		n.evict()
	}
	return to
}

// evict has the rows of a side go to disk: of both, the one that is not for the table.
func (n *hashJoin) evict() {
	side := 0
	if n.in[0].bytes == 0 || n.in[1].bytes > 0 && !n.isRight(n.in[0].bytes, n.in[1].bytes) {
		side = 1
	}
	in := &n.in[side]
	in.files = newDealt(n.task, in.pool, 0)
	for i, b := range in.mem {
		n.deal(side, in.files, b, 0, b.Len())
		b.Release()
		in.mem[i] = nil
	}
	in.mem, in.bytes = nil, 0
}

// deal deals rows of a batch out.
func (n *hashJoin) deal(side int, to *dealt, b *batch.Columns, from, end int) {
	n.prepare(b.Cols, side, b.N)
	to.add(b, rowPlaces(b, from, end), n.hashes)
}

// join gives the result.
func (n *hashJoin) join() {
	n.now()
	left, right := &n.in[0], &n.in[1]
	switch {
	case left.files != nil && right.files != nil:
		n.joinFiles(left.files, right.files)
	case left.files != nil || left.files == right.files && n.isRight(left.bytes, right.bytes):
		n.joinMemory(1)
	default:
		n.joinMemory(0)
	}
}

// isRight reports whether the right side is the one for the table, by the sizes of both.
func (n *hashJoin) isRight(left, right int64) bool {
	switch n.op.Table {
	case TableLeft:
		return false
	case TableRight:
		return true
	}
	return right <= left
}

// joinMemory makes a table of a side that is in memory.
func (n *hashJoin) joinMemory(side int) {
	n.begin(side, n.in[side].rows)
	n.take(side, n.add)
	n.build()
	n.take(1-side, n.probe)
	n.rest()
}

// take passes the rows of a side, which go to f.
func (n *hashJoin) take(side int, f func(b *batch.Columns)) {
	in := &n.in[side]
	for i, b := range in.mem {
		in.mem[i] = nil
		f(b)
	}
	in.mem = nil
	if in.files != nil {
		in.files.end()
		for i := range in.files.parts {
			in.files.each(i, f)
		}
	}
}

// joinFiles joins what was dealt out, part by part.
func (n *hashJoin) joinFiles(left, right *dealt) {
	left.end()
	right.end()
	defer left.close()
	defer right.close()
	for i := range left.parts {
		l, r := &left.parts[i], &right.parts[i]
		if l.rows+r.rows == 0 {
			continue
		}
		files := [2]*dealt{left, right}
		side := 0
		if n.isRight(l.bytes, r.bytes) {
			side = 1
		}
		p := &files[side].parts[i]
		switch {
		case p.bytes+int64(joinRowBytes*p.rows) <= n.memory():
			n.begin(side, p.rows)
			files[side].each(i, n.add)
			n.build()
			files[1-side].each(i, n.probe)
			n.rest()
		case left.level+1 < joinLevels && p.rows < files[side].rows:
			n.joinFiles(n.dealAgain(0, left, i), n.dealAgain(1, right, i))
		default:
			n.joinPasses(files, i, side)
		}
	}
}

// dealAgain deals a part out.
func (n *hashJoin) dealAgain(side int, from *dealt, part int) *dealt {
	d := newDealt(n.task, n.in[side].pool, from.level+1)
	from.each(part, func(b *batch.Columns) {
		n.deal(side, d, b, 0, b.Len())
		b.Release()
	})
	return d
}

// joinPasses joins a part whose rows a table has no room for: a table of some of them passes by all rows of the other
// side, and again for the next ones.
//
// What is known of a row of the other side after all passes decides whether it is in the result by itself.
type joinPasses struct {
	isOn, isLast bool
	seen         column.Bitmap // rows that have a partner
	row          int
}

// isGiven reports whether the next row of a side is in the result by itself, of which the partners in the table are known.
func (p *joinPasses) isGiven(j *Join, side int, hasPartner bool) bool {
	if !p.isOn {
		return j.gives(side, hasPartner)
	}
	had := p.seen.Has(p.row)
	if hasPartner {
		p.seen.Set(p.row)
	}
	p.row++
	if p.isLast {
		return j.gives(side, had || hasPartner)
	}
	return false
}

func (n *hashJoin) joinPasses(files [2]*dealt, part, side int) {
	other := files[1-side]
	n.passes = joinPasses{isOn: true, seen: column.NewBitmap(other.parts[part].rows, false)}
	p := &files[side].parts[part]
	left, all := p.rows, p.bytes+int64(joinRowBytes*p.rows)
	begin := func() { n.begin(side, min(left, int(int64(p.rows)*n.memory()/all))) }
	pass := func() {
		n.build()
		n.passes.row, n.passes.isLast = 0, left == 0
		other.read(part, n.probe)
		n.rest()
		begin()
	}
	begin()
	bytes := int64(0)
	files[side].each(part, func(b *batch.Columns) {
		size := int64(b.Bytes() + joinRowBytes*b.Len())
		if bytes > 0 && bytes+size > n.memory() {
			pass()
			bytes = 0
		}
		bytes += size
		left -= b.Len()
		if n.add(b); left == 0 {
			pass()
		}
	})
	other.drop(part)
	n.passes = joinPasses{}
}
