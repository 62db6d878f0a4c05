package rest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/access"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the tables of docs/rest.md and docs/security.md")

// TestDocs holds the tables of docs/rest.md and docs/security.md against the routes.
func TestDocs(t *testing.T) {
	var what, who strings.Builder
	what.WriteString("| method | path | what it is |\n| --- | --- | --- |\n")
	who.WriteString("| method | path | who |\n| --- | --- | --- |\n")
	for _, r := range routes {
		role := r.role.String()
		if r.role == access.None {
			role = "**anybody**"
		}
		fmt.Fprintf(&what, "| %s | `%s` | %s |\n", r.method, r.path, r.about)
		fmt.Fprintf(&who, "| %s | `%s` | %s |\n", r.method, r.path, role)
	}
	holdTable(t, "../../docs/rest.md", what.String())
	holdTable(t, "../../docs/security.md", who.String())
}

// holdTable wants a file to have a table between its marks, or writes it there.
func holdTable(t *testing.T, file, table string) {
	t.Helper()
	const begin, end = "<!-- routes -->\n", "<!-- end of routes -->\n"
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
