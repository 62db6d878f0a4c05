package file

import (
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
)

// left is how many bytes of the file are not read yet, as it is stored; negative if that is not known. in is what it is read from,
// nil before it is opened.
func (s *split) left(in *content) int64 {
	switch {
	case s.to >= 0:
		return max(0, s.to-s.pos)
	case s.size <= 0:
		return -1
	case !compressed(s.path):
		return max(0, s.size-s.pos)
	case in == nil: // if it was read before, opening it tells how far
		return s.size
	}
	return max(0, s.size-in.stored.n)
}

// progress is how much a reader has read.
type progress struct{ records, bytes int64 }

// reads notes what a poll has read of the first split, which had so many bytes left before.
func (r *reader[T]) reads(records int, before int64) {
	if after := r.splits[0].left(r.in); before >= 0 && after >= 0 {
		r.progress.records += int64(records)
		r.progress.bytes += before - after
	}
}

// Backlog is what is left of the splits.
func (r *reader[T]) Backlog() connect.Backlog {
	b := connect.Backlog{Records: -1}
	for i := range r.splits {
		in := r.in
		if i > 0 {
			in = nil
		}
		n := r.splits[i].left(in)
		if n < 0 {
			b.Bytes = -1
			break
		}
		b.Bytes += n
	}
	if r.progress.records > 0 {
		b.RecordBytes = float64(r.progress.bytes) / float64(r.progress.records)
	}
	return b
}

// Backlog is what is left of the splits that nobody has.
func (e *enumerator) Backlog() connect.Backlog {
	if !e.listed {
		return connect.Unknown
	}
	return connect.Backlog{Records: -1, Bytes: e.leftBytes}
}

// bytesOf is how many bytes splits are that nobody has, as far as that is known.
func bytesOf(splits ...connect.Split) (n int64) {
	for _, sp := range splits {
		if s, err := decodeSplit(sp); err == nil { // else its reader says so
			n += max(0, s.left(nil))
		}
	}
	return n
}

// counted counts the bytes that are read of a file.
type counted struct {
	filesystem.File
	n int64
}

// Read reads.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.n += int64(n)
	return n, err
}
