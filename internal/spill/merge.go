package spill

import (
	"bytes"
	"container/heap"
	"io"
)

// run yields records in order.
type run interface {
	key() []byte // nil at the end
	payload() []byte
	advance() error
}

// fileRun is the records of a file.
type fileRun struct {
	r         *Reader
	head, row []byte
	ended     bool
}

func (f *fileRun) key() []byte {
	if f.ended {
		return nil
	}
	return f.head
}

func (f *fileRun) payload() []byte { return f.row }

func (f *fileRun) advance() (err error) {
	if f.head, err = f.r.Next(f.head); err == io.EOF {
		f.ended = true
		f.r.Close()
		return nil
	}
	if err != nil {
		return err
	}
	if f.head == nil {
		f.head = []byte{}
	}
	if f.row, err = f.r.Next(f.row); err == io.EOF {
		err = f.r.fail(io.ErrUnexpectedEOF)
	}
	return err
}

// merging merges runs; it is a run itself.
type merging struct{ runs []orderedRun }

type orderedRun struct {
	run
	order int
}

// add adds a run at its beginning. Of equal records those of the run with the lower order come first.
func (m *merging) add(r run, order int) error {
	if err := r.advance(); err != nil {
		return err
	}
	if r.key() != nil {
		heap.Push(m, orderedRun{r, order})
	}
	return nil
}

func (m *merging) key() []byte {
	if len(m.runs) == 0 {
		return nil
	}
	return m.runs[0].key()
}

func (m *merging) payload() []byte { return m.runs[0].payload() }

func (m *merging) advance() error {
	if err := m.runs[0].advance(); err != nil {
		return err
	}
	if m.runs[0].key() == nil {
		heap.Pop(m)
	} else if len(m.runs) > 1 {
		heap.Fix(m, 0)
	}
	return nil
}

// close closes the files that are left.
func (m *merging) close() {
	for _, r := range m.runs {
		if f, ok := r.run.(*fileRun); ok {
			f.r.Close()
		}
	}
	m.runs = nil
}

// Len, Less, Swap, Push and Pop are for container/heap. A run at its end comes first: Pop takes it.
func (m *merging) Len() int { return len(m.runs) }

func (m *merging) Less(i, j int) bool {
	a, b := m.runs[i].key(), m.runs[j].key()
	if a == nil || b == nil {
		return a == nil && b != nil
	}
	if c := bytes.Compare(a, b); c != 0 {
		return c < 0
	}
	return m.runs[i].order < m.runs[j].order
}

func (m *merging) Swap(i, j int) { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }

// Push is for container/heap.
func (m *merging) Push(x any) { m.runs = append(m.runs, x.(orderedRun)) }

// Pop is for container/heap.
func (m *merging) Pop() any {
	n := len(m.runs) - 1
	r := m.runs[n]
	m.runs[n] = orderedRun{}
	m.runs = m.runs[:n]
	return r
}
