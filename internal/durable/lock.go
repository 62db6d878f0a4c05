package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Lock is an exclusive lock on a file. The system releases it when the process dies.
type Lock struct{ file *os.File }

// ErrLocked says that another one holds the lock.
var ErrLocked = errors.New("is locked by another")

// AwaitLock makes the file if it is missing and waits until its lock is free.
func AwaitLock(ctx context.Context, path string) (*Lock, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	// The system call cannot be interrupted. If it outlives the context, its goroutine ends, and
	// closes the file, when the holder of the lock is done.
	locked := make(chan error, 1)
	go func() { locked <- flock(f, true) }()
	select {
	case err = <-locked:
	case <-ctx.Done():
		go func() {
			<-locked
			f.Close()
		}()
		return nil, context.Cause(ctx)
	}
	return lockOf(f, err)
}

// TryLock is AwaitLock that fails with ErrLocked instead of waiting.
func TryLock(path string) (*Lock, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	return lockOf(f, flock(f, false))
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
}

func lockOf(f *os.File, err error) (*Lock, error) {
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &Lock{f}, nil
}

// Unlock releases the lock. It may be called again.
func (l *Lock) Unlock() { l.file.Close() }

// Valid reports whether the path still leads to the file that is locked. If somebody has removed it,
// others can hold a lock on a new one.
func (l *Lock) Valid() bool {
	mine, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.file.Name())
	return err == nil && os.SameFile(mine, there)
}
