package launch_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// killVariable makes the test binary run the job of TestKilledProcesses in the directory it names.
const killVariable = "FLOTT_TEST_KILL"

const killRecords = 40_000

// killedJob counts numbers by key into files and says on standard output how far it is.
func killedJob(dir string) error {
	env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16),
		stream.Checkpoint(10*time.Millisecond), stream.CheckpointDir(filepath.Join(dir, "checkpoints")))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: killRecords, PerSecond: 20_000}))
	seen := stream.Open(numbers, func(t *stream.Task) (func(int64) (int64, error), error) {
		n := 0
		return func(v int64) (int64, error) {
			if n++; n%100 == 0 {
				fmt.Println(t.Subtask, n)
			}
			return v, nil
		}, nil
	})
	counts := stream.Scan(stream.KeyBy(seen, func(v int64) int64 { return v % 997 }),
		func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
			*n++
			c.Emit(fmt.Sprintf("%d %d", c.Key(), *n))
			return nil
		})
	counts.To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{PartBytes: 10_000}))
	return launch.Run(context.Background(), env, "killed")
}

// TestKilledProcesses kills a process with SIGKILL at fifty random moments and starts it again. In the
// end the visible files hold each count of each key once.
func TestKilledProcesses(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	killed := 0
	for killed < kills {
		lines := 1 + rng.IntN(6)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killVariable+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for r := bufio.NewScanner(out); lines > 0 && r.Scan(); lines-- {
		}
		if lines == 0 {
			err = child.Process.Signal(syscall.SIGKILL)
			killed++
		}
		if waitErr := child.Wait(); lines > 0 {
			if waitErr != nil || killed < 3 {
				t.Fatalf("after %d kills the job ended: %v", killed, waitErr)
			}
			break // it has finished before it could be killed so often
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := killedJob(dir); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills", killed)
	wantOnce(t, filepath.Join(dir, "out"), killRecords)
}

// wantOnce checks that the visible files of a directory hold n different lines, each once.
func wantOnce(t *testing.T, dir string, n int) {
	t.Helper()
	seen := map[string]int{}
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			seen[strings.TrimSuffix(line, "\n")]++
		}
	}
	if len(seen) != n {
		t.Errorf("%d different records in %d files, want %d", len(seen), len(parts), n)
	}
	for k, times := range seen {
		if times != 1 {
			t.Fatalf("%q is there %d times", k, times)
		}
	}
}
