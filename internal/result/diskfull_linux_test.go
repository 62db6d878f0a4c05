package result

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const fullVariable = "FLOTT_TEST_RESULT_FULL"

func init() { children[fullVariable] = onFullDisk }

var errMount = errors.New("cannot mount a file system in memory")

// TestFullDisk writes a result to a file system in memory that is too small, which a child process mounts for
// itself.
func TestFullDisk(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fullVariable+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), errMount.Error()) {
		t.Skipf("this machine lets nobody mount a file system: %v %s", err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// onFullDisk is the child.
func onFullDisk(dir string) error {
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		return fmt.Errorf("%w: %w", errMount, err)
	}
	w := NewWriter(filepath.Join(dir, job), about(7), 1)
	piece := make([]byte, 10_000)
	for i := range piece {
		piece[i] = byte(i * i >> 3) // it does not shrink to nothing
	}
	var err error
	for n := 0; err == nil && n < 1_000_000; n++ {
		err = w.Put(0, piece)
	}
	w.Abandon()
	left, _ := os.ReadDir(filepath.Join(dir, job))
	switch e := (*Error)(nil); {
	case !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &e) || e.Lost || !strings.Contains(err.Error(), "tm-1"):
		return fmt.Errorf("the disk is full, and the error is: %v", err)
	case len(left) > 0:
		return fmt.Errorf("%v is left", left)
	}
	return nil
}
