package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ownDir makes a directory for the user alone, and refuses one that somebody else can write to: who can says
// which processes we signal, and what we execute.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to user %d, not to user %d", dir, s.Uid, os.Getuid())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written to by others (%v): take that from them (chmod go-w)", dir, info.Mode())
	}
	return nil
}

var errLocked = errors.New("another process has locked it")

// lock locks a file as flock(2) does.
func lock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// lockNow does so without waiting; the error may be errLocked.
func lockNow(f *os.File, how int) error {
	err := lock(f, how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
