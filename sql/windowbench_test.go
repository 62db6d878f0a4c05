package sql_test

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/sql"
)

// BenchmarkBatchWindows is the time of the process for each row of a GROUP BY of windows in batch mode.
func BenchmarkBatchWindows(b *testing.B) {
	const count = 2_000_000
	for _, keys := range []int{1000, 1_000_000} {
		for _, window := range []string{"TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)", "HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '10' SECOND)"} {
			b.Run(fmt.Sprintf("keys=%d/%.3s", keys, window), func(b *testing.B) {
				s := newSession(append(settings("execution.runtime-mode=BATCH;parallelism.default=1"), sql.With(nil, nil))...)
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
				run(fmt.Sprintf("CREATE TABLE t (i BIGINT, k AS MOD(i * 7919, %d), ts AS TO_TIMESTAMP_LTZ(i / 40, 3)) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000000', 'fields.i.kind' = 'sequence', 'fields.i.start' = '1', 'fields.i.end' = '%d')", keys, count))
				run("CREATE TABLE s (k BIGINT, w TIMESTAMP(3), n BIGINT, v BIGINT) WITH ('connector' = 'blackhole')")
				for b.Loop() {
					began := cputime.Process()
					run("INSERT INTO s SELECT k, window_start, COUNT(*), SUM(i) FROM TABLE(" + window + ") GROUP BY k, window_start, window_end")
					b.ReportMetric((cputime.Process() - began).Seconds(), "cpu-s")
				}
			})
		}
	}
}
