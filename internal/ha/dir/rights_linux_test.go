package dir_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/hatest"
)

// userVariable makes the test run as a user without rights in the directory that it names.
const userVariable = "FLOTT_TEST_HA_USER"

// TestNoPermission says who lacks which right.
func TestNoPermission(t *testing.T) {
	if d := os.Getenv(userVariable); d != "" {
		_, err := open(t, d).Campaign(t.Context(), ha.Contender{Name: "one"})
		wantError(t, err, "campaign one in "+d, "permission denied", "let the user that runs Flott (id 65534) write there")
		return
	}
	if os.Getuid() != 0 {
		t.Skip("it takes root to become another user")
	}
	// The binary must be in reach of that user.
	top, err := os.MkdirTemp("", "flott-ha")
	hatest.Check(t, err)
	defer os.RemoveAll(top)
	hatest.Check(t, os.Chmod(top, 0o755))
	binary, d := filepath.Join(top, "test"), filepath.Join(top, "ha")
	data, err := os.ReadFile(os.Args[0])
	hatest.Check(t, err)
	hatest.Check(t, os.WriteFile(binary, data, 0o755))
	hatest.Check(t, os.Mkdir(d, 0o755))
	c := exec.Command(binary, "-test.run", "^TestNoPermission$", "-test.v")
	c.Dir = top
	c.Env = append(os.Environ(), userVariable+"="+d)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestNoPermission") {
		t.Errorf("%v\n%s", err, out)
	}
}

// mountVariable makes the test mount a file system in the directory that it names.
const mountVariable = "FLOTT_TEST_HA_MOUNT"

// TestFullAndReadOnly: on a disk that is full, and one that cannot be written, it is said what to do, and what
// was there stays.
func TestFullAndReadOnly(t *testing.T) {
	if d := os.Getenv(mountVariable); d != "" {
		fullAndReadOnly(t, d)
		return
	}
	c := exec.Command(os.Args[0], "-test.run", "^TestFullAndReadOnly$", "-test.v")
	c.Env = append(os.Environ(), mountVariable+"="+t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), noMount) {
		t.Skipf("this machine lets nobody mount a file system: %v %s", err, out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFullAndReadOnly") {
		t.Errorf("%v\n%s", err, out)
	}
}

const noMount = "cannot mount a file system in memory"

func fullAndReadOnly(t *testing.T, disk string) {
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(noMount, err)
	}
	ctx := t.Context()
	d := filepath.Join(disk, "ha")
	s := open(t, d)
	l := hatest.Lead(t, s, "one")
	v, err := l.Put(ctx, "a", []byte("small"))
	hatest.Check(t, err)
	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	hatest.Check(t, err)
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	large := make([]byte, 100_000)
	_, err = l.Swap(ctx, "a", v, large)
	wantError(t, err, "swap a in "+d, "no space left on device", "free some space there")
	hatest.WantRecord(t, s, "a", "small", v)
	hatest.Check(t, ballast.Close())
	hatest.Check(t, os.Remove(ballast.Name()))
	v, err = l.Swap(ctx, "a", v, large)
	hatest.Check(t, err)
	hatest.WantRecord(t, s, "a", string(large), v)

	hatest.Check(t, l.Resign(ctx))
	hatest.Check(t, s.Close())
	hatest.Check(t, syscall.Mount("none", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	s = open(t, d)
	_, err = s.Campaign(ctx, ha.Contender{Name: "two"})
	wantError(t, err, "campaign two in "+d, "read-only file system", "mount it for writing")
	hatest.WantRecord(t, s, "a", string(large), v)
}
