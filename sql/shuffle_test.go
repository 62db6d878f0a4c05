package sql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql"
)

// TestShuffle holds that rows come in another order with each seed, that none is lost, and that what has an order
// keeps it: changes of a key, and rows with a watermark between them.
func TestShuffle(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, line func(i int) string) string {
		var text strings.Builder
		for i := range 100 {
			text.WriteString(line(i) + "\n")
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	plain := write("plain.csv", func(i int) string { return fmt.Sprint(i) })
	changes := write("changes.json", func(i int) string { // of the keys 0, 1 and 2
		op, before := "u", fmt.Sprintf(`{"k":%d,"v":%d}`, i%3, i-3)
		if i < 3 {
			op, before = "c", "null"
		}
		return fmt.Sprintf(`{"op":%q,"before":%s,"after":{"k":%d,"v":%d}}`, op, before, i%3, i)
	})
	times := write("times.csv", func(i int) string { // each second row is a second after the one before
		return fmt.Sprintf("%d,2024-01-01 00:00:%02d", i, (i+1)/2)
	})
	one := sql.Set("parallelism.default", "1")
	each := sql.Set("pipeline.auto-watermark-interval", "0 ms")
	table := func(columns, file, format string) string {
		return fmt.Sprintf("CREATE TABLE t (%s) WITH ('connector'='filesystem', 'path'='%s', 'format'='%s')", columns, file, format)
	}
	list := func(seed uint64, ddl, query string) []string {
		s := newSession(one, each, sql.Shuffle(seed))
		rows(t, s, ddl)
		return strings.Split(rows(t, s, query), "\n")
	}

	plainTable := table("i INT", plain, "csv")
	first, second, again := list(1, plainTable, "SELECT i FROM t"), list(2, plainTable, "SELECT i FROM t"), list(1, plainTable, "SELECT i FROM t")
	if slices.Equal(first, second) || !slices.Equal(first, again) {
		t.Errorf("seed 1: %v\nseed 2: %v\nseed 1: %v", first, second, again)
	}
	if n := list(1, plainTable, "SELECT COUNT(DISTINCT i), COUNT(*) FROM t"); n[len(n)-1] != "100|100" {
		t.Errorf("%v", n)
	}

	keyed := list(3, table("k INT, v INT, PRIMARY KEY (k) NOT ENFORCED", changes, "debezium-json"), "SELECT k, v FROM t WHERE v >= 0")
	last := map[string]int{}
	for _, line := range keyed {
		var k string
		var v int
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, "|", " "), "%s %d", &k, &v); err != nil {
			t.Fatal(line, err)
		}
		if v < last[k] {
			t.Errorf("key %s: %d comes after %d", k, v, last[k])
		}
		last[k] = v
	}
	if unshuffled := list(0, table("k INT, v INT, PRIMARY KEY (k) NOT ENFORCED", changes, "debezium-json"), "SELECT k, v FROM t WHERE v >= 0"); slices.Equal(keyed, unshuffled) {
		t.Error("changes of different keys come as they are in the file")
	}

	timed := list(4, table("i INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts", times, "csv"), "SELECT i FROM t")
	moved := false
	for at, line := range timed {
		var i int
		fmt.Sscan(line, &i)
		if i/2 != at/2 || at < 2 && i != at { // 0, 1, then pairs of which the second advances the watermark
			t.Fatalf("row %d has come at place %d, over a watermark: %v", i, at, timed)
		}
		moved = moved || i != at
	}
	if !moved {
		t.Error("rows without a watermark between them come as they are in the file")
	}
}
