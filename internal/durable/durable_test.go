package durable_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/durable"
)

// holdVariable makes the test binary hold the lock that it names, until it is killed.
const holdVariable = "FLOTT_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdVariable); path != "" {
		if _, err := durable.TryLock(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		select {}
	}
	goleak.VerifyTestMain(m)
}

func TestWriteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := durable.MakeDirs(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "", "three"} {
		if err := durable.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Fatalf("read %q, %v; want %q", got, err, text)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the directory has %v, %v; want the file alone", list, err)
	}
	if err := durable.Remove(path); err != nil {
		t.Error(err)
	}
	if err := durable.Remove(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	// A directory in its place: the rename fails, and nothing is left.
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	var unsynced *durable.Unsynced
	if err := durable.WriteFile(path, nil, 0o600); err == nil || errors.As(err, &unsynced) {
		t.Errorf("a directory was replaced: %v", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the directory has %v, %v; want that alone", list, err)
	}
	if err := durable.MakeDirs(filepath.Join(path, "..", "file", "c")); err != nil {
		t.Error(err)
	}
}

func TestTempNames(t *testing.T) {
	temp := durable.TempName("/x/name~1")
	if name, ok := durable.TempFor(filepath.Base(temp)); !ok || name != "name~1" || filepath.Dir(temp) != "/x" {
		t.Errorf("%s is for %q, %v", temp, name, ok)
	}
	for _, other := range []string{"", ".", "name", ".lock", "a~b", "~"} {
		if name, ok := durable.TempFor(other); ok {
			t.Errorf("%q is for %q", other, name)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := durable.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.TryLock(path); !errors.Is(err, durable.ErrLocked) {
		t.Fatalf("locked twice: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := durable.AwaitLock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Fatalf("the lock was awaited without end: %v", err)
	}
	got := make(chan error)
	go func() {
		second, err := durable.AwaitLock(t.Context(), path)
		if err == nil {
			second.Unlock()
		}
		got <- err
	}()
	first.Unlock()
	first.Unlock()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestRemovedLockIsNotValid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := durable.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Unlock()
	if !first.Valid() {
		t.Error("it is not valid")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if first.Valid() {
		t.Error("it is valid, and the file is gone")
	}
	second, err := durable.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Unlock()
	if first.Valid() || !second.Valid() {
		t.Errorf("valid are %v, %v; want the second alone", first.Valid(), second.Valid())
	}
}

// TestDeathReleasesLock: a lock of a process that is killed is free.
func TestDeathReleasesLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), holdVariable+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if _, err := durable.TryLock(path); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("the child's lock is free: %v", err)
	}
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lock, err := durable.AwaitLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	lock.Unlock()
	_ = child.Wait()
}
