package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// batchVariable makes the test binary the program of a job in batch mode, in the directory that it names.
const batchVariable = "FLOTT_TEST_BATCH"

const batchRecords = 20_000

// batchJob counts numbers by key, and the keys by their counts.
func batchJob(dir string) error {
	env := stream.NewEnv(stream.Parallelism(3), stream.RuntimeMode(stream.Batch))
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: batchRecords}))
	type count struct{ Key, N int64 }
	counted := func(in *stream.Stream[int64]) *stream.Stream[count] {
		return stream.Reduce(stream.KeyBy(stream.Map(in, func(v int64) count { return count{v, 1} }),
			func(c count) int64 { return c.Key }), func(a, b count) count { return count{a.Key, a.N + b.N} })
	}
	counts := counted(stream.Map(numbers, func(v int64) int64 { return v * v % 4099 }))
	lines := stream.Map(counted(stream.Map(counts, func(c count) int64 { return c.N })),
		func(c count) string { return fmt.Sprint(c.Key, "x", c.N) })
	lines.To(file.Sink(filepath.Join(dir, "out"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
	return launch.Run(context.Background(), env, "batch", launch.PassEnvironment(batchVariable))
}

// TestBatchOnCluster: a program in batch mode that submits itself to a cluster with fewer slots than it has subtasks
// writes what it writes alone.
func TestBatchOnCluster(t *testing.T) {
	f := flott{t, t.TempDir()}
	f.run("cluster", "start", "--taskmanagers", "2", "-D", "taskmanager.numberOfTaskSlots=1",
		"-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
	defer func() { t.Log(f.run("cluster", "stop")) }()
	lines := func(environment ...string) []string {
		dir := t.TempDir()
		job := f.command(batchVariable, dir)
		job.Env = append(job.Env, environment...)
		var said bytes.Buffer
		job.Stdout, job.Stderr = &said, &said
		if err := job.Run(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, said.String(), f.run("list", "-a"))
		}
		return allLines(t, filepath.Join(dir, "out"))
	}
	alone, there := lines(), lines(launch.JobManagerVariable+"="+f.url())
	if len(alone) == 0 || !slices.Equal(alone, there) {
		t.Errorf("alone it writes %q, on the cluster %q", alone, there)
	}
	if list := f.run("list", "-a"); strings.Count(list, "FINISHED") != 1 {
		t.Error(list)
	}
	t.Log(f.run("info", "batch"))
}

// allLines are the lines of the files in a directory, in order.
func allLines(t *testing.T, dir string) (lines []string) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Fields(string(data))...)
	}
	slices.Sort(lines)
	return lines
}

// sqlBatch reads files and writes what is joined, grouped, ranked and cut of them.
const sqlBatch = `
	SET 'execution.runtime-mode' = 'batch';
	SET 'parallelism.default' = '3';
	SET 'pipeline.name' = 'statements';
	CREATE TABLE t (k INT, v INT) WITH ('connector' = 'filesystem', 'path' = '$DIR/t', 'format' = 'csv');
	CREATE TABLE counts (n BIGINT, keys BIGINT) WITH ('connector' = 'filesystem', 'path' = '$DIR/out', 'format' = 'csv');
	CREATE TABLE pairs (k INT, v INT, r BIGINT, s BIGINT) WITH ('connector' = 'filesystem', 'path' = '$DIR/out', 'format' = 'csv');
	EXECUTE STATEMENT SET BEGIN
	INSERT INTO counts SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n;
	INSERT INTO pairs SELECT a.k, a.v, r, s FROM
		(SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS r FROM t) AS a
		JOIN (SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY v) AS s FROM t) AS b ON a.k = b.k AND a.v = b.v
		WHERE r < 3 ORDER BY a.v LIMIT 500;
	END`

// TestSQLBatchOnCluster: statements in batch mode write on a cluster with fewer slots than they have subtasks what they
// write in one process. With exchanges that are pipelined they need a slot for each.
func TestSQLBatchOnCluster(t *testing.T) {
	f := flott{t, t.TempDir()}
	f.run("cluster", "start", "--taskmanagers", "2", "-D", "taskmanager.numberOfTaskSlots=1",
		"-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
	defer func() { t.Log(f.run("cluster", "stop")) }()
	statements := func() (file, dir string) {
		dir = t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "t"), 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			var rows strings.Builder
			for n := i; n < batchRecords; n += 4 {
				fmt.Fprintf(&rows, "%d,%d\n", n*n%4099, n)
			}
			if err := os.WriteFile(filepath.Join(dir, "t", fmt.Sprint(i, ".csv")), []byte(rows.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file = filepath.Join(dir, "job.sql")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(sqlBatch, "$DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file, dir
	}
	lines := func(args ...string) []string {
		file, dir := statements()
		f.run(append([]string{"sql", "-f", file}, args...)...)
		return allLines(t, filepath.Join(dir, "out"))
	}
	alone, there := lines(), lines("--jobmanager", f.url())
	if len(alone) < 500 || !slices.Equal(alone, there) {
		t.Errorf("alone they write %d lines, on the cluster %d: %q, %q", len(alone), len(there), alone, there)
	}
	if same := lines("-D", "execution.batch-shuffle-mode=ALL_EXCHANGES_BLOCKING"); !slices.Equal(alone, same) {
		t.Errorf("stage by stage they write %q, want %q", same, alone)
	}
	if info := f.run("info", "statements"); !strings.Contains(info, "FINISHED") {
		t.Error(info)
	}
	if blocking, pipelined := f.exchanges("statements"); blocking == 0 || pipelined != 0 {
		t.Errorf("%d exchanges are blocking, %d are not", blocking, pipelined)
	}

	pipelined := func(parallelism string) (file, dir string) {
		file, dir = statements()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.NewReplacer("'statements'", "'pipelined'", "= '3'", "= '"+parallelism+"'").Replace(string(text))
		text = []byte("SET 'execution.batch-shuffle-mode' = 'ALL_EXCHANGES_PIPELINED';" + changed)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file, dir
	}
	file, dir := pipelined("2")
	f.run("sql", "--jobmanager", f.url(), "-f", file)
	if there := allLines(t, filepath.Join(dir, "out")); !slices.Equal(alone, there) {
		t.Errorf("pipelined they write %q, want %q", there, alone)
	}
	file, _ = pipelined("3")
	f.run("sql", "-d", "--jobmanager", f.url(), "-f", file)
	if list := f.run("list"); !strings.Contains(list, "needs 3 slots") {
		t.Errorf("the pipelined job is listed as %s", list)
	}
	if blocking, pipelined := f.exchanges("pipelined"); blocking != 0 || pipelined == 0 {
		t.Errorf("of the pipelined job %d exchanges are blocking, %d are not", blocking, pipelined)
	}
	f.run("cancel", "pipelined")
}

// exchanges counts the exchanges of a job in its plan.
func (f flott) exchanges(name string) (blocking, pipelined int) {
	var jobs restapi.JobsOverview
	f.get("/jobs/overview", &jobs)
	for _, j := range jobs.Jobs {
		if j.Name != name {
			continue
		}
		var plan restapi.JobPlan
		f.get("/jobs/"+j.ID+"/plan", &plan)
		if plan.Plan.Type != "BATCH" {
			f.t.Errorf("the job is %s", plan.Plan.Type)
		}
		for _, n := range plan.Plan.Nodes {
			for _, in := range n.Inputs {
				if in.Exchange == "blocking" {
					blocking++
				} else {
					pipelined++
				}
			}
		}
	}
	return blocking, pipelined
}

// get reads a resource of the JobManager.
func (f flott) get(path string, into any) {
	f.t.Helper()
	r, err := http.Get(f.url() + path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		f.t.Fatalf("%s: %v", path, err)
	}
}
