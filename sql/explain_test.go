package sql_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql"
)

var rewrite = flag.Bool("rewrite", false, "write what is explained into the files of testdata/explain")

// TestExplain compares plans: each file has statements, the last of which is explained, and the plan behind a line of
// dashes.
func TestExplain(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, want, _ := strings.Cut(string(data), "\n--------\n")
			setup, query := text, ""
			if i := strings.LastIndex(strings.TrimRight(text, "; \n"), ";"); i >= 0 {
				setup, query = text[:i], text[i+1:]
			} else {
				setup, query = "", text
			}
			s := withSide(&side{})
			if err := s.Script(t.Context(), setup, func(string, *sql.Result) error { return nil }); err != nil {
				t.Fatal(err)
			}
			got := rows(t, s, "EXPLAIN CHANGELOG_MODE "+strings.TrimSpace(query))
			if *rewrite {
				if err := os.WriteFile(file, []byte(strings.TrimRight(text, "\n")+"\n--------\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("the plan is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestUIDs: what is called otherwise keeps its state, and so does a query beside which another one is added.
func TestUIDs(t *testing.T) {
	table := "CREATE TABLE t (a INT, b INT) WITH ('connector' = 'datagen');CREATE TABLE u (x INT, n BIGINT) WITH ('connector' = 'blackhole');"
	uids := func(statement string, options ...sql.Option) string {
		t.Helper()
		s := newSession(options...)
		if err := s.Script(t.Context(), table, func(string, *sql.Result) error { return nil }); err != nil {
			t.Fatal(err)
		}
		r, err := s.Execute(t.Context(), "EXPLAIN JSON_EXECUTION_PLAN "+statement)
		if err != nil {
			t.Fatal(err)
		}
		for b := range r.Batches() {
			text := string(r.AppendText(nil, b.Cols[0], 0))
			return strings.Join(regexp.MustCompile(`groupaggregate-[0-9a-f]+`).FindAllString(text, -1), " ")
		}
		return ""
	}
	first := uids("INSERT INTO u SELECT a, COUNT(*) FROM t GROUP BY a")
	if first == "" {
		t.Fatal("there is no uid of a group")
	}
	if got := uids("INSERT INTO u SELECT z.a AS k, COUNT(*) AS m FROM t AS z GROUP BY z.a"); got != first {
		t.Errorf("with other names: %s, want %s", got, first)
	}
	if got := uids("STATEMENT SET BEGIN INSERT INTO u SELECT b, COUNT(*) FROM t WHERE b > 1 GROUP BY b; INSERT INTO u SELECT a, COUNT(*) FROM t GROUP BY a; END"); !strings.Contains(got, first) {
		t.Errorf("beside another INSERT: %s, want %s among them", got, first)
	}
	if got := uids("INSERT INTO u SELECT /*+ STATE_TTL('t' = '1 d') */ a, COUNT(*) FROM t GROUP BY a"); got != first {
		t.Errorf("with a hint: %s, want %s", got, first)
	}
	if got := uids("INSERT INTO u SELECT a, COUNT(*) FROM t GROUP BY a", settings(miniBatch)...); got != first {
		t.Errorf("with mini-batches: %s, want %s", got, first)
	}
	if got := uids("INSERT INTO u SELECT a, SUM(b) FROM t GROUP BY a"); got == first {
		t.Error("another aggregate has the same uid")
	}
}
