package file

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/flott-dev/flott/connect/filesystem"
)

// flushBytes is how much of a part is held in memory before it is written.
const flushBytes = 64 << 10

// part is a file that a writer writes, or has written. Names are relative to the sink's directory.
type part struct {
	name   string
	hidden string // the name until it is committed, where unfinished files have names
	bytes  int64  // what was added, written or not

	pending filesystem.Pending // what was made durable last
	bucket  string
	file    filesystem.Writer // nil if a snapshot had it
	buf     []byte
	created time.Time
	written time.Time
	kept    bool // a snapshot or a committable refers to it
}

// Write adds bytes: bulk writers do.
func (p *part) Write(b []byte) (int, error) {
	p.buf = append(p.buf, b...)
	p.bytes += int64(len(b))
	if len(p.buf) < flushBytes {
		return len(b), nil
	}
	return len(b), p.drain()
}

// write writes what is buffered.
func (p *part) write() error { return p.failed(p.drain()) }

func (p *part) drain() error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.file.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// persist makes what was added durable.
func (p *part) persist() (err error) {
	if err := p.write(); err != nil {
		return err
	}
	p.pending, err = p.file.Persist()
	return p.failed(err)
}

// finish ends the file, durably.
func (p *part) finish() (err error) {
	if err := p.write(); err != nil {
		return err
	}
	p.pending, err = p.file.Finish()
	p.buf = nil
	return p.failed(err)
}

func (p *part) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("file: write part file %q: %w; make room and restart the job from its last "+
			"checkpoint, what came after it is written again", p.shown(), err)
	}
	return fmt.Errorf("file: write part file %q: %w", p.shown(), err)
}

// shown is what the part is called while it is written.
func (p *part) shown() string {
	if p.hidden == "" {
		return p.name
	}
	return filepath.Join(p.bucket, p.hidden)
}

// deadline is when the part is to be ended; zero for never.
func (p *part) deadline(rollover, inactivity time.Duration) (t time.Time) {
	if rollover > 0 {
		t = p.created.Add(rollover)
	}
	if inactivity > 0 {
		if i := p.written.Add(inactivity); t.IsZero() || i.Before(t) {
			t = i
		}
	}
	return t
}

// appendPending is a committable, and an item of a writer's state.
func appendPending(b []byte, p filesystem.Pending) []byte {
	b = binary.AppendUvarint(b, uint64(p.Bytes))
	for _, s := range []string{p.Token, p.Name} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// decodePending reads the first item of a state. One without a name has the origin of the writer.
func decodePending(b []byte) (p filesystem.Pending, rest []byte, err error) {
	errBroken := fmt.Errorf("file: a part in the sink's state is broken: % x", b[:min(len(b), 100)])
	size, n := binary.Uvarint(b)
	if n <= 0 {
		return p, nil, errBroken
	}
	p.Bytes, b = int64(size), b[n:]
	for _, s := range []*string{&p.Token, &p.Name} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return p, nil, errBroken
		}
		*s, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	if p.Token == "" || (p.Name != "" && !filepath.IsLocal(p.Name)) {
		return p, nil, errBroken
	}
	return p, b, nil
}

// partName is a part's name when it is committed, hiddenName while it is written. origin is "" where a name that is
// taken is refused.
func partName(subtask int, n int64, origin, suffix string) string {
	if origin != "" {
		origin = "-" + origin
	}
	return fmt.Sprintf("part-%d-%d%s%s", subtask, n, origin, suffix)
}

// newOrigin makes a text that no other writer has: 60 random bits.
func newOrigin() string { return strings.ToLower(rand.Text()[:12]) }

func hiddenName(subtask int, n int64, attempt int) string {
	return fmt.Sprintf(".part-%d-%d.inprogress.%d", subtask, n, attempt)
}

// partNumber is the number in a name of either kind, if it is the subtask's, and what comes after it.
func partNumber(name string, subtask int) (n int64, rest string, ok bool) {
	rest, ok = strings.CutPrefix(strings.TrimPrefix(strings.TrimPrefix(name, uncompacted), "."), fmt.Sprintf("part-%d-", subtask))
	if !ok {
		return 0, "", false
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	n, err := strconv.ParseInt(rest[:digits], 10, 64)
	return n, rest[digits:], err == nil
}
