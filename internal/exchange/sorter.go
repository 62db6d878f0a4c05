package exchange

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

// Sorter brings the rows of a keyed input into the order of key, event time and arrival.
type Sorter interface {
	// Add takes rows and releases b.
	Add(b batch.Any) error
	// Sort ends adding.
	Sort() error
	// Head is what the next row is sorted by: its key and its time, which is the last timeBytes
	// bytes. It is nil at the end and valid until the next call.
	Head() []byte
	// Next returns rows with the key of Head, up to limit (inclusive; nil: all of the key), at most
	// a batch of them.
	Next(limit []byte) (batch.Any, error)
	// Close gives up what is left.
	Close()
}

const (
	timeBytes   = 8
	mergeWidth  = 64 // runs that are merged at once
	entryBytes  = 32
	timeSignBit = 1 << 63
)

// sorter sorts encoded rows: the canonical encoding of a key is ordered and no prefix of another,
// so that key and big-endian time compare as bytes. When the memory is full a sorted run goes to
// a file; the runs are merged at the end. Rows that are equal keep the order of their runs, and the
// sort within a run is stable.
type sorter[T any] struct {
	spill   *Spill
	codec   *codec.Codec[T]
	part    Partitioner[T]
	pool    *batch.Pool[T]
	arena   []byte
	entries []sortEntry
	runs    []string
	merge   runHeap
	scratch []byte
}

// sortEntry is a row in the arena: what it is sorted by, then its value.
type sortEntry struct {
	prefix  uint64 // the first bytes, which decide most comparisons
	off     int
	key, to uint32 // ends of both parts, from off
}

func (s *sorter[T]) Add(b batch.Any) error {
	rows := b.(*batch.Rows[T])
	defer rows.Release()
	for i := range rows.Vals {
		off := len(s.arena)
		s.arena = s.part.Encode(s.arena, &rows.Vals[i])
		s.arena = binary.BigEndian.AppendUint64(s.arena, uint64(rows.Times[i])^timeSignBit)
		key := len(s.arena) - off
		s.arena = s.codec.Append(s.arena, &rows.Vals[i])
		s.entries = append(s.entries, sortEntry{
			binary.BigEndian.Uint64(s.arena[off:]), off, uint32(key), uint32(len(s.arena) - off),
		})
	}
	if int64(len(s.arena)+entryBytes*len(s.entries)) < s.spill.sortBudget() {
		return nil
	}
	return s.flush()
}

func (s *sorter[T]) key(e *sortEntry) []byte   { return s.arena[e.off : e.off+int(e.key)] }
func (s *sorter[T]) value(e *sortEntry) []byte { return s.arena[e.off+int(e.key) : e.off+int(e.to)] }

func (s *sorter[T]) sortEntries() {
	slices.SortStableFunc(s.entries, func(a, b sortEntry) int {
		if a.prefix != b.prefix {
			if a.prefix < b.prefix {
				return -1
			}
			return 1
		}
		return bytes.Compare(s.key(&a), s.key(&b))
	})
}

// flush writes what is in memory as a run.
func (s *sorter[T]) flush() error {
	s.sortEntries()
	m := &memoryRun[T]{s: s}
	m.advance()
	if err := s.writeRun(m); err != nil {
		return err
	}
	s.arena, s.entries = s.arena[:0], s.entries[:0]
	if len(s.runs) < mergeWidth {
		return nil
	}
	if err := s.openRuns(); err != nil {
		return err
	}
	return s.writeRun(&s.merge)
}

// writeRun writes all rows of r to a file.
func (s *sorter[T]) writeRun(r sortedRun) error {
	w, err := s.spill.create()
	if err != nil {
		return err
	}
	for r.head() != nil {
		s.scratch = appendPiece(appendPiece(s.scratch[:0], r.head()), r.payload())
		if err := w.write(s.scratch); err != nil {
			return err
		}
		if err := r.advance(); err != nil {
			return err
		}
	}
	name, err := w.finish()
	s.runs = append(s.runs, name)
	return err
}

func appendPiece(dst, piece []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(piece))), piece...)
}

// openRuns begins the merge of all runs on disk.
func (s *sorter[T]) openRuns() error {
	s.merge = runHeap{}
	for i, name := range s.runs {
		r, err := openSpill(name)
		if err != nil {
			return err
		}
		if err := s.merge.add(&fileRun{r: r}, i); err != nil {
			return err
		}
	}
	s.runs = s.runs[:0]
	return nil
}

func (s *sorter[T]) Sort() error {
	s.sortEntries()
	n := len(s.runs)
	if err := s.openRuns(); err != nil {
		return err
	}
	return s.merge.add(&memoryRun[T]{s: s}, n)
}

func (s *sorter[T]) Head() []byte { return s.merge.head() }

func (s *sorter[T]) Next(limit []byte) (batch.Any, error) {
	b := s.pool.Get()
	head := s.merge.head()
	s.scratch = append(s.scratch[:0], head[:len(head)-timeBytes]...)
	for !b.Full() {
		if head == nil || !bytes.Equal(head[:len(head)-timeBytes], s.scratch) ||
			limit != nil && bytes.Compare(head, limit) > 0 {
			break
		}
		var v T
		if _, err := s.codec.Decode(s.merge.payload(), &v); err != nil {
			return nil, spill.Fail("read a sorted row", err)
		}
		b.Add(v, int64(binary.BigEndian.Uint64(head[len(head)-timeBytes:])^timeSignBit))
		if err := s.merge.advance(); err != nil {
			return nil, err
		}
		head = s.merge.head()
	}
	s.part.Keys(b.KeyColumn(), b.Vals)
	return b, nil
}

func (s *sorter[T]) Close() {
	for _, r := range s.merge.runs {
		if f, ok := r.sortedRun.(*fileRun); ok {
			f.r.close()
		}
	}
	s.merge = runHeap{}
	s.arena, s.entries = nil, nil
}

// sortedRun yields rows in order.
type sortedRun interface {
	head() []byte // nil at the end
	payload() []byte
	advance() error
}

// memoryRun is the rows in a sorter's arena.
type memoryRun[T any] struct {
	s  *sorter[T]
	at int // one more than the position
}

func (m *memoryRun[T]) head() []byte {
	if m.at > len(m.s.entries) {
		return nil
	}
	return m.s.key(&m.s.entries[m.at-1])
}

func (m *memoryRun[T]) payload() []byte { return m.s.value(&m.s.entries[m.at-1]) }

func (m *memoryRun[T]) advance() error {
	m.at++
	return nil
}

// fileRun is the rows of a file.
type fileRun struct {
	r          *spillReader
	key, value []byte
	ended      bool
}

func (f *fileRun) head() []byte {
	if f.ended {
		return nil
	}
	return f.key
}

func (f *fileRun) payload() []byte { return f.value }

func (f *fileRun) advance() (err error) {
	f.key, err = f.r.next(f.key)
	if err == io.EOF {
		f.ended = true
		f.r.close()
		return nil
	}
	if err != nil {
		return err
	}
	if len(f.key) < timeBytes {
		return spill.Fail("read "+f.r.f.Name(), errors.New("a sorted row is cut off"))
	}
	if f.value, err = f.r.next(f.value); err == io.EOF {
		err = spill.Fail("read "+f.r.f.Name(), io.ErrUnexpectedEOF)
	}
	return err
}

// runHeap merges runs; it is a run itself.
type runHeap struct{ runs []orderedRun }

type orderedRun struct {
	sortedRun
	order int
}

// add adds a run at its beginning.
func (h *runHeap) add(r sortedRun, order int) error {
	if err := r.advance(); err != nil {
		return err
	}
	if r.head() != nil {
		heap.Push(h, orderedRun{r, order})
	}
	return nil
}

func (h *runHeap) head() []byte {
	if len(h.runs) == 0 {
		return nil
	}
	return h.runs[0].head()
}

func (h *runHeap) payload() []byte { return h.runs[0].payload() }

func (h *runHeap) advance() error {
	if err := h.runs[0].advance(); err != nil {
		return err
	}
	if h.runs[0].head() == nil {
		heap.Pop(h)
	} else if len(h.runs) > 1 {
		heap.Fix(h, 0)
	}
	return nil
}

// Len, Less, Swap, Push and Pop are for container/heap. A run at its end comes first: Pop takes it.
func (h *runHeap) Len() int { return len(h.runs) }

func (h *runHeap) Less(i, j int) bool {
	a, b := h.runs[i].head(), h.runs[j].head()
	if c := bytes.Compare(a, b); c != 0 || a == nil || b == nil {
		return c < 0
	}
	return h.runs[i].order < h.runs[j].order
}

func (h *runHeap) Swap(i, j int) { h.runs[i], h.runs[j] = h.runs[j], h.runs[i] }

// Push is for container/heap.
func (h *runHeap) Push(x any) { h.runs = append(h.runs, x.(orderedRun)) }

// Pop is for container/heap.
func (h *runHeap) Pop() any {
	n := len(h.runs) - 1
	r := h.runs[n]
	h.runs[n] = orderedRun{}
	h.runs = h.runs[:n]
	return r
}
