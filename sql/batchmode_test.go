package sql_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// watched runs jobs and notes what a checkpoint of them gives.
type watched struct{ noted chan error }

func (x watched) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	j, err := launch.Start(ctx, env, name)
	if err != nil {
		return nil, err
	}
	time.AfterFunc(20*time.Millisecond, func() { // some intervals of checkpoints
		_, err := j.Checkpoint(ctx)
		if last, _, _ := j.Checkpoints(); err == nil || len(last) > 0 {
			panic("there are checkpoints")
		}
		j.Cancel()
		x.noted <- err
	})
	return j, nil
}

// TestBatchTakesNoCheckpoints: operators of batch mode have no state that a checkpoint could hold.
func TestBatchTakesNoCheckpoints(t *testing.T) { synctest.Test(t, testBatchTakesNoCheckpoints) }

func testBatchTakesNoCheckpoints(t *testing.T) {
	noted := make(chan error, 1)
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(watched{noted}),
		sql.Set("execution.runtime-mode", "BATCH"), sql.Set("execution.checkpointing.interval", "1 ms"))
	script(t, s, "CREATE TABLE d (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000', 'rows-per-second' = '1')")
	r, err := s.Execute(t.Context(), "SELECT a, COUNT(*) FROM d GROUP BY a ORDER BY a")
	if err != nil {
		t.Fatal(err)
	}
	if err := <-noted; err == nil || !strings.Contains(err.Error(), "a job in batch mode takes no snapshots") {
		t.Errorf("a checkpoint gives %v", err)
	}
	for b, err := range r.Batches() {
		if err == nil {
			t.Errorf("there are %d rows", b.Len())
		}
	}
}

// TestBatchShuffleMode: in one process tasks of batch mode run at the same time, unless they are to begin when those
// before them have ended.
func TestBatchShuffleMode(t *testing.T) { synctest.Test(t, testBatchShuffleMode) }

func testBatchShuffleMode(t *testing.T) {
	for mode, waits := range map[string]bool{"": false, "ALL_EXCHANGES_PIPELINED": false, "ALL_EXCHANGES_BLOCKING": true} {
		s := newSession(sql.Set("execution.runtime-mode", "batch"), sql.Set("parallelism.default", "2"))
		if mode != "" {
			script(t, s, "SET 'execution.batch-shuffle-mode' = '"+mode+"'")
		}
		script(t, s, "CREATE TABLE d (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '10', 'rows-per-second' = '1')")
		start := time.Now()
		r, err := s.Execute(t.Context(), "SELECT a FROM d")
		if err != nil {
			t.Fatal(err)
		}
		n, first := 0, time.Duration(0)
		for b, err := range r.Batches() {
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				first = time.Since(start)
			}
			n += b.N
		}
		if last := time.Since(start); n != 10 || last < 4*time.Second || (first == last) != waits {
			t.Errorf("%s: the first of %d rows comes after %v, the last one after %v", mode, n, first, last)
		}
	}
}

// TestBatchIsBounded: batch mode reads to the end, so there must be one.
func TestBatchIsBounded(t *testing.T) {
	s := newSession(sql.Set("execution.runtime-mode", "batch"))
	script(t, s, "CREATE TABLE d (a INT) WITH ('connector' = 'datagen')")
	_, err := s.Execute(t.Context(), "SELECT COUNT(*) FROM d")
	if err == nil || !strings.Contains(err.Error(), `"TableSource(d())" is unbounded, but the job is to run in batch mode`) {
		t.Errorf("a source without an end gives %v", err)
	}
}

// TestNoTemporalJoinInBatchMode: rows would be joined with what happens to have come of the other side.
func TestNoTemporalJoinInBatchMode(t *testing.T) {
	s := newSession(sql.Set("execution.runtime-mode", "batch"))
	script(t, s, "CREATE TABLE v (a INT, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'datagen', 'number-of-rows' = '5')")
	_, err := s.Execute(t.Context(), "SELECT v.a FROM (SELECT 1 AS a, PROCTIME() AS p) AS x JOIN v FOR SYSTEM_TIME AS OF x.p ON x.a = v.a")
	if err == nil || !strings.Contains(err.Error(), "FOR SYSTEM_TIME AS OF takes a table that can be looked up in batch mode") {
		t.Errorf("it gives %v", err)
	}
}

// TestJoinHintsInBatchMode: hints choose the side that is looked up, and how rows are dealt out; results stay.
func TestJoinHintsInBatchMode(t *testing.T) {
	s := newSession(sql.Set("execution.runtime-mode", "BATCH"), sql.Set("parallelism.default", "3"))
	script(t, s, `
		CREATE VIEW a AS SELECT * FROM (VALUES (1, 'x'), (2, 'y'), (3, 'z'), (3, 'w'), (CAST(NULL AS INT), 'n')) AS t(k, v);
		CREATE VIEW b AS SELECT * FROM (VALUES (3, 'p'), (4, 'q'), (3, 'r'), (1, 's'), (CAST(NULL AS INT), 'm')) AS t(k, w)`)
	for _, c := range []struct {
		join, hint string
		broadcast  bool
		warning    string
	}{
		{"JOIN", "BROADCAST(a)", true, ""},
		{"JOIN", "BROADCAST(b)", true, ""},
		{"LEFT JOIN", "BROADCAST(b)", true, ""},
		{"RIGHT JOIN", "BROADCAST(a)", true, ""},
		{"LEFT JOIN", "BROADCAST(a)", false, "BROADCAST(a) has no effect: rows of the table are in the result by themselves"},
		{"FULL JOIN", "BROADCAST(b)", false, "BROADCAST(b) has no effect: rows of the table are in the result by themselves"},
		{"FULL JOIN", "SHUFFLE_HASH(a)", false, ""},
		{"LEFT JOIN", "SHUFFLE_HASH(b)", false, ""},
		{"JOIN", "SHUFFLE_HASH(b), BROADCAST(a)", false, ""},
		{"JOIN", "SHUFFLE_MERGE(b)", false, "SHUFFLE_MERGE(b) has no effect: there is one way of joining here"},
		{"JOIN", "NEST_LOOP(a)", false, "NEST_LOOP(a) has no effect: there is one way of joining here"},
	} {
		rest := " a.k, v, w FROM a " + c.join + " b ON a.k = b.k ORDER BY v, w"
		hinted := "SELECT /*+ " + c.hint + " */" + rest
		if got, want := rows(t, s, hinted), rows(t, s, "SELECT"+rest); got != want || got == "" {
			t.Errorf("%s\ngives %s, want %s", hinted, got, want)
		}
		plan := rows(t, s, "EXPLAIN "+hinted)
		if strings.Contains(plan, "distribution=[broadcast]") != c.broadcast && !strings.Contains(c.hint, ",") || !strings.Contains(plan, c.warning) ||
			c.warning == "" && !strings.Contains(c.hint, ",") && strings.Contains(plan, "has no effect") {
			t.Errorf("%s\nis planned as %s", hinted, plan)
		}
	}
}

// cancelling runs jobs until they have a temporary file, and cancels them.
type cancelling struct{ dir string }

func (x cancelling) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	j, err := launch.Start(ctx, env, name, launch.TempDir(x.dir))
	if err != nil {
		return nil, err
	}
	go func() {
		defer j.Cancel()
		for {
			if files, _ := filepath.Glob(x.dir + "/*/*"); len(files) > 0 {
				return
			}
			select {
			case <-j.Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return j, nil
}

// TestCancelledBatchLeavesNoFiles: what operators have on disk goes when their job is cancelled.
func TestCancelledBatchLeavesNoFiles(t *testing.T) {
	for _, query := range []string{
		"SELECT a FROM d ORDER BY a", "SELECT a, COUNT(*) FROM d GROUP BY a", "SELECT x.a FROM d AS x FULL JOIN d AS y ON x.a = y.b",
	} {
		dir := t.TempDir()
		s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(cancelling{dir}), sql.Set("execution.runtime-mode", "BATCH"),
			sql.Set("table.exec.resource.sort.memory", "1 mb"), sql.Set("table.exec.resource.hash-agg.memory", "1 mb"), sql.Set("table.exec.resource.hash-join.memory", "1 mb"))
		script(t, s, "CREATE TABLE d (a BIGINT, b BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1000000000', 'rows-per-second' = '1000000000')")
		r, err := s.Execute(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range r.Batches() {
			if err == nil {
				t.Errorf("%s gives rows", query)
			}
		}
		if !errors.Is(err, launch.ErrCanceled) {
			t.Errorf("%s ends with %v", query, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s leaves %v", query, left)
		}
	}
}
