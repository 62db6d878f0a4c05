package flotttest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/coltest"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/stream"
)

// columnJobs are jobs on columns whose results do not depend on the parallelism.
var columnJobs = []struct {
	name  string
	build func(env *stream.Env, sink *collect.Sink[string])
}{
	{"by word", func(env *stream.Env, sink *collect.Sink[string]) {
		coltest.Job(env.Graph(), 400, false, 1, sink)
	}},
	{"by text", func(env *stream.Env, sink *collect.Sink[string]) {
		coltest.Job(env.Graph(), 400, true, 1, sink)
	}},
	{"more output than room", func(env *stream.Env, sink *collect.Sink[string]) {
		coltest.Job(env.Graph(), 200, true, 40, sink)
	}},
	{"every partitioning", everyPartitioning},
	{"records to columns and back", bridged},
}

// everyPartitioning deals rows out in all ways, and has a filter and a projection that borrow columns.
func everyPartitioning(env *stream.Env, sink *collect.Sink[string]) {
	g := env.Graph()
	s := columnar.Source(g, columnar.Node{}, coltest.NewSource(300, true, func(i int64) int64 { return i * 3 % 7 }).Config())
	for _, by := range []graph.Strategy{
		graph.Rebalance, graph.Shuffle, graph.Rescale, graph.Auto, graph.Keyed, graph.Global,
	} {
		in := columnar.Input{From: s, Strategy: by}
		if by == graph.Keyed {
			in.Keys = []int{1, 2}
		}
		s = columnar.Add(g, columnar.Node{
			Kind: "Calc", Name: fmt.Sprint("Calc ", by), Inputs: []columnar.Input{in}, Out: coltest.Rows,
			New: func() operator.Node {
				pool := batch.NewColumnPool(coltest.Rows, 0)
				return ops.NewEachBatch(func(_ *operator.Context, b *batch.Columns) *batch.Columns {
					return calc(pool, b)
				}, coltest.Rows)
			},
		})
	}
	columnar.Sink(g, columnar.Node{Inputs: []columnar.Input{{From: s, Strategy: graph.Rebalance}}}, coltest.Sink{Sink: sink})
}

// calc drops some rows and adds one to the keys of the others.
func calc(pool *batch.ColumnPool, b *batch.Columns) *batch.Columns {
	var keep []int32
	for i := range b.Len() {
		if p := b.Row(i); b.Cols[0].I64[p]%13 != 0 {
			keep = append(keep, int32(p))
		}
	}
	b.Keep(keep)
	out := pool.Get()
	out.Borrow(b)
	out.Cols[0], out.Cols[2] = b.Cols[0], b.Cols[2]
	out.Cols[1].Resize(b.N)
	for i, k := range b.Cols[1].I64 {
		out.Cols[1].I64[i] = k + 1
	}
	return out
}

func bridged(env *stream.Env, sink *collect.Sink[string]) {
	s := stream.From(env, slice.Func(300, func(i int64) int64 { return i }))
	cols := stream.ToColumns(s.Rebalance(), coltest.Rows, func(b *batch.Columns, v *int64, _ int64) error {
		b.Cols[0].AppendI64(*v)
		b.Cols[1].AppendI64(*v % 7)
		b.Cols[2].AppendNull()
		b.Add(row.Insert)
		return nil
	})
	cols = columnar.Add(env.Graph(), columnar.Node{
		Kind: "Count", Out: coltest.Counts,
		Inputs: []columnar.Input{{From: cols, Strategy: graph.Keyed, Keys: coltest.ByWord}},
		New:    func() operator.Node { return coltest.NewCount(coltest.ByWord, 3) },
	})
	stream.FromColumns(env, columnar.Input{From: cols}, func(b *column.Batch, place int) (string, int64, error) {
		return coltest.Text(b, place), 0, nil
	}).To(sink)
}

// TestColumns runs jobs on columns at several parallelisms in both modes.
func TestColumns(t *testing.T) {
	for _, c := range columnJobs {
		t.Run(c.name, func(t *testing.T) {
			flotttest.CheckBatch(t, c.build, flotttest.BatchOptions{ParallelismMax: 4})
		})
	}
}

// TestColumnsCount checks the results themselves.
func TestColumnsCount(t *testing.T) {
	sink := collect.To[string]()
	env := stream.NewEnv(stream.Parallelism(2))
	coltest.Job(env.Graph(), 1000, true, 1, sink)
	if err := launch.Run(t.Context(), env, "counts"); err != nil {
		t.Fatal(err)
	}
	var want []string
	counts := map[string]int{}
	for i := range 1000 {
		k := i * i % 11
		name := fmt.Sprint("name ", k)
		if k == 4 {
			name = "NULL"
		}
		counts[name]++
		want = append(want, fmt.Sprint("+I ", k, " ", name, " ", counts[name]))
	}
	got := sink.Results()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows, want %d; the first are %q and %q", len(got), len(want), got[:3], want[:3])
	}
}

// TestColumnsAreRestored stops jobs on columns in the middle and restores them with any parallelism.
func TestColumnsAreRestored(t *testing.T) {
	for _, c := range columnJobs {
		for _, unaligned := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " unaligned=", unaligned), func(t *testing.T) {
				flotttest.CheckRestore(t, c.build, flotttest.RestoreOptions{Unaligned: unaligned, Seeds: 15})
			})
		}
	}
	t.Run("on disk", func(t *testing.T) {
		flotttest.CheckRestore(t, columnJobs[1].build, flotttest.RestoreOptions{
			Seeds: 8, Disk: flotttest.DiskBefore | flotttest.DiskAfter,
		})
	})
}

func TestMistakesInGraphsOfColumns(t *testing.T) {
	for want, in := range map[string]columnar.Input{
		"columns are not dealt out CUSTOM":                       {Strategy: graph.Custom},
		"an input has keys, but is not dealt out by them":        {Keys: []int{1}},
		"key column 7 is none of the 3 columns":                  {Strategy: graph.Keyed, Keys: []int{7}, KeyTypes: []*row.Type{row.Of(row.Int)}},
		`key column "k" is BIGINT NOT NULL, and its key STRING:`: {Strategy: graph.Keyed, Keys: []int{1}, KeyTypes: []*row.Type{row.StringType()}},
	} {
		env := stream.NewEnv()
		in.From = columnar.Source(env.Graph(), columnar.Node{}, coltest.NewSource(1, false, func(i int64) int64 { return i }).Config())
		columnar.Sink(env.Graph(), columnar.Node{Inputs: []columnar.Input{in}}, coltest.Sink{Sink: collect.To[string]()})
		if _, _, err := env.Plan(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

var errRow = errors.New("a row is refused")

func TestErrorsOfOperatorsOnColumns(t *testing.T) {
	env := stream.NewEnv()
	s := columnar.Source(env.Graph(), columnar.Node{}, coltest.NewSource(10, false, func(i int64) int64 { return i }).Config())
	s = columnar.Add(env.Graph(), columnar.Node{
		Kind: "Calc", Inputs: []columnar.Input{{From: s}}, Out: coltest.Rows,
		New: func() operator.Node {
			return ops.NewEachBatch(func(ctx *operator.Context, b *batch.Columns) *batch.Columns {
				ctx.Fail(errRow, nil)
				return b
			}, coltest.Rows)
		},
	})
	columnar.Sink(env.Graph(), columnar.Node{Inputs: []columnar.Input{{From: s}}}, coltest.Sink{Sink: collect.To[string]()})
	err := launch.Run(t.Context(), env, "fails")
	if !errors.Is(err, errRow) || !strings.Contains(err.Error(), `operator "Calc" (subtask 1 of 1)`) {
		t.Errorf("got %v", err)
	}
}
