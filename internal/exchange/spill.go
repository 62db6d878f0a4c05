package exchange

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/s2"
)

// Budgets of batch mode, in bytes.
const (
	// DefaultSpillBytes is what the blocking exchanges of a job keep in memory.
	DefaultSpillBytes = 64 << 20
	// DefaultSortBytes is what a subtask sorts in memory.
	DefaultSortBytes = 64 << 20
)

const spillBlockBytes = 64 << 10

// Spill is where a job keeps what does not fit into memory, in batch mode and of feedback: files in
// a directory of its own, compressed.
type Spill struct {
	// Parent is where the directory is made; "" is the system's place for temporary files.
	Parent string
	// Bytes, SortBytes and FeedbackBytes (of a channel) are the budgets; 0 stands for the defaults.
	Bytes, SortBytes, FeedbackBytes int64

	used atomic.Int64 // by partitions in memory
	mu   struct {
		sync.Mutex
		dir    string
		files  int
		closed bool
	}
}

// SpillError is a failure of the disk that a job spills to.
type SpillError struct {
	Op  string
	Err error
}

// Error names the remedy.
func (e *SpillError) Error() string {
	return fmt.Sprintf("spill to disk: %s: %v (launch.TempDir sets the directory)", e.Op, e.Err)
}

// Unwrap is the cause.
func (e *SpillError) Unwrap() error { return e.Err }

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

// create makes a compressed file to be written.
func (s *Spill) create() (*spillWriter, error) {
	f, err := s.file()
	if err != nil {
		return nil, err
	}
	z := s2.NewWriter(f, s2.WriterConcurrency(1), s2.WriterBlockSize(spillBlockBytes))
	return &spillWriter{f: f, z: z}, nil
}

// file makes a file.
func (s *Spill) file() (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, &SpillError{"make a temporary file", errors.New("the job has ended")}
	}
	if s.mu.dir == "" {
		dir, err := os.MkdirTemp(s.Parent, "flott-")
		if err != nil {
			return nil, &SpillError{"make a temporary directory", err}
		}
		s.mu.dir = dir
	}
	s.mu.files++
	f, err := os.Create(filepath.Join(s.mu.dir, fmt.Sprint(s.mu.files)))
	if err != nil {
		return nil, &SpillError{"make a temporary file", err}
	}
	return f, nil
}

// Close removes all files.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	if s.mu.dir == "" {
		return nil
	}
	return os.RemoveAll(s.mu.dir)
}

// spillWriter writes one file.
type spillWriter struct {
	f *os.File
	z *s2.Writer
}

func (w *spillWriter) write(p []byte) error {
	if _, err := w.z.Write(p); err != nil {
		return &SpillError{"write " + w.f.Name(), err}
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
		return "", &SpillError{"write " + w.f.Name(), err}
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
		return nil, &SpillError{"read a temporary file", err}
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
	return nil, &SpillError{"read " + r.f.Name(), err}
}

// close ends reading and removes the file.
func (r *spillReader) close() {
	if r.f != nil {
		r.f.Close()
		os.Remove(r.f.Name())
	}
	r.mem = nil
}
