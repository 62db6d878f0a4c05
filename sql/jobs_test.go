package sql_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// endless is a table without end, one that takes everything, and a session whose INSERTs go on by themselves.
func endless(t *testing.T) *sql.Session {
	t.Helper()
	s := newSession(sql.Set("table.dml-sync", "false"))
	t.Cleanup(s.Close)
	script(t, s, "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000'); CREATE TABLE u (a INT, n BIGINT) WITH ('connector' = 'blackhole')")
	return s
}

const counts = "INSERT INTO u SELECT a, COUNT(*) FROM t GROUP BY a"

// TestDetachedJobs: INSERTs that go on by themselves are shown and stopped by their ids.
func TestDetachedJobs(t *testing.T) {
	s := endless(t)
	shows(t, s, map[string]string{"SHOW JOBS": ""})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Execute(ctx, counts)
	if err != nil {
		t.Fatal(err)
	}
	id := rows(t, s, counts)
	r.Close() // neither this
	cancel()  // nor this ends the job
	if r.Schema.Fields[0].Name != "job id" || r.JobID() == id || !regexp.MustCompile("^[0-9a-f]{32}$").MatchString(id) {
		t.Errorf("the jobs are %s and %s, column %s", r.JobID(), id, r.Schema.Fields[0].Name)
	}
	script(t, s, "SET 'pipeline.name' = 'third'")
	third := rows(t, s, "EXECUTE STATEMENT SET BEGIN "+counts+"; INSERT INTO u SELECT 1, 2; END")
	states := func(text string) string { return regexp.MustCompile(`\|20\S+ \S+`).ReplaceAllString(text, "") }
	list := r.JobID() + "|insert-1|RUNNING\n" + id + "|insert-2|RUNNING\n" + third + "|third|RUNNING"
	if got := states(rows(t, s, "SHOW JOBS")); got != list {
		t.Errorf("the jobs are\n%s\nwant\n%s", got, list)
	}
	shows(t, s, map[string]string{"STOP JOB '" + third + "'": ""})
	if got := states(rows(t, s, "DESCRIBE JOB '"+third+"'")); got != third+"|third|CANCELED" {
		t.Errorf("the job that was stopped is %s", got)
	}
	refuses(t, s, map[string]string{
		"STOP JOB '" + third + "'":             "has ended: it is CANCELED",
		"STOP JOB '" + id[:30] + "'":           "did you mean '" + id + "'?",
		"STOP JOB 'abc'":                       "the session has no job 'abc'; SHOW JOBS lists those that it has started",
		"DESCRIBE JOB 'abc'":                   "the session has no job 'abc'",
		"STOP JOB '" + id + "' WITH DRAIN":     "write WITH SAVEPOINT WITH DRAIN",
		"STOP JOB '" + id + "' WITH SAVEPOINT": "savepoint",
	})
	s.Close()
	if got := strings.Count(rows(t, s, "SHOW JOBS"), "CANCELED"); got != 3 {
		t.Errorf("%d jobs are cancelled", got)
	}
	if err := s.Wait(t.Context()); err != nil {
		t.Errorf("cancelled jobs have not failed: %v", err)
	}
}

// TestStopWithSavepoint: a job that was stopped with a savepoint goes on from there.
func TestStopWithSavepoint(t *testing.T) {
	s := endless(t)
	script(t, s, "SET 'state.savepoints.dir' = '"+t.TempDir()+"'")
	var path string
	for _, with := range []string{" WITH DRAIN", ""} {
		id := rows(t, s, counts)
		path = rows(t, s, "STOP JOB '"+id+"' WITH SAVEPOINT"+with)
		if files, err := os.ReadDir(strings.TrimPrefix(path, "file://")); err != nil || len(files) == 0 {
			t.Errorf("the savepoint%s %s has %v, %v", with, path, files, err)
		}
		if got := rows(t, s, "DESCRIBE JOB '"+id+"'"); !strings.Contains(got, "FINISHED") {
			t.Errorf("the job is %s", got)
		}
	}
	script(t, s, "SET 'execution.state-recovery.path' = '"+path+"'")
	shows(t, s, map[string]string{"STOP JOB '" + rows(t, s, counts) + "'": ""})
	script(t, s, "SET 'execution.state-recovery.path' = '"+path+"-other'") // the option has an effect
	refuses(t, s, map[string]string{counts: "-other"})
}

// TestCountsGoOnFromStopJob: what a job gives that goes on from the savepoint of STOP JOB is, behind what was given before,
// what a job gives that nobody stops.
func TestCountsGoOnFromStopJob(t *testing.T) {
	warm(t)
	insert := "INSERT INTO counts SELECT k, COUNT(*) AS n, SUM(v) AS s FROM a GROUP BY k"
	session := func(changes *[]string, options ...sql.Option) *sql.Session {
		s := sql.NewSession(append(options, sql.On(launch.Executor()), sql.Functions(span), sql.With(halves(changes), nil),
			sql.Set("table.dml-sync", "false"))...)
		script(t, s, halvesTables+"CREATE TABLE counts (k INT, n BIGINT, s BIGINT) WITH ('connector' = 'kept')")
		return s
	}
	wait := func(t *testing.T, s *sql.Session) {
		t.Helper()
		if err := s.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var whole, parts []string
	var path string
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := session(&whole)
		rows(t, s, insert)
		wait(t, s)
	})
	synctest.Test(t, func(t *testing.T) {
		s := session(&parts, sql.Set("state.savepoints.dir", dir))
		id := rows(t, s, insert)
		time.Sleep(halvesStop)
		path = rows(t, s, "STOP JOB '"+id+"' WITH SAVEPOINT")
		wait(t, s)
	})
	before := len(parts)
	synctest.Test(t, func(t *testing.T) {
		s := session(&parts, sql.Set("execution.state-recovery.path", path))
		time.Sleep(halvesStop)
		rows(t, s, insert)
		wait(t, s)
	})
	result := func(changes []string) []string { return slices.Sorted(slices.Values(sqltest.Materialize(changes, 0))) }
	if want, got := result(whole), result(parts); before == 0 || before == len(parts) || !slices.Equal(got, want) {
		t.Errorf("after %d and %d changes the result is\n%s", before, len(parts)-before, sqltest.Diff(want, got))
	}
}

// TestEndedJobsAreForgotten: a session remembers the last jobs that have ended, and all that run.
func TestEndedJobsAreForgotten(t *testing.T) {
	s := endless(t)
	first := rows(t, s, counts)
	script(t, s, "SET 'table.dml-sync' = 'true'")
	for range 110 {
		rows(t, s, "INSERT INTO u SELECT 1, 2")
	}
	jobs := strings.Split(rows(t, s, "SHOW JOBS"), "\n")
	if len(jobs) > 102 || len(jobs) < 101 || !strings.HasPrefix(jobs[0], first) || !strings.Contains(jobs[len(jobs)-1], "insert-111") {
		t.Errorf("there are %d jobs: %s … %s", len(jobs), jobs[0], jobs[len(jobs)-1])
	}
}
