//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestMain makes the test's program the command, and the program of its job.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{jobArgument, "-faults"}, os.Args[1]) {
		main()
		return
	}
	code := m.Run()
	os.RemoveAll(programs())
	os.Exit(code)
}

// programs is a directory of this run of the tests.
var programs = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "flott-chaos-test-")
	if err != nil {
		panic(err)
	}
	return dir
})

// build builds a command of the repository.
func build(name, tags string) (string, error) {
	path := filepath.Join(programs(), filepath.Base(name)+tags)
	out, err := exec.Command("go", "build", "-tags", tags, "-o", path, "github.com/flott-dev/flott/"+name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
}

// built is the program flott.
var built = sync.OnceValues(func() (string, error) { return build("cmd/flott", tags()) })

// strikes runs a job under faults. A failure prints the seed; the same faults hit the same processes with
//
//	go run ./bench/chaos -faults … -hits … -seed …
func strikes(t *testing.T, faults string, hits int) {
	t.Helper()
	t.Parallel() // they wait most of the time
	flott, err := built()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	strikeWith(t, self, flott, faults, hits)
}

func strikeWith(t *testing.T, chaos, flott, faults string, hits int) {
	t.Helper()
	out, err := exec.Command(chaos, "-faults", faults, "-hits", strconv.Itoa(hits), "-flott", flott, "-dir", t.TempDir()).CombinedOutput()
	if err != nil && strings.Contains(string(out), errMachine.Error()) {
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(out), "of the output are those of a run without faults"); n != 1 {
		t.Error("the output was not compared")
	}
}

// TestKills kills workers and TaskManagers, at times before the job runs again.
func TestKills(t *testing.T) { strikes(t, "kill-worker,kill-taskmanager", 15) }

// TestKilledJobManager kills the JobManager as well, also when a worker was killed just before.
func TestKilledJobManager(t *testing.T) { strikes(t, "kill-jobmanager*2,kill-worker", 6) }

// TestFreezes stops processes for longer than the heartbeat's timeout, and lets them go on.
func TestFreezes(t *testing.T) { strikes(t, "freeze-worker,freeze-taskmanager", 4) }

// TestPartitions cuts the network between two TaskManagers, and between the JobManager and one.
func TestPartitions(t *testing.T) { strikes(t, "partition-jobmanager,partition-taskmanagers", 4) }

// TestDisks has the job's disk full, and blocked for most of the time.
func TestDisks(t *testing.T) { strikes(t, "full-disk,slow-disk", 4) }

// TestClockJumps sets the wall clocks of single processes by an hour, forward and back.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	jumping := "clockjump"
	if _, err := choose("clock-jump"); err == nil {
		jumping = tags()
	}
	flott, err := build("cmd/flott", jumping)
	if err != nil {
		t.Fatal(err)
	}
	chaos, err := build("bench/chaos", jumping)
	if err != nil {
		t.Fatal(err)
	}
	strikeWith(t, chaos, flott, "clock-jump", 4)
}

// TestCompare: a record that is missing, and one that is there twice, are found.
func TestCompare(t *testing.T) {
	write := func(dir, name, text string) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for got, want := range map[string]string{
		"a\nb\nc\n": "", "a\nc\n": `"b" is missing`, "a\nb\n": `"c" is missing`, "a\nb\nb\nc\n": `"b" is there too often`, "a\nb\nc\nd\n": `"d" is there too often`,
	} {
		dir := t.TempDir()
		write(filepath.Join(dir, "want"), "part-0-1", "c\na\n")
		write(filepath.Join(dir, "want"), "part-1-1", "b\n")
		write(filepath.Join(dir, "got"), "part-0-1", got)
		write(filepath.Join(dir, "got"), ".part-0-2.inprogress.1", "x\n")
		n, err := sameLines(filepath.Join(dir, "got"), filepath.Join(dir, "want"))
		if want == "" && (err != nil || n != 3) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %d, %v, want %q", got, n, err, want)
		}
	}
}
