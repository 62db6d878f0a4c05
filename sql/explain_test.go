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
			query = strings.TrimSpace(query)
			if !strings.HasPrefix(query, "EXPLAIN") {
				query = "EXPLAIN CHANGELOG_MODE " + query
			}
			got := rows(t, s, query)
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

// TestAdviceAboutKeys: the rows of a sink's key are kept where the query has another one, which it should have.
func TestAdviceAboutKeys(t *testing.T) {
	s := newSession(sql.With(halves(new([]string)), nil))
	execute(t, s, halvesTables+"CREATE TABLE kept (s STRING, n BIGINT, PRIMARY KEY (s) NOT ENFORCED) WITH ('connector' = 'kept', 'upsert' = 'true');")
	got := rows(t, s, "EXPLAIN PLAN_ADVICE INSERT INTO kept SELECT s, COUNT(*) FROM a GROUP BY s, k")
	if want := "[ADVICE] The rows of each primary key of the sink are kept, since the query's rows have another key."; !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestKeyThatIsNotRead: the changes of a table without -U are found by its key, whether the query reads it or not.
func TestKeyThatIsNotRead(t *testing.T) {
	s := newSession(sql.With(halves(new([]string)), nil))
	execute(t, s, halvesTables)
	for query, want := range map[string]string{
		"SELECT v FROM u":                "ChangelogNormalize(key=[k])",
		"SELECT COUNT(*), MAX(v) FROM u": "ChangelogNormalize(key=[k])",
	} {
		if got := rows(t, s, "EXPLAIN "+query); !strings.Contains(got, want) {
			t.Errorf("%s\n%s\nwant %s", query, got, want)
		}
	}
	const query = "SELECT CAST(COUNT(*) AS INT) AS n, MAX(v) AS m FROM "
	if with, without := lastRow(t, s, query+"u"), lastRow(t, s, query+"(SELECT k, v FROM u)"); with != without {
		t.Errorf("without the key %s, with it %s", without, with)
	}
}

// lastRow is the last row of a query.
func lastRow(t *testing.T, s *sql.Session, query string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(rows(t, s, query)), "\n")
	return lines[len(lines)-1]
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
	// A state that expires has another layout than one that does not; how long it is kept is not in there.
	hinted := func(d string) string {
		return uids("INSERT INTO u SELECT /*+ STATE_TTL('t' = '" + d + "') */ a, COUNT(*) FROM t GROUP BY a")
	}
	if day, week := hinted("1 d"), hinted("7 d"); day != week || day == first {
		t.Errorf("with hints of a day and a week: %s and %s; without one %s", day, week, first)
	}
	if got := uids("INSERT INTO u SELECT a, COUNT(*) FROM t GROUP BY a", settings(miniBatch)...); got != first {
		t.Errorf("with mini-batches: %s, want %s", got, first)
	}
	if got := uids("INSERT INTO u SELECT a, SUM(b) FROM t GROUP BY a"); got == first {
		t.Error("another aggregate has the same uid")
	}
}
