package bench_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// runSQL runs statements to their end and returns the CPU seconds of the process.
func runSQL(b *testing.B, script string, options ...sql.Option) float64 {
	b.Helper()
	options = append(options, sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()))
	begin := cputime.Process()
	err := sql.NewSession(options...).Script(b.Context(), script, func(_ string, r *sql.Result) error {
		for _, err := range r.Batches() {
			if err != nil {
				return err
			}
		}
		return r.Wait()
	})
	if err != nil {
		b.Fatal(err)
	}
	return (cputime.Process() - begin).Seconds()
}

// BenchmarkSQLKeyedCount counts random keys in a continuous query, source and exchange included.
func BenchmarkSQLKeyedCount(b *testing.B) {
	for name, keys := range map[string]int{"10k": 10_000, "10M": 10_000_000} {
		b.Run(name, func(b *testing.B) {
			cpu := runSQL(b, fmt.Sprintf(`
				CREATE TABLE t (k BIGINT NOT NULL) WITH ('connector' = 'datagen', 'number-of-rows' = '%d', 'rows-per-second' = '1000000000',
					'fields.k.min' = '0', 'fields.k.max' = '%d');
				CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
				INSERT INTO o SELECT k, COUNT(*) FROM t GROUP BY k`, b.N, keys-1))
			b.ReportMetric(cpu*1e9/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkFileGroup groups the rows of a file of ten columns with types, in batch mode: of CSV, and of Parquet. Where there is a
// program duckdb it does the same with one thread.
func BenchmarkFileGroup(b *testing.B) {
	const columns = "k INT, g INT, v INT, s STRING, id BIGINT, d DOUBLE, name STRING, ts TIMESTAMP, flag BOOLEAN, txt STRING"
	const query = "SELECT COUNT(*), SUM(n), SUM(v) FROM (SELECT %[1]s, COUNT(*) AS n, SUM(CAST(v AS BIGINT)) AS v, MIN(s) AS s FROM t GROUP BY %[1]s) AS x"
	dir := b.TempDir()
	lines, blocks := filepath.Join(dir, "rows.csv"), filepath.Join(dir, "parquet")
	size := writeCSV(b, lines, 8_700_000)
	table := func(name, path, format string) string {
		return fmt.Sprintf("CREATE TABLE %s (%s) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = '%s'); ", name, columns, path, format)
	}
	batch := sql.Set("execution.runtime-mode", "BATCH")
	runSQL(b, table("t", lines, "csv")+table("p", blocks, "parquet")+"INSERT INTO p SELECT * FROM t", batch)
	csv := fmt.Sprintf("read_csv('%s', header = false, auto_detect = false, columns = %s)", lines, duckdbColumns)
	parquet := fmt.Sprintf("read_parquet('%s/*')", blocks)
	duckdb, _ := exec.LookPath("duckdb")
	for _, x := range []struct{ name, path, format, key, view string }{
		{"CSV/1k", lines, "csv", "k", csv},
		{"CSV/5M", lines, "csv", "g", csv},
		{"Parquet/1k", blocks, "parquet", "k", parquet},
		{"Parquet/5M", blocks, "parquet", "g", parquet},
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				cpu := runSQL(b, table("t", x.path, x.format)+fmt.Sprintf(query, x.key), batch)
				b.ReportMetric(cpu/size, "cpu-s/GB")
				if duckdb == "" {
					continue
				}
				cmd := exec.Command(duckdb, "-c", fmt.Sprintf("SET threads = 1; CREATE VIEW t AS SELECT * FROM %s; ", x.view)+fmt.Sprintf(query, x.key))
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("duckdb: %v\n%s", err, out)
				}
				peer := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
				b.ReportMetric(peer/size, "duckdb-cpu-s/GB")
				b.ReportMetric(cpu/peer, "x-duckdb")
			}
		})
	}
}

const duckdbColumns = "{'k': 'INTEGER', 'g': 'INTEGER', 'v': 'INTEGER', 's': 'VARCHAR', 'id': 'BIGINT', 'd': 'DOUBLE', 'name': 'VARCHAR', " +
	"'ts': 'TIMESTAMP', 'flag': 'BOOLEAN', 'txt': 'VARCHAR'}"

// writeCSV writes rows of random keys, k of a thousand and g of five million, and returns their size in gigabytes.
func writeCSV(b *testing.B, path string, rows int) float64 {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range rows {
		fmt.Fprintf(w, "%d,%d,%d,str%d,%d,%.1f,name-%d-x,2024-01-%02d %02d:%02d:%02d,%t,text %016x%016x\n", random.IntN(1000), random.IntN(5_000_000),
			random.IntN(100_000), random.IntN(1_000_000), i, random.Float64()*100, random.IntN(100_000), i/86400%28+1, i/3600%24, i/60%60, i%60,
			random.IntN(2) == 0, random.Uint64(), random.Uint64())
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return float64(info.Size()) / 1e9
}
