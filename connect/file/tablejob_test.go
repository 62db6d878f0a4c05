package file

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/columnar"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// TestTablesInAJob has a job read a table and write another, whose rows are the same: in order with one
// subtask, each once with several.
func TestTablesInAJob(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for f := range 3 {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, "%d,\"text, %d\",2024-01-0%d 00:00:00.5\n", i, i, f+1)
			want = append(want, fmt.Sprintf(`[%d,"text, %d","2024-01-0%d 00:00:00.500","p%d"]`, i, i, f+1, f))
		}
		writeFile(t, filepath.Join(dir, fmt.Sprintf("p=p%d", f), "data"), b.String())
	}
	const columns = "n INT, s STRING, t TIMESTAMP(3), p STRING"
	from := spec(columns, "path="+dir, "format=csv")
	from.Partitions = []string{"p"}
	for _, parallelism := range []int{1, 3} {
		to := spec(columns, "path="+t.TempDir(), "format=json")
		run(t, from, to, parallelism)
		got := mustRead(t, to, connect.Scan{})
		if parallelism > 1 {
			slices.Sort(got)
			want = slices.Sorted(slices.Values(want))
		}
		if !slices.Equal(got, want) {
			t.Errorf("parallelism %d: %d rows, want %d; the first is %s", parallelism, len(got), len(want), got[0])
		}
	}
}

// run has a job copy a table.
func run(t *testing.T, from, to *connect.TableSpec, parallelism int) {
	t.Helper()
	table, err := Table.NewSource(from)
	must(t, err)
	source, err := table.Scan(connect.Scan{})
	must(t, err)
	env := stream.NewEnv(stream.Parallelism(parallelism))
	in := columnar.Source(env.Graph(), columnar.Node{Name: "from", UID: "from"}, &ops.ColumnSourceConfig{Source: source})
	columnar.Sink(env.Graph(), columnar.Node{
		Name: "to", UID: "to", Inputs: []columnar.Input{{From: in}},
	}, openSink(t, to, connect.Insert{}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	job, err := launch.Start(ctx, env, "copy")
	must(t, err)
	must(t, job.Wait())
}
