package sql_test

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/storage/storagetest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/sqltest"
	"github.com/flott-dev/flott/stream"
)

// A golden savepoint of each stateful operator is kept of every format version that was released, and must restore forever:
//
//	testdata/savepoints/cases.txt                         the queries, on the tables of halves_test.go
//	testdata/savepoints/v<version>/<case>/plan.json       the compiled plan of the query
//	testdata/savepoints/v<version>/<case>/_metadata       a savepoint in the middle of the query's input
//	testdata/savepoints/v<version>/<case>/results.txt     the changes up to there, and the result at the end
//
// The plan is executed, in a session without the tables: a later planner may plan the query otherwise. The rows of the tables
// belong to the savepoints and must not change. What there is none of yet is written by
//
//	go test ./sql -run TestGoldenSavepoints -rewrite
//
// which leaves alone what is there. A new version of the format gets a directory of its own.
const (
	savepointRoot    = "testdata/savepoints"
	savepointVersion = "v1"
)

// savepointCase is a query of cases.txt, with the statements before it.
type savepointCase struct{ name, setup, query string }

func savepointCases(t *testing.T) (cases []savepointCase) {
	data, err := os.ReadFile(filepath.Join(savepointRoot, "cases.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(data), "\n[")[1:] {
		name, text, _ := strings.Cut(part, "]\n")
		c := savepointCase{name: name, query: strings.TrimSpace(text)}
		if i := strings.LastIndex(c.query, ";"); i >= 0 {
			c.setup, c.query = c.query[:i+1], c.query[i+1:]
		}
		cases = append(cases, c)
	}
	return cases
}

// dir is where the savepoint of a version is.
func (c *savepointCase) dir(version string) string {
	return filepath.Join(savepointRoot, version, strings.ReplaceAll(c.name, " ", "_"))
}

// savepointRun is a run of a case: what runs its job, and what came out.
type savepointRun struct {
	options []launch.Option
	job     *launch.Job
	nodes   map[string]string // the types of its operators, by uid
	changes []string
	tables  string // in place of halvesTables
	bare    bool   // the session has no tables
}

// Start starts a job and notes what it is made of.
func (r *savepointRun) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	r.nodes = map[string]string{}
	for _, n := range env.Graph().Nodes {
		r.nodes[n.UID] = strings.TrimPrefix(fmt.Sprintf("%T", n.New()), "*exec.")
	}
	var err error
	r.job, err = launch.Start(ctx, env, name, r.options...)
	return r.job, err
}

// nothing runs no jobs.
type nothing struct{}

func (nothing) Start(context.Context, *stream.Env, string) (stream.Running, error) {
	return ended{}, nil
}

type ended struct{}

func (ended) Wait() error { return nil }
func (ended) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
func (ended) Cancel() {}
func (ended) Stop()   {}

// session has the tables of a case. The table kept takes the columns of the query.
func (c *savepointCase) session(t *testing.T, run *savepointRun, options ...sql.Option) *sql.Session {
	t.Helper()
	options = append(options, sqltest.Functions(), sql.Functions(span), sql.With(halves(&run.changes), nil),
		sql.Set("pipeline.auto-watermark-interval", "0 ms"), sql.Set("pipeline.max-parallelism", "8"))
	if run.bare {
		return sql.NewSession(append(options, sql.On(run))...)
	}
	make := sql.NewSession(append(options, sql.On(nothing{}))...)
	setup := cmp.Or(run.tables, halvesTables) + c.setup
	script := setup
	if !strings.Contains(c.setup, "CREATE TABLE kept") {
		statement := "CREATE TABLE kept WITH ('connector' = 'kept') AS " + c.query
		execute(t, make, setup+statement)
		script += strings.ReplaceAll(ddl(t, make, "kept"), "`default_catalog`.`default_database`.", "") + ";"
	}
	s := sql.NewSession(append(options, sql.On(run))...)
	execute(t, s, script)
	return s
}

// ddl is the statement that makes a table.
func ddl(t *testing.T, s *sql.Session, table string) string {
	t.Helper()
	r, err := s.Execute(t.Context(), "SHOW CREATE TABLE "+table)
	if err != nil {
		t.Fatal(err)
	}
	for b := range r.Batches() {
		return string(r.AppendText(nil, b.Cols[0], 0))
	}
	return ""
}

// execute runs statements that make tables and set options.
func execute(t *testing.T, s *sql.Session, script string) {
	t.Helper()
	if err := s.Script(t.Context(), script, func(string, *sql.Result) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// start starts the case's job.
func (c *savepointCase) start(t *testing.T, run *savepointRun, statement func(insert string) string, options ...sql.Option) *sql.Result {
	t.Helper()
	r, err := c.session(t, run, options...).Execute(t.Context(), statement("INSERT INTO kept "+c.query))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// result is what changes come to.
func (c *savepointCase) result(changes []string) []string {
	key := 0
	if strings.Contains(c.setup, "'upsert'") {
		key = 1
	}
	rows := sqltest.Materialize(changes, key)
	slices.Sort(rows)
	return rows
}

// write writes the savepoint of a case and what comes of it. The result is that of a run that is not disturbed.
func (c *savepointCase) write(t *testing.T, dir string) {
	t.Helper()
	whole, half := &savepointRun{}, &savepointRun{}
	synctest.Test(t, func(t *testing.T) {
		if err := c.start(t, whole, same).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	compile := func(insert string) string {
		return fmt.Sprintf("COMPILE AND EXECUTE PLAN '%s' FOR %s", filepath.Join(dir, "plan.json"), insert)
	}
	synctest.Test(t, func(t *testing.T) {
		c.start(t, half, compile, sql.Set("parallelism.default", "2"))
		time.Sleep(halvesStop)
		path, err := half.job.StopWithSavepoint(t.Context(), dir, false)
		if err != nil {
			t.Fatal(err)
		}
		path = strings.TrimPrefix(path, "file://")
		if err := os.Rename(filepath.Join(path, "_metadata"), filepath.Join(dir, "_metadata")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatalf("the savepoint is more than a file: %v", err)
		}
	})
	lines := slices.Concat(half.changes, []string{"--------"}, c.result(whole.changes))
	if err := os.WriteFile(filepath.Join(dir, "results.txt"), []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}

func same(insert string) string { return insert }

// restore goes on from a savepoint with a statement, and compares what comes of it. Without a statement it executes the
// plan.
func (c *savepointCase) restore(t *testing.T, dir string, statement func(insert string) string, options ...sql.Option) *savepointRun {
	t.Helper()
	stored, err := os.ReadFile(filepath.Join(dir, "results.txt"))
	if err != nil {
		t.Fatal(err)
	}
	before, results, _ := strings.Cut("\n"+string(stored), "\n--------\n")
	run := &savepointRun{options: []launch.Option{launch.RestoreFrom(dir, launch.NoClaim)}, bare: statement == nil}
	if run.bare {
		statement = func(string) string { return fmt.Sprintf("EXECUTE PLAN '%s'", filepath.Join(dir, "plan.json")) }
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(halvesStop)
		if err := c.start(t, run, statement, options...).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	want := textLines(results)
	if got := c.result(append(textLines(before), run.changes...)); !slices.Equal(got, want) {
		t.Errorf("the result is\n%s", sqltest.Diff(want, got))
	}
	return run
}

func textLines(lines string) []string {
	if lines = strings.Trim(lines, "\n"); lines == "" {
		return nil
	}
	return strings.Split(lines, "\n")
}

func TestGoldenSavepoints(t *testing.T) {
	warm(t)
	cases := savepointCases(t)
	covered, stateful := map[string]bool{}, statefulOperators(t)
	for _, c := range cases {
		if dir := c.dir(savepointVersion); *rewrite && missing(dir) {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			t.Run("write/"+c.name, func(t *testing.T) { c.write(t, dir) })
		}
	}
	versions, err := filepath.Glob(filepath.Join(savepointRoot, "v*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if missing(c.dir(savepointVersion)) {
			t.Errorf("%s: there is no savepoint; -rewrite writes it", c.name)
		}
		for _, version := range versions {
			dir, err := filepath.Abs(c.dir(filepath.Base(version)))
			if err != nil || missing(dir) { // younger than the version
				continue
			}
			for _, x := range []struct{ parallelism, backend string }{{"1", "hashmap"}, {"2", "hashmap"}, {"1", "pebble"}, {"2", "pebble"}} {
				t.Run(fmt.Sprintf("%s/%s/%s/%s", filepath.Base(version), c.name, x.backend, x.parallelism), func(t *testing.T) {
					run := c.restore(t, dir, nil, sql.Set("parallelism.default", x.parallelism), sql.Set("state.backend.type", x.backend))
					has := withState(t, dir, run)
					for _, name := range has {
						covered[name] = true
					}
					for _, name := range run.nodes {
						if slices.Contains(stateful, name) && !slices.Contains(has, name) {
							t.Errorf("the savepoint has nothing of the operator %s", name)
						}
					}
				})
			}
		}
	}
	for _, name := range stateful {
		if !covered[name] {
			t.Errorf("there is no golden savepoint of the operator %s of sql/internal/exec", name)
		}
	}
}

// withState are the operators of a run that a savepoint has state of.
func withState(t *testing.T, dir string, run *savepointRun) (names []string) {
	t.Helper()
	s, err := savepoint.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for uid, name := range run.nodes {
		if o, err := s.Operator(uid); err == nil && o.Bytes() > 0 {
			names = append(names, name)
		}
	}
	return names
}

func missing(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "results.txt"))
	return err != nil
}

// TestGoldenSavepointsHaveAllFunctions looks for each aggregate function in a case, since each keeps something else.
func TestGoldenSavepointsHaveAllFunctions(t *testing.T) {
	var text strings.Builder
	for _, c := range savepointCases(t) {
		text.WriteString(c.query)
	}
	for _, name := range agg.Names() {
		f := agg.Lookup(name)
		if f.OverOnly || name != f.Name || strings.HasPrefix(name, "$") || name == "SINGLE_VALUE" || name == "APPROX_COUNT_DISTINCT" {
			continue // those that plans have, as the case of a single row, and that of batch mode
		}
		word, _, _ := strings.Cut(name, " ")
		if !strings.Contains(text.String(), word+"(") {
			t.Errorf("no golden savepoint has the function %s", name)
		}
	}
}

// statefulOperators are the operators of sql/internal/exec that have state in streaming mode, as its source says: types that
// can be opened, with a Snapshot of their own or keys. Those of batch mode fail in Snapshot.
func statefulOperators(t *testing.T) []string {
	t.Helper()
	opened, stateful, final := map[string]bool{}, map[string]bool{}, map[string]bool{}
	keyed := []string{"newKeying", "openRows", "openSessions"}
	look := func(decl ast.Decl) {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Recv == nil {
			return
		}
		receiver := typeName(d.Recv.List[0].Type)
		opened[receiver] = opened[receiver] || d.Name.Name == "Open"
		stateful[receiver] = stateful[receiver] || d.Name.Name == "Snapshot"
		ast.Inspect(d.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				stateful[receiver] = stateful[receiver] || slices.Contains(keyed, typeName(n.Fun))
			case *ast.Ident: // of batch mode, which takes no snapshots
				final[receiver] = final[receiver] || n.Name == "errFinalSnapshot"
			}
			return true
		})
	}
	files, err := filepath.Glob("internal/exec/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			look(decl)
		}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(opened)) {
		if opened[name] && stateful[name] && !final[name] {
			names = append(names, name)
		}
	}
	if len(names) < 15 {
		t.Fatalf("the source of sql/internal/exec is not understood: it has the operators %v", names)
	}
	return names
}

// typeName is the last name of a type or a function.
func typeName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.IndexExpr:
		return typeName(x.X)
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func warm(t *testing.T) {
	t.Helper()
	if err := storagetest.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
}
