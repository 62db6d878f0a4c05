package archtest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/flott-dev/flott"
)

// dataPlane lists the packages that a record or a key passes through: their comments say where it
// comes from and where it goes. A package that does not exist yet is listed already.
var dataPlane = []string{
	"internal/batch", "internal/codec", "internal/exchange", "internal/job", "internal/keyed",
	"internal/operator", "internal/ops", "internal/task", "internal/timer", "internal/wire", "internal/worker",
}

// nexmarkPlaces lists the only packages that may know the benchmark: an engine that does would
// prove nothing with it. connect/all lists its events among the connectors. This package is on the list for this very line.
var nexmarkPlaces = []string{
	"connect/nexmark", "connect/all", "cmd/flott", "bench", "bench/*", "examples/*", "internal/archtest",
}

func load(t *testing.T) []Package {
	t.Helper()
	packages, err := Load(root, module)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) == 0 {
		t.Fatal("no packages found")
	}
	return packages
}

func TestImports(t *testing.T) {
	text, err := os.ReadFile("deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := ParseRules(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range rules.Check(load(t)) {
		t.Error(line)
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range load(t) {
		switch {
		case p.Doc == "":
			t.Errorf("%s has no package comment", p.Path)
		case slices.Contains(dataPlane, p.Path) && !strings.Contains(p.Doc, "Data flow:"):
			t.Errorf("%s: the package comment has no line that begins with Data flow:", p.Path)
		}
	}
}

func TestOnlyTheBenchmarkKnowsTheBenchmark(t *testing.T) {
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && file != root && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		allowed := func(name string) bool { return fits(name, filepath.ToSlash(rel)) }
		if slices.ContainsFunc(nexmarkPlaces, allowed) {
			return nil
		}
		text, err := os.ReadFile(file)
		if bytes.Contains(bytes.ToLower(text), []byte("nexmark")) {
			t.Errorf("%s: the engine must not know the benchmark", file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFuncLinks(t *testing.T) {
	broken, err := BrokenFuncLinks(root, filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range broken {
		t.Error(line)
	}
}

func TestMarkdownLinks(t *testing.T) {
	files := []string{filepath.Join(root, "README.md"), filepath.Join(root, "ARCHITECTURE.md")}
	err := filepath.WalkDir(filepath.Join(root, "docs"),
		func(file string, _ fs.DirEntry, err error) error {
			if filepath.Ext(file) == ".md" {
				files = append(files, file)
			}
			return err
		})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, file := range files {
		broken, err := BrokenLinks(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, line := range broken {
			t.Error(line)
		}
	}
}

func TestRules(t *testing.T) {
	const text = `
		NONE < a, b;         # leaves
		a < LOW;
		LOW < c, c/*;
		c/*, b < d;
		d !< b, net;
	`
	rules, err := ParseRules(text)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ from, to, want string }{
		{"c", "a", ""},
		{"c", "a/deep", ""},
		{"a", "c", "a imports c: deps.txt does not allow c < a"},
		{"c", "b", "c imports b: deps.txt does not allow b < c"},
		{"a", "a/deep", ""},
		{"c/x", "c/x/y", ""},
		{"c/x", "c/y", "c/x imports c/y: deps.txt does not allow c/* < c/*"},
		{"d", "c/x", ""},
		{"d", "a", ""},
		{"d", "b", "d must not import b, but does: d > b"},
		{"d", "net/http", "d must not import net, but does: d > net/http"},
		{"e", "a", "e: no rule of deps.txt names it"},
	}
	for _, c := range cases {
		packages := []Package{{Path: c.from, Imports: []string{c.to}}}
		if !strings.HasPrefix(c.to, "net") {
			packages = append(packages, Package{Path: c.to})
		}
		if got := strings.Join(rules.Check(packages), "; "); got != c.want {
			t.Errorf("%s imports %s: got %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

func TestRulesThroughOthers(t *testing.T) {
	rules, err := ParseRules("NONE < x/a; x/a < x/b; x/b < x/c; x/c !< x/a;")
	if err != nil {
		t.Fatal(err)
	}
	got := rules.Check([]Package{
		{Path: "x/a"},
		{Path: "x/b", Imports: []string{"x/a"}},
		{Path: "x/c", Imports: []string{"x/b"}},
	})
	if want := "x/c must not import x/a, but does: x/c > x/b > x/a"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBadRules(t *testing.T) {
	for _, text := range []string{"a < b;", "NONE < a < b;", "NONE, a;", "NONE < ;"} {
		if _, err := ParseRules(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestLinksInText(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("a.go", "package a\nfunc F() {}\ntype T[V any] struct{}\nfunc (t *T[V]) M() {}\n")
	md := write("a.md", "`a.go:F` `a.go:T.M` `a.go:M` `a.go:T` `a.go:N` `b.go:F`\n"+
		"[x](a.go) [y](a.md#part) [z](https://example.org/) [w](b.md)\n```\n[v](c.md)\n```\n")
	funcs, err := BrokenFuncLinks(dir, md)
	if err != nil || len(funcs) != 2 {
		t.Errorf("got %q, %v; want two broken links", funcs, err)
	}
	files, err := BrokenLinks(md)
	if err != nil || len(files) != 1 {
		t.Errorf("got %q, %v; want one broken link", files, err)
	}
}
