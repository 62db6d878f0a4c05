package all

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(mergingVariable); text != "" {
		if err := mergingJob(strings.Split(text, "|")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	servertest.Main(m)
}

// mergingVariable has the test's program be a job that writes a table whose files are merged: its value has the table's path, its
// format, and the directory of checkpoints.
const mergingVariable = "FLOTT_TEST_MERGING"

// ofProgram in place of the format has a program write the files, as JSON.
const ofProgram = "program"

// mergedRows is how many rows that job writes, in two seconds or more.
const mergedRows = 20_000

func mergedTable(path, format string) string {
	return fmt.Sprintf(`CREATE TABLE f (n BIGINT, p BIGINT) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = '%s',
		'auto-compaction' = 'true', 'sink.parallelism' = '3', 'sink.partition-commit.policy.kind' = 'success-file')`, path, format)
}

// numbered is a row of what mergingProgram writes.
type numbered struct {
	N int64 `json:"n"`
}

// mergingProgram is mergingJob from Go.
func mergingProgram(dir, checkpoints string) error {
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(checkpoints))
	rows := stream.From(env, datagen.Source(func(n int64) numbered { return numbered{n + 1} }, datagen.Options{Count: mergedRows, PerSecond: mergedRows / 2}))
	rows.To(file.Sink(dir, file.EncodeJSON[numbered](), file.SinkOptions[numbered]{
		Bucket:  func(v *numbered, _ time.Time) string { return fmt.Sprint("p=", v.N%2) },
		Compact: &file.Compaction{}, PartitionCommit: &file.PartitionCommit{},
	})).Parallelism(3)
	return launch.Run(context.Background(), env, "merging")
}

// mergingJob goes on where one before it was.
func mergingJob(of []string) error {
	if of[1] == ofProgram {
		return mergingProgram(of[0], of[2])
	}
	s := sql.NewSession(sql.With(Factories(), Formats()), sql.On(launch.Executor()))
	for _, statement := range []string{
		"SET 'pipeline.name' = 'merging'", "SET 'parallelism.default' = '2'", "SET 'execution.checkpointing.interval' = '20 ms'",
		"SET 'execution.checkpointing.dir' = '" + of[2] + "'",
		fmt.Sprintf(`CREATE TABLE d (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '%d', 'fields.n.kind' = 'sequence',
			'fields.n.start' = '1', 'fields.n.end' = '%d')`, mergedRows/2, mergedRows),
		mergedTable(of[0], of[1]),
		"INSERT INTO f SELECT n, MOD(n, 2) FROM d",
	} {
		r, err := s.Execute(context.Background(), statement)
		if err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		for _, err := range r.Batches() {
			if err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
	}
	return s.Wait(context.Background())
}

// TestMergingJobIsKilled kills a job again and again while it writes and merges files, on each kind of file system.
func TestMergingJobIsKilled(t *testing.T) {
	fake := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithAutoBucket(true))
	store := httptest.NewServer(fake.Server())
	t.Cleanup(store.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": store.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "HADOOP_USER_NAME": "flott",
	} {
		t.Setenv(name, value)
	}
	for _, system := range []struct {
		name string
		dir  func(t *testing.T) string
	}{
		{"disk", func(t *testing.T) string { return t.TempDir() }},
		{"S3", func(*testing.T) string { return fmt.Sprintf("s3://bucket/%x", rand.Uint64()) }},
		{"HDFS", func(t *testing.T) string {
			return fmt.Sprintf("hdfs://%s/%x", servertest.HDFS(t).Address, rand.Uint64())
		}},
	} {
		for _, format := range []string{"json", "parquet", ofProgram} {
			t.Run(system.name+" "+format, func(t *testing.T) { killMergingJob(t, system.dir(t), format) })
		}
	}
}

func killMergingJob(t *testing.T, dir, format string) {
	checkpoints, killed := t.TempDir(), 0
	for kills := 3; ; kills-- {
		job := exec.Command(os.Args[0])
		job.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%s", mergingVariable, dir, format, checkpoints))
		job.Stderr = os.Stderr
		if err := job.Start(); err != nil {
			t.Fatal(err)
		}
		var failed error
		ended := make(chan struct{})
		go func() {
			failed = job.Wait()
			close(ended)
		}()
		if kills == 0 {
			<-ended
			if failed != nil || killed == 0 {
				t.Fatalf("after %d kills: %v", killed, failed)
			}
			break
		}
		awaitMerged(t, dir, kills > 1, ended)
		if job.Process.Kill() == nil { // else it has ended
			killed++
		}
		<-ended
		if _, err := storage.OpenLatest(t.Context(), blob.NewDir(filepath.Join(checkpoints, "merging"))); err != nil { // it has given up its checkpoints, at its end
			if killed == 0 {
				t.Fatal("the job has ended before it was killed")
			}
			break // all is written, and another run would write it again
		}
	}
	visible, hidden := filesIn(t, dir)
	for _, name := range hidden {
		if strings.HasPrefix(name, ".uncompacted") || strings.Contains(name, ".compacting.") {
			t.Errorf("%s is left", name)
		}
	}
	if n := slices.Index(visible, "_SUCCESS"); n < 0 || slices.Index(visible[n+1:], "_SUCCESS") < 0 {
		t.Errorf("not both partitions are complete: %q", visible)
	}
	s := sql.NewSession(sql.With(Factories(), Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
	if format == ofProgram {
		format = "json"
	}
	execute(t, s, mergedTable(dir, format))
	want := fmt.Sprintf(`[{"c":%[1]d,"d":%[1]d,"s":%[2]d,"a":1,"z":%[1]d}]`, mergedRows, mergedRows*(mergedRows+1)/2)
	if got := fmt.Sprint(execute(t, s, "SELECT COUNT(*) AS c, COUNT(DISTINCT n) AS d, SUM(n) AS s, MIN(n) AS a, MAX(n) AS z FROM f")); got != want {
		t.Errorf("the rows are %s, want %s", got, want)
	}
}

// filesIn are the names of the files of a table.
func filesIn(t *testing.T, dir string) (visible, hidden []string) {
	t.Helper()
	files, err := filesystem.For(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"p=0", "p=1"} {
		entries, err := files.ReadDir(t.Context(), filesystem.Join(dir, p))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				hidden = append(hidden, path.Base(e.Name()))
			} else {
				visible = append(visible, path.Base(e.Name()))
			}
		}
	}
	return visible, hidden
}

// awaitMerged waits until some more files are visible, and then, if it is to be in the middle, until some are being merged; or
// until the job has ended.
func awaitMerged(t *testing.T, dir string, middle bool, ended <-chan struct{}) {
	t.Helper()
	visible, _ := filesIn(t, dir)
	for enough := len(visible) + 3; ; {
		visible, hidden := filesIn(t, dir)
		isMerging := slices.ContainsFunc(hidden, func(name string) bool { return strings.HasPrefix(name, ".uncompacted-") })
		if len(visible) >= enough && (isMerging || !middle) {
			return
		}
		select {
		case <-ended:
			return
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Millisecond):
		}
	}
}
