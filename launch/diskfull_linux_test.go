package launch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// fullVariable makes the test binary run the job of TestFullDisk in the directory it names.
const fullVariable = "FLOTT_TEST_FULL"

const fullRecords = 40_000

func init() { children[fullVariable] = onFullDisk }

// TestFullDisk: a job whose checkpoint directory is on a disk that is full for a third of its time keeps
// running, takes checkpoints again when there is room, and commits each record once. The disk is a file system
// in memory of a few MB, which a child process mounts for itself.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fullVariable+"="+dir)
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
	t.Logf("%s", out)
	wantOnce(t, filepath.Join(dir, "out"), fullRecords)
}

var errMount = errors.New("cannot mount a file system in memory")

// onFullDisk is the child.
func onFullDisk(dir string) error {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what fails is looked at in the end
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o777); err != nil {
		return err
	}
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=4m"); err != nil {
		return fmt.Errorf("%w: %w", errMount, err)
	}
	ballast := filepath.Join(disk, "ballast")
	env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16), stream.CheckpointFailures(1<<30),
		stream.Checkpoint(10*time.Millisecond), stream.CheckpointDir(filepath.Join(disk, "checkpoints")))
	numbers := datagen.Source(func(n int64) int64 { return n },
		datagen.Options{Count: fullRecords, PerSecond: 20_000})
	filling := stream.TryMap(stream.From(env, numbers), func(v int64) (int64, error) {
		switch v {
		case fullRecords / 3:
			return v, fill(ballast)
		case fullRecords * 2 / 3:
			return v, os.Remove(ballast)
		}
		return v, nil
	})
	lines := stream.Map(wideCounts(filling), func(c [2]int64) string { return fmt.Sprintf("%d %d", c[0], c[1]) })
	lines.To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }),
		file.SinkOptions[string]{PartBytes: 10_000}))
	j, err := launch.Start(context.Background(), env, "full")
	if err != nil {
		return err
	}
	refused, resumed := watchCheckpoints(j)
	switch err := j.Wait(); {
	case err != nil:
		return err
	case refused == nil || !errors.Is(refused, syscall.ENOSPC):
		return fmt.Errorf("no checkpoint was refused by the disk, but by: %v", refused)
	case !resumed:
		return errors.New("no checkpoint was complete after the disk had room")
	case j.Status().Restarts > 0:
		return fmt.Errorf("the job was restarted %d times", j.Status().Restarts)
	}
	fmt.Println("refused:", refused)
	return nil
}

// watchCheckpoints waits for the end of a job. It returns why its first checkpoint failed, and whether one
// was complete after that.
func watchCheckpoints(j *launch.Job) (refused error, resumed bool) {
	for tick := time.Tick(20 * time.Millisecond); ; {
		last, _, _ := j.Checkpoints()
		for _, c := range last {
			if c.Err != nil && refused == nil {
				refused = c.Err
			}
			resumed = resumed || refused != nil && c.Status == "COMPLETED"
		}
		select {
		case <-tick:
		case <-j.Done():
			return refused, resumed
		}
	}
}

// fill writes until there is no more room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
