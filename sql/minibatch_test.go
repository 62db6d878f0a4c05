package sql_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// TestMiniBatchOptions: mini-batches of which nobody says when they end are refused.
func TestMiniBatchOptions(t *testing.T) {
	query := "SELECT a, COUNT(*) FROM (VALUES (1)) AS t(a) GROUP BY a"
	s := newSession()
	script(t, s, "SET 'table.exec.mini-batch.enabled' = 'true'")
	refuses(t, s, map[string]string{query: "needs a 'table.exec.mini-batch.allow-latency' above 0"})
	script(t, s, "SET 'table.exec.mini-batch.allow-latency' = '1 s'")
	refuses(t, s, map[string]string{query: "needs a 'table.exec.mini-batch.size' above 0"})
	script(t, s, "SET 'table.exec.mini-batch.size' = '0'")
	refuses(t, s, map[string]string{query: "needs a 'table.exec.mini-batch.size' above 0"})
	script(t, s, "SET 'table.exec.mini-batch.size' = '1'")
	shows(t, s, map[string]string{query: "1|1"})
	script(t, s, "SET 'table.exec.mini-batch.size' = '0'; SET 'execution.runtime-mode' = 'batch'") // has no effect there
	shows(t, s, map[string]string{query: "1|1"})
}

// TestMiniBatch: the changes that a count of a row a second gives in ten seconds, by how long and how many rows wait.
func TestMiniBatch(t *testing.T) {
	const on = "SET 'table.exec.mini-batch.enabled' = 'true';"
	for name, c := range map[string]struct {
		options string
		counts  []string
	}{
		"a change for each row":     {"SET 'table.exec.mini-batch.enabled' = 'false'", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}},
		"by time":                   {on + "SET 'table.exec.mini-batch.allow-latency' = '3500 ms'; SET 'table.exec.mini-batch.size' = '1000'", []string{"4", "8"}},
		"by number":                 {on + "SET 'table.exec.mini-batch.allow-latency' = '1 h'; SET 'table.exec.mini-batch.size' = '3'", []string{"3", "6", "9"}},
		"before checkpoints":        {on + "SET 'table.exec.mini-batch.allow-latency' = '1 h'; SET 'table.exec.mini-batch.size' = '1000'; SET 'execution.checkpointing.interval' = '4200 ms'", []string{"5", "9"}},
		"a change for each batch":   {"RESET 'table.exec.mini-batch.enabled'", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}},
		"nothing before it is time": {on + "SET 'table.exec.mini-batch.allow-latency' = '1 h'; SET 'table.exec.mini-batch.size' = '1000'", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSession()
			script(t, s, numbered("f", "a", "1", "")+c.options)
			ctx, cancel := context.WithTimeout(t.Context(), 9900*time.Millisecond)
			defer cancel()
			r, err := s.Execute(ctx, "SELECT COUNT(*) AS n FROM f")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var counts []string
			for b, err := range r.Batches() {
				if err != nil {
					break // the time is over
				}
				for i := range b.N {
					if k := b.Kind(i).String(); k == "+I" || k == "+U" {
						counts = append(counts, string(r.AppendText(nil, b.Cols[0], i)))
					}
				}
			}
			if len(counts) != len(c.counts) {
				t.Fatalf("%s: %v, want %v", name, counts, c.counts)
			}
			for i, n := range c.counts {
				if counts[i] != n {
					t.Errorf("%s: %v, want %v", name, counts, c.counts)
				}
			}
		})
	}
}

// TestVersionsOfABatch: a join with versions of rows gets each of them, also of those that come in one batch.
func TestVersionsOfABatch(t *testing.T) {
	data, remove, err := sqltest.Data("testdata/data")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	for _, name := range []string{"join.temporal", "join.temporal_agg", "join.temporal_left"} {
		files, _ := filepath.Glob("testdata/*/" + name + ".case")
		if len(files) != 1 {
			t.Fatal(name, files)
		}
		c, err := sqltest.Read(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range []string{"", miniBatch} {
			v := sqltest.Run(t.Context(), &sqltest.Config{Data: data, NewSession: func(options ...sql.Option) *sql.Session {
				return newSession(append(append(options, settings(set)...), sql.Set("pipeline.auto-watermark-interval", "200 ms"))...)
			}}, c)
			if v.Outcome != sqltest.Passed {
				t.Errorf("%s with %q: %s", name, set, v.Report)
			}
		}
	}
}
