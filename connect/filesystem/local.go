package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Local is the file system of this machine.
var Local FileSystem = &local{rename: os.Rename}

type local struct {
	rename func(from, to string) error
}

func (*local) Stat(_ context.Context, path string) (fs.FileInfo, error) { return os.Stat(path) }
func (*local) Remove(_ context.Context, path string) error              { return os.Remove(path) }

func (*local) Glob(_ context.Context, pattern string) ([]string, error) {
	return filepath.Glob(pattern)
}

// Open does not return *os.File, of which nil would not be a nil File.
func (*local) Open(_ context.Context, path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (*local) ReadDir(_ context.Context, path string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(path)
	for i, e := range entries {
		entries[i] = followed{e, path}
	}
	return entries, err
}

// followed is an entry whose Info is that of what a link leads to.
type followed struct {
	fs.DirEntry
	dir string
}

func (e followed) Info() (fs.FileInfo, error) { return os.Stat(filepath.Join(e.dir, e.Name())) }

func (*local) MkdirAll(_ context.Context, dir, below string) error {
	if err := os.MkdirAll(filepath.Join(dir, below), 0o777); err != nil {
		return err
	}
	for d := filepath.Clean(below); below != "" && d != "."; d = filepath.Dir(d) {
		if err := SyncDir(filepath.Join(dir, filepath.Dir(d))); err != nil {
			return err
		}
	}
	return nil
}

// Create makes the hidden file first: of two sinks that write to one directory with one number only one finds
// the visible name free.
func (*local) Create(_ context.Context, dir, name, hidden string) (Writer, error) {
	token := filepath.Join(filepath.Dir(name), hidden)
	path := filepath.Join(dir, token)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
		if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
			return nil, fmt.Errorf("give up %q: %w", path, err)
		}
		return nil, &fs.PathError{Op: "create", Path: filepath.Join(dir, name), Err: fs.ErrExist}
	}
	return &localWriter{file: f, pending: Pending{Name: name, Token: token}}, nil
}

// localWriter writes a hidden file.
type localWriter struct {
	file    *os.File
	pending Pending
	named   bool // the directory that holds the name is synced
	closed  bool
}

func (w *localWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	w.pending.Bytes += int64(n)
	return n, err
}

func (w *localWriter) Persist() (Pending, error) {
	if err := w.file.Sync(); err != nil {
		return Pending{}, err
	}
	if !w.named {
		w.named = true
		if err := SyncDir(filepath.Dir(w.file.Name())); err != nil {
			return Pending{}, err
		}
	}
	return w.pending, nil
}

func (w *localWriter) Finish() (Pending, error) {
	p, err := w.Persist()
	if err != nil {
		return p, err
	}
	return p, w.Close()
}

func (w *localWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.file.Close()
}

func (w *localWriter) Abort() error { return errors.Join(w.Close(), os.Remove(w.file.Name())) }

// Recover cuts the file to its length.
func (*local) Recover(_ context.Context, dir string, p Pending) (Pending, error) {
	hidden, target, err := placesOf(dir, p)
	if err != nil {
		return p, err
	}
	f, err := os.OpenFile(hidden, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(target); err == nil {
			return p, Superseded(p.Name)
		}
		return p, fmt.Errorf("%q, which the snapshot continues, is gone; was it deleted?", hidden)
	}
	if err != nil {
		return p, fmt.Errorf("continue a part file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return p, fmt.Errorf("continue a part file: %w", err)
	}
	if info.Size() < p.Bytes {
		return p, fmt.Errorf("%q has %d bytes, but the snapshot knows %d: the disk has lost data",
			hidden, info.Size(), p.Bytes)
	}
	if err := errors.Join(f.Truncate(p.Bytes), f.Sync()); err != nil {
		return p, fmt.Errorf("cut %q to the %d bytes of the snapshot: %w", hidden, p.Bytes, err)
	}
	return p, nil
}

// Superseded is the error of Recover if the file is complete and visible.
func Superseded(name string) error {
	return fmt.Errorf("the snapshot has %q as a file being written, but it is complete: the snapshot is older than the "+
		"output; restore from a later one, or into another directory without state for this sink", name)
}

// Commit renames files that are not renamed yet.
func (l *local) Commit(_ context.Context, dir string, files []Pending) error {
	dirs := map[string]bool{}
	for _, p := range files {
		hidden, target, err := placesOf(dir, p)
		if err != nil {
			return err
		}
		if err := l.commit(hidden, target); err != nil {
			return err
		}
		dirs[filepath.Dir(target)] = true
	}
	for d := range dirs {
		if err := SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func (l *local) commit(hidden, target string) error {
	_, hiddenErr := os.Lstat(hidden)
	_, targetErr := os.Lstat(target)
	switch {
	case hiddenErr == nil && targetErr == nil:
		return fmt.Errorf("cannot commit %q as %q: a file of that name exists, which another program or job has written; "+
			"move it away", hidden, target)
	case hiddenErr == nil:
		if err := l.rename(hidden, target); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	case targetErr == nil: // committed before
		return nil
	}
	return fmt.Errorf("cannot commit %q: neither it nor %q exists; was it deleted?", hidden, target)
}

// placesOf is where a file is written, and where it is to be.
func placesOf(dir string, p Pending) (hidden, target string, err error) {
	if !filepath.IsLocal(p.Token) || !filepath.IsLocal(p.Name) {
		return "", "", fmt.Errorf("a part in the sink's state is broken: %+v", p)
	}
	return filepath.Join(dir, p.Token), filepath.Join(dir, p.Name), nil
}

// SyncDir makes the names in a directory of this machine durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err == nil {
		err = d.Sync()
		if closeErr := d.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fmt.Errorf("make the names in %q durable: %w", path, err)
	}
	return nil
}
