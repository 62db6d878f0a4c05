package batch

import (
	"sync"
	"sync/atomic"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// ColumnReceiver is a Receiver of batches of columns.
type ColumnReceiver interface{ Push(b *Columns) bool }

// Columns is a batch of rows in columns. Event times are columns like others.
//
// The header (the Columns itself: which vectors there are, the selection, the marks) has one owner,
// who may change it. The vectors, kinds and hashes that it leads to are shared by all headers that
// Share made, and by batches that borrow them: they are not changed once the batch was pushed.
//
//	filter       b.Keep(sel)                          the same vectors, fewer rows that count
//	projection   out.Borrow(b); out.Cols[0] = …       vectors of b and of out side by side
//	anything     out.Cols[i].Append…; out.Add(kind)   vectors of out
type Columns struct {
	column.Batch
	// Marks are in order of Row, which counts rows that count: 0 … Len(). Several may share one Row.
	Marks []Mark
	// Hashes has the hash of the key for each place 0 … N; nil when the batch did not come through a
	// keyed edge.
	Hashes []uint64

	sel   []int32 // memory of the header's for Sel
	store *columnStore
}

// columnStore is the shared part of a Columns.
type columnStore struct {
	refs   atomic.Int32
	pool   *ColumnPool
	cols   []*column.Vector
	kinds  []row.ChangeKind
	hashes []uint64
	held   []*Columns // whose vectors are borrowed
}

// ColumnBytesMax is the size from which on a batch of columns counts as full, whatever its rows.
const ColumnBytesMax = 256 << 10

// keptBytesMax is the size up to which a pool keeps the memory of a batch.
const keptBytesMax = 1 << 20

// MarkList is the batch's marks.
func (b *Columns) MarkList() *[]Mark { return &b.Marks }

// Bytes is the size of the vectors, borrowed ones included.
func (b *Columns) Bytes() int {
	n := len(b.Kinds) + 8*len(b.Hashes)
	for _, c := range b.Cols {
		n += c.Size()
	}
	return n
}

// Sole reports whether no other header refers to the same vectors, so that the owner may change those
// that are not borrowed.
func (b *Columns) Sole() bool { return b.store.refs.Load() == 1 }

// Add ends a row, whose values were appended to all columns. Nothing is selected in such a batch.
func (b *Columns) Add(kind row.ChangeKind) {
	if b.Kinds != nil || kind != row.Insert {
		b.addKind(kind)
	}
	b.N++
}

func (b *Columns) addKind(kind row.ChangeKind) {
	if b.Kinds == nil {
		b.KindColumn()
	}
	b.Kinds = append(b.Kinds, kind)
	b.store.kinds = b.Kinds
}

// Full reports whether the batch has reached its capacity, in rows or, which it does not look at after
// each row, in bytes.
func (b *Columns) Full() bool {
	return b.N >= b.store.pool.rows || b.N&31 == 31 && b.Bytes() >= ColumnBytesMax
}

// Room is how many more rows fit.
func (b *Columns) Room() int { return max(0, b.store.pool.rows-b.N) }

// Mark appends a watermark after the rows so far. A mark at the same row replaces an earlier one.
func (b *Columns) Mark(t int64) {
	n := b.Len()
	if k := len(b.Marks); k > 0 && b.Marks[k-1].Row == n {
		b.Marks[k-1].Time = t
		return
	}
	b.Marks = append(b.Marks, Mark{n, t})
}

// Keep selects some of the rows that count: places, in the order that they have. Marks stay between
// the rows where they are. The places are copied.
func (b *Columns) Keep(places []int32) {
	kept, at := 0, 0
	for i := range b.Marks {
		m := &b.Marks[i]
		for ; at < m.Row; at++ {
			if kept < len(places) && b.Row(at) == int(places[kept]) {
				kept++
			}
		}
		m.Row = kept
	}
	b.selectPlaces(places)
}

func (b *Columns) selectPlaces(places []int32) {
	if cap(b.sel) < len(places) || b.sel == nil {
		b.sel = make([]int32, max(len(places), minRows))
	}
	b.sel = append(b.sel[:0], places...)
	b.Sel = b.sel
}

// KindColumn sets Kinds to inserts, one for each place, to be changed by the caller.
func (b *Columns) KindColumn() []row.ChangeKind {
	s := b.store
	if !b.Sole() {
		b.Kinds = make([]row.ChangeKind, b.N)
		return b.Kinds
	}
	if cap(s.kinds) < b.N {
		s.kinds = make([]row.ChangeKind, max(b.N, s.pool.rows))
	}
	b.Kinds = s.kinds[:b.N]
	clear(b.Kinds)
	return b.Kinds
}

// HashColumn sets Hashes to numbers that are unspecified, one for each place, to be set by the caller.
func (b *Columns) HashColumn() []uint64 {
	s := b.store
	if !b.Sole() {
		b.Hashes = make([]uint64, b.N)
		return b.Hashes
	}
	if cap(s.hashes) < b.N {
		s.hashes = make([]uint64, max(b.N, s.pool.rows))
	}
	b.Hashes = s.hashes[:b.N]
	return b.Hashes
}

// Swap puts a vector in the place of one of the batch's own and returns that: so what a function has
// made in memory of its own goes into a batch without being copied.
func (b *Columns) Swap(i int, v *column.Vector) *column.Vector {
	was := b.store.cols[i]
	b.store.cols[i], b.Cols[i] = v, v
	return was
}

// Hold takes over a reference to another batch, which is released with b: so vectors of it may stand
// in b, which is new.
func (b *Columns) Hold(parent *Columns) { b.store.held = append(b.store.held, parent) }

// Borrow holds a batch and takes from it which rows there are, with their kinds, hashes and marks. The
// caller sets the columns, which are b's own up to then, to vectors of as many places.
func (b *Columns) Borrow(parent *Columns) {
	b.Hold(parent)
	b.N, b.Sel, b.Kinds, b.Hashes = parent.N, parent.Sel, parent.Kinds, parent.Hashes
	b.Marks = append(b.Marks[:0], parent.Marks...)
}

// AppendRows appends the rows at some places of a batch with columns of the same types, with their
// kinds and hashes and without marks. Nothing is selected in b, and nobody else sees it.
func (b *Columns) AppendRows(from *Columns, places []int32) {
	for i, c := range b.Cols {
		c.AppendAll(from.Cols[i], places)
	}
	n := b.N
	if from.Kinds != nil || b.Kinds != nil {
		if b.Kinds == nil {
			b.KindColumn()
		}
		for _, p := range places {
			b.Kinds = append(b.Kinds, from.Kind(int(p)))
		}
		b.store.kinds = b.Kinds
	}
	if from.Hashes != nil {
		if b.Hashes == nil {
			clear(b.HashColumn())
		}
		b.Hashes = b.Hashes[:n]
		for _, p := range places {
			b.Hashes = append(b.Hashes, from.Hashes[p])
		}
		b.store.hashes = b.Hashes
	}
	b.N = n + len(places)
}

// Share returns another header over the same vectors, for another consumer.
func (b *Columns) Share() *Columns {
	b.store.refs.Add(1)
	h := b.store.pool.header()
	h.Cols = append(h.Cols[:0], b.Cols...)
	h.N, h.Kinds, h.Hashes, h.store = b.N, b.Kinds, b.Hashes, b.store
	if b.Sel != nil {
		h.selectPlaces(b.Sel)
	}
	h.Marks = append(h.Marks[:0], b.Marks...)
	return h
}

// Ref is Share.
func (b *Columns) Ref() Any { return b.Share() }

// Release gives up the batch.
func (b *Columns) Release() {
	s := b.store
	if s == nil {
		panic("batch: released twice")
	}
	clear(b.Cols)
	b.Batch = column.Batch{Cols: b.Cols[:0]}
	b.Marks, b.Hashes, b.store = b.Marks[:0], nil, nil
	if s.refs.Add(-1) > 0 {
		s.pool.put(b, nil)
		return
	}
	s.empty()
	s.pool.put(b, s)
}

// empty lets go of what the store holds and makes its vectors ready for the next batch.
func (s *columnStore) empty() {
	for i, p := range s.held {
		s.held[i] = nil
		p.Release()
	}
	s.held = s.held[:0]
	bytes := 0
	for i, c := range s.cols {
		if poisonedOnFree {
			poisonVector(c)
		}
		if bytes += c.Size(); bytes > keptBytesMax {
			s.cols[i] = column.New(c.Type)
		} else {
			c.Reset()
		}
	}
	if poisonedOnFree {
		for i := range s.hashes {
			s.hashes[i] = poisonHash
		}
	}
}

// ColumnPool makes batches of columns of one schema and takes them back. It is safe for concurrent
// use, as Pool is.
type ColumnPool struct {
	schema *row.Schema
	rows   int

	mu struct {
		sync.Mutex
		headers []*Columns
		stores  []*columnStore
	}
}

// NewColumnPool returns a pool of batches that are full with rows rows; 0 means MaxRows.
func NewColumnPool(s *row.Schema, rows int) *ColumnPool {
	if rows <= 0 {
		rows = MaxRows
	}
	return &ColumnPool{schema: s, rows: rows}
}

// Schema is the schema of the pool's batches.
func (p *ColumnPool) Schema() *row.Schema { return p.schema }

// Rows is the number of rows of a full batch.
func (p *ColumnPool) Rows() int { return p.rows }

// Get returns an empty batch.
func (p *ColumnPool) Get() *Columns {
	p.mu.Lock()
	var s *columnStore
	var h *Columns
	if k := len(p.mu.stores); k > 0 {
		s = p.mu.stores[k-1]
		p.mu.stores = p.mu.stores[:k-1]
	}
	h = p.headerLocked()
	p.mu.Unlock()
	if s == nil {
		s = &columnStore{pool: p}
		for _, f := range p.schema.Fields {
			s.cols = append(s.cols, column.New(f.Type))
		}
	}
	s.refs.Store(1)
	h.Cols, h.store = append(h.Cols[:0], s.cols...), s
	return h
}

func (p *ColumnPool) header() *Columns {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.headerLocked()
}

func (p *ColumnPool) headerLocked() *Columns {
	if k := len(p.mu.headers); k > 0 {
		h := p.mu.headers[k-1]
		p.mu.headers = p.mu.headers[:k-1]
		return h
	}
	return &Columns{Marks: make([]Mark, 0, 4)}
}

func (p *ColumnPool) put(h *Columns, s *columnStore) {
	p.mu.Lock()
	if len(p.mu.headers) < pooledPerEdge {
		p.mu.headers = append(p.mu.headers, h)
	}
	if s != nil && len(p.mu.stores) < pooledPerEdge {
		p.mu.stores = append(p.mu.stores, s)
	}
	p.mu.Unlock()
}
