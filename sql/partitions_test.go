package sql_test

import "testing"

// TestShowPartitions: the partitions that a table has, once rows are in there.
func TestShowPartitions(t *testing.T) {
	s := newSession()
	script(t, s, "CREATE TABLE p (a INT, d STRING, n INT) PARTITIONED BY (d, n) WITH ('connector' = 'filesystem', 'path' = '"+t.TempDir()+"', 'format' = 'csv');"+
		"CREATE TABLE q (a INT) WITH ('connector' = 'datagen'); CREATE TABLE r (a INT) PARTITIONED BY (a) WITH ('connector' = 'datagen')")
	shows(t, s, map[string]string{"SHOW PARTITIONS p": ""})
	rows(t, s, "INSERT INTO p VALUES (1, 'x', 1), (2, 'y', 2), (3, 'x', 2), (4, CAST(NULL AS STRING), 2), (5, 'x', 1)")
	shows(t, s, map[string]string{
		"SHOW PARTITIONS p":                            "d=__DEFAULT_PARTITION__/n=2\nd=x/n=1\nd=x/n=2\nd=y/n=2",
		"SHOW PARTITIONS p PARTITION (d = 'x')":        "d=x/n=1\nd=x/n=2",
		"SHOW PARTITIONS p PARTITION (d = 'x', n = 2)": "d=x/n=2",
		"SHOW PARTITIONS p PARTITION (d = 'z')":        "",
	})
	refuses(t, s, map[string]string{
		"SHOW PARTITIONS q":                   "q is not partitioned; PARTITIONED BY",
		"SHOW PARTITIONS p PARTITION (a = 1)": "the table is not partitioned by a; it is by d, n",
		"SHOW PARTITIONS r":                   "does not know its partitions",
		"SHOW PARTITIONS nothing":             "there is no table nothing",
	})
}
