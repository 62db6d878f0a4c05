package spill

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"os"
	"slices"
)

const (
	// mergeWidth is how many runs are merged at once.
	mergeWidth = 64
	// sortBlockBytes is the memory of records that is made at once.
	sortBlockBytes = 256 << 10
	// sortBlockMin is the room that a block has for a record at least.
	sortBlockMin = sortBlockBytes / 8
	entryBytes   = 32
	// surplusMax is how many records that will not be kept wait to be dropped.
	surplusMax = 8 << 10
)

// Sorter sorts records by a key, as bytes; those with equal keys stay in the order in which they came. When its memory
// is full, a sorted run goes to a file; what is read is merged of the runs:
//
//	Room, Put ──▶ memory ──full──▶ run run run … ──64 of a kind──▶ one longer run
//	                 └─────Sort─────┴───▶ merge ──▶ Key, Payload, Next
type Sorter struct {
	Dir *Dir
	// Budget is the memory for records, in bytes.
	Budget int64
	// Keep is how many of the first records are wanted; 0 is all.
	Keep int64

	blocks  [][]byte
	block   int // the one that is filled
	bytes   int64
	entries []sortEntry
	runs    []sortedFile
	merge   merging
	scratch []byte
}

// sortEntry is a record in memory: its key, then its payload.
type sortEntry struct {
	prefix     uint64 // the first bytes of the key, which decide most comparisons
	block, off uint32
	key, end   uint32 // the ends of both parts, from off
}

// sortedFile is a run on disk; the runs of a level are merged into one of the next.
type sortedFile struct {
	name  string
	level int
}

// Room is empty memory to append a record to, for Put.
func (s *Sorter) Room() []byte {
	for s.block < len(s.blocks) {
		b := s.blocks[s.block]
		if cap(b)-len(b) >= sortBlockMin {
			return b[len(b):]
		}
		s.block++
	}
	s.blocks = append(s.blocks, make([]byte, 0, sortBlockBytes))
	return s.blocks[s.block]
}

// Put adds the record that was appended to what Room returned; its key is so many bytes of it.
func (s *Sorter) Put(record []byte, key int) error {
	e := sortEntry{prefix: firstBytes(record[:key]), key: uint32(key), end: uint32(len(record))}
	s.place(&e, record)
	if s.Keep > 0 && int64(len(s.entries)) >= 2*s.Keep+surplusMax {
		s.drop()
	}
	if s.bytes < s.Budget {
		return nil
	}
	return s.flush()
}

// place adds an entry, whose record was appended to what Room returned.
func (s *Sorter) place(e *sortEntry, record []byte) {
	b := s.blocks[s.block]
	switch {
	case len(record) <= cap(b)-len(b):
		s.blocks[s.block] = b[:len(b)+len(record)]
	case len(b) == 0: // append has moved it, as below
		s.blocks[s.block] = record
	default:
		b = nil
		s.block++
		s.blocks = slices.Insert(s.blocks, s.block, record)
	}
	e.block, e.off = uint32(s.block), uint32(len(b))
	s.entries = append(s.entries, *e)
	s.bytes += int64(len(record)) + entryBytes
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

func (s *Sorter) record(e *sortEntry) []byte { return s.blocks[e.block][e.off : e.off+e.end] }
func (s *Sorter) key(e *sortEntry) []byte    { return s.blocks[e.block][e.off : e.off+e.key] }

// order puts the records in memory in order. Memory is filled from its beginning to its end, so that places tell which
// record came first.
func (s *Sorter) order() {
	slices.SortFunc(s.entries, func(a, b sortEntry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		if c := bytes.Compare(s.key(&a), s.key(&b)); c != 0 {
			return c
		}
		if a.block != b.block {
			return cmp.Compare(a.block, b.block)
		}
		return cmp.Compare(a.off, b.off)
	})
	if s.Keep > 0 && int64(len(s.entries)) > s.Keep {
		s.entries = s.entries[:s.Keep]
	}
}

// drop drops the records that are not wanted.
func (s *Sorter) drop() {
	s.order()
	blocks, entries := s.blocks, s.entries
	s.blocks, s.block, s.bytes, s.entries = nil, 0, 0, make([]sortEntry, 0, 2*s.Keep+surplusMax)
	for _, e := range entries {
		record := blocks[e.block][e.off : e.off+e.end]
		s.place(&e, append(s.Room(), record...))
	}
}

// flush writes what is in memory as a run.
func (s *Sorter) flush() error {
	s.order()
	m := &memoryRun{s: s}
	if err := m.advance(); err != nil {
		return err
	}
	if err := s.write(m, 0); err != nil {
		return err
	}
	s.empty()
	for {
		n := len(s.runs)
		if n < mergeWidth || s.runs[n-mergeWidth].level != s.runs[n-1].level {
			return nil
		}
		level := s.runs[n-1].level
		m, err := s.open(n - mergeWidth)
		if err == nil {
			err = s.write(m, level+1)
		}
		m.close()
		if err != nil {
			return err
		}
	}
}

// empty forgets what is in memory, and keeps blocks for what comes.
func (s *Sorter) empty() {
	s.blocks = slices.DeleteFunc(s.blocks, func(b []byte) bool { return cap(b) != sortBlockBytes })
	for i := range s.blocks {
		s.blocks[i] = s.blocks[i][:0]
	}
	s.block, s.bytes, s.entries = 0, 0, s.entries[:0]
}

// write writes the records of r that are wanted to a file.
func (s *Sorter) write(r run, level int) error {
	w, err := s.Dir.Create()
	if err != nil {
		return err
	}
	for n := int64(0); r.key() != nil && (s.Keep == 0 || n < s.Keep); n++ {
		s.scratch = appendPiece(appendPiece(s.scratch[:0], r.key()), r.payload())
		err := w.Write(s.scratch)
		if err == nil {
			err = r.advance()
		}
		if err != nil {
			w.Close()
			return err
		}
	}
	name, err := w.Finish()
	if err != nil {
		os.Remove(w.f.Name())
		return err
	}
	s.runs = append(s.runs, sortedFile{name, level})
	return nil
}

func appendPiece(dst, piece []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(piece))), piece...)
}

// open begins the merge of the runs on disk from one on, which are taken out.
func (s *Sorter) open(from int) (*merging, error) {
	m := &merging{}
	for i, f := range s.runs[from:] {
		r, err := Open(f.name)
		if err != nil {
			return m, err
		}
		if err := m.add(&fileRun{r: r}, i); err != nil {
			r.Close()
			return m, err
		}
	}
	s.runs = s.runs[:from]
	return m, nil
}

// Sort ends adding.
func (s *Sorter) Sort() error {
	s.order()
	n := len(s.runs)
	m, err := s.open(0)
	s.merge = *m
	if err != nil {
		return err
	}
	return s.merge.add(&memoryRun{s: s}, n)
}

// Key is the key of the record at hand, nil at the end. It is valid until the next call of Next.
func (s *Sorter) Key() []byte { return s.merge.key() }

// Payload is the rest of the record at hand, valid as long.
func (s *Sorter) Payload() []byte { return s.merge.payload() }

// Next goes on to the next record.
func (s *Sorter) Next() error { return s.merge.advance() }

// Close gives up what is left, and removes the files.
func (s *Sorter) Close() {
	s.merge.close()
	for _, f := range s.runs {
		os.Remove(f.name)
	}
	s.runs, s.blocks, s.entries = nil, nil, nil
}

// memoryRun is the records in the memory of a sorter.
type memoryRun struct {
	s  *Sorter
	at int // one more than the place
}

func (m *memoryRun) key() []byte {
	if m.at > len(m.s.entries) {
		return nil
	}
	return m.s.key(&m.s.entries[m.at-1])
}

func (m *memoryRun) payload() []byte {
	e := &m.s.entries[m.at-1]
	return m.s.record(e)[e.key:]
}

func (m *memoryRun) advance() error {
	m.at++
	return nil
}
