package sql_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConditionsOfScans: conditions on columns of a table of Parquet give what they give where they cannot be told to the table.
func TestConditionsOfScans(t *testing.T) {
	s := newSession()
	script(t, s, fmt.Sprintf("SET 'execution.runtime-mode' = 'batch'; SET 'parallelism.default' = '1';"+
		"CREATE TABLE t (n BIGINT, i INT, s STRING, d DATE, ts TIMESTAMP(3), x DECIMAL(8, 2), p INT) PARTITIONED BY (p) "+
		"WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'parquet', 'parquet.block.size' = '2kb', 'parquet.write.int64.timestamp' = 'true')", t.TempDir()))
	rows(t, s, `INSERT INTO t SELECT n, IF(MOD(n, 7) = 0, CAST(NULL AS INT), CAST(n AS INT) - 1000), CAST(n * n AS STRING), TIMESTAMPADD(DAY, CAST(n AS INT), DATE '2024-01-01'),
		TIMESTAMPADD(HOUR, CAST(n AS INT), TIMESTAMP '2024-01-01 00:00:00'), CAST(n AS DECIMAL(8, 2)) / 4, CAST(MOD(n, 2) AS INT)
		FROM (VALUES `+numbers(3000)+`) AS v (n)`)
	for _, condition := range []string{
		"n = 77", "n > 2990", "n >= 2990", "n < 5", "n <= 5", "5 > n", "2990 <= n", "n BETWEEN 100 AND 110", "n <> 5 AND n < 8", "n > 10 OR n < 5", "n = 5 OR n = 7",
		"i > 1990", "i = -1000", "i < -990 AND i IS NOT NULL", "i IS NULL AND n < 50", "n > 2147483648", "i > 3000000000", "s = '49'", "s >= '9980'", "s < '10'",
		"d = DATE '2024-02-01'", "d > DATE '2032-03-01'", "ts < TIMESTAMP '2024-01-01 05:00:00'", "ts >= TIMESTAMP '2024-05-04 20:00:00.001'", "ts = TIMESTAMP '2024-01-02 00:00:00.0001'",
		"x = 1.5", "x > 740", "p = 1 AND n < 5", "n = CAST(NULL AS BIGINT)", "n > 2990 AND s LIKE '%1'", "NOT (n < 2990)", "MOD(n, 100) = 3", "n = 1000000",
	} {
		query := "SELECT n FROM t WHERE %s ORDER BY n"
		got, want := rows(t, s, fmt.Sprintf(query, condition)), rows(t, s, fmt.Sprintf(query, "("+condition+") IS TRUE"))
		if got != want {
			t.Errorf("WHERE %s gives\n%s\nwant\n%s", condition, got, want)
		}
	}
}

// numbers are rows of one number each.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "(CAST(%d AS BIGINT))", i)
	}
	return b.String()
}

// TestConditionsPassOver: groups of rows that have nothing that is wanted are not read, which shows where they are broken. All are
// where another query takes all rows of the same scan, and where watermarks are made of them.
func TestConditionsPassOver(t *testing.T) {
	dir := t.TempDir()
	s := newSession()
	const with = " WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'parquet', 'parquet.block.size' = '2kb', 'parquet.compression' = 'UNCOMPRESSED', 'parquet.enable.dictionary' = 'false');"
	script(t, s, fmt.Sprintf("SET 'execution.runtime-mode' = 'batch'; SET 'parallelism.default' = '1';"+
		"CREATE TABLE t (n BIGINT, s STRING)"+with+"CREATE TABLE timed (n BIGINT, s STRING, ts AS TO_TIMESTAMP_LTZ(n, 3), WATERMARK FOR ts AS ts)"+with, dir, dir))
	rows(t, s, "INSERT INTO t SELECT n, 'text ' || CAST(n AS STRING) FROM (VALUES "+numbers(3000)+") AS v (n)")
	files, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	file, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, []byte("text 1500"))
	if at < 0 {
		t.Fatal("the text is not in the file")
	}
	copy(file[at-4:], "\xff\xff\xff\x7f") // its length
	if err := os.WriteFile(files[0], file, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, s, "SELECT s FROM t WHERE n >= 2999"); got != "text 2999" {
		t.Errorf("%q", got)
	}
	for _, query := range []string{
		"SELECT s FROM t WHERE n >= 1400", "SELECT s FROM t WHERE (n >= 2999) IS TRUE",
		"SELECT s FROM t WHERE n >= 2999 UNION ALL SELECT MAX(s) FROM t",
		"SET 'execution.runtime-mode' = 'streaming'; SELECT s FROM timed WHERE n >= 2999",
	} {
		if set, rest, ok := strings.Cut(query, "; "); ok {
			script(t, s, set)
			query = rest
		}
		r, err := s.Execute(t.Context(), query)
		if err == nil {
			for _, e := range r.Batches() {
				err = e
			}
		}
		if err == nil {
			t.Errorf("%s does not read what is broken", query)
		}
	}
}
