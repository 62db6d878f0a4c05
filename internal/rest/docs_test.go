package rest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/taskmanager"
	"github.com/flott-dev/flott/internal/worker"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the tables of docs/rest.md, docs/security.md and docs/metrics.md")

// TestDocs holds the tables of docs/rest.md, docs/security.md and docs/metrics.md against the routes and the tables of metrics.
func TestDocs(t *testing.T) {
	var what strings.Builder
	what.WriteString("| method | path | what it is |\n| --- | --- | --- |\n")
	for _, r := range routes {
		fmt.Fprintf(&what, "| %s | `%s` | %s |\n", r.method, r.path, r.about)
	}
	holdTable(t, "../../docs/rest.md", "routes", what.String())
	holdTable(t, "../../docs/security.md", "routes", rolesOf(routes))
	holdTable(t, "../../docs/security.md", "routes of a TaskManager", rolesOf(taskManagerRoutes))
	holdTable(t, "../../docs/metrics.md", "metrics", metricsTable())
}

// rolesOf is the table of who may use routes.
func rolesOf(table []route) string {
	var who strings.Builder
	who.WriteString("| method | path | who |\n| --- | --- | --- |\n")
	for _, r := range table {
		role := r.role.String()
		if r.role == access.None {
			role = "**anybody**"
		}
		fmt.Fprintf(&who, "| %s | `%s` | %s |\n", r.method, r.path, role)
	}
	return who.String()
}

// metricsTable is the table of all metrics but those of jobs' own.
func metricsTable() string {
	var b strings.Builder
	b.WriteString("| name | what it tells |\n| --- | --- |\n")
	metricsOfTable(&b, exposition.JobManagerScope, exposition.ProcessMetrics)
	metricsOfTable(&b, exposition.JobManagerScope, clusterMetrics)
	metricsOfTable(&b, job.MetricsScope, job.Metrics)
	metricsOfTable(&b, exposition.TaskManagerScope, exposition.ProcessMetrics)
	metricsOfTable(&b, exposition.TaskManagerScope, taskmanager.ManagerMetrics)
	metricsOfTable(&b, worker.TaskScope, worker.TaskMetrics)
	metricsOfTable(&b, worker.OperatorScope, worker.SourceMetrics)
	return b.String()
}

func metricsOfTable[T any](b *strings.Builder, scope string, table []exposition.Metric[T]) {
	for _, m := range table {
		fmt.Fprintf(b, "| `%s%s_%s` | %s |\n", exposition.Prefix, scope, strings.ReplaceAll(m.Name, ".", "_"), m.About)
	}
}

// holdTable wants a file to have a table between its marks, or writes it there.
func holdTable(t *testing.T, file, name, table string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	want := head + begin + table + end + tail
	if want == string(text) {
		return
	}
	if !*rewrite {
		t.Fatalf("the table of %s is not that of the routes; go test ./internal/rest -run TestDocs -rewrite makes it", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
