package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// LogFiles are the log files that a process shows to others: its own, and those of its children.
type LogFiles struct {
	// Own is the process's, with older ones beside it; "" for none.
	Own string
	// Dir has those of its children; "" for none. All files there are logs.
	Dir string
}

// LogFile is one of them.
type LogFile struct {
	Name     string
	Bytes    int64
	Modified time.Time
	path     string
}

// List is the files there are now, the process's own first, the others by name.
func (l LogFiles) List() (all []LogFile, err error) {
	var paths []string
	if l.Own != "" {
		older, _ := filepath.Glob(escapeGlob(l.Own) + ".[0-9]*") // the pattern is well-formed
		paths = append([]string{l.Own}, older...)
	}
	if l.Dir != "" {
		entries, err := os.ReadDir(l.Dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			paths = append(paths, filepath.Join(l.Dir, e.Name()))
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue // it has just been renamed, or is no log
		}
		all = append(all, LogFile{filepath.Base(path), info.Size(), info.ModTime(), path})
	}
	return all, nil
}

// Find is the file of a name, of those that List lists. The error is fs.ErrNotExist if there is none.
func (l LogFiles) Find(name string) (LogFile, error) {
	all, err := l.List()
	if err != nil {
		return LogFile{}, err
	}
	if i := slices.IndexFunc(all, func(f LogFile) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	return LogFile{}, fmt.Errorf("log file %q: %w", name, fs.ErrNotExist)
}

// ReadAt returns up to n bytes from an offset on; none at the end.
func (f LogFile) ReadAt(offset int64, n int) ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := make([]byte, n)
	n, err = file.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// escapeGlob makes a path a pattern of itself.
func escapeGlob(path string) string {
	var b []byte
	for _, c := range []byte(path) {
		if slices.Contains([]byte(`*?[\`), c) {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(b)
}
