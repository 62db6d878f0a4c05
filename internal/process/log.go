package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Log is the file that standard output and standard error of a process go to. Each life of a process
// begins with an empty file. Older ones have the names PATH.1, PATH.2 …, the youngest first.
type Log struct {
	// Path of the file; its directory is made. Needed.
	Path string `json:"path"`
	// SizeMax is where a new file begins, in bytes; 0: 64 MiB. The process looks after its file itself
	// (Tether), at least once a second, so that a file may become longer.
	SizeMax int64 `json:"sizeMax"`
	// Keep is how many older files are kept; 0: 5. Negative: none.
	Keep int `json:"keep"`
}

const (
	logSizeMax = 64 << 20
	logKeep    = 5
)

func (l Log) validate() error {
	if l.Path == "" {
		return errors.New("no log file")
	}
	if l.SizeMax < 0 {
		return fmt.Errorf("log file of %d bytes", l.SizeMax)
	}
	return nil
}

func (l Log) withDefaults() Log {
	if l.SizeMax == 0 {
		l.SizeMax = logSizeMax
	}
	if l.Keep == 0 {
		l.Keep = logKeep
	}
	return l
}

func (l Log) older(n int) string { return fmt.Sprintf("%s.%d", l.Path, n) }

// begin opens the file for a new life.
func (l Log) begin() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o755); err != nil {
		return nil, err
	}
	if info, err := os.Stat(l.Path); err == nil && info.Size() > 0 {
		if err := l.shift(); err != nil {
			return nil, err
		}
	}
	return l.open()
}

// open opens the file for appending, as several descriptors and rotations need it.
func (l Log) open() (*os.File, error) {
	return os.OpenFile(l.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
}

// shift renames all files to the next number; the last one goes.
func (l Log) shift() error {
	if l.Keep < 0 {
		return os.Remove(l.Path)
	}
	free := 1 // or the last one, which goes
	for free < l.Keep {
		if _, err := os.Stat(l.older(free)); err != nil {
			break
		}
		free++
	}
	for n := free; n > 1; n-- {
		if err := os.Rename(l.older(n-1), l.older(n)); err != nil {
			return err
		}
	}
	return os.Rename(l.Path, l.older(1))
}

// rotor keeps the file of its own process from growing without end. The process writes to the
// descriptors directly, also what the runtime says when it dies, so nothing stands between a line and the
// file, and nobody has to read. Now and then the rotor looks at the size, and puts another file under
// the descriptors: a write goes to one file or to the other.
type rotor struct {
	log   Log
	clock clock.Clock
	fds   []int         // standard output and error
	size  int64         // at the last look
	every time.Duration // until the next one
}

const (
	lookMin = 10 * time.Millisecond
	lookMax = time.Second
)

// run looks after the file as long as the process lives.
func (r *rotor) run() {
	r.every = lookMin
	r.clock.AfterFunc(r.every, r.tick)
}

func (r *rotor) tick() {
	before := r.size
	size, err := r.check()
	if err == nil {
		r.every = nextLook(r.every, size-before, r.log.SizeMax-size)
	} else {
		r.every = lookMax // a full disk, for example: the file stays as it is
	}
	r.size = size
	r.clock.AfterFunc(r.every, r.tick)
}

// nextLook is when to look again after a time in which a file has grown by some bytes and room is left: when
// half of the room is filled if it goes on so, and never twice as long as last time.
func nextLook(last time.Duration, grown, room int64) time.Duration {
	next := 2 * last
	if grown > 0 && room > 0 {
		filled := float64(last) * float64(room) / float64(2*grown)
		next = time.Duration(min(float64(next), filled))
	}
	return min(max(next, lookMin), lookMax)
}

// check begins a new file if the present one is full, and returns the size of the present one.
func (r *rotor) check() (int64, error) {
	mine, err := statDescriptor(r.fds[0])
	if err != nil || mine.Size() < r.log.SizeMax {
		return sizeOf(mine), err
	}
	named, err := os.Stat(r.log.Path)
	if err == nil && os.SameFile(mine, named) {
		err = r.log.shift()
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) { // somebody may have deleted it
		return mine.Size(), err
	}
	f, err := r.log.open()
	if err != nil {
		return mine.Size(), err
	}
	defer f.Close()
	for _, fd := range r.fds {
		if now, err := statDescriptor(fd); err != nil || !os.SameFile(now, mine) {
			continue // the program has put something else there
		}
		if err := duplicate(int(f.Fd()), fd); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func sizeOf(info os.FileInfo) int64 {
	if info == nil {
		return 0
	}
	return info.Size()
}
