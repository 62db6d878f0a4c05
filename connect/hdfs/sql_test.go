package hdfs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// TestTable writes tables with partitions, of lines and of a format that has files of its own, reads parts of them, and
// replaces some.
func TestTable(t *testing.T) {
	s := servertest.HDFS(t)
	t.Setenv("HADOOP_USER_NAME", "flott")
	session := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
	run := func(text string) (rows []string) {
		t.Helper()
		r, err := session.Execute(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer r.Close()
		for b, err := range r.Batches() {
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for i := range b.N {
				rows = append(rows, string(r.AppendJSON(nil, b, i)))
			}
		}
		slices.Sort(rows)
		return rows
	}
	for _, format := range []string{"json", "parquet"} {
		name := "sales_" + format
		run(fmt.Sprintf(`CREATE TABLE %s (id BIGINT, amount DECIMAL(8, 2), city STRING, size BIGINT METADATA FROM 'file.size' VIRTUAL)
			PARTITIONED BY (city) WITH ('connector' = 'filesystem', 'path' = 'hdfs://%s/%s-%x', 'format' = '%s')`, name, s.Address, name, rand.Uint32(), format))
		run(fmt.Sprintf("INSERT INTO %s VALUES (1, 1.5, 'Oslo'), (2, 2.5, 'São Paulo/SP'), (3, 3.5, 'Oslo'), (4, 4.5, NULL)", name))
		for query, want := range map[string]string{
			"SELECT id, amount, city, size > 0 AS s FROM %s": `[{"id":1,"amount":1.50,"city":"Oslo","s":true} {"id":2,"amount":2.50,"city":"São Paulo/SP","s":true} ` +
				`{"id":3,"amount":3.50,"city":"Oslo","s":true} {"id":4,"amount":4.50,"city":null,"s":true}]`,
			"SELECT id FROM %s WHERE city = 'Oslo'": `[{"id":1} {"id":3}]`,
		} {
			if got := fmt.Sprint(run(fmt.Sprintf(query, name))); got != want {
				t.Errorf("%s: %s, want %s", format, got, want)
			}
		}
		run(fmt.Sprintf("INSERT OVERWRITE %s PARTITION (city = 'Oslo') VALUES (5, 5.5)", name))
		if got, want := fmt.Sprint(run("SELECT id FROM "+name)), `[{"id":2} {"id":4} {"id":5}]`; got != want {
			t.Errorf("%s: after INSERT OVERWRITE %s, want %s", format, got, want)
		}
	}
}
