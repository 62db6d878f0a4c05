package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
)

// Bad is a record that could not be decoded. It is an error.
type Bad struct {
	File   string
	Line   int64  // from 1
	Column int    // byte in the line from 1; 0 when it is not known
	Text   string // the record as it is in the file
	Err    error
}

// textMax is how much of a record an error shows, in bytes.
const textMax = 120

// Error names the place and shows the beginning of the record.
func (b *Bad) Error() string {
	text, more := b.Text, ""
	if len(text) > textMax {
		text, more = text[:textMax], " …"
	}
	return fmt.Sprintf("%s: %v, in the record %q%s", b.place(), b.Err, text, more)
}

func (b *Bad) place() string {
	at := fmt.Sprintf("%s:%d", b.File, b.Line)
	if b.Column > 0 {
		at += ":" + strconv.Itoa(b.Column)
	}
	return at
}

// Unwrap is the decoder's error.
func (b *Bad) Unwrap() error { return b.Err }

// Policy is what is done with bad records.
type Policy struct {
	handle func(*Bad) error // nil: skip
}

// The simple policies.
var (
	// Fail fails the job with a *Bad.
	Fail = Policy{func(b *Bad) error { return b }}
	// Skip drops the record and counts it in the metric numRecordsInErrors.
	Skip = Policy{}
)

// DeadLetter drops the record, counts it in the metric numRecordsInErrors and calls f. Several
// goroutines may call f; it is called again for a record that is read again after a recovery.
func DeadLetter(f func(*Bad)) Policy {
	return Policy{func(b *Bad) error {
		f(b)
		return nil
	}}
}

// DeadLetterTo is DeadLetter with a file to which the records are appended, as lines of JSON. What
// cannot be written there fails the job.
func DeadLetterTo(path string) Policy {
	var mu sync.Mutex
	return Policy{func(b *Bad) error {
		line, err := json.Marshal(struct {
			File   string `json:"file"`
			Line   int64  `json:"line"`
			Column int    `json:"column,omitempty"`
			Error  string `json:"error"`
			Text   string `json:"text"`
		}{b.File, b.Line, b.Column, b.Err.Error(), b.Text})
		if err != nil {
			return fmt.Errorf("file: encode a bad record: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return fmt.Errorf("file: keep a bad record (%w): %w", b, err)
		}
		_, err = f.Write(append(line, '\n'))
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("file: keep a bad record (%w): %w", b, err)
		}
		return nil
	}}
}

// counter finds the line numbers of offsets in one file by reading what is before them. It goes on
// from the last answer.
type counter struct {
	disk   disk
	path   string
	offset int64
	lines  int64 // newlines before offset
}

// line is the number of the line that the byte at offset is in, from 1.
func (c *counter) line(offset int64) (int64, error) {
	if offset < c.offset {
		c.offset, c.lines = 0, 0
	}
	if offset == c.offset {
		return c.lines + 1, nil
	}
	s, err := c.disk.openAt(c.path, c.offset)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	buf := make([]byte, 64<<10)
	for c.offset < offset {
		n, err := s.Read(buf[:min(int64(len(buf)), offset-c.offset)])
		c.lines += int64(bytes.Count(buf[:n], []byte{'\n'}))
		c.offset += int64(n)
		if err != nil && c.offset < offset {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, readError(c.path, c.offset, err)
		}
	}
	return c.lines + 1, nil
}
