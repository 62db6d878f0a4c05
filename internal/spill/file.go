package spill

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"

	"github.com/klauspost/compress/s2"
)

const blockBytes = 64 << 10

// Writer writes a compressed file of pieces, each behind its length.
type Writer struct {
	dir    *Dir
	f      *os.File
	z      *s2.Writer
	length [binary.MaxVarintLen64]byte
}

// Create makes a file, which is closed and removed with the directory at the latest.
func (d *Dir) Create() (*Writer, error) {
	w := &Writer{dir: d}
	var err error
	if w.f, err = d.fileFor(w); err != nil {
		return nil, err
	}
	w.z = s2.NewWriter(w.f, s2.WriterConcurrency(1), s2.WriterBlockSize(blockBytes))
	return w, nil
}

// Write writes bytes that are pieces with their lengths already.
func (w *Writer) Write(p []byte) error {
	if _, err := w.z.Write(p); err != nil {
		return &Error{"write " + w.f.Name(), err}
	}
	return nil
}

// Put writes a piece.
func (w *Writer) Put(piece []byte) error {
	if err := w.Write(w.length[:binary.PutUvarint(w.length[:], uint64(len(piece)))]); err != nil {
		return err
	}
	return w.Write(piece)
}

// Finish ends the file and returns its name.
func (w *Writer) Finish() (string, error) {
	err := w.z.Close()
	w.dir.forget(w)
	if e := w.f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", &Error{"write " + w.f.Name(), err}
	}
	return w.f.Name(), nil
}

// Close gives the file up and removes it.
func (w *Writer) Close() {
	w.dir.forget(w)
	w.f.Close()
	os.Remove(w.f.Name())
}

// Reader reads the pieces of a file, or of bytes in memory.
type Reader struct {
	f   *os.File
	r   *bufio.Reader
	mem []byte
}

// Open opens a file that a Writer has finished.
func Open(name string) (*Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &Error{"read a temporary file", err}
	}
	z := s2.NewReader(f, s2.ReaderMaxBlockSize(blockBytes))
	return &Reader{f: f, r: bufio.NewReaderSize(z, 16<<10)}, nil
}

// ReadBytes reads pieces in memory, as a Writer is given them.
func ReadBytes(mem []byte) *Reader { return &Reader{mem: mem} }

// Next reads a piece, into buf if there is room. At the end err is io.EOF.
func (r *Reader) Next(buf []byte) ([]byte, error) {
	if r.f == nil {
		n, k := binary.Uvarint(r.mem)
		if k <= 0 {
			return nil, io.EOF
		}
		piece := r.mem[k : k+int(n)]
		r.mem = r.mem[k+int(n):]
		return piece, nil
	}
	n, err := binary.ReadUvarint(r.r)
	if err == nil {
		if uint64(cap(buf)) < n {
			buf = make([]byte, n+n/4)
		}
		buf = buf[:n]
		if _, err = io.ReadFull(r.r, buf); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	if err == nil || err == io.EOF {
		return buf, err
	}
	return nil, r.fail(err)
}

func (r *Reader) fail(err error) error { return &Error{"read " + r.f.Name(), err} }

// Leave ends reading and leaves the file.
func (r *Reader) Leave() {
	if r.f != nil {
		r.f.Close()
	}
}

// Close ends reading and removes the file.
func (r *Reader) Close() {
	if r.f != nil {
		r.f.Close()
		os.Remove(r.f.Name())
	}
	r.mem = nil
}
