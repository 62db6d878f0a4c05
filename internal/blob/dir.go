package blob

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/flott-dev/flott/internal/durable"
)

// Dir is a Store in a directory of a file system, on this machine or shared.
//
//	<dir>/a/b        object or pointer a/b
//	<dir>/a/.b~1f3c  object a/b being written: a temporary file
//	<dir>/a/.b~      pointer a/b being written
//	<dir>/.lock      is locked while a pointer is swapped
//
// An object is written to a temporary file, synced, linked to its name, and its directory is
// synced.
type Dir struct{ root string }

// NewDir returns the store in the directory root, an absolute path. It is made when something is
// written.
func NewDir(root string) *Dir { return &Dir{filepath.Clean(root)} }

// URI is file:// and the path.
func (d *Dir) URI() string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(d.root)}).String()
}

// Path is the file of an object or pointer, there or not.
func (d *Dir) Path(name string) string { return d.path(name) }

func (d *Dir) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

// cause gives errors of the system the names of this package.
func cause(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ErrNotFound
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func (d *Dir) fail(op, name string, err error) error { return failure(d, op, name, cause(err)) }

func (d *Dir) check(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return checkName(name)
}

// Create begins an object in a temporary file.
func (d *Dir) Create(ctx context.Context, name string) (Writer, error) {
	if err := d.check(ctx, name); err != nil {
		return nil, d.fail("create", name, err)
	}
	f, err := d.temporary(name, durable.TempName, os.O_EXCL)
	if err != nil {
		return nil, d.fail("create", name, err)
	}
	return &dirWriter{dir: d, ctx: ctx, name: name, file: f, buf: bufio.NewWriterSize(f, 256<<10)}, nil
}

// temporary makes the temporary file for name and the directories above it.
func (d *Dir) temporary(name string, temp func(path string) string, flag int) (f *os.File, err error) {
	dir := filepath.Dir(d.path(name))
	for range 10 { // Delete may remove the directory, being empty, before the file is in it
		if err = durable.MakeDirs(dir); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(temp(d.path(name)), os.O_RDWR|os.O_CREATE|flag, 0o644)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return f, err
}

type dirWriter struct {
	dir  *Dir
	ctx  context.Context
	name string
	file *os.File // nil after Commit or Abort
	buf  *bufio.Writer
}

// Write writes to the temporary file.
func (w *dirWriter) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, w.dir.fail("write", w.name, context.Cause(w.ctx))
	}
	n, err := w.buf.Write(p)
	return n, w.dir.fail("write", w.name, err)
}

// Commit syncs the file and gives it its name.
func (w *dirWriter) Commit() error {
	defer w.Abort()
	if w.ctx.Err() != nil {
		return w.dir.fail("write", w.name, context.Cause(w.ctx))
	}
	if err := w.buf.Flush(); err != nil {
		return w.dir.fail("write", w.name, err)
	}
	if err := w.file.Sync(); err != nil {
		return w.dir.fail("write", w.name, err)
	}
	return w.dir.fail("write", w.name, w.dir.publish(w.ctx, w.file.Name(), w.dir.path(w.name)))
}

// publish gives the file temp the name path unless that is taken.
func (d *Dir) publish(ctx context.Context, temp, path string) error {
	err := os.Link(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = d.publishByRename(ctx, temp, path)
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// publishByRename serves file systems without hard links: a rename replaces, so that the lock of
// the store has to keep others away between looking and renaming.
func (d *Dir) publishByRename(ctx context.Context, temp, path string) error {
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return os.Rename(temp, path)
}

// Abort removes the temporary file.
func (w *dirWriter) Abort() {
	if w.file == nil {
		return
	}
	w.file.Close()
	os.Remove(w.file.Name())
	w.file = nil
	w.dir.prune(filepath.Dir(w.dir.path(w.name)))
}

// prune removes dir and directories above it, up to the root, that are empty.
func (d *Dir) prune(dir string) {
	for dir != d.root && strings.HasPrefix(dir, d.root) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

// Get reads the file.
func (d *Dir) Get(ctx context.Context, name string) ([]byte, error) {
	if err := d.check(ctx, name); err != nil {
		return nil, d.fail("read", name, err)
	}
	data, err := os.ReadFile(d.path(name))
	return data, d.fail("read", name, err)
}

// ReadAt reads a part of the file.
func (d *Dir) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	if err := d.check(ctx, name); err != nil {
		return d.fail("read", name, err)
	}
	f, err := os.Open(d.path(name))
	if err != nil {
		return d.fail("read", name, err)
	}
	defer f.Close()
	n, err := f.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return d.fail("read", name, err)
}

// Stat returns the size of the file.
func (d *Dir) Stat(ctx context.Context, name string) (int64, error) {
	if err := d.check(ctx, name); err != nil {
		return 0, d.fail("look at", name, err)
	}
	info, err := os.Stat(d.path(name))
	if err != nil {
		return 0, d.fail("look at", name, err)
	}
	if info.IsDir() {
		return 0, d.fail("look at", name, ErrNotFound)
	}
	return info.Size(), nil
}

// Delete removes the file, and directories that are empty then.
func (d *Dir) Delete(ctx context.Context, name string) error {
	if err := d.check(ctx, name); err != nil {
		return d.fail("delete", name, err)
	}
	path := d.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(cause(err), ErrNotFound) {
		return d.fail("delete", name, err)
	}
	d.prune(filepath.Dir(path))
	return nil
}

// List walks the directories that prefix leads to.
func (d *Dir) List(ctx context.Context, prefix string) ([]Info, error) {
	if ctx.Err() != nil {
		return nil, d.fail("list", prefix, context.Cause(ctx))
	}
	var list []Info
	err := d.walk(ctx, prefix, func(name string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		list = append(list, Info{name, info.Size()})
		return nil
	}, nil)
	if err != nil {
		return nil, d.fail("list", prefix, err)
	}
	sortInfos(list)
	return list, nil
}

// walk passes files to visible and temporary files, with the names that they are for, to hidden.
// What vanishes meanwhile is left out.
func (d *Dir) walk(ctx context.Context, prefix string, visible func(string, fs.DirEntry) error,
	hidden func(name, path string) error,
) error {
	folder := ""
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		folder = prefix[:i]
	}
	return filepath.WalkDir(d.path(folder), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		rel, _ := filepath.Rel(d.root, path)
		name := filepath.ToSlash(rel)
		if e.IsDir() {
			if name != "." && !strings.HasPrefix(name, prefix) && !strings.HasPrefix(prefix, name) {
				return fs.SkipDir
			}
			return nil
		}
		if base := e.Name(); base[0] == '.' {
			plain, temp := durable.TempFor(base)
			name = strings.TrimSuffix(name, base) + plain
			if !temp || hidden == nil || !strings.HasPrefix(name, prefix) {
				return nil
			}
			return hidden(name, path)
		}
		if visible == nil || !strings.HasPrefix(name, prefix) {
			return nil
		}
		if err := visible(name, e); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// Clean removes temporary files.
func (d *Dir) Clean(ctx context.Context, prefix string, stale func(name string) bool) error {
	err := d.walk(ctx, prefix, nil, func(name, path string) error {
		if !stale(name) {
			return nil
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		d.prune(filepath.Dir(path))
		return nil
	})
	return d.fail("clean", prefix, err)
}

// Swap replaces the file of a pointer under the store's lock.
func (d *Dir) Swap(ctx context.Context, name string, old, next []byte) error {
	if err := d.check(ctx, name); err != nil {
		return d.fail("swap", name, err)
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return d.fail("swap", name, err)
	}
	defer unlock()
	now, err := os.ReadFile(d.path(name))
	exists := err == nil
	if err != nil && !errors.Is(cause(err), ErrNotFound) {
		return d.fail("swap", name, err)
	}
	if exists != (old != nil) || !bytes.Equal(now, old) {
		return d.fail("swap", name, ErrConflict)
	}
	return d.fail("swap", name, d.replace(name, next))
}

// replace is called under the lock: the temporary file has the same name each time, so that one that was left by a process that was
// killed is written anew.
func (d *Dir) replace(name string, data []byte) error {
	f, err := d.temporary(name, durable.LockedTempName, os.O_TRUNC)
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name()) // in vain after the rename
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	path := d.path(name)
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// lock takes the lock of the store, which excludes other processes as well.
func (d *Dir) lock(ctx context.Context) (unlock func(), err error) {
	if err := durable.MakeDirs(d.root); err != nil {
		return nil, err
	}
	l, err := durable.AwaitLock(ctx, filepath.Join(d.root, ".lock"))
	if err != nil {
		return nil, err
	}
	return l.Unlock, nil
}
