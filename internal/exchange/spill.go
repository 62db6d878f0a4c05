package exchange

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/s2"

	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

// Budgets of batch mode, in bytes.
const (
	// DefaultSpillBytes is what the blocking exchanges of a job keep in memory.
	DefaultSpillBytes = 64 << 20
	// DefaultSortBytes is what a subtask sorts in memory.
	DefaultSortBytes = 64 << 20
)

const spillBlockBytes = 64 << 10

// Spill is where a job keeps what does not fit into memory, in batch mode, of feedback and of
// outputs that overflow: a directory of compressed files, and what may stay in memory before.
type Spill struct {
	spill.Dir
	// Bytes, SortBytes, FeedbackBytes (of a channel) and OverflowBytes (of an output) are the
	// budgets; 0 stands for the defaults.
	Bytes, SortBytes, FeedbackBytes, OverflowBytes int64

	used atomic.Int64 // by partitions in memory
}

func (s *Spill) budget() int64 {
	if s.Bytes > 0 {
		return s.Bytes
	}
	return DefaultSpillBytes
}

func (s *Spill) sortBudget() int64 {
	if s.SortBytes > 0 {
		return s.SortBytes
	}
	return DefaultSortBytes
}

func (s *Spill) feedbackBudget() int64 {
	if s.FeedbackBytes > 0 {
		return s.FeedbackBytes
	}
	return DefaultFeedbackBytes
}

func (s *Spill) overflowBudget() int64 {
	if s.OverflowBytes > 0 {
		return s.OverflowBytes
	}
	return operator.DefaultOverflowBytes
}

// create makes a compressed file to be written.
func (s *Spill) create() (*spillWriter, error) {
	f, err := s.File()
	if err != nil {
		return nil, err
	}
	z := s2.NewWriter(f, s2.WriterConcurrency(1), s2.WriterBlockSize(spillBlockBytes))
	return &spillWriter{f: f, z: z}, nil
}

// spillWriter writes one file.
type spillWriter struct {
	f *os.File
	z *s2.Writer
}

func (w *spillWriter) write(p []byte) error {
	if _, err := w.z.Write(p); err != nil {
		return spill.Fail("write "+w.f.Name(), err)
	}
	return nil
}

// finish ends the file and returns its name.
func (w *spillWriter) finish() (string, error) {
	err := w.z.Close()
	if e := w.f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", spill.Fail("write "+w.f.Name(), err)
	}
	return w.f.Name(), nil
}

// spillReader reads one file, or bytes in memory, in pieces.
type spillReader struct {
	f   *os.File
	r   *bufio.Reader
	mem []byte
}

func openSpill(name string) (*spillReader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, spill.Fail("read a temporary file", err)
	}
	z := s2.NewReader(f, s2.ReaderMaxBlockSize(spillBlockBytes))
	return &spillReader{f: f, r: bufio.NewReaderSize(z, 16<<10)}, nil
}

// next reads a length and as many bytes, into buf if there is room. At the end err is io.EOF.
func (r *spillReader) next(buf []byte) ([]byte, error) {
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
		_, err = io.ReadFull(r.r, buf)
	}
	if err == nil || err == io.EOF {
		return buf, err
	}
	return nil, spill.Fail("read "+r.f.Name(), err)
}

// close ends reading and removes the file.
func (r *spillReader) close() {
	if r.f != nil {
		r.f.Close()
		os.Remove(r.f.Name())
	}
	r.mem = nil
}
