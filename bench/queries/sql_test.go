package queries_test

import (
	"testing"

	"github.com/flott-dev/flott/bench/queries"
	"github.com/flott-dev/flott/connect/nexmark"
)

// BenchmarkSQL runs the queries in SQL on a million events of the generator.
func BenchmarkSQL(b *testing.B) {
	const events = 1_000_000
	for _, name := range queries.SQLNames() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := queries.RunSQL(b.Context(), name, queries.SQLOptions{
					Options: queries.Options{Config: nexmark.Config{Events: events, RatePerSecond: 100_000, Seed: 1}},
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}
