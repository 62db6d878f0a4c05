package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flott-dev/flott/internal/clock"
)

// TestArtifactFullDisk: a full disk, a real one that a child mounts for itself, is named, and nothing is left
// on it.
func TestArtifactFullDisk(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], dir)
	child.Env = []string{roleVariable + "=full"}
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), errMount.Error()) {
		t.Skipf("this machine lets nobody mount a file system: %v %s", err, out)
	}
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(lines[0], " in "+dir+": the disk is full: make room there") || !strings.HasSuffix(lines[0], " true 0 <nil>") {
		t.Errorf("too much: %s", lines[0])
	}
	if lines[1] != "<nil> false 1 <nil>" {
		t.Errorf("less: %s", lines[1])
	}
}

func init() { roles["full"] = full }

var errMount = errors.New("cannot mount a file system in memory")

// full puts more than there is room on a disk of 1 MB, then less.
func full(args []string) error {
	if err := syscall.Mount("none", args[0], "tmpfs", 0, "size=1m,mode=700"); err != nil {
		return fmt.Errorf("%w: %w", errMount, err)
	}
	a, err := OpenArtifacts(args[0], 0, clock.System{})
	if err != nil {
		return err
	}
	content := bytes.Repeat([]byte("x"), 2<<20)
	for _, size := range []int{2 << 20, 1 << 19} {
		h, err := HashOf(bytes.NewReader(content[:size]))
		if err != nil {
			return err
		}
		_, err = a.Put(h, bytes.NewReader(content[:size]))
		left, err2 := filepath.Glob(args[0] + "/*")
		fmt.Println(err, errors.Is(err, syscall.ENOSPC), len(left), err2)
	}
	return nil
}
