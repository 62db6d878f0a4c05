package sql_test

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/sql"
)

// BenchmarkAggregatePhases is the time of the process for each row of a GROUP BY at parallelism 2: in one phase and in
// two, without keys, with few and with many.
func BenchmarkAggregatePhases(b *testing.B) {
	const count = 2_000_000
	for _, mode := range []string{"execution.runtime-mode=BATCH;", "table.exec.mini-batch.enabled=true;table.exec.mini-batch.allow-latency=1 s;table.exec.mini-batch.size=20000;"} {
		for _, keys := range []int{0, 10, 1000, 100_000} {
			for _, strategy := range []string{"ONE_PHASE", "TWO_PHASE"} {
				b.Run(fmt.Sprintf("%.9s/keys=%d/%s", mode, keys, strategy), func(b *testing.B) {
					s := newSession(append(settings(mode+"parallelism.default=2;table.optimizer.agg-phase-strategy="+strategy), sql.With(nil, nil))...)
					run := func(text string) {
						r, err := s.Execute(b.Context(), text)
						if err != nil {
							b.Fatal(err)
						}
						for _, err := range r.Batches() {
							if err != nil {
								b.Fatal(err)
							}
						}
					}
					run(fmt.Sprintf("CREATE TABLE t (k BIGINT, v BIGINT, w DOUBLE) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000000', 'number-of-rows' = '%d', 'fields.k.min' = '0', 'fields.k.max' = '%d')", count, max(0, keys-1)))
					run("CREATE TABLE s (k BIGINT, n BIGINT, v BIGINT, w DOUBLE, m BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'blackhole')")
					for b.Loop() {
						began := cputime.Process()
						if keys == 0 {
							run("INSERT INTO s SELECT 0, COUNT(*), SUM(v), AVG(w), MAX(v) FROM t")
						} else {
							run("INSERT INTO s SELECT k, COUNT(*), SUM(v), AVG(w), MAX(v) FROM t GROUP BY k")
						}
						b.ReportMetric(float64((cputime.Process()-began).Nanoseconds())/count, "cpu-ns/row")
					}
					b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
				})
			}
		}
	}
}
