package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSQL(t *testing.T) {
	values := "SELECT a, b FROM (VALUES (1, 'x'), (22, CAST(NULL AS STRING))) AS t(a, b)"
	for _, c := range []struct {
		cmd  sqlCmd
		want string
	}{
		{sqlCmd{Execute: []string{values}, Batch: true, Format: "table"}, "+----+------+\n|  a | b    |\n+----+------+\n|  1 | x    |\n| 22 | NULL |\n+----+------+\n2 rows\n"},
		{sqlCmd{Execute: []string{values}, Format: "csv"}, "a,b\n1,x\n22,\n"},
		{sqlCmd{Execute: []string{values}, Format: "json"}, `{"a":1,"b":"x"}` + "\n" + `{"a":22,"b":null}` + "\n"},
		{
			sqlCmd{Execute: []string{"SELECT COUNT(*) AS n FROM (VALUES (1), (2)) AS t(a)"}, Format: "changelog", Options: []string{"table.exec.mini-batch.enabled=false"}},
			"+I {\"n\":1}\n-U {\"n\":1}\n+U {\"n\":2}\n",
		},
		{sqlCmd{Execute: []string{"SET 'a' = 'b'", "SHOW TABLES"}, Format: "table"}, "OK\n+------------+\n| table name |\n+------------+\n+------------+\n0 rows\n"},
	} {
		if got := captured(t, func() error { return c.cmd.Run(t.Context()) }); got != c.want {
			t.Errorf("%v\ngot\n%s\nwant\n%s", c.cmd, got, c.want)
		}
	}
}

func TestSQLErrorsShowTheLine(t *testing.T) {
	c := sqlCmd{Execute: []string{"SELECT amout\nFROM (VALUES (1)) AS t(amount)"}, Format: "table"}
	err := c.Run(t.Context())
	want := "there is no column amout\n1 | SELECT amout\n           ^^^^^\nhint: did you mean amount?"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	c = sqlCmd{Execute: []string{"SELECT 1"}, Options: []string{"parallelism.default=many"}}
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "parallelism.default") {
		t.Errorf("a wrong option: %v", err)
	}
}

// TestSQLWaitsForItsJobs: jobs that go on by themselves have ended when the command does.
func TestSQLWaitsForItsJobs(t *testing.T) {
	dir := t.TempDir()
	c := sqlCmd{Format: "csv", Execute: []string{
		"SET 'table.dml-sync' = 'false'", "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = '" + dir + "', 'format' = 'csv')",
		"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)",
	}}
	if out := captured(t, func() error { return c.Run(t.Context()) }); strings.Count(out, "job id\n") != 2 {
		t.Errorf("it prints %s", out)
	}
	c = sqlCmd{Format: "csv", Batch: true, Execute: []string{c.Execute[1], "SELECT a FROM t ORDER BY a"}}
	if out := captured(t, func() error { return c.Run(t.Context()) }); out != "a\n1\n2\n" {
		t.Errorf("the table has %s", out)
	}
	c = sqlCmd{Format: "csv", Execute: []string{"SET 'table.dml-sync' = 'false'", "CREATE TABLE u (a INT) WITH ('connector' = 'blackhole')", "INSERT INTO u SELECT CAST(s AS INT) FROM (VALUES ('x')) AS t(s)"}}
	var err error
	captured(t, func() error { err = c.Run(t.Context()); return nil })
	if err == nil || !strings.Contains(err.Error(), `"x" of type`) {
		t.Errorf("a job that has failed: %v", err)
	}
}

func TestCases(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("data/t.csv", "1,a\n2,b\n")
	setup := "-- setup\nCREATE TABLE t (n INT, s STRING) WITH ('connector' = 'filesystem', 'path' = '${DATA}/t.csv', 'format' = 'csv');\n"
	write("x.good.case", "# mode: streaming\n"+setup+"-- query\nSELECT SUM(n) AS n FROM t;\n-- schema\n[\"n\", \"INT\"]\n-- expect\n[3]\n")
	write("x.error.case", "# mode: streaming\n"+setup+"-- query\nSELECT m FROM t;\n-- error validate\n")
	write("y.bad.case", "# mode: batch\n"+setup+"-- query\nSELECT s FROM t ORDER BY s;\n-- schema\n[\"s\", \"STRING\"]\n-- expect\n[\"a\"]\n")
	c := testCmd{Paths: []string{dir}, Parallelism: 1, Backend: "hashmap", BatchRows: []int{1, 1024}}
	var err error
	out := captured(t, func() error { err = c.Run(t.Context()); return nil })
	for _, want := range []string{"--- y.bad", "  + [\"b\"]", "x                           2        0", "2 passed, 1 failed, 0 skipped"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if err == nil {
		t.Error("a case failed, and the command did not")
	}
	c.Rewrite = true
	if out := captured(t, func() error { return c.Run(t.Context()) }); !strings.Contains(out, "3 passed, 0 failed") {
		t.Errorf("rewritten\n%s", out)
	}
	c.Rewrite, c.JSON, c.Match = false, true, "bad"
	out = captured(t, func() error { return c.Run(t.Context()) })
	if out != `{"case":"y.bad","area":"y","outcome":"passed"}`+"\n" {
		t.Errorf("after rewriting: %s", out)
	}
}
