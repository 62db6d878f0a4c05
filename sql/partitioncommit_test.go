package sql_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/sql"
)

// committed are the directories below dir that have a file _SUCCESS, in order.
func committed(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == "_SUCCESS" {
			rel, _ := filepath.Rel(dir, filepath.Dir(path))
			all = append(all, rel)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// finish runs a statement to the end of its job.
func finish(t *testing.T, s *sql.Session, statement string) {
	t.Helper()
	r, err := s.Execute(t.Context(), statement)
	if err == nil {
		err = r.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPartitionsAreCommittedAtTheEnd: in both modes, whatever the trigger is; in batch mode also what has no rows or no
// partitions.
func TestPartitionsAreCommittedAtTheEnd(t *testing.T) {
	const partitioned = "PARTITIONED BY (dt, h)"
	for _, tc := range []struct{ name, mode, partitions, insert, want string }{
		{"streaming", "streaming", partitioned, "SELECT n, 'd1', n / 2 FROM v", "dt=d1/h=0 dt=d1/h=1"},
		{"batch", "batch", partitioned, "SELECT n, 'd1', n / 2 FROM v", "dt=d1/h=0 dt=d1/h=1"},
		{"blocking exchanges", "batch", partitioned, "SELECT n, 'd1', n / 2 FROM v", "dt=d1/h=0 dt=d1/h=1"},
		{"static", "batch", partitioned, "PARTITION (dt = 'd 2') SELECT n, n / 2 FROM v", "dt=d 2/h=0 dt=d 2/h=1"},
		{"empty", "batch", partitioned, "PARTITION (dt = 'd1', h = 7) SELECT n FROM v WHERE n > 9", "dt=d1/h=7"},
		{"empty in part", "batch", partitioned, "PARTITION (dt = 'd1') SELECT n, 7 FROM v WHERE n > 9", ""},
		{"empty, streaming", "streaming", partitioned, "PARTITION (dt = 'd1', h = 7) SELECT n FROM v WHERE n > 9", ""},
		{"whole", "batch", "", "SELECT n, 'd1', 7 FROM v", "."},
		{"whole and empty", "batch", "", "SELECT n, 'd1', 7 FROM v WHERE n > 9", "."},
		{"whole, streaming", "streaming", "", "SELECT n, 'd1', 7 FROM v", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			s := newSession(sql.Set("execution.runtime-mode", tc.mode), sql.Set("parallelism.default", "2"))
			if tc.name == "blocking exchanges" {
				execute(t, s, "SET 'execution.batch-shuffle-mode' = 'ALL_EXCHANGES_BLOCKING'")
			}
			execute(t, s, "CREATE TABLE f (n INT, dt STRING, h INT) "+tc.partitions+" WITH ('connector' = 'filesystem', 'path' = '"+dir+"', 'format' = 'csv', "+
				"'sink.partition-commit.policy.kind' = 'success-file', 'sink.partition-commit.delay' = '1 d', 'sink.parallelism' = '2');"+
				"CREATE VIEW v AS SELECT n FROM (VALUES 1, 2, 3, 0) AS t (n);")
			for range 2 { // and again
				finish(t, s, "INSERT INTO f "+tc.insert)
				if got := committed(t, dir); got != tc.want {
					t.Errorf("committed are %q, want %q", got, tc.want)
				}
			}
		})
	}
}

// TestPartitionsAreCommittedByTheirTime: a job that does not end commits the partitions of hours that the watermark has passed
// by an hour, with its checkpoints.
func TestPartitionsAreCommittedByTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "out")
		s := newSession(sql.Set("execution.checkpointing.interval", "1 s"), sql.Set("parallelism.default", "2"))
		execute(t, s, `
CREATE TABLE d (n BIGINT, ts AS TO_TIMESTAMP_LTZ(n * 600000, 3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'datagen', 'rows-per-second' = '1', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '1000', 'scan.parallelism' = '1');
CREATE TABLE f (n BIGINT, dt STRING, h STRING) PARTITIONED BY (dt, h) WITH ('connector' = 'filesystem', 'path' = '`+dir+`', 'format' = 'json',
  'sink.partition-commit.policy.kind' = 'success-file', 'sink.partition-commit.trigger' = 'partition-time', 'sink.partition-commit.delay' = '1 h',
  'partition.time-extractor.timestamp-pattern' = '$dt $h:00:00', 'sink.partition-commit.watermark-time-zone' = 'UTC', 'sink.parallelism' = '2');
SET 'table.local-time-zone' = 'UTC';
`)
		r, err := s.Execute(t.Context(), "INSERT INTO f SELECT n, DATE_FORMAT(ts, 'yyyy-MM-dd'), DATE_FORMAT(ts, 'HH') FROM d")
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		for hour, second := 0, 0; second <= 25; second++ {
			time.Sleep(time.Second)
			synctest.Wait()
			// The watermark of hour h and its delay is that of row 6(h+1)+1, which comes after so many seconds, before the
			// checkpoint of that second or behind it.
			switch second + 1 {
			case 6*(hour+1) + 1:
				continue
			case 6*(hour+1) + 2:
				want = strings.TrimSpace(fmt.Sprintf("%s dt=1970-01-01/h=%02d", want, hour))
				hour++
			}
			if got := committed(t, dir); got != want {
				t.Fatalf("after %d s committed are %q, want %q", second+1, got, want)
			}
		}
		r.Close()
		_ = r.Wait()
	})
}

// TestFilesAreMerged: what several subtasks have written for a checkpoint becomes one file, in streaming mode.
func TestFilesAreMerged(t *testing.T) {
	for _, tc := range []struct {
		mode, format string
		files        int
	}{{"streaming", "json", 1}, {"streaming", "parquet", 1}, {"batch", "json", 3}} {
		t.Run(tc.mode+" "+tc.format, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			s := newSession(sql.Set("execution.runtime-mode", tc.mode), sql.Set("parallelism.default", "1"))
			execute(t, s, "CREATE TABLE d (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '6000');"+
				"CREATE TABLE f (n BIGINT) WITH ('connector' = 'filesystem', 'path' = '"+dir+"', 'format' = '"+tc.format+"', 'auto-compaction' = 'true', 'sink.parallelism' = '3');")
			finish(t, s, "INSERT INTO f SELECT n FROM d")
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != tc.files {
				t.Errorf("the files are %v, %v; want %d", entries, err, tc.files)
			}
			execute(t, s, "SET 'execution.runtime-mode' = 'batch';")
			if got := rows(t, s, "SELECT COUNT(*), COUNT(DISTINCT n), SUM(n) FROM f"); !strings.HasPrefix(got, "6000|6000|18003000") {
				t.Errorf("the rows are %s", got)
			}
		})
	}
}
