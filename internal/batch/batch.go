package batch

import (
	"math"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Event times are milliseconds since the Unix epoch.
const (
	// MinTime is the watermark before any watermark, and the time of a record without one.
	MinTime = math.MinInt64
	// MaxTime is the watermark after the last record of a bounded input.
	MaxTime = math.MaxInt64
	// NoTime is the event time of a record that has none.
	NoTime = MinTime
)

// MaxRows is the largest number of rows in a batch of narrow values.
const MaxRows = 1024

const (
	minRows        = 128
	bytesWanted    = 128 << 10
	pooledPerEdge  = 64
	poisonedOnFree = poison
)

// Mark is a watermark inside a batch: it takes effect before row Row, after all rows before it.
type Mark struct {
	Row  int
	Time int64
}

// Any is a batch whose element type is not known: what exchanges and tasks see.
type Any interface {
	// Len is the number of rows.
	Len() int
	// MarkList is the batch's watermark marks, which the owner may change in place.
	MarkList() *[]Mark
	// Bytes estimates the memory that the batch holds, in bytes.
	Bytes() int
	// Ref returns another reference to the batch, with marks of its own. See Rows.Share.
	Ref() Any
	// Release gives up the batch; it may not be used afterwards.
	Release()
}

// Carried is a kind of batch, Rows or Columns, to code that handles either.
type Carried[B any] interface {
	comparable
	Any
	// Share is Ref.
	Share() B
	// Mark appends a watermark after the rows so far.
	Mark(t int64)
}

// Receiver takes batches. Push transfers ownership of b. It reports whether the receiver can take
// another batch now; false means that b was taken but that its work is not complete, and that
// nothing more may be pushed until the receiver's operator was resumed successfully.
type Receiver[T any] interface {
	Push(b *Rows[T]) bool
}

// Rows is a batch of values. All columns have the same length; Keys may be nil.
type Rows[T any] struct {
	Vals  []T
	Times []int64
	// Keys holds, for each row, the key as a word where keys are words and else the key's hash;
	// nil when the batch did not come through a keyed edge.
	Keys []uint64
	// Marks are in order of Row; several may share one Row.
	Marks []Mark

	cols *columns[T]
}

// columns is the shared part of a Rows.
type columns[T any] struct {
	refs  atomic.Int32
	vals  []T
	times []int64
	keys  []uint64
	pool  *Pool[T]
}

// Capacity is the number of rows a batch of T holds: MaxRows, fewer for wide values.
func Capacity[T any]() int {
	var v T
	size := int(unsafe.Sizeof(v))
	if size == 0 {
		return MaxRows
	}
	return min(MaxRows, max(minRows, bytesWanted/size))
}

// Len is the number of rows.
func (b *Rows[T]) Len() int { return len(b.Vals) }

// MarkList is the batch's marks.
func (b *Rows[T]) MarkList() *[]Mark { return &b.Marks }

// Bytes is the size of the columns. Memory behind strings and slices is not walked: the pool's
// estimate, sampled where encodings are known, stands for it.
func (b *Rows[T]) Bytes() int {
	var v T
	return len(b.Vals) * (int(unsafe.Sizeof(v)) + 8 + b.cols.pool.extraBytes)
}

// Sole reports whether no other header refers to the same columns, so that the owner may change
// them in place.
func (b *Rows[T]) Sole() bool { return b.cols.refs.Load() == 1 }

// Add appends a row. The caller has checked that the batch is not full.
func (b *Rows[T]) Add(v T, t int64) {
	b.Vals = append(b.Vals, v)
	b.Times = append(b.Times, t)
}

// Full reports whether the batch has reached its capacity.
func (b *Rows[T]) Full() bool { return len(b.Vals) >= cap(b.Vals) }

// Mark appends a watermark after the rows so far. A mark at the same row replaces an earlier one.
func (b *Rows[T]) Mark(t int64) {
	n := len(b.Vals)
	if k := len(b.Marks); k > 0 && b.Marks[k-1].Row == n {
		b.Marks[k-1].Time = t
		return
	}
	b.Marks = append(b.Marks, Mark{n, t})
}

// KeyColumn returns the key column with one entry for each row, allocated from the batch's own
// store. Only the sole owner may call it.
func (b *Rows[T]) KeyColumn() []uint64 {
	n := len(b.Vals)
	if cap(b.cols.keys) < n {
		b.cols.keys = make([]uint64, cap(b.Vals))
	}
	b.Keys = b.cols.keys[:n]
	return b.Keys
}

// Truncate drops the rows from n on, and the key column. Only the sole owner may call it.
func (b *Rows[T]) Truncate(n int) {
	if b.cols.pool.pointers {
		clear(b.Vals[n:])
	}
	b.Vals, b.Times, b.Keys = b.Vals[:n], b.Times[:n], nil
}

// Share returns another header over the same columns, for another consumer.
func (b *Rows[T]) Share() *Rows[T] {
	b.cols.refs.Add(1)
	h := b.cols.pool.header()
	h.Vals, h.Times, h.Keys, h.cols = b.Vals, b.Times, b.Keys, b.cols
	h.Marks = append(h.Marks[:0], b.Marks...)
	return h
}

// Ref is Share.
func (b *Rows[T]) Ref() Any { return b.Share() }

// Release gives up the batch.
func (b *Rows[T]) Release() {
	c := b.cols
	if c == nil {
		panic("batch: released twice")
	}
	n := min(len(b.Vals), cap(c.vals)) // beyond its capacity they are no columns of the pool's
	b.Vals, b.Times, b.Keys, b.cols = nil, nil, nil, nil
	b.Marks = b.Marks[:0]
	if c.refs.Add(-1) > 0 {
		c.pool.put(b, nil)
		return
	}
	if poisonedOnFree {
		c.poison(n)
	} else if c.pool.pointers {
		clear(c.vals[:n])
	}
	c.pool.put(b, c)
}

// Pool makes batches of one element type and takes them back. It is safe for concurrent use: a
// batch is usually taken by one goroutine and released by another.
type Pool[T any] struct {
	rows       int
	pointers   bool
	extraBytes int // estimated memory behind one value, beyond its own size

	mu struct {
		sync.Mutex
		headers []*Rows[T]
		columns []*columns[T]
	}
}

// NewPool returns a pool of batches with rows rows; 0 means Capacity[T]().
func NewPool[T any](rows int) *Pool[T] {
	if rows <= 0 {
		rows = Capacity[T]()
	}
	return &Pool[T]{rows: rows, pointers: hasPointers[T]()}
}

// SetExtraBytes states the average number of bytes behind one value (strings, slices), which Bytes
// adds to the columns' own size.
func (p *Pool[T]) SetExtraBytes(n int) { p.extraBytes = n }

// Rows is the capacity of the pool's batches.
func (p *Pool[T]) Rows() int { return p.rows }

// Pointers reports whether values of T refer to memory of their own.
func (p *Pool[T]) Pointers() bool { return p.pointers }

// Get returns an empty batch.
func (p *Pool[T]) Get() *Rows[T] {
	p.mu.Lock()
	var c *columns[T]
	var h *Rows[T]
	if k := len(p.mu.columns); k > 0 {
		c = p.mu.columns[k-1]
		p.mu.columns = p.mu.columns[:k-1]
	}
	if k := len(p.mu.headers); k > 0 {
		h = p.mu.headers[k-1]
		p.mu.headers = p.mu.headers[:k-1]
	}
	p.mu.Unlock()
	if c == nil {
		c = &columns[T]{vals: make([]T, 0, p.rows), times: make([]int64, 0, p.rows), pool: p}
	}
	if h == nil {
		h = &Rows[T]{Marks: make([]Mark, 0, 4)}
	}
	c.refs.Store(1)
	h.Vals, h.Times, h.Keys, h.cols = c.vals[:0], c.times[:0], nil, c
	return h
}

func (p *Pool[T]) header() *Rows[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := len(p.mu.headers); k > 0 {
		h := p.mu.headers[k-1]
		p.mu.headers = p.mu.headers[:k-1]
		return h
	}
	return &Rows[T]{Marks: make([]Mark, 0, 4)}
}

func (p *Pool[T]) put(h *Rows[T], c *columns[T]) {
	p.mu.Lock()
	if len(p.mu.headers) < pooledPerEdge {
		p.mu.headers = append(p.mu.headers, h)
	}
	if c != nil && len(p.mu.columns) < pooledPerEdge {
		p.mu.columns = append(p.mu.columns, c)
	}
	p.mu.Unlock()
}
