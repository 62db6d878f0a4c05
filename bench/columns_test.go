package bench_test

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/coltest"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/stream"
)

// BenchmarkColumns is a source of columns, a keyed exchange and a count for each row's key.
func BenchmarkColumns(b *testing.B) {
	for _, keys := range []int64{1_000, 1_000_000} {
		for _, texts := range []bool{false, true} {
			b.Run(fmt.Sprintf("keys=%d/texts=%v", keys, texts), func(b *testing.B) {
				env := stream.NewEnv()
				columnCounts(env.Graph(), int64(b.N), keys, texts)
				b.ReportAllocs()
				run(b, env)
			})
		}
	}
}

func columnCounts(g *graph.Graph, n, keys int64, texts bool) {
	by := coltest.ByWord
	if texts {
		by = coltest.ByText
	}
	s := columnar.Source(g, columnar.Node{}, coltest.NewSource(n, texts, func(i int64) int64 {
		return int64(uint64(i) * 0x9E3779B97F4A7C15 >> 20 % uint64(keys))
	}).Plain())
	s = columnar.Add(g, columnar.Node{
		Kind: "Count", Out: coltest.Counts,
		Inputs: []columnar.Input{{From: s, Strategy: graph.Keyed, Keys: by}},
		New:    func() operator.Node { return coltest.NewCount(by, 1) },
	})
	columnar.Sink(g, columnar.Node{Inputs: []columnar.Input{{From: s}}}, nullColumns{})
}

type nullColumns struct{}

func (nullColumns) Writer(connect.WriterContext, [][]byte) (connect.ColumnWriter, error) {
	return nullColumns{}, nil
}
func (nullColumns) Write(*column.Batch) error { return nil }
func (nullColumns) Flush(bool) error          { return nil }
func (nullColumns) Snapshot() ([]byte, error) { return nil, nil }
func (nullColumns) Close() error              { return nil }
