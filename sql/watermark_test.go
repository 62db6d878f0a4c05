package sql_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/sql"
)

// numbered is a table of numbers in order, rate of them a second, whose event time is so many seconds.
func numbered(name, time, rate, options string) string {
	return "CREATE TABLE " + name + " (a BIGINT, ts AS TO_TIMESTAMP_LTZ(" + time + ", 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'rows-per-second' = '" + rate +
		"', 'fields.a.kind' = 'sequence', 'fields.a.start' = '1', 'fields.a.end' = '1000000'" + options + ");"
}

// lastIn is the last row that a query gives in a time, empty if it gives none.
func lastIn(t *testing.T, s *sql.Session, query string, in time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), in)
	defer cancel()
	r, err := s.Execute(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	row := ""
	for b, err := range r.Batches() {
		if err != nil {
			break // the time is over
		}
		for i := range b.N {
			row = string(r.AppendJSON(nil, b, i))
		}
	}
	return row
}

// TestIdleTimeout: a table without rows for a while does not hold back windows, by its own option, or by that of the session.
func TestIdleTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		table, session string
		fires          bool
	}{
		"never":                {},
		"table":                {table: ", 'scan.watermark.idle-timeout' = '300 ms'", fires: true},
		"session":              {session: "SET 'table.exec.source.idle-timeout' = '300 ms';", fires: true},
		"table before session": {table: ", 'scan.watermark.idle-timeout' = '1 h'", session: "SET 'table.exec.source.idle-timeout' = '300 ms';"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSession()
				script(t, s, c.session+numbered("f", "a * 1000", "10", "")+numbered("slow", "a * 0", "1", c.table)+
					"CREATE VIEW v AS SELECT a, ts FROM f UNION ALL SELECT a, ts FROM slow")
				got := lastIn(t, s, "SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE v, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE a > 100 GROUP BY window_start, window_end", 30*time.Second)
				if (got != "") != c.fires {
					t.Errorf("windows give %q", got)
				}
			})
		})
	}
}

// TestAlignment: a table is read no further than its drift ahead of a slower one of its group.
func TestAlignment(t *testing.T) {
	align := ", 'scan.watermark.alignment.group' = 'g', 'scan.watermark.alignment.max-drift' = '5 s', 'scan.watermark.alignment.update-interval' = '100 ms'"
	for _, options := range []string{"", align} {
		synctest.Test(t, func(t *testing.T) {
			s := newSession()
			script(t, s, numbered("f", "a * 1000", "1000", options)+numbered("slow", "a * 1000", "1", options)+
				"CREATE VIEW v AS SELECT a, ts FROM f UNION ALL SELECT a, ts FROM slow")
			got := lastIn(t, s, "SELECT MAX(a) AS n FROM v", 20*time.Second)
			isFar := len(got) >= len(`{"n":10000}`)
			if got == "" || isFar != (options == "") {
				t.Errorf("with %q the quick table has come to %s", options, got)
			}
		})
	}
}

// TestWatermarkOptions: when watermarks are given, and what is refused.
func TestWatermarkOptions(t *testing.T) {
	s := newSession()
	script(t, s, "CREATE TABLE `none` (a INT) WITH ('connector' = 'datagen', 'scan.watermark.idle-timeout' = '1 s');"+numbered("w", "a", "1", ""))
	hint := func(option string) string {
		return "SELECT a FROM w /*+ OPTIONS('scan.watermark." + option + ") */"
	}
	refuses(t, s, map[string]string{
		"SELECT * FROM `none`":               "has options that begin with scan.watermark., and no watermark; WATERMARK FOR",
		hint("emit.strategy' = 'sometimes'"): "on-event",
		hint("emit.strateg' = 'on-event'"):   "scan.watermark.emit.strategy",
		hint("alignment.group' = 'g'"):       "they go together",
		hint("alignment.max-drift' = '1 s'"): "they go together",
		hint("idle-timeout' = 'soon'"):       "a duration",
	})
	// The rows of one batch: a late one shows whether there was a watermark between them.
	script(t, s, "SET 'table.exec.mini-batch.enabled' = 'false'")
	for strategy, want := range map[string]string{"on-event": "1", "on-periodic": "2"} {
		dir := t.TempDir()
		files := "CREATE OR REPLACE TABLE x (a BIGINT, ts AS TO_TIMESTAMP_LTZ(a, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem', 'path' = '" + dir + "', 'format' = 'csv', 'scan.watermark.emit.strategy' = '" + strategy + "')"
		script(t, s, files)
		rows(t, s, "INSERT INTO x (a) SELECT a FROM (VALUES (1), (50000), (2)) AS t(a)")
		got := rows(t, s, "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE x, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE a < 10 GROUP BY window_start, window_end")
		if got = strings.TrimSpace(got); got != want {
			t.Errorf("%s: the first window has %s rows, want %s", strategy, got, want)
		}
	}
}
