package sql_test

import (
	"strings"
	"testing"
)

// TestPartsOfROWs reads a file with and without the fields that nobody asks for.
func TestPartsOfROWs(t *testing.T) {
	s := newSession()
	rows(t, s, `CREATE TABLE n (
		id INT, r ROW<x INT, y ROW<z STRING>>, path STRING METADATA FROM 'file.name' VIRTUAL,
		x2 AS r.x * 2, at_time AS TIMESTAMPADD(SECOND, COALESCE(r.x, 0), TIMESTAMP '2024-01-01 00:00:00'),
		WATERMARK FOR at_time AS at_time - INTERVAL '1' SECOND
	) WITH ('connector' = 'filesystem', 'path' = 'testdata/data/nested.json', 'format' = 'json')`)
	for query, want := range map[string]string{
		"SELECT id, n.r.x FROM n":                                             "1|5 2|NULL 3|NULL 4|-1 5|NULL",
		"SELECT id, n.r.y.z FROM n WHERE n.r.y.z IS NOT NULL":                 "1|deep 4|",
		"SELECT id FROM n WHERE r IS NULL":                                    "3 5",
		"SELECT id, n.r.x FROM n WHERE r IS NOT NULL AND n.r.y IS NULL":       "2|NULL",
		"SELECT id, r FROM n WHERE n.r.x > 0":                                 "1|(5, (deep))",
		"SELECT id, x2, path FROM n WHERE n.r.y.z = 'deep'":                   "1|10|nested.json",
		"SELECT l.id, m.r.y.z FROM n AS l JOIN n AS m ON l.id = m.r.x - 4":    "1|deep",
		"SELECT SUM(n.r.x), COUNT(r) FROM n":                                  "4|3",
		"SELECT x, COUNT(*) FROM (SELECT n.r.x FROM n) GROUP BY x HAVING x>0": "5|1",
	} {
		got := rows(t, s, "SELECT * FROM ("+query+")")
		if got = strings.ReplaceAll(got, "\n", " "); got != want {
			t.Errorf("%s gives %s, want %s", query, got, want)
		}
	}
}
