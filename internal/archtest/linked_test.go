package archtest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// programs are what is linked into programs: those that only use the API of streams, those with SQL, and the command.
var programs = map[string][]string{
	"stream": {"./stream", "./launch"},
	"sql":    {"./sql", "./launch"},
	"flott":  {"./cmd/flott"},
}

// TestLinkedPackages: what a program links is a golden file, so that nothing comes in unseen; go test ./internal/archtest -update
// writes it. The engine itself links no connector and no format.
func TestLinkedPackages(t *testing.T) {
	for name, roots := range programs {
		linked := linkedBy(t, roots)
		if name != "flott" {
			for _, p := range linked {
				if strings.HasPrefix(p, module+"/connect/") || strings.HasPrefix(p, module+"/format/") {
					t.Errorf("a program with %s links %s", strings.Join(roots, " and "), p)
				}
			}
		}
		got := strings.Join(linked, "\n") + "\n"
		file := filepath.Join("testdata", "linked", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		more, less := difference(linked, strings.Fields(string(want)))
		if len(more)+len(less) > 0 {
			t.Errorf("%s: %q are linked and not in the file, %q are in the file and not linked; if that is meant, run this test with -update", file, more, less)
		}
	}
}

// linkedBy lists the packages, but those of Go itself, that programs with some packages link on Linux.
func linkedBy(t *testing.T, roots []string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}, roots...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	slices.Sort(linked)
	return linked
}

// difference is what is only in one of two lists.
func difference(a, b []string) (onlyA, onlyB []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			onlyA = append(onlyA, x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			onlyB = append(onlyB, x)
		}
	}
	return onlyA, onlyB
}
