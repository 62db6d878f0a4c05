package process

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Hash is the SHA-256 of the content of an artifact.
type Hash [sha256.Size]byte

// String is the hash in 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String writes.
func ParseHash(text string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%q is no SHA-256: want %d hexadecimal digits", text, 2*len(h))
	}
	return Hash(b), nil
}

// HashOf reads all of r.
func HashOf(r io.Reader) (Hash, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return Hash{}, err
	}
	return Hash(sum.Sum(nil)), nil
}

// ErrNoArtifact is the error of Get for an artifact that is not there, or was damaged.
var ErrNoArtifact = errors.New("no such artifact")

// Artifacts is a directory of executables, each under the hash of its content. Several processes
// may use one directory.
type Artifacts struct {
	dir     string
	sizeMax int64
	clock   clock.Clock
}

// Artifact is a file that stays where it is until Close.
type Artifact struct {
	// Path can be executed until Close; a process that runs it by then goes on.
	Path string
	file *os.File // with a shared lock
}

// Close lets the file be removed when there are too many.
func (a *Artifact) Close() error { return a.file.Close() }

// OpenArtifacts opens a directory, and makes it if there is none. When its files are larger than sizeMax
// together, in bytes, the least recently used ones go; 0: none do.
func OpenArtifacts(dir string, sizeMax int64, c clock.Clock) (*Artifacts, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := ownDir(dir); err != nil {
		return nil, err
	}
	a := &Artifacts{dir, sizeMax, c}
	return a, a.removeAborted()
}

const partSuffix = ".part"

func (a *Artifacts) path(h Hash) string { return filepath.Join(a.dir, h.String()) }

// Put stores the content of r, which must have the hash. The file appears whole or not at all. If it is
// there already, r is not read.
func (a *Artifacts) Put(h Hash, r io.Reader) (*Artifact, error) {
	if present, err := a.Get(h); !errors.Is(err, ErrNoArtifact) {
		return present, err
	}
	stored, err := a.put(h, r)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("the disk is full: make room there, or choose another directory: %w", err)
		}
		return nil, fmt.Errorf("store artifact %v in %s: %w", h, a.dir, err)
	}
	if err := a.evict(); err != nil {
		stored.Close()
		return nil, err
	}
	return stored, nil
}

// put writes a file beside, and gives it its name when it is whole. It is locked before: it does not go
// between this and its use.
func (a *Artifacts) put(h Hash, r io.Reader) (*Artifact, error) {
	part, err := a.createPart(h)
	if err != nil {
		return nil, err
	}
	defer os.Remove(part.Name())
	var ready *os.File
	if err = a.write(part, h, r); err == nil {
		ready, err = openLocked(part.Name()) // before the other lock goes
	}
	part.Close()
	if err != nil {
		return nil, err
	}
	unwritten(ready)
	for range linkTries {
		if err = os.Link(part.Name(), a.path(h)); err == nil {
			return &Artifact{a.path(h), ready}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		var present *Artifact // somebody else was faster
		if present, err = a.Get(h); !errors.Is(err, ErrNoArtifact) {
			ready.Close()
			return present, err
		}
	}
	ready.Close()
	return nil, err
}

// unwritten waits until nobody has a file open for writing, since then the kernel executes it. Its writer
// has closed it, but a process that was forked meanwhile has it until it is at its own program. After
// the lock all of them nearly are: the rest takes them microseconds.
func unwritten(f *os.File) {
	syscall.ForkLock.Lock()
	syscall.ForkLock.Unlock() //lint:ignore SA2001 nothing happens in between, on purpose
	for range 1_000_000 {
		if !openForWriting(f) {
			return
		}
		runtime.Gosched()
	}
}

// linkTries bounds how often another process stores and removes the same file between two steps of ours.
const linkTries = 10

// createPart makes a file that removeAborted leaves alone.
func (a *Artifacts) createPart(h Hash) (*os.File, error) {
	for {
		part, err := os.CreateTemp(a.dir, h.String()+".*"+partSuffix)
		if err != nil {
			return nil, err
		}
		if err = lockNow(part, syscall.LOCK_SH); err == nil && isNamed(part) {
			return part, nil
		}
		part.Close() // another process has taken it for one of a dead process
		os.Remove(part.Name())
		if err != nil && !errors.Is(err, errLocked) {
			return nil, err
		}
	}
}

// write writes and checks the content, and makes it durable.
func (a *Artifacts) write(part *os.File, want Hash, r io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(part, sum), r); err != nil {
		return err
	}
	if got := Hash(sum.Sum(nil)); got != want {
		return fmt.Errorf("the content has the SHA-256 %v", got)
	}
	if err := part.Chmod(0o500); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return err
	}
	now := a.clock.Now()
	return os.Chtimes(part.Name(), now, now)
}

// Get returns an artifact whose content it has read and found right. One that is damaged is removed.
func (a *Artifacts) Get(h Hash) (*Artifact, error) {
	f, err := openLocked(a.path(h))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNoArtifact
	}
	if err == nil {
		err = a.check(f, h)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, fmt.Errorf("artifact %v in %s: %w", h, a.dir, err)
	}
	return &Artifact{a.path(h), f}, nil
}

// check reads the content of a locked file.
func (a *Artifacts) check(f *os.File, h Hash) error {
	got, err := HashOf(f)
	if err != nil {
		return err
	}
	if got == h {
		now := a.clock.Now()
		return os.Chtimes(f.Name(), now, now)
	}
	if err := lockNow(f, syscall.LOCK_EX); err != nil {
		return fmt.Errorf("its file is damaged, and in use: %w", err)
	}
	if isNamed(f) { // else somebody has removed it before we had it alone
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	return fmt.Errorf("its file was damaged, and is removed: %w", ErrNoArtifact)
}

// openLocked opens a file, and locks it against being removed, after waiting for one who is about to: that
// takes no longer than a system call. The error is fs.ErrNotExist also for one that was removed.
func openLocked(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err = lock(f, syscall.LOCK_SH); err == nil && !isNamed(f) {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isNamed reports whether an open file still has its name.
func isNamed(f *os.File) bool {
	mine, err := f.Stat()
	named, err2 := os.Stat(f.Name())
	return err == nil && err2 == nil && os.SameFile(mine, named)
}

// evict removes the least recently used files until the rest is small enough. One that is in use stays.
func (a *Artifacts) evict() error {
	if a.sizeMax == 0 {
		return nil
	}
	type used struct {
		path string
		size int64
		at   time.Time
	}
	var files []used
	var total int64
	err := a.each(func(path string, info fs.FileInfo) error {
		if !strings.HasSuffix(path, partSuffix) {
			files = append(files, used{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(x, y used) int { return x.at.Compare(y.at) })
	for _, f := range files {
		if total <= a.sizeMax {
			break
		}
		gone, err := removeUnlocked(f.path)
		if err != nil {
			return err
		}
		if gone {
			total -= f.size
		}
	}
	return nil
}

// removeAborted removes what processes have left that ended while they stored.
func (a *Artifacts) removeAborted() error {
	return a.each(func(path string, _ fs.FileInfo) error {
		if !strings.HasSuffix(path, partSuffix) {
			return nil
		}
		_, err := removeUnlocked(path)
		return err
	})
}

func (a *Artifacts) each(f func(path string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process has removed it
		}
		if err != nil {
			return err
		}
		if err := f(filepath.Join(a.dir, e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

// removeUnlocked removes a file unless somebody has locked it.
func removeUnlocked(path string) (gone bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := lockNow(f, syscall.LOCK_EX); err != nil {
		if errors.Is(err, errLocked) {
			return false, nil
		}
		return false, err
	}
	if !isNamed(f) { // it was removed, and what has its name now is another's
		return true, nil
	}
	return true, os.Remove(path)
}
