package sql_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

var fieldSeed = flag.Uint64("fieldseed", 0, "the seed of the queries of TestFieldsOfRandomQueries; 0 takes another one each time")

// rowTable is a table of ROWs in a file, which can be read with some of the fields.
const rowTable = `CREATE TABLE n (
	id INT, r ROW<x INT, y ROW<z STRING, w INT>, a ARRAY<INT>, u INT>, v INT,
	ts AS TIMESTAMPADD(SECOND, id, TIMESTAMP '2024-01-01 00:00:00'), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');`

// TestFieldsOfRandomQueries compares queries of fields with the same ones that ask for the whole ROW too, so that nothing can be
// left out of it.
func TestFieldsOfRandomQueries(t *testing.T) {
	seed := *fieldSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	g := &rowQueries{Rand: rand.New(rand.NewPCG(seed, 1))}
	file := filepath.Join(t.TempDir(), "n.json")
	if err := os.WriteFile(file, []byte(g.data(40)), 0o666); err != nil {
		t.Fatal(err)
	}
	const fields = "q.id, q.r.x, q.r.y.w, q.r.y IS NULL, q.r IS NOT NULL"
	for i := range 120 {
		g.batch = i%2 == 0
		query := g.query(3)
		s := newSession()
		execute(t, s, fmt.Sprintf(rowTable, file))
		if g.batch {
			execute(t, s, "SET 'execution.runtime-mode' = 'batch';")
		}
		got := finalRows(t, s, fmt.Sprintf("SELECT %s FROM (%s) AS q", fields, query))
		want := finalRows(t, s, fmt.Sprintf("SELECT %s, q.r FROM (%s) AS q", fields, query))
		for k, line := range want {
			want[k] = line[:strings.LastIndex(line, "|")]
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("-fieldseed %d, batch mode %t: %s\n%s", seed, g.batch, query, sqltest.Diff(want, got))
		}
	}
}

// finalRows are what the changes of a query come to.
func finalRows(t *testing.T, s *sql.Session, query string) []string {
	t.Helper()
	r, err := s.Execute(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var changes []string
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for i := range b.Len() {
			p := b.Row(i)
			var cells []string
			for _, v := range b.Cols {
				cells = append(cells, string(r.AppendText(nil, v, p)))
			}
			changes = append(changes, b.Kind(p).String()+" "+strings.Join(cells, "|"))
		}
	}
	return sqltest.Materialize(changes, 0)
}

// rowQueries makes queries of the columns id, r and ts.
type rowQueries struct {
	*rand.Rand
	batch bool
}

func (g *rowQueries) data(n int) string {
	var b strings.Builder
	value := func() string {
		if g.IntN(5) == 0 {
			return "null"
		}
		return fmt.Sprint(g.IntN(6))
	}
	for i := range n {
		y := fmt.Sprintf(`{"z":"text %d","w":%s}`, g.IntN(3), value())
		if g.IntN(4) == 0 {
			y = "null"
		}
		r := fmt.Sprintf(`{"x":%s,"y":%s,"a":[%s,%s],"u":%s}`, value(), y, value(), value(), value())
		if g.IntN(5) == 0 {
			r = "null"
		}
		fmt.Fprintf(&b, `{"id":%d,"r":%s,"v":%s}`+"\n", i, r, value())
	}
	return b.String()
}

func (g *rowQueries) query(depth int) string {
	if depth == 0 {
		return "SELECT id, r, ts FROM n"
	}
	in := func() string { return "(" + g.query(depth-1) + ") AS q" }
	c := g.IntN(6)
	switch g.IntN(13) {
	case 0:
		return fmt.Sprintf("SELECT id, r, ts FROM %s WHERE q.r.x > %d OR q.r.y.z = 'text 1'", in(), c)
	case 1:
		return fmt.Sprintf("SELECT * FROM %s WHERE q.r IS NOT NULL AND q.r.y.w <> %d", in(), c)
	case 2:
		return fmt.Sprintf("SELECT id, r, ts FROM %s UNION ALL %s", in(), g.query(depth-1))
	case 3:
		return fmt.Sprintf("SELECT id, r, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY q.r.x ORDER BY id DESC, q.r.u) AS rn FROM %s) AS q WHERE rn <= %d AND (id > 3 OR q.r.y.w < 5)", in(), c+1)
	case 4:
		return fmt.Sprintf("SELECT l.id, q.r, l.ts FROM (%s) AS l LEFT JOIN %s ON l.id = q.id AND l.r.x >= q.r.u", g.query(depth-1), in())
	case 5:
		return fmt.Sprintf("SELECT q.id, q.r, q.ts FROM %s JOIN (%s) AS l ON q.r.x = l.r.u AND l.id < 9 WHERE l.r.y IS NULL", in(), g.query(depth-1))
	case 6:
		return fmt.Sprintf("SELECT DISTINCT id, r, ts FROM %s", in())
	case 7:
		return fmt.Sprintf("SELECT id, CASE WHEN id > %d THEN r END AS r, ts FROM %s", c, in())
	case 8:
		return fmt.Sprintf("SELECT MAX(id) AS id, r, MAX(ts) AS ts FROM %s GROUP BY r", in())
	case 9:
		return fmt.Sprintf("SELECT e AS id, r, ts FROM %s CROSS JOIN UNNEST(q.r.a) AS x (e)", in())
	case 10:
		return fmt.Sprintf("SELECT id, r, ts FROM %s WHERE EXISTS (SELECT 1 FROM n AS m WHERE m.r.u = q.r.x)", in())
	case 11:
		if g.batch {
			return fmt.Sprintf("SELECT CAST(SUM(q.r.x) OVER (PARTITION BY q.r.y.w ORDER BY id) AS INT) AS id, r, ts FROM %s", in())
		}
		return fmt.Sprintf("SELECT id, r, MAX(ts) AS ts FROM %s GROUP BY GROUPING SETS ((id, r), (r))", in())
	}
	return "SELECT id, r, window_start AS ts FROM TABLE(HOP(TABLE n, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))"
}

// uidOf is the uid of an operator in the plan of statements.
func uidOf(t *testing.T, operator, statements string) string {
	t.Helper()
	s := newSession()
	dir := t.TempDir()
	execute(t, s, fmt.Sprintf(rowTable, filepath.Join(dir, "n.json"))+
		"CREATE TABLE o (k INT, v INT, w INT) WITH ('connector' = 'blackhole'); CREATE TABLE p (y ROW<z STRING, w INT>) WITH ('connector' = 'blackhole');")
	file := filepath.Join(dir, "plan.json")
	execute(t, s, fmt.Sprintf("COMPILE PLAN '%s' FOR %s", file, statements))
	plan, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	uids := regexp.MustCompile(`"uid": "(`+operator+`-\w+)"`).FindAllSubmatch(plan, -1)
	if len(uids) != 1 {
		t.Fatalf("%d operators %s in\n%s", len(uids), operator, plan)
	}
	return string(uids[0][1])
}

// TestStateOfFields: operators that keep fields are known by the fields' names, whatever else is read of the table.
func TestStateOfFields(t *testing.T) {
	for _, c := range []struct{ operator, query string }{
		{"join", "SELECT l.id, l.r.x, m.r.u FROM n AS l JOIN n AS m ON l.id = m.v"},
		{"join", "SELECT l.id, l.r.x, m.r.u FROM n AS l LEFT JOIN n AS m ON l.id = m.v WHERE m.r IS NULL"},
		{"rank", "SELECT id, v, q.r.x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY v) AS k FROM n) AS q WHERE k < 3"},
		{"overaggregate", "SELECT id, c, q.r.x FROM (SELECT *, CAST(COUNT(*) OVER (PARTITION BY id ORDER BY ts) AS INT) AS c FROM n) AS q"},
		{"windowtablefunction", "SELECT id, v, w.r.x FROM TABLE(SESSION(TABLE n PARTITION BY id, DESCRIPTOR(ts), INTERVAL '5' SECOND)) AS w"},
	} {
		insert := "INSERT INTO o " + c.query
		uid := uidOf(t, c.operator, insert)
		more := fmt.Sprintf("STATEMENT SET BEGIN INSERT INTO p SELECT n.r.y FROM n WHERE CARDINALITY(n.r.a) > 1; %s; END", insert)
		if got := uidOf(t, c.operator, more); got != uid {
			t.Errorf("%s: the uid is %s, and %s where another INSERT reads more fields", c.query, uid, got)
		}
		if other := strings.Replace(insert, "r.x", "r.u", 1); uidOf(t, c.operator, other) == uid && !strings.Contains(c.query, "IS NULL") {
			t.Errorf("%s has the uid %s of a field of the same type", other, uid)
		}
	}
}

// TestStateOfWholeROWs: state that kept ROWs of which fields are kept now is refused. The plans of then keep what they do.
func TestStateOfWholeROWs(t *testing.T) {
	warm(t)
	for _, c := range savepointCases(t) {
		if !strings.HasSuffix(c.name, "of rows") {
			continue
		}
		dir, err := filepath.Abs(c.dir(savepointVersion))
		if err != nil {
			t.Fatal(err)
		}
		run := &savepointRun{options: []launch.Option{launch.RestoreFrom(dir, launch.NoClaim)}}
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(halvesStop)
			_, err := c.session(t, run).Execute(t.Context(), "INSERT INTO kept "+c.query)
			if err == nil || !strings.Contains(err.Error(), "the snapshot has state of operators that the job does not have: ") {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
}
