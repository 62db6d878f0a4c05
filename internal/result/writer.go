package result

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"
)

// The size of blocks. All that a Writer has open take writerBytes together at most, unless they would be smaller than
// blockMin.
const (
	blockBytes  = 64 << 10
	blockMin    = 4 << 10
	writerBytes = 16 << 20
)

const (
	sumBytes    = 8
	entryBytes  = 24
	footerBytes = 24
	magic       = "flt\x01"
)

// Writer writes the file of one producer. It is for one goroutine.
type Writer struct {
	dir   string
	about Error // with the ID
	limit int   // of a block
	f     *os.File
	off   int64
	block []byte // encoded
	parts []outPart
	open  int // parts that have not ended
}

// outPart is the part of one consumer.
type outPart struct {
	pieces []byte // of the open block
	list   []byte
	end    int64 // of its last block
	ended  bool
}

// NewWriter returns the writer of a file with so many parts in the directory of a job. about is what errors
// say: all but Err.
func NewWriter(dir string, about Error, parts int) *Writer {
	return &Writer{
		dir: dir, about: about, parts: make([]outPart, parts), open: parts,
		limit: min(blockBytes, max(blockMin, writerBytes/max(1, parts))),
	}
}

// Parts is the number of parts.
func (w *Writer) Parts() int { return len(w.parts) }

// Put adds a piece to a part.
func (w *Writer) Put(part int, piece []byte) error {
	p := &w.parts[part]
	p.pieces = append(binary.AppendUvarint(p.pieces, uint64(len(piece))), piece...)
	if len(p.pieces) < w.limit {
		return nil
	}
	return w.flush(p)
}

// End ends a part. With the last one the file is complete.
func (w *Writer) End(part int) error {
	p := &w.parts[part]
	if p.ended {
		return nil
	}
	p.ended = true
	w.open--
	if len(p.pieces) > 0 {
		if err := w.flush(p); err != nil {
			return err
		}
	}
	p.pieces = nil
	if w.open > 0 {
		return nil
	}
	return w.publish()
}

// Abandon removes what was written, unless the file is complete.
func (w *Writer) Abandon() {
	if w.f != nil {
		w.f.Close()
		os.Remove(w.f.Name())
		w.f = nil
	}
}

func (w *Writer) path() string { return filepath.Join(w.dir, w.about.ID.name()) }

// flush writes the open block of a part.
func (w *Writer) flush(p *outPart) error {
	need := sumBytes + s2.MaxEncodedLen(len(p.pieces))
	if cap(w.block) < need {
		w.block = make([]byte, need)
	}
	body := s2.Encode(w.block[sumBytes:need], p.pieces)
	block := w.block[:sumBytes+len(body)]
	binary.LittleEndian.PutUint64(block, xxh3.Hash(body))
	p.pieces = p.pieces[:0]
	p.list = binary.AppendUvarint(binary.AppendUvarint(p.list, uint64(w.off-p.end)), uint64(len(block)))
	p.end = w.off + int64(len(block))
	return w.write(block)
}

func (w *Writer) write(b []byte) error {
	if w.f == nil {
		if err := os.MkdirAll(w.dir, 0o700); err != nil {
			return w.fail(err)
		}
		f, err := os.OpenFile(w.path()+partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return w.fail(err)
		}
		w.f = f
	}
	if _, err := w.f.Write(b); err != nil {
		return w.fail(err)
	}
	w.off += int64(len(b))
	return nil
}

// publish writes what is behind the blocks, and gives the file its name.
func (w *Writer) publish() error {
	table := make([]byte, 0, entryBytes*len(w.parts)+footerBytes)
	var lists []byte
	for i := range w.parts {
		list := w.parts[i].list
		table = binary.LittleEndian.AppendUint64(table, uint64(w.off)+uint64(len(lists)))
		table = binary.LittleEndian.AppendUint64(table, uint64(len(list)))
		table = binary.LittleEndian.AppendUint64(table, listSum(list, i))
		lists = append(lists, list...)
	}
	at := len(table)
	table = binary.LittleEndian.AppendUint64(table, uint64(w.off)+uint64(len(lists)))
	table = binary.LittleEndian.AppendUint32(table, uint32(len(w.parts)))
	table = append(table, magic...)
	table = binary.LittleEndian.AppendUint64(table, xxh3.Hash(table[at:]))
	if err := w.write(append(lists, table...)); err != nil {
		return err
	}
	f := w.f
	if err := f.Close(); err != nil {
		return w.fail(err)
	}
	if err := os.Rename(f.Name(), w.path()); err != nil {
		return w.fail(err)
	}
	w.f = nil
	return nil
}

func listSum(list []byte, part int) uint64 { return xxh3.HashSeed(list, uint64(part)) }

func (w *Writer) fail(err error) error {
	e := w.about
	e.Err = err
	return &e
}
