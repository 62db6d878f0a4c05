// Package durable has files that survive a crash: written whole or not at all and still there after
// it, and locks that end with the process that holds them.
//
// Data flow: internal/blob and internal/ha/dir build their stores on it.
//
// # Non-obvious
//
//   - A file is durable when it and the entry in its directory have been synced. After an error of
//     either, it may be there or not.
//   - A lock belongs to the open file, not to the process or the goroutine: whoever opens the file
//     anew is another one, in the same process too. Files are closed on exec, so that children do not
//     inherit it.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// tempMark is in the names of temporary files, which begin with a dot: .name~1f3c for name.
const tempMark = '~'

// TempName is a new name for the temporary file of path, beside it.
func TempName(path string) string {
	dir, base := filepath.Split(path)
	return fmt.Sprintf("%s.%s%c%x", dir, base, tempMark, rand.Uint64())
}

// LockedTempName is the name of the temporary file of path, beside it, where a lock lets only one be written.
func LockedTempName(path string) string {
	dir, base := filepath.Split(path)
	return fmt.Sprintf("%s.%s%c", dir, base, tempMark)
}

// TempFor returns the name of the file that a temporary file is for.
func TempFor(base string) (name string, ok bool) {
	i := strings.LastIndexByte(base, tempMark)
	if i < 1 || base[0] != '.' {
		return "", false
	}
	return base[1:i], true
}

// WriteFile makes or replaces a file. Whoever opens it sees the old contents or the new ones. Whether
// they were replaced is unknown if the error is an Unsynced.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(TempName(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain after the rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return unsynced(SyncDir(filepath.Dir(path)))
}

// Remove removes a file, durably. Whether it was removed is unknown if the error is an Unsynced.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return unsynced(SyncDir(filepath.Dir(path)))
}

// Unsynced is an error after a change was made that may not survive a crash.
type Unsynced struct{ Err error }

// Error is that of the cause.
func (u *Unsynced) Error() string { return u.Err.Error() }

// Unwrap is the cause.
func (u *Unsynced) Unwrap() error { return u.Err }

func unsynced(err error) error {
	if err == nil {
		return nil
	}
	return &Unsynced{err}
}

// MakeDirs makes dir and what is missing above it, each synced into its parent.
func MakeDirs(dir string) error {
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MakeDirs(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil // somebody else has made it
	}
	if err != nil {
		return err
	}
	return SyncDir(parent)
}

// SyncDir makes the entries of a directory durable.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil // some file systems cannot, and need not
	}
	return err
}
