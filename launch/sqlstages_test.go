package launch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// sqlStagesVariable makes the test binary run the job of TestSQLStages in the directory that it names.
const sqlStagesVariable = "FLOTT_TEST_SQL_STAGES"

const sqlRecords = 12_000

// sqlStagesStatements are three sinks that share a scan: groups that are joined with a table and grouped again, the
// first rows of each key, and sums over all rows before each.
const sqlStagesStatements = `
	CREATE TABLE t (k BIGINT, v BIGINT) WITH ('connector' = 'filesystem', 'path' = '$DIR/t', 'format' = 'csv');
	CREATE TABLE d (k BIGINT, g STRING) WITH ('connector' = 'filesystem', 'path' = '$DIR/d', 'format' = 'csv');
	CREATE TABLE sums (g STRING, n BIGINT, s BIGINT) WITH ('connector' = 'filesystem', 'path' = '$DIR/out/sums', 'format' = 'csv');
	CREATE TABLE firsts (k BIGINT, v BIGINT, r BIGINT) WITH ('connector' = 'filesystem', 'path' = '$DIR/out/firsts', 'format' = 'csv');
	CREATE TABLE totals (k BIGINT, v BIGINT, s BIGINT) WITH ('connector' = 'filesystem', 'path' = '$DIR/out/totals', 'format' = 'csv');
	CREATE VIEW held AS SELECT hold(1, k) AS k, v FROM t;
	EXECUTE STATEMENT SET BEGIN
	INSERT INTO sums SELECT g, SUM(n), SUM(hold(3, s)) FROM (
		SELECT d.g, c.n, c.s FROM (SELECT k, hold(2, COUNT(*)) AS n, SUM(v) AS s FROM held GROUP BY k) AS c LEFT JOIN d ON c.k = d.k
		UNION ALL SELECT 'all', COUNT(*), SUM(v) FROM held
	) GROUP BY g;
	INSERT INTO firsts SELECT k, v, r FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM held) WHERE r <= 2 AND k IN (SELECT k FROM d);
	INSERT INTO totals SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY v) FROM (SELECT k, v FROM held ORDER BY v LIMIT 1000);
	END`

// kept is an executor that keeps the Env of a job, and starts nothing.
type kept struct{ env *stream.Env }

var errKept = errors.New("the job is kept")

func (x *kept) Start(_ context.Context, env *stream.Env, _ string) (stream.Running, error) {
	x.env = env
	return nil, errKept
}

// sqlStagesJob is the job of the statements on the files in dir.
func sqlStagesJob(dir string) *stream.Env {
	var began sync.Map // stages, in this process
	hold := sql.Scalar("hold", func(stage int32, v int64) (int64, error) {
		if _, isKnown := began.LoadOrStore(stage, true); !isKnown {
			f, err := os.OpenFile(filepath.Join(dir, "began"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			if _, err := fmt.Fprintf(f, "stage %d in %d\n", stage, os.Getpid()); err != nil {
				return 0, err
			}
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, fmt.Sprint("hold-", stage))); err != nil {
				return v, nil
			}
			time.Sleep(time.Millisecond)
		}
	}, sql.Volatile())
	job := &kept{}
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(job), sql.Functions(hold),
		sql.Set("execution.runtime-mode", "BATCH"), sql.Set("parallelism.default", fmt.Sprint(stageParallelism)),
		sql.Set("pipeline.max-parallelism", "16"), sql.Set("restart-strategy.type", "fixed-delay"),
		sql.Set("restart-strategy.fixed-delay.attempts", "1000"), sql.Set("restart-strategy.fixed-delay.delay", "0 s"))
	text := strings.ReplaceAll(sqlStagesStatements, "$DIR", dir)
	err := s.Script(context.Background(), text, func(string, *sql.Result) error { return nil })
	if !errors.Is(err, errKept) {
		panic(fmt.Sprintf("the statements give %v", err))
	}
	return job.env
}

func runSQLStages(dir string) error {
	return launch.Run(context.Background(), sqlStagesJob(dir), "stages")
}

// writeTables writes the files that the statements read: of t several, so that there are splits for all subtasks.
func writeTables(dir string) error {
	for name, files := range map[string][]string{"t": make([]string, 2*stageParallelism), "d": make([]string, 1)} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
		rows := sqlRecords
		if name == "d" {
			rows = 300
		}
		for i := range rows {
			line := fmt.Sprintf("%d,%d\n", i*i%stageKeys, i)
			if name == "d" {
				line = fmt.Sprintf("%d,g%d\n", i, i%7)
			}
			files[i%len(files)] += line
		}
		for i, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name, fmt.Sprint(i, ".csv")), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func newSQLStages(t *testing.T, managers ...string) *stageCluster {
	c := newStageCluster(t, managers...)
	c.job, c.variable, c.prepare, c.lines = sqlStagesJob, sqlStagesVariable, writeTables, 1300
	if err := writeTables(c.dir); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSQLStages runs statements of SQL in stages on fewer slots than they have subtasks, and on as many.
func TestSQLStages(t *testing.T) {
	for n := 1; n <= stageParallelism; n++ {
		t.Run(fmt.Sprint(n, " slots"), func(t *testing.T) {
			c := newSQLStages(t, []string{"tm-1", "tm-2", "tm-3"}[:n]...)
			c.submit()
			c.finish()
		})
	}
}

// attempts is how often subtasks of vertices have run whose names contain a text.
func (c *stageCluster) attempts(text string) (runs []int) {
	v, err := c.m.View(c.id)
	if err != nil {
		c.Fatal(err)
	}
	for _, vertex := range v.Vertices {
		for _, s := range vertex.Subtasks {
			if strings.Contains(vertex.Name, text) {
				runs = append(runs, len(s.Earlier)+1)
			}
		}
	}
	return runs
}

// TestSQLStagesKilledWorkers: when workers are killed in a stage, scans that had ended do not run again.
func TestSQLStagesKilledWorkers(t *testing.T) {
	c := newSQLStages(t, "tm-1", "tm-2", "tm-3")
	c.hold(2)
	c.hold(3)
	c.submit()
	c.await("groups", func() bool { return c.began(2) == stageParallelism })
	for _, id := range []string{"tm-1", "tm-2", "tm-3"} {
		c.killWorker(id)
	}
	c.await("groups again", func() bool { return c.began(2) == 2*stageParallelism })
	c.goOn(2)
	c.await("the sums", func() bool { return c.began(3) > 0 })
	c.killWorker("tm-2")
	c.goOn(3)
	c.finish()
	if n := c.attempts("hold(1"); len(n) != stageParallelism || slices.Max(n) != 1 {
		t.Errorf("the scan was run %v times", n)
	}
	if n := c.attempts("hold(2"); slices.Max(n) < 2 {
		t.Errorf("the groups were run %v times", n)
	}
	v, err := c.m.View(c.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, vertex := range v.Vertices { // also those whose worker was killed as they ended
		for _, s := range vertex.Subtasks {
			if s.Attempt.State != jobmanager.TaskFinished {
				t.Errorf("a task of %s is %v in attempt %d", vertex.Name, s.Attempt.State, s.Attempt.Number)
			}
		}
	}
}

// TestSQLStagesKilledTaskManager: what is lost with a TaskManager is made again.
func TestSQLStagesKilledTaskManager(t *testing.T) {
	c := newSQLStages(t, "tm-1", "tm-2")
	c.hold(2)
	c.submit()
	c.await("groups", func() bool { return c.began(2) == 2 })
	c.killManager("tm-2")
	c.startManager("tm-3", "tm-2")
	c.goOn(2)
	c.finish()
	if n := c.attempts("hold(1"); slices.Max(n) < 2 {
		t.Errorf("the scan was run %v times", n)
	}
}
