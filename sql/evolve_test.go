package sql_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// eachSavepoint calls f with each case of the golden savepoints, and where there is a savepoint of today.
func eachSavepoint(t *testing.T, f func(t *testing.T, c *savepointCase, dir string)) {
	warm(t)
	for _, c := range savepointCases(t) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.write(t, dir)
			f(t, &c, dir)
		})
	}
}

// TestAddedInsertKeepsState: an INSERT that reads more columns of the same tables does not change the state of the others.
func TestAddedInsertKeepsState(t *testing.T) {
	eachSavepoint(t, func(t *testing.T, c *savepointCase, dir string) {
		c.setup += `CREATE TABLE lost (k INT, v BIGINT, s STRING, f DOUBLE, ts TIMESTAMP(3)) WITH ('connector' = 'lost');`
		c.restore(t, dir, func(insert string) string {
			set := "EXECUTE STATEMENT SET BEGIN "
			for _, table := range []string{"a", "b", "c"} {
				set += "INSERT INTO lost SELECT k, v, s, f, ts FROM " + table + ";"
			}
			return set + insert + "; END"
		}, sql.Set("parallelism.default", "2"))
	})
}

var alias = regexp.MustCompile(` AS ([a-z]\w*)`)

// TestRenamedAliasesKeepState: another name of a column or a table that is read does not change what is computed.
func TestRenamedAliasesKeepState(t *testing.T) {
	renamed := 0
	eachSavepoint(t, func(t *testing.T, c *savepointCase, dir string) {
		c.restore(t, dir, func(insert string) string {
			for _, m := range alias.FindAllStringSubmatch(insert, -1) {
				insert = regexp.MustCompile(`\b`+m[1]+`\b`).ReplaceAllString(insert, m[1]+"x")
				renamed++
			}
			return insert
		})
	})
	if renamed < 100 {
		t.Errorf("%d names were changed; there are more", renamed)
	}
}

// TestOptionsKeepState: how long state is kept, how rows are put together and where a table is do not change what it is.
func TestOptionsKeepState(t *testing.T) {
	eachSavepoint(t, func(t *testing.T, c *savepointCase, dir string) {
		c.setup = strings.Replace(c.setup, "'1 h'", "'2 h'", 1) + "SET 'table.exec.mini-batch.enabled' = 'false';"
		for _, table := range []string{"a", "b", "c", "u"} {
			c.setup += "ALTER TABLE " + table + " SET ('server' = 'other');"
		}
		c.restore(t, dir, same)
	})
}

// TestChangedTypesAreRefused: what is kept has no types, so that columns of other types would be misread.
func TestChangedTypesAreRefused(t *testing.T) {
	types := strings.NewReplacer("k INT", "k BIGINT", "v BIGINT", "v INT", "s STRING", "s VARCHAR(20)", "f DOUBLE", "f FLOAT", "TIMESTAMP(3)", "TIMESTAMP(2)")
	eachSavepoint(t, func(t *testing.T, c *savepointCase, dir string) {
		run := &savepointRun{options: []launch.Option{launch.RestoreFrom(dir, launch.NoClaim)}, tables: types.Replace(halvesTables)}
		c.setup = strings.ReplaceAll(types.Replace(c.setup), "s VARCHAR(20), k", "s STRING, k")
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(halvesStop)
			_, err := c.session(t, run).Execute(t.Context(), "INSERT INTO kept "+c.query)
			if err == nil {
				t.Fatal("the job has started")
			}
			if !strings.Contains(err.Error(), "the snapshot has state of operators that the job does not have: ") {
				t.Error(err)
			}
		})
	})
}

// TestRefusals are statements that do not fit a savepoint, and what is said.
func TestRefusals(t *testing.T) {
	warm(t)
	cases := map[string]*savepointCase{}
	for _, c := range savepointCases(t) {
		cases[c.name] = &c
	}
	for _, x := range []struct{ of, setup, query, tables, want string }{
		{
			"group", "", "SELECT k, COUNT(*) AS n, SUM(v) AS total, MIN(s) AS most FROM a GROUP BY k", halvesTables,
			`"GroupAggregate(groupBy=[k], select=[COUNT(*), SUM(v), MAX(s)])" (uid UID), where the job has ` +
				`"GroupAggregate(groupBy=[k], select=[COUNT(*), SUM(v), MIN(s)])" (uid UID); give the operators their uid again, ` +
				`which in SQL follows from what they compute, or allow non-restored state`,
		},
		{
			"group", "", "SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(s) AS most FROM a WHERE v > 3 GROUP BY k", halvesTables,
			`where the job has one of the name (uid UID) on other input or of other types`,
		},
		{
			"group", "SET 'table.exec.state.ttl' = '1 h';", cases["group"].query, halvesTables,
			`where the job has one of the name (uid UID) on other input or of other types`,
		},
		{
			"inner join", "", "SELECT a.k, a.v, b.v AS w FROM a JOIN b ON a.k = b.k AND a.v < b.v", strings.Replace(halvesTables, "v BIGINT", "v INT", 1),
			`"Join(joinType=[InnerJoin], on=[k = k], where=[(v < v)])" (uid UID), where the job has "Join(joinType=[InnerJoin], on=[k = k], where=[(CAST(v AS BIGINT) < v)])" (uid UID)`,
		},
		{"limit", "", "SELECT k, v FROM a", halvesTables, `operators that the job does not have: "Limit(orderBy=[], offset=3, fetch=25)" (uid UID); give`},
	} {
		c := *cases[x.of]
		c.setup += x.setup
		dir := t.TempDir()
		cases[x.of].write(t, dir)
		c.query = x.query
		run := &savepointRun{options: []launch.Option{launch.RestoreFrom(dir, launch.NoClaim)}, tables: x.tables}
		_, err := c.session(t, run).Execute(t.Context(), "INSERT INTO kept "+c.query)
		if err == nil {
			t.Errorf("%s: the job has started", x.query)
			continue
		}
		if got := regexp.MustCompile(`uid \w+-[0-9a-f]{12}`).ReplaceAllString(err.Error(), "uid UID"); !strings.Contains(got, x.want) {
			t.Errorf("%s\n%s\nwant\n%s", x.query, got, x.want)
		}
	}
}
