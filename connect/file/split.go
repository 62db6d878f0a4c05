package file

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/flott-dev/flott/connect"
)

// split is a file or a range of one, and the position in it.
type split struct {
	id   string
	path string
	from int64 // of the range
	to   int64 // end of the range; -1: the end of the file
	last bool  // no range follows, so the line that begins at to does not belong to it
	// pos is where the next record begins. Until the first record it is from, and begun is false:
	// the range's first line has to be found.
	pos   int64
	begun bool
	rows  int64 // of the block at pos that are read, of a format that has blocks
	size  int64 // of the file as it is stored, if the split is all of it; 0: not known
}

// limit is the offset before which a line must begin to belong to the split.
func (s *split) limit() int64 {
	switch {
	case s.to < 0:
		return math.MaxInt64
	case s.last:
		return s.to
	default:
		return s.to + 1
	}
}

// splitsOf cuts a file into splits.
func splitsOf(f listed, rangeBytes int64) []split {
	if rangeBytes == 0 || compressed(f.path) {
		return []split{{id: f.path, path: f.path, to: -1, begun: true, size: f.size}}
	}
	if f.size <= rangeBytes {
		return []split{{id: f.path, path: f.path, to: f.size, last: true, begun: true}}
	}
	var out []split
	for from := int64(0); from < f.size; from += rangeBytes {
		to := min(from+rangeBytes, f.size)
		out = append(out, split{
			id: fmt.Sprintf("%s@%d-%d", f.path, from, to), path: f.path,
			from: from, to: to, last: to == f.size, pos: from, begun: from == 0,
		})
	}
	return out
}

const (
	flagLast  = 1
	flagBegun = 2
	flagSize  = 4
	flagRows  = 8
)

func (s *split) encode() connect.Split {
	var flags byte
	if s.last {
		flags |= flagLast
	}
	if s.begun {
		flags |= flagBegun
	}
	numbers := []int64{s.from, s.to, s.pos}
	if s.size > 0 {
		flags |= flagSize
		numbers = append(numbers, s.size)
	}
	if s.rows > 0 {
		flags |= flagRows
		numbers = append(numbers, s.rows)
	}
	b := []byte{flags}
	for _, v := range numbers {
		b = binary.AppendVarint(b, v)
	}
	return connect.Split{ID: s.id, Data: append(b, s.path...)}
}

func decodeSplit(sp connect.Split) (s split, err error) {
	errBroken := fmt.Errorf("file: split %q is broken: % x", sp.ID, sp.Data)
	if len(sp.Data) == 0 {
		return s, errBroken
	}
	s.id = sp.ID
	s.last, s.begun = sp.Data[0]&flagLast != 0, sp.Data[0]&flagBegun != 0
	b := sp.Data[1:]
	numbers := []*int64{&s.from, &s.to, &s.pos}
	if sp.Data[0]&flagSize != 0 {
		numbers = append(numbers, &s.size)
	}
	if sp.Data[0]&flagRows != 0 {
		numbers = append(numbers, &s.rows)
	}
	for _, p := range numbers {
		v, n := binary.Varint(b)
		if n <= 0 {
			return s, errBroken
		}
		*p, b = v, b[n:]
	}
	s.path = string(b)
	if s.path == "" || s.pos < 0 || s.rows < 0 {
		return s, errBroken
	}
	return s, nil
}
