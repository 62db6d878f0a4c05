package rest

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "rewrite docs/rest.md")

// TestDocs holds the table of docs/rest.md against the routes.
func TestDocs(t *testing.T) {
	const file, begin, end = "../../docs/rest.md", "<!-- routes -->\n", "<!-- end of routes -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	var b strings.Builder
	b.WriteString("| method | path | what it is |\n| --- | --- | --- |\n")
	for _, r := range routes {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", r.method, r.path, r.about)
	}
	want := head + begin + b.String() + end + tail
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
