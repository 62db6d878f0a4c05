package sqltest

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/builtin"
)

var updateDocs = flag.Bool("update", false, "write docs/sql-functions.md")

// caseQueries are the queries of all cases that give rows.
func caseQueries(t *testing.T) (all []*Case) {
	for _, dir := range []string{"golden", "queries", "cases"} {
		files, err := filepath.Glob("../testdata/" + dir + "/*.case")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, f := range files {
			c, err := Read(f)
			if err != nil {
				t.Fatal(err)
			}
			if c.Error == "" && c.Head["quirk"] == "" && !strings.Contains(c.Sections["query"], "MATCH_RECOGNIZE") {
				all = append(all, c)
			}
		}
	}
	return all
}

// written is how functions are written that are called otherwise than their names.
var written = map[string]string{
	"TIME DIFFERENCE": `\(TIMESTAMP .* - .*\) SECOND`, "UNARY +": `[,(]\s*\+\w`, "UNARY NOT": `\bNOT \(`, "UNARY -": `[,(]\s*-\w`,
	"JSON_ARRAYAGG NULL": `JSON_ARRAYAGG\(\w+ NULL ON NULL`, "JSON_OBJECTAGG ABSENT": `JSON_OBJECTAGG\(.* ABSENT ON NULL`,
}

// isInternal reports whether a function is one that plans have and queries do not.
func isInternal(name string) bool { return strings.HasPrefix(name, "$") || name == "SINGLE_VALUE" }

// called is how a function is written.
func called(name string) *regexp.Regexp {
	if w, ok := written[name]; ok {
		return regexp.MustCompile(w)
	}
	quoted := regexp.QuoteMeta(name)
	switch {
	case !regexp.MustCompile(`^\w+$`).MatchString(name):
		if regexp.MustCompile(`^\w`).MatchString(name) {
			return regexp.MustCompile(`(?i)\b` + strings.ReplaceAll(quoted, " ", `\s+`) + `\b`)
		}
		return regexp.MustCompile(quoted)
	}
	return regexp.MustCompile(`(?i)\b` + quoted + `\b`)
}

// TestFunctions holds that each function has a case whose result Flink has given, and that the documentation is that of
// the functions.
func TestFunctions(t *testing.T) {
	cases := caseQueries(t)
	hasCase := func(names ...string) bool {
		for _, n := range names {
			re := called(n)
			if slices.ContainsFunc(cases, func(c *Case) bool { return re.MatchString(c.Sections["query"]) }) {
				return true
			}
		}
		return false
	}
	families := map[string][]string{}
	for _, d := range builtin.All() {
		if !hasCase(append(d.Aliases, d.Name)...) {
			t.Errorf("there is no case with %s", d.Name)
		}
		families[d.Family] = append(families[d.Family], line(d.Name, d.Aliases, signature(d), d.Doc))
	}
	seen := map[*agg.Func]bool{}
	for _, n := range agg.Names() {
		f := agg.Lookup(n)
		if seen[f] || isInternal(f.Name) {
			continue
		}
		seen[f] = true
		if !hasCase(append(f.Aliases, f.Name)...) {
			t.Errorf("there is no case with %s", f.Name)
		}
		family := "aggregate"
		if f.OverOnly {
			family = "with OVER only"
		}
		families[family] = append(families[family], line(f.Name, f.Aliases, counts(f), sentence(f.Doc)))
	}
	var doc strings.Builder
	doc.WriteString("# Functions of SQL\n\nThe built-in functions, with the meaning that they have in Flink. Where it is not said otherwise, a function of NULL is NULL. This page is made of the functions themselves, by `go test ./sql/sqltest -run TestFunctions -update`; each has a case whose result Flink has given.\n")
	names := slices.SortedFunc(func(yield func(string) bool) {
		for f := range families {
			if !yield(f) {
				return
			}
		}
	}, cmp.Compare[string])
	for _, f := range names {
		fmt.Fprintf(&doc, "\n## %s%s\n\n| function | takes | meaning |\n|---|---|---|\n", strings.ToUpper(f[:1]), f[1:])
		slices.Sort(families[f])
		for _, l := range slices.Compact(families[f]) {
			doc.WriteString(l)
		}
	}
	const file = "../../docs/sql-functions.md"
	if *updateDocs {
		if err := os.WriteFile(file, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != doc.String() {
		t.Errorf("%s is not that of the functions (%v): write it with -update", file, err)
	}
}

// line is a function in the table of its family.
func line(name string, aliases []string, takes, doc string) string {
	names := append([]string{strings.TrimPrefix(name, "UNARY ")}, aliases...)
	for i, n := range names {
		for _, end := range []string{"NULL", "ABSENT"} { // which are written inside
			if f, ok := strings.CutSuffix(n, " "+end); ok && strings.HasPrefix(n, "JSON_") {
				names[i] = f + "(… " + end + " ON NULL)"
			}
		}
	}
	title := "`" + strings.Join(names, "`, `") + "`"
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	return fmt.Sprintf("| %s | %s | %s |\n", cell(title), cell(takes), cell(doc))
}

// counts is how many arguments an aggregate function takes.
func counts(f *agg.Func) string {
	switch {
	case f.Least == f.Most:
		return fmt.Sprint(f.Least)
	case f.Most > 100:
		return fmt.Sprintf("%d or more", f.Least)
	}
	return fmt.Sprintf("%d to %d", f.Least, f.Most)
}

// signature is what a function takes, where its arguments have fixed types.
func signature(d *builtin.Def) string {
	var args []string
	for i, a := range d.Args {
		s := strings.ToLower(a.Name) + " " + a.Accepts.Text
		if a.Name == "" {
			s = a.Accepts.Text
		}
		if d.Variadic && i == len(d.Args)-1 {
			s += " …"
		}
		if a.Optional {
			s = "[" + s + "]"
		}
		args = append(args, s)
	}
	return strings.NewReplacer("<", "", ">", "").Replace(strings.Join(args, ", "))
}

// sentence is a description that goes on behind a name, by itself.
func sentence(doc string) string {
	doc = strings.TrimPrefix(doc, "is ")
	return strings.ToUpper(doc[:1]) + doc[1:]
}
