package sql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

func newSession(options ...sql.Option) *sql.Session {
	return sql.NewSession(append(options, sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()))...)
}

// rows are the rows of a query, as texts with bars in between.
func rows(t *testing.T, s *sql.Session, text string, args ...sql.Param) string {
	t.Helper()
	r, err := s.Execute(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return texts(t, r)
}

func texts(t *testing.T, r *sql.Result) string {
	t.Helper()
	var lines []string
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.N {
			var cells []string
			for _, v := range b.Cols {
				cells = append(cells, string(r.AppendText(nil, v, i)))
			}
			lines = append(lines, strings.Join(cells, "|"))
		}
	}
	return strings.Join(lines, "\n")
}

func TestFilesAsTables(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": `{"id": 1, "tags": ["x"], "at": {"lat": 1.5}}` + "\n" + `{"id": 2, "more": null, "at": {"lon": 2}}` + "\n",
		"b.csv":  "tea,2,1.50\n\"a cup\",,3\n",
		"c.txt":  "no format\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := newSession()
	if got := rows(t, s, fmt.Sprintf("SELECT id, tags, f.`at`.lat, more FROM '%s/*.json' AS f", dir)); got != "1|[x]|1.5|NULL\n2|NULL|NULL|NULL" {
		t.Errorf("json: %q", got)
	}
	if got := rows(t, s, fmt.Sprintf("SELECT f0, f1 + 1, f2 FROM '%s/b.csv'", dir)); got != "tea|3|1.5\na cup|NULL|3.0" {
		t.Errorf("csv: %q", got)
	}
	for path, want := range map[string]string{"c.txt": "format", "d.json": "there is no file"} {
		if _, err := s.Execute(t.Context(), fmt.Sprintf("SELECT * FROM '%s/%s'", dir, path)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestParameters(t *testing.T) {
	s := newSession()
	name := "O'Brien'; DROP TABLE x"
	got := rows(t, s, "SELECT :name || '!', :n + 1, :missing IS NULL", sql.Param{Name: "name", Value: name},
		sql.Param{Name: "n", Value: int64(41)}, sql.Param{Name: "missing", Value: (*int32)(nil)})
	if got != name+"!|42|TRUE" {
		t.Errorf("%q", got)
	}
	_, err := s.Execute(t.Context(), "SELECT :nam", sql.Param{Name: "name", Value: "x"})
	if err == nil || !strings.Contains(err.Error(), "did you mean name?") {
		t.Errorf("an unknown parameter: %v", err)
	}
}

func TestAlterTable(t *testing.T) {
	s := newSession()
	for _, x := range []string{
		"CREATE TABLE t (a INT, b STRING, ts TIMESTAMP(3), c AS a + 1) WITH ('connector' = 'datagen', 'number-of-rows' = '1')",
		"ALTER TABLE t ADD (d BIGINT NOT NULL FIRST, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)",
		"ALTER TABLE t RENAME b TO bb", "ALTER TABLE t DROP c", "ALTER TABLE t MODIFY bb VARCHAR(9) COMMENT 'x' AFTER d",
		"ALTER TABLE t ADD PRIMARY KEY (d) NOT ENFORCED", "ALTER TABLE t SET ('rows-per-second' = '7')",
	} {
		if _, err := s.Execute(t.Context(), x); err != nil {
			t.Fatalf("%s: %v", x, err)
		}
	}
	want := "CREATE TABLE `default_catalog`.`default_database`.`t` (\n  `d` BIGINT NOT NULL,\n  `bb` VARCHAR(9) COMMENT 'x',\n  `a` INT,\n" +
		"  `ts` TIMESTAMP(3),\n  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND,\n  CONSTRAINT `PK_d` PRIMARY KEY (`d`) NOT ENFORCED\n)\n" +
		"WITH (\n  'connector' = 'datagen',\n  'number-of-rows' = '1',\n  'rows-per-second' = '7'\n)\n"
	if got := rows(t, s, "SHOW CREATE TABLE t"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for x, want := range map[string]string{
		"ALTER TABLE t DROP ts": "the watermark is made of ts", "ALTER TABLE t DROP d": "in the primary key",
		"ALTER TABLE t RENAME a TO bb": "there is a column bb already", "ALTER TABLE t ADD a INT": "there is a column a already",
		"ALTER TABLE t MODIFY aa INT": "did you mean a?", "ALTER TABLE t DROP x": "there is no column x",
		"ALTER TABLE t ADD PRIMARY KEY (a) NOT ENFORCED": "there is a primary key already",
	} {
		if _, err := s.Execute(t.Context(), x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", x, err, want)
		}
	}
}

// TestMetadataColumns reads metadata columns with other types than the connector has, and refuses to write those that cannot be written.
func TestMetadataColumns(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.csv"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newSession(sql.Set("execution.runtime-mode", "batch"))
	rows(t, s, fmt.Sprintf("CREATE TABLE t (size STRING METADATA FROM 'file.size', n INT, small INT METADATA FROM 'file.size' VIRTUAL) "+
		"WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv')", dir))
	if got := rows(t, s, "SELECT n, small + 1, size || '!' FROM t"); got != "1|3|2!" {
		t.Errorf("%q", got)
	}
	for text, want := range map[string]string{
		"INSERT INTO t VALUES ('1', 2)": "the column size of the table t is the metadata column 'file.size', which cannot be written; declare it as VIRTUAL",
		"SELECT d FROM (SELECT * FROM t /*+ OPTIONS('format' = 'csv') */) AS x(a, b, d) WHERE d IS NULL": "",
	} {
		_, err := s.Execute(t.Context(), text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	rows(t, s, fmt.Sprintf("CREATE TABLE u (d DATE METADATA FROM 'file.size', n INT) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv')", dir))
	if _, err := s.Execute(t.Context(), "SELECT d FROM u"); err == nil || !strings.Contains(err.Error(), "the table u: the metadata column 'file.size' is of type BIGINT NOT NULL") {
		t.Errorf("a type that it cannot have: %v", err)
	}
}
