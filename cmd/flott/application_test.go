package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// application is a program that runs the test's job, and fails if fails says so.
func (f flott) application(dir string, fails bool) string {
	f.t.Helper()
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	path := filepath.Join(f.t.TempDir(), "application")
	script := fmt.Sprintf("#!/bin/sh\nexec env -u %s %s='%s' %s=200000 '%s'\n", flottVariable, jobVariable, dir, rateVariable, self)
	if fails {
		script = "#!/bin/sh\necho no input >&2\nexit 3\n"
	}
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// TestApplication: a JobManager runs a program, whose job runs there, and ends with it, as do the TaskManagers. If the
// program fails, so does the JobManager.
func TestApplication(t *testing.T) {
	for _, fails := range []bool{false, true} {
		f := flott{t, t.TempDir()}
		dir := t.TempDir()
		port, web := freePort(t), freePort(t)
		options := []string{"-D", "jobmanager.rpc.port=" + port, "-D", "rest.port=" + web, "-D", "taskmanager.numberOfTaskSlots=4"}
		jm := f.command(flottVariable, "1", append([]string{"jobmanager", "--application", f.application(dir, fails)}, options...)...)
		tm := f.command(flottVariable, "1", append([]string{"taskmanager"}, options...)...)
		var said bytes.Buffer
		jm.Stdout, jm.Stderr = &said, &said
		stuck := time.AfterFunc(time.Minute, func() { _, _ = jm.Process.Kill(), tm.Process.Kill() })
		defer stuck.Stop()
		if err := tm.Start(); err != nil {
			t.Fatal(err)
		}
		if err := jm.Start(); err != nil {
			t.Fatal(err)
		}
		err := jm.Wait()
		if fails {
			if err == nil || !strings.Contains(said.String(), "no input") || !strings.Contains(said.String(), "exit status 3") {
				t.Errorf("the JobManager has ended with %v: %s", err, said.String())
			}
			_ = tm.Process.Kill() // it may not have found the JobManager
			_ = tm.Wait()
			continue
		}
		if err != nil {
			t.Errorf("the JobManager has ended with %v: %s", err, said.String())
		}
		if err := tm.Wait(); err != nil {
			t.Error("the TaskManager:", err)
		}
		wantEachOnce(t, filepath.Join(dir, "out"))
	}
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
