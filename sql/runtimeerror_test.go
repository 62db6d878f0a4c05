package sql_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRuntimeErrors holds that a job that fails says which expression failed, with which value, of which row.
func TestRuntimeErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kv.csv")
	if err := os.WriteFile(file, []byte("1,apple,10\n2,7,20\n3,,\n4,9,40\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SELECT CAST(s AS INT) FROM kv":                                       `"apple" of type STRING cannot be cast to INT in CAST(s AS INT); the row is s: apple`,
		"SELECT id FROM kv WHERE id > 1 AND 10 / (n - 40) > 1":                "division by zero in (10 / (n - 40)); the row is id: 4, n: 40",
		"SELECT id, CASE WHEN id > 2 THEN 10 / (n - 40) END FROM kv":          "division by zero in (10 / (n - 40)); the row is id: 4, n: 40",
		"SELECT k.id FROM kv k JOIN kv j ON k.id = j.id AND 1/(k.n-20) > j.n": "division by zero in (1 / (n - 20)); the row is n: 20, n: 20",
		"SELECT s, SUM(1 / (id - 3)) FROM kv GROUP BY s":                      "division by zero in (1 / (id - 3)); the row is id: 3, s: NULL",
		"SELECT ELEMENT(ARRAY[1, 2])":                                         "ELEMENT takes an array of one element, and this one has 2 in ELEMENT([1, 2])",
	} {
		s := newSession()
		rows(t, s, "CREATE TABLE kv (id INT, s STRING, n INT) WITH ('connector' = 'filesystem', 'path' = '"+file+"', 'format' = 'csv', 'csv.null-literal' = '')")
		r, err := s.Execute(t.Context(), query)
		if err == nil {
			for _, err = range r.Batches() {
				if err != nil {
					break
				}
			}
		}
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s\nfails with %v\nwant     %s", query, err, want)
		}
	}
}
