package launch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// flood makes rowsEach rows of each of three records, behind a chain and an exchange whose consumer
// waits, after its first row, until open is closed.
func flood(rowsEach int64, open chan struct{}, started chan<- struct{}, out *collect.Sink[int64],
) *stream.Env {
	env := stream.NewEnv(stream.Parallelism(1))
	many := stream.FlatMap(numbers(env, 3), func(v int64, emit func(int64)) {
		for i := range rowsEach {
			emit((v-1)*rowsEach + i)
		}
	})
	next := stream.TryMap(many, func(v int64) (int64, error) { return v, nil })
	slow := stream.OpenFlatMap(next, func(t *stream.Task) (func(int64, func(int64)) error, error) {
		waited := false
		return func(v int64, emit func(int64)) error {
			if !waited {
				waited = true
				if started != nil {
					started <- struct{}{}
				}
				select {
				case <-open:
				case <-t.Context().Done():
				}
			}
			emit(v)
			return nil
		}, nil
	}).StartNewChain()
	slow.To(out)
	return env
}

func overflowBytes(n int64) launch.Option { return func(o *job.Options) { o.OverflowBytes = n } }

// awaitSpill returns when a file is in the job's temporary directory.
func awaitSpill(t *testing.T, j *launch.Job, dir string) {
	t.Helper()
	for {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) > 0 {
			return
		}
		select {
		case <-j.Done():
			t.Fatal("the job ended")
		default:
			runtime.Gosched()
		}
	}
}

// TestOverflowAndSnapshot takes a snapshot while most of one record's rows wait on disk. It must
// come behind them, so that the restored job goes on with the next record.
func TestOverflowAndSnapshot(t *testing.T) {
	const rowsEach = 300_000
	var want []int64
	for i := range int64(3 * rowsEach) {
		want = append(want, i)
	}
	dir, open, started := t.TempDir(), make(chan struct{}), make(chan struct{}, 1)
	out := collect.To[int64]()
	j, err := launch.Start(context.Background(), flood(rowsEach, open, started, out), "flood",
		launch.TempDir(dir), launch.BatchRows(1), overflowBytes(100_000))
	if err != nil {
		t.Fatal(err)
	}
	<-started
	awaitSpill(t, j, dir)
	taken := make(chan error, 1)
	var snapshot *launch.Snapshot
	go func() {
		var err error
		snapshot, err = j.Snapshot(context.Background())
		taken <- err
	}()
	close(open)
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out.Results(), want) {
		t.Errorf("%d rows instead of %d, or not in order", len(out.Results()), len(want))
	}
	checkGone(t, dir)

	// The restored job commits what the snapshot has prepared, and goes on behind it.
	again := collect.To[int64]()
	err = launch.Run(context.Background(), flood(rowsEach, open, nil, again), "restored",
		launch.TempDir(dir), launch.BatchRows(1), overflowBytes(100_000), launch.Restore(snapshot))
	if err != nil {
		t.Fatal(err)
	}
	got := again.Results()
	if len(got)%rowsEach != 0 || !slices.Equal(got, want[len(want)-len(got):]) {
		t.Errorf("the restored job has %d rows, which are not those of whole records", len(got))
	}
	checkGone(t, dir)
}

func checkGone(t *testing.T, dir string) {
	t.Helper()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestOverflowGoesWithACancelledJob(t *testing.T) {
	dir, started := t.TempDir(), make(chan struct{}, 1)
	j, err := launch.Start(context.Background(),
		flood(100_000, make(chan struct{}), started, collect.To[int64]()), "flood",
		launch.TempDir(dir), overflowBytes(10_000))
	if err != nil {
		t.Fatal(err)
	}
	<-started
	awaitSpill(t, j, dir)
	j.Cancel()
	if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
		t.Errorf("got %v", err)
	}
	checkGone(t, dir)
}

func TestOverflowWithoutADisk(t *testing.T) {
	open := make(chan struct{})
	defer close(open)
	err := launch.Run(context.Background(), flood(200_000, open, nil, collect.To[int64]()), "flood",
		launch.TempDir("/no/such/directory"), overflowBytes(10_000))
	if err == nil || !strings.Contains(err.Error(), `operator "FlatMap"`) ||
		!strings.Contains(err.Error(), "make a temporary directory") ||
		!strings.Contains(err.Error(), "launch.TempDir") {
		t.Errorf("got %v", err)
	}
}
