package file

import (
	"bytes"
	"fmt"
	"io"
)

const scanBytes = 256 << 10

// scanner cuts a stream into lines. It hands out many at a time, as they are in its buffer, so that
// the caller can make one string of them.
type scanner struct {
	r        io.Reader
	path     string
	buf      []byte // buf[:filled] holds what is not consumed, from offset on
	start    int
	filled   int
	offset   int64 // of buf[start] in the file
	eof      bool
	bytesMax int
}

// reset makes s read r, which is at offset of the file.
func (s *scanner) reset(r io.Reader, path string, offset int64, bytesMax int) {
	if s.buf == nil {
		s.buf = make([]byte, scanBytes)
	}
	s.r, s.path, s.offset, s.bytesMax = r, path, offset, bytesMax
	s.start, s.filled, s.eof = 0, 0, false
}

// next returns whole lines, at most len(ends) of them, that begin before limit: text[:ends[0]] is
// the first with its newline, text[ends[0]:ends[1]] the second. There are none left when n is 0.
// The text is valid until the next call; consume tells what of it is done.
//
//flott:hot
func (s *scanner) next(ends []int, limit int64) (text []byte, n int, err error) {
	for {
		text = s.buf[s.start:s.filled]
		at := 0
		for n < len(ends) && s.offset+int64(at) < limit {
			i := bytes.IndexByte(text[at:], '\n')
			if i < 0 {
				break
			}
			at += i + 1
			ends[n] = at
			n++
		}
		if n > 0 || s.offset >= limit {
			return text[:at], n, nil
		}
		if s.eof {
			if len(text) == 0 {
				return nil, 0, nil
			}
			ends[0] = len(text)
			return text, 1, nil
		}
		if err := s.fill(); err != nil {
			return nil, 0, err
		}
	}
}

// consume drops n bytes.
func (s *scanner) consume(n int) {
	s.start += n
	s.offset += int64(n)
}

// skipLine drops what comes up to and with the next newline.
func (s *scanner) skipLine() error {
	for {
		text := s.buf[s.start:s.filled]
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			s.consume(i + 1)
			return nil
		}
		s.consume(len(text))
		if s.eof {
			return nil
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill reads more behind what is not consumed.
func (s *scanner) fill() error {
	copy(s.buf, s.buf[s.start:s.filled])
	s.filled -= s.start
	s.start = 0
	if s.filled == len(s.buf) {
		if len(s.buf) >= s.bytesMax {
			return fmt.Errorf("file: the line at byte %d of %q is longer than %d bytes; raise it with "+
				"file.LineBytesMax if that is right", s.offset, s.path, s.bytesMax)
		}
		s.buf = append(make([]byte, 0, 2*len(s.buf)), s.buf...)[:2*len(s.buf)]
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.filled:])
		s.filled += n
		if err == io.EOF {
			s.eof = true
			return nil
		}
		if err != nil {
			return readError(s.path, s.offset+int64(s.filled), err)
		}
		if n > 0 {
			return nil
		}
	}
	return readError(s.path, s.offset+int64(s.filled), io.ErrNoProgress)
}

// trimEnd removes the newline, and the carriage return before it.
func trimEnd[S ~string | ~[]byte](line S) S {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
		if n > 1 && line[n-2] == '\r' {
			line = line[:n-2]
		}
	}
	return line
}
