package sql_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// TestSlicesEqualRows: groups by windows of batch mode that are put together of slices are those of rows that are repeated for
// each of their windows, whatever the windows, the keys and the calls are, on disk and in memory, at any parallelism.
func TestSlicesEqualRows(t *testing.T) {
	onlyResults(t)
	random := rand.New(rand.NewPCG(1, 2))
	file := filepath.Join(t.TempDir(), "rows.csv")
	var lines strings.Builder
	began := time.Date(2024, 10, 26, 20, 0, 0, 0, time.UTC) // the clocks in Berlin go back five hours later
	for range 3000 {
		at := began.Add(time.Duration(random.Int64N(int64(8 * time.Hour)))).Format("2006-01-02 15:04:05.000")
		v := fmt.Sprint(random.IntN(1000) - 300)
		if random.IntN(10) == 0 {
			v = "NULL"
		}
		fmt.Fprintf(&lines, "%d,%s,%d.%02d,%s,%sZ\n", random.IntN(7), v, random.IntN(100), random.IntN(100), at, at)
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	const table = "CREATE TABLE t (k INT, v BIGINT, d DECIMAL(10, 2), ts TIMESTAMP(3), li TIMESTAMP_LTZ(3)) WITH ('connector' = 'filesystem', 'format' = 'csv', 'csv.null-literal' = 'NULL', 'path' = '"
	n := 0
	for _, window := range []string{
		"HOP(TABLE t, DESCRIPTOR(%s), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)", "HOP(TABLE t, DESCRIPTOR(%s), INTERVAL '7' MINUTE, INTERVAL '14' MINUTE)",
		"HOP(TABLE t, DESCRIPTOR(%s), INTERVAL '1' HOUR, INTERVAL '3' HOUR, INTERVAL '13' MINUTE)",
		"CUMULATE(TABLE t, DESCRIPTOR(%s), INTERVAL '20' MINUTE, INTERVAL '2' HOUR)", "CUMULATE(TABLE t, DESCRIPTOR(%s), INTERVAL '10' SECOND, INTERVAL '1' MINUTE)",
	} {
		for _, time := range []string{"ts", "li"} {
			for _, x := range []struct{ keys, calls, where string }{
				{"", "COUNT(*), SUM(v)", ""},
				{"k", "COUNT(*), COUNT(v), MIN(v), MAX(d), AVG(v), SUM(d)", ""},
				{"k, v, window_time", "COUNT(*), STDDEV_POP(k)", "WHERE v > 0"},
				{"window_time", "SUM(v) FILTER (WHERE k > 2), MAX(ts)", "WHERE k <> 1"},
			} {
				from := fmt.Sprintf("TABLE("+window+")", time)
				keys := strings.TrimPrefix(x.keys+", window_start, window_end", ", ")
				query := fmt.Sprintf("SELECT %s, %s FROM %s %s GROUP BY %[1]s", keys, x.calls, from, x.where)
				// What is computed of a window has its rows repeated.
				repeated := fmt.Sprintf("SELECT %s, %s FROM (SELECT *, CAST(window_end AS DATE) AS e FROM %s) %s GROUP BY %[1]s, e", keys, x.calls, from, x.where)
				run := func(query, set string, isSliced bool) string {
					s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor(launch.BatchRows([]int{1024, 7, 1}[n%3]))))
					script(t, s, table+file+"'); SET 'execution.runtime-mode' = 'batch'; SET 'table.local-time-zone' = 'Europe/Berlin';"+set)
					if plan := rows(t, s, "EXPLAIN "+query); strings.Contains(plan, "WindowSlices(") != isSliced {
						t.Errorf("the plan is\n%s", plan)
					}
					return sorted(rows(t, s, query))
				}
				set := []string{
					"", "SET 'parallelism.default' = '3'", "SET 'table.exec.resource.hash-agg.memory' = '10 kb'; SET 'parallelism.default' = '2'",
					"SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE'; SET 'state.backend.type' = 'pebble'",
				}[n%4]
				n++
				if got, want := run(query, set, true), run(repeated, "", false); got != want || strings.Count(got, "\n") < 5 {
					t.Errorf("%s, %s\ngives\n%.2000s\nwant\n%.2000s", set, query, got, want)
				}
			}
		}
	}
}

// TestNotSliced: groups whose result depends on the order of rows, or that have more than words, are not put together of slices.
func TestNotSliced(t *testing.T) {
	s := newSession()
	script(t, s, "CREATE TABLE t (k INT, v BIGINT, s STRING, ts TIMESTAMP(3)) WITH ('connector' = 'datagen', 'number-of-rows' = '1'); SET 'execution.runtime-mode' = 'batch'")
	for calls, want := range map[string]bool{
		"SUM(v)": true, "FIRST_VALUE(v)": false, "LAST_VALUE(v), SUM(v)": false, "COUNT(DISTINCT v)": false, "MIN(s)": false, "LISTAGG(s)": false,
	} {
		for window, isOverlapping := range map[string]bool{
			"HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '2' MINUTE)": true, "HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '2' MINUTE)": false,
			"TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '2' MINUTE)": false, "CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '2' MINUTE)": true,
		} {
			plan := rows(t, s, fmt.Sprintf("EXPLAIN SELECT k, window_start, %s FROM TABLE(%s) GROUP BY k, window_start, window_end", calls, window))
			if strings.Contains(plan, "WindowSlices(") != (want && isOverlapping) {
				t.Errorf("%s of %s\n%s", calls, window, plan)
			}
		}
	}
}
