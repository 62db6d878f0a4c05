package lsm

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/operator"
)

// storedFS is the files of a tree where checkpoints are stored, so that pebble reads them without a
// copy on disk. Tables are read in parts, of which the last ones are kept; the other files are small and
// in memory, as would be what pebble writes.
type storedFS struct {
	vfs.FS // in memory
	tables map[string]*operator.TreeFile
	mu     struct {
		sync.Mutex
		parts  []loadedPart // the last used one is the last
		failed error        // the first that could not be loaded
	}
}

type loadedPart struct {
	table *operator.TreeFile
	index int
	data  []byte
}

// partsMax is how many parts are kept: a scan reads a few tables side by side.
const partsMax = 32

func newStoredFS(t *operator.Tree) (*storedFS, error) {
	f := &storedFS{FS: vfs.NewMem(), tables: map[string]*operator.TreeFile{}}
	if err := f.MkdirAll(storedDir, 0o755); err != nil {
		return nil, err
	}
	for i := range t.Files {
		file := &t.Files[i]
		if file.IsTable() {
			f.tables[file.Name] = file
		} else if err := copyFile(f.FS, f.PathJoin(storedDir, file.Name), file); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *storedFS) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.failed
}

// load returns the bytes of a part of a table.
func (f *storedFS) load(table *operator.TreeFile, index int) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := &f.mu.parts
	is := func(p loadedPart) bool { return p.table == table && p.index == index }
	if i := slices.IndexFunc(*parts, is); i >= 0 {
		p := (*parts)[i]
		*parts = append(slices.Delete(*parts, i, i+1), p)
		return p.data, nil
	}
	data, err := table.Parts[index].Load()
	if err != nil {
		if f.mu.failed == nil {
			f.mu.failed = err
		}
		return nil, err
	}
	if len(*parts) == partsMax {
		*parts = slices.Delete(*parts, 0, 1)
	}
	*parts = append(*parts, loadedPart{table, index, data})
	return data, nil
}

// List adds the tables.
func (f *storedFS) List(dir string) ([]string, error) {
	names, err := f.FS.List(dir)
	if dir == storedDir {
		for name := range f.tables {
			names = append(names, name)
		}
	}
	return names, err
}

// Stat knows the tables.
func (f *storedFS) Stat(path string) (vfs.FileInfo, error) {
	if t := f.tables[f.PathBase(path)]; t != nil {
		return storedInfo{t}, nil
	}
	return f.FS.Stat(path)
}

// Open opens a table where it is stored.
func (f *storedFS) Open(path string, opts ...vfs.OpenOption) (vfs.File, error) {
	if t := f.tables[f.PathBase(path)]; t != nil {
		return &storedFile{fs: f, table: t}, nil
	}
	return f.FS.Open(path, opts...)
}

// Unwrap is nothing: nobody is to get past.
func (f *storedFS) Unwrap() vfs.FS { return nil }

var errStored = errors.New("the files of a snapshot are not written to")

// storedFile is a table that is read.
type storedFile struct {
	fs    *storedFS
	table *operator.TreeFile
	at    int64
}

// ReadAt reads some bytes.
func (f *storedFile) ReadAt(p []byte, off int64) (n int, err error) {
	for i, part := range f.table.Parts {
		if n == len(p) {
			break
		}
		if off >= part.Size() {
			off -= part.Size()
			continue
		}
		data, err := f.fs.load(f.table, i)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[off:])
		off = 0
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Read reads the next bytes.
func (f *storedFile) Read(p []byte) (n int, err error) {
	n, err = f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Stat is its size.
func (f *storedFile) Stat() (vfs.FileInfo, error) { return storedInfo{f.table}, nil }

// Close does nothing.
func (f *storedFile) Close() error { return nil }

// Prefetch does nothing.
func (f *storedFile) Prefetch(int64, int64) error { return nil }

// Preallocate does nothing.
func (f *storedFile) Preallocate(int64, int64) error { return nil }

// Fd is none.
func (f *storedFile) Fd() uintptr { return vfs.InvalidFd }

// Write is refused.
func (f *storedFile) Write([]byte) (int, error) { return 0, errStored }

// WriteAt is refused.
func (f *storedFile) WriteAt([]byte, int64) (int, error) { return 0, errStored }

// Sync does nothing.
func (f *storedFile) Sync() error { return nil }

// SyncData does nothing.
func (f *storedFile) SyncData() error { return nil }

// SyncTo does nothing.
func (f *storedFile) SyncTo(int64) (fullSync bool, err error) { return false, nil }

type storedInfo struct{ table *operator.TreeFile }

// Name is the name of the table.
func (i storedInfo) Name() string { return i.table.Name }

// Size is its size.
func (i storedInfo) Size() int64 { return i.table.Bytes() }

// Mode is that of a file that is read.
func (storedInfo) Mode() os.FileMode { return 0o444 }

// ModTime is unknown.
func (storedInfo) ModTime() time.Time { return time.Time{} }

// IsDir is false.
func (storedInfo) IsDir() bool { return false }

// Sys is nil.
func (storedInfo) Sys() any { return nil }

// DeviceID is none.
func (storedInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
