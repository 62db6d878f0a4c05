package sql_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
	"github.com/flott-dev/flott/stream"
)

// switched runs jobs in this process, or not at all.
type switched struct{ off bool }

func (s *switched) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	if s.off {
		return ended{}, nil
	}
	return launch.Start(ctx, env, name)
}

// TestPlansOfGoldenCases compiles each streaming query of the golden cases: the plan that is read is the plan that was
// written, EXPLAIN shows the same, and it gives what the query gives.
func TestPlansOfGoldenCases(t *testing.T) {
	onlyResults(t)
	files, err := sqltest.Files([]string{"testdata/golden", "testdata/lookups"})
	if err != nil {
		t.Fatal(err)
	}
	data, remove, err := sqltest.Data("testdata/data")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	differs := differences(t)
	plans := 0
	for _, file := range files {
		c, err := sqltest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		query := strings.TrimRight(strings.TrimSpace(c.Sections["query"]), "; \n")
		if c.Head["mode"] != "streaming" || c.Error != "" || c.Head["quirk"] != "" || differs[c.Name] != "" || strings.Contains(query+c.Sections["setup"], "MATCH_RECOGNIZE") ||
			!strings.HasPrefix(query, "SELECT") && !strings.HasPrefix(query, "WITH") {
			continue
		}
		plans++
		t.Run(c.Name, func(t *testing.T) {
			comparePlan(t, c, query, strings.NewReplacer("${DATA}", data, "${OUT}", t.TempDir()))
		})
	}
	if plans < 150 {
		t.Errorf("%d plans were compared; there are more", plans)
	}
}

func comparePlan(t *testing.T, c *sqltest.Case, query string, replace *strings.Replacer) {
	executor, changes := &switched{}, []string{}
	s := sql.NewSession(sqltest.Functions(), sql.Functions(span), sql.With(append(append(all.Factories(), listedFactory("at once")), halves(&changes)...), all.Formats()), sql.On(executor),
		sql.Set("pipeline.auto-watermark-interval", "0 ms"), sql.Set("restart-strategy.type", "none"), sql.Set("table.exec.mini-batch.enabled", "false"))
	err := s.Script(t.Context(), replace.Replace(c.Sections["setup"]), func(_ string, r *sql.Result) error { return r.Wait() })
	if err != nil {
		t.Fatal(err)
	}
	query = replace.Replace(query)
	executor.off = true
	if _, err := s.Execute(t.Context(), "CREATE TABLE kept WITH ('connector' = 'kept') AS "+query); err != nil {
		t.Fatal(err)
	}
	executor.off = false
	file := filepath.Join(t.TempDir(), "plan.json")
	if _, err := s.Execute(t.Context(), fmt.Sprintf("COMPILE PLAN '%s' FOR INSERT INTO kept %s", file, query)); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := sql.Rewrite(s, file)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(written) {
		t.Errorf("the plan is\n%s\nafter it was read\n%s", written, again)
	}
	explain := "EXPLAIN CHANGELOG_MODE, JSON_EXECUTION_PLAN "
	if want, got := rows(t, s, explain+"INSERT INTO kept "+query), rows(t, s, fmt.Sprintf("%s EXECUTE PLAN '%s'", explain, file)); got != want {
		t.Errorf("the plan that is read is\n%s\nwant\n%s", got, want)
	}
	r, err := s.Execute(t.Context(), "EXECUTE PLAN '"+file+"'")
	if err == nil {
		err = r.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	if want, got := c.Lines("expect"), sqltest.Materialize(changes, 0); c.UpsertKey() == 0 && len(c.Lines("expect-digest")) == 0 && !sqltest.SameRows(want, got, false) {
		slices.Sort(got)
		t.Errorf("rows\n%s", sqltest.Diff(want, got))
	}
}

// TestPlanFiles compiles plans in the ways that there are, and reads files that are none, with what is said.
func TestPlanFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.json")
	session := func(tables string, options ...sql.Option) *sql.Session {
		s := newSession(append(options, sql.Functions(sql.Scalar("twice", func(n int64) int64 { return 2 * n })))...)
		execute(t, s, tables)
		return s
	}
	run := func(s *sql.Session, statement string) error {
		r, err := s.Execute(t.Context(), strings.ReplaceAll(statement, "FILE", "'"+file+"'"))
		if err != nil {
			return err
		}
		return r.Wait()
	}
	const (
		from = "CREATE TABLE t (k INT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'datagen', 'number-of-rows' = '10');"
		to   = "CREATE TABLE o (k INT, v BIGINT) WITH ('connector' = 'blackhole');"
		set  = "SET 'table.plan.compile.catalog-objects' = '%s';"
		get  = "SET 'table.plan.restore.catalog-objects' = '%s';"
		plan = "COMPILE PLAN FILE FOR INSERT INTO o SELECT k, twice(v) FROM t"
	)
	is := func(what string, err error, want string) {
		t.Helper()
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case want != "" && (err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), file, "FILE"), want)):
			t.Errorf("%s\ngot  %v\nwant %s", what, err, want)
		}
	}
	s := session(from + to)
	is("missing", run(s, "EXECUTE PLAN FILE"), "there is no plan FILE; COMPILE PLAN 'FILE' FOR … makes it")
	is("compile", run(s, plan), "")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	is("again", run(s, plan), "there is a file FILE already; COMPILE PLAN … IF NOT EXISTS leaves it alone")
	other := strings.Replace(plan, "twice(v)", "v", 1)
	is("if not exists", run(s, strings.Replace(other, "FILE", "FILE IF NOT EXISTS", 1)), "")
	is("compile and execute", run(s, strings.Replace(other, "COMPILE", "COMPILE AND EXECUTE", 1)), "")
	if read() != string(first) {
		t.Error("a plan that is there was written")
	}
	is("force", run(session(from+to, sql.Set("table.plan.force-recompile", "true")), other), "")
	if read() == string(first) {
		t.Error("the plan was not written anew")
	}
	is("scheme", run(s, "EXECUTE PLAN 's3://a/b'"), "plans cannot be in s3://; give the path of a file")
	is("query", run(s, "COMPILE PLAN 'x' FOR SELECT 1"), "COMPILE PLAN takes INSERT or a statement set")
	is("batch", run(session(from+to, sql.Set("execution.runtime-mode", "batch")), strings.ReplaceAll(plan, "FILE", "'x'")), "plans are compiled in streaming mode only")
	is("run in batch", run(session(from+to, sql.Set("execution.runtime-mode", "batch")), "EXECUTE PLAN FILE"), "plans run in streaming mode only")
	if r, err := session(from+to, sql.Set("table.dml-sync", "false")).Execute(t.Context(), "EXECUTE PLAN '"+file+"'"); err != nil || r.Schema == nil {
		t.Errorf("a plan that runs by itself gives %v, %v", r, err)
	}
	is("set", run(s, "COMPILE AND EXECUTE PLAN '"+file+"2' FOR STATEMENT SET BEGIN INSERT INTO o SELECT k, v FROM t; INSERT INTO o SELECT k, COUNT(*) FROM t GROUP BY k; END"), "")

	// What the plan has not, the catalog has.
	write := func(objects string) {
		t.Helper()
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		is(objects, run(session(fmt.Sprintf(set, objects)+from+to), plan), "")
	}
	write("ALL")
	is("all", run(session(""), "EXECUTE PLAN FILE"), "")
	is("all enforced", run(session(fmt.Sprintf(get, "ALL_ENFORCED")), "EXECUTE PLAN FILE"), "")
	is("identifier", run(session(fmt.Sprintf(get, "IDENTIFIER")), "EXECUTE PLAN FILE"),
		"takes the table default_catalog.default_database.t from the catalog, which does not have it; create it, or use the catalog that has it, or SET")
	write("SCHEMA")
	is("without options", run(session(""), "EXECUTE PLAN FILE"), "which does not have it; create it, or use the catalog that has it")
	is("options of the catalog", run(session(from+to), "EXECUTE PLAN FILE"), "")
	is("another schema", run(session(strings.Replace(from, "v BIGINT", "v INT", 1)+to), "EXECUTE PLAN FILE"),
		"has the columns ROW<`k` INT NOT NULL, `v` INT> now, and had ROW<`k` INT NOT NULL, `v` BIGINT> when the plan was compiled; change it back, or compile the plan again")
	is("enforced", run(session(fmt.Sprintf(get, "ALL_ENFORCED")+from+to), "EXECUTE PLAN FILE"), "the plan has not all of the table")
	write("IDENTIFIER")
	is("of the catalog", run(session(from+to), "EXECUTE PLAN FILE"), "")

	// Files that are no plans of today.
	write("ALL")
	whole := read()
	for _, x := range []struct{ old, replacement, want string }{
		{`"flottPlan": 1`, `"flottPlan": 2`, "the plan has version 2, and this release reads plans up to version 1; run it with the release that has compiled it"},
		{`"flottPlan": 1`, `"plan": 1`, "the file is no plan of Flott; COMPILE PLAN makes one"},
		{`"options": {`, `"option": {`, "the plan is damaged: there is no field option; restore the file from a copy, or compile it again"},
		{`"calc_1"`, `"calc_2"`, `the plan is damaged: operator 2: there is no operator of the type "calc_2": the plan is of a later release, or damaged`},
		{`"exprs"`, `"expr"`, "operator 2: calc_1 has no field expr"},
		{`{"user": "twice"}`, `{"user": "thrice"}`, "the plan calls the scalar function thrice, which the session does not have; add it to the session with sql.Functions"},
		{`{"user": "twice"}`, `"twice"`, "there is no scalar function twice"},
		{`{"column": 0,`, `{"column": 7,`, "calc_1 reads column 7, and has 2"},
		{`"BIGINT"`, `"BIGINTEGER"`, `"BIGINTEGER", which is no type`},
		{`"inputs": [{"id": 1}]`, `"inputs": [{"id": 5}]`, "operator 2: it has the input 5"},
		{`"table": 1`, `"table": 9`, "there is no table 9"},
		{"\n \"operators\"", "\n \"operators", "the plan is damaged: line"},
	} {
		if !strings.Contains(whole, x.old) {
			t.Fatalf("the plan has no %s\n%s", x.old, whole)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(whole, x.old, x.replacement, 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		is(x.replacement, run(session(""), "EXECUTE PLAN FILE"), x.want)
	}
	if err := os.WriteFile(file, []byte(whole[:len(whole)/2]), 0o666); err != nil {
		t.Fatal(err)
	}
	is("cut off", run(session(""), "EXECUTE PLAN FILE"), "the plan is damaged")
}
