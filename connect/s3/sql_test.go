package s3_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/connect/s3"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// lines are the rows of a query, sorted.
func lines(t *testing.T, s *sql.Session, text string) string {
	t.Helper()
	r, err := s.Execute(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var all []string
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i := range b.N {
			var cells []string
			for _, v := range b.Cols {
				cells = append(cells, string(r.AppendText(nil, v, i)))
			}
			all = append(all, strings.Join(cells, "|"))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestTables writes tables of each kind of format, reads them, and replaces partitions.
func TestTables(t *testing.T) {
	s3.NewTestStore(t, "s3://bucket/named/x.csv", "1,a\n2,b\n")
	session := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()))
	do := func(text string) { lines(t, session, text) }
	do("SET 'execution.runtime-mode' = 'batch'")
	for _, format := range []string{"csv", "json", "avro", "parquet"} {
		t.Run(format, func(t *testing.T) {
			want := func(query, rows string) {
				t.Helper()
				if got := lines(t, session, fmt.Sprintf(query, format)); got != rows {
					t.Errorf(query+": %s, want %s", format, got, rows)
				}
			}
			do(fmt.Sprintf(`CREATE TABLE %[1]s_days (n INT, s STRING, d STRING) PARTITIONED BY (d)
				WITH ('connector' = 'filesystem', 'path' = 's3://bucket/tables/%[1]s', 'format' = '%[1]s')`, format))
			want("SELECT * FROM %s_days", "")
			do(fmt.Sprintf("INSERT INTO %s_days VALUES (1, 'a', '05/01'), (2, 'b', '05/02'), (3, 'c', CAST(NULL AS STRING))", format))
			do(fmt.Sprintf("INSERT INTO %s_days VALUES (4, 'd', '05/02')", format))
			want("SELECT * FROM %s_days", "1|a|05/01 2|b|05/02 3|c|NULL 4|d|05/02")
			want("SELECT n FROM %s_days WHERE d = '05/02'", "2 4")
			do(fmt.Sprintf("INSERT OVERWRITE %s_days VALUES (5, 'e', '05/02')", format))
			want("SELECT * FROM %s_days", "1|a|05/01 3|c|NULL 5|e|05/02")
			do(fmt.Sprintf(`CREATE TABLE %[1]s_files (n INT, s STRING, f STRING METADATA FROM 'file.path')
				WITH ('connector' = 'filesystem', 'path' = 's3://bucket/tables/%[1]s/*/part-*', 'format' = '%[1]s')`, format))
			want("SELECT n, REGEXP_REPLACE(f, 'part-.*', '') FROM %s_files WHERE n = 5", "5|s3://bucket/tables/"+format+"/d=05%2F02/")
		})
	}
	do(`CREATE TABLE complete (n INT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'filesystem', 'path' = 's3://bucket/complete',
		'format' = 'json', 'sink.partition-commit.policy.kind' = 'success-file')`)
	for range 2 {
		do("INSERT INTO complete VALUES (1, 'x'), (2, 'y')")
		files, err := filesystem.For("s3://bucket/")
		if err != nil {
			t.Fatal(err)
		}
		if found, err := files.Glob(t.Context(), "s3://bucket/complete/*/_SUCCESS"); err != nil || len(found) != 2 {
			t.Errorf("partitions that are complete: %v, %v", found, err)
		}
	}
	for query, want := range map[string]string{
		"SELECT f0 + 1, f1 FROM 's3://bucket/named/*.csv'": "2|a 3|b",
		"SELECT COUNT(*) FROM 's3a://bucket/named/x.csv'":  "2",
	} {
		if got := lines(t, session, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for text, want := range map[string]string{
		"CREATE TABLE typo (n INT) WITH ('connector' = 'filesystem', 'path' = 's3://typo/x', 'format' = 'csv')":       "there is no bucket typo",
		"CREATE TABLE scheme (n INT) WITH ('connector' = 'filesystem', 'path' = 'gopher://x/y', 'format' = 'csv')":    "there are file://, ",
		"CREATE TABLE no_bucket (n INT) WITH ('connector' = 'filesystem', 'path' = 's3:/x/y', 'format' = 'csv')":      "write s3://bucket/path",
		"CREATE TABLE nothing (n INT) WITH ('connector' = 'filesystem', 'path' = 's3://bucket/no', 'format' = 'csv')": "does not exist",
	} {
		do(text)
		r, err := session.Execute(t.Context(), "SELECT * FROM "+strings.Fields(text)[2])
		if err == nil {
			for _, err = range r.Batches() {
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
