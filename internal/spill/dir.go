// Package spill keeps on disk what a job cannot keep in memory: files in one temporary directory,
// which goes with the job.
//
// Data flow: outputs of operators (internal/operator) and the feedback channels and blocking
// exchanges of internal/exchange put batches here and take them back, batch mode sorts here (Sorter),
// and operators of SQL deal rows out to files (Writer, Reader); internal/job owns the Dir and closes
// it when its tasks have ended.
package spill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Dir is a job's temporary directory, made when the first file is. The zero value is ready.
type Dir struct {
	// Parent is where the directory is made; "" is the system's place for temporary files.
	Parent string

	mu struct {
		sync.Mutex
		dir    string
		files  int
		open   map[closer]struct{} // what holds files open
		closed bool
	}
}

type closer interface{ Close() }

// Error is a failure of the disk that a job spills to.
type Error struct {
	Op  string
	Err error
}

// Fail is an Error of an operation.
func Fail(op string, err error) *Error { return &Error{op, err} }

// Error names the remedy.
func (e *Error) Error() string {
	return fmt.Sprintf("spill to disk: %s: %v (io.tmp.dirs or launch.TempDir sets the directory)", e.Op, e.Err)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// File makes a file, which the caller closes. Close removes it if the caller does not.
func (d *Dir) File() (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fileLocked()
}

func (d *Dir) fileLocked() (*os.File, error) {
	if err := d.makeLocked(); err != nil {
		return nil, err
	}
	d.mu.files++
	f, err := os.Create(filepath.Join(d.mu.dir, fmt.Sprint(d.mu.files)))
	if err != nil {
		return nil, &Error{"make a temporary file", err}
	}
	return f, nil
}

// Sub is the path of a directory of that name for somebody else's files, which goes with the rest.
func (d *Dir) Sub(name string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.makeLocked(); err != nil {
		return "", err
	}
	return filepath.Join(d.mu.dir, name), nil
}

func (d *Dir) makeLocked() error {
	if d.mu.closed {
		return &Error{"make a temporary file", errors.New("the job has ended")}
	}
	if d.mu.dir != "" {
		return nil
	}
	dir, err := os.MkdirTemp(d.Parent, "flott-")
	if err != nil {
		return &Error{"make a temporary directory", err}
	}
	d.mu.dir = dir
	return nil
}

// fileFor makes a file of owner, which is closed with the directory.
func (d *Dir) fileFor(owner closer) (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.fileLocked()
	if err != nil {
		return nil, err
	}
	if d.mu.open == nil {
		d.mu.open = map[closer]struct{}{}
	}
	d.mu.open[owner] = struct{}{}
	return f, nil
}

func (d *Dir) forget(owner closer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.open, owner)
}

// Close closes all stores and removes all files.
func (d *Dir) Close() error {
	d.mu.Lock()
	d.mu.closed = true
	dir, open := d.mu.dir, d.mu.open
	d.mu.open = nil
	d.mu.Unlock()
	for o := range open { // they lock themselves and then d
		o.Close()
	}
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}
