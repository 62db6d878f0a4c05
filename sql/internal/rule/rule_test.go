package rule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// env has the tables t(a, b, c) of INT, u(x, y) of BIGINT, n(k, r) where r has rows in rows, and w(k, ts, r) with a watermark.
func env(t *testing.T) *bind.Env {
	t.Helper()
	s := catalog.NewStore(nil)
	for name, cols := range map[string][]row.Field{
		"t": {{Name: "a", Type: row.Of(row.Int)}, {Name: "b", Type: row.Of(row.Int)}, {Name: "c", Type: row.Of(row.Int)}},
		"n": {{Name: "k", Type: row.Of(row.Int)}, {Name: "r", Type: rowOf(
			row.Field{Name: "d", Type: row.Of(row.Int)}, row.Field{Name: "e", Type: rowOf(
				row.Field{Name: "f", Type: row.Of(row.Int)}, row.Field{Name: "g", Type: row.Of(row.Int)},
			)}, row.Field{Name: "h", Type: row.Of(row.Int)},
		)}},
		"w": {
			{Name: "k", Type: row.Of(row.Int)},
			{Name: "ts", Type: row.TimestampOf(3)},
			{Name: "r", Type: rowOf(
				row.Field{Name: "d", Type: row.Of(row.Int)},
				row.Field{Name: "e", Type: rowOf(row.Field{Name: "f", Type: row.Of(row.Int)}, row.Field{Name: "g", Type: row.Of(row.Int)})},
				row.Field{Name: "a", Type: &row.Type{Kind: row.Array, Elem: row.Of(row.Int)}}, row.Field{Name: "h", Type: row.Of(row.Int)},
			)},
		},
		"u": {{Name: "x", Type: row.Of(row.BigInt)}, {Name: "y", Type: row.Of(row.BigInt)}},
	} {
		table := &catalog.Table{Path: catalog.Path{Catalog: catalog.DefaultCatalog, Database: catalog.DefaultDatabase, Object: name}, Options: map[string]string{}}
		if name == "w" {
			ts, err := parse.Expr("ts")
			if err != nil {
				t.Fatal(err)
			}
			table.Watermark = &catalog.Watermark{Column: "ts", Expr: ts}
		}
		for _, c := range cols {
			table.Columns = append(table.Columns, catalog.Column{Name: c.Name, Type: c.Type})
		}
		if err := s.Put(t.Context(), table, false); err != nil {
			t.Fatal(err)
		}
	}
	return &bind.Env{Catalog: s, Zone: time.UTC}
}

func rowOf(fields ...row.Field) *row.Type { return &row.Type{Kind: row.Row, Fields: fields} }

func bound(t *testing.T, text string) logical.Node {
	t.Helper()
	q, err := parse.Query(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := bind.Query(env(t), q)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// show writes a plan on one line: Node(what)[inputs].
func show(n logical.Node) string {
	var what string
	switch n := n.(type) {
	case *logical.Scan:
		return n.Table.Path.Object + fieldsText(n.Columns())
	case *logical.Project:
		what = exprs(n.Exprs)
	case *logical.Filter:
		what = text(n.Cond)
	case *logical.Join:
		what = n.Kind.String()
		if n.Cond != nil {
			what += ": " + text(n.Cond)
		}
	case *logical.Aggregate:
		what = fmt.Sprint("by ", n.Keys)
		for _, c := range n.Calls {
			what += fmt.Sprintf(" %s%v", c.Func.Name, c.Args)
		}
	case *logical.Over:
		for _, c := range n.Calls {
			what += fmt.Sprintf("%s%v by %v order %v", c.Func.Name, c.Args, c.Partition, c.Order)
		}
	case *logical.Window:
		what = fmt.Sprintf("%s of %d by %v", n.Kind, n.Time, n.Partition)
	case *logical.Watermark:
		return show(n.Input)
	case *logical.Values:
		what = fmt.Sprint(len(n.Rows))
	}
	var ins []string
	for _, in := range n.Inputs() {
		ins = append(ins, show(in))
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", n), "*logical.") + "(" + what + ")[" + strings.Join(ins, ", ") + "]"
}

// fieldsText are the names of columns, with those of the fields of ROWs.
func fieldsText(fields []row.Field) string {
	names := logical.Names(fields)
	for i, f := range fields {
		if f.Type.Kind == row.Row {
			names[i] += fieldsText(f.Type.Fields)
		}
	}
	return "(" + strings.Join(names, " ") + ")"
}

func exprs(xs []expr.Expr) string {
	var list []string
	for _, x := range xs {
		list = append(list, text(x))
	}
	return strings.Join(list, " ")
}

func text(x expr.Expr) string {
	switch x := x.(type) {
	case *expr.Input:
		return fmt.Sprintf("$%d", x.Index)
	case *expr.Literal:
		switch {
		case x.IsNull():
			return "NULL"
		case len(x.Value.I32) > 0:
			return fmt.Sprint(x.Value.I32[0])
		case len(x.Value.I64) > 0:
			return fmt.Sprint(x.Value.I64[0])
		case len(x.Value.Bools) > 0:
			return fmt.Sprint(x.Value.Bools[0])
		}
		return "'" + string(x.Value.Data) + "'"
	case *expr.Call:
		return x.Func.Name + "(" + exprs(x.Args) + ")"
	}
	return fmt.Sprintf("%T", x)
}

func TestRules(t *testing.T) {
	context := &expr.Context{Zone: time.UTC, Now: time.Unix(0, 0)}
	for _, c := range []struct {
		rule, query, want string
	}{
		{"subqueries", "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE y = 2)", "Project($0)[Join(LeftSemiJoin)[t(a b c), Project(1)[Filter(=($1 CAST(2)))[u(x y)]]]]"},
		{"subqueries", "SELECT a FROM t WHERE b > 1 AND NOT EXISTS (SELECT 1 FROM u WHERE x = a)", "Project($0)[Join(LeftAntiJoin: =($4 CAST($0)))[Filter(>($1 1))[t(a b c)], Project(1 $0)[u(x y)]]]"},
		{"subqueries", "SELECT a FROM t WHERE a IN (SELECT c FROM t)", "Project($0)[Join(LeftSemiJoin: =($0 $3))[t(a b c), Project($2)[t(a b c)]]]"},
		{"subqueries", "SELECT a FROM t WHERE a NOT IN (SELECT c FROM t)", "Project($0)[Join(LeftAntiJoin: IS NOT FALSE(=($0 $3)))[t(a b c), Project($2)[t(a b c)]]]"},
		{"subqueries", "SELECT a, (SELECT MAX(x) FROM u) FROM t", "Project($0 $3)[Join(LeftOuterJoin)[t(a b c), Project($0)[Aggregate(by [] MAX[0])[Project($0)[u(x y)]]]]]"},
		{"subqueries", "SELECT a, (SELECT x FROM u) FROM t", "Project($0 $3)[Join(LeftOuterJoin)[t(a b c), Aggregate(by [] SINGLE_VALUE[0])[Project($0)[u(x y)]]]]"},
		{"subqueries", "SELECT a FROM t WHERE b > (SELECT MAX(y) FROM u WHERE x = a)", "Project($0)[Project($0 $1 $2)[Filter(>(CAST($1) $3))[Join(LeftOuterJoin: =($4 CAST($0)))[t(a b c), Project($0 $1)[Project($1 $0)[Aggregate(by [1] MAX[0])[Project($1 $0)[u(x y)]]]]]]]]"},
		{"set operations", "SELECT x FROM u INTERSECT SELECT y FROM u", "Project($0)[Aggregate(by [0])[Join(LeftSemiJoin: IS NOT DISTINCT FROM($0 $1))[Project($0)[u(x y)], Project($1)[u(x y)]]]]"},
		{"fold", "SELECT a + (1 + 2) FROM t WHERE 1 = 1", "Project(+($0 3))[t(a b c)]"},
		{"fold", "SELECT CASE WHEN FALSE THEN 1 / 0 ELSE 2 END, a FROM t", "Project(2 $0)[t(a b c)]"},
		{"push filters", "SELECT p FROM (SELECT a AS p, b + 1 AS q FROM t) WHERE q > 2 AND p = 1", "Project($0)[Project($0 +($1 1))[Filter(AND(>(+($1 1) 2) =($0 1)))[t(a b c)]]]"},
		{"push filters", "SELECT a FROM t, u WHERE x = y AND a = 1 AND b < x", "Project($0)[Join(InnerJoin: <(CAST($1) $3))[Filter(=($0 1))[t(a b c)], Filter(=($0 $1))[u(x y)]]]"},
		{"push filters", "SELECT a FROM t LEFT JOIN u ON a = x WHERE y = 1", "Project($0)[Join(InnerJoin: =(CAST($0) $3))[t(a b c), Filter(=($1 CAST(1)))[u(x y)]]]"},
		{"push filters", "SELECT a FROM t JOIN u ON a = x WHERE 1 / b > 0 AND y = 1", "Project($0)[Filter(AND(>(/(1 $1) 0) =($4 CAST(1))))[Join(InnerJoin: =(CAST($0) $3))[t(a b c), u(x y)]]]"},
		{"push filters", "SELECT a, COUNT(*) FROM t GROUP BY a HAVING a > 1 AND COUNT(*) > 2", "Project($0 $1)[Filter(>($1 CAST(2)))[Aggregate(by [0] COUNT[])[Project($0)[Filter(>($0 1))[t(a b c)]]]]]"},
		{"push filters", "SELECT a FROM (SELECT a FROM t UNION ALL SELECT b FROM t) WHERE a = 1", "Project($0)[SetOp()[Project($0)[Filter(=($0 1))[t(a b c)]], Project($1)[Filter(=($1 1))[t(a b c)]]]]"},
		{"merge projects", "SELECT p + 1 FROM (SELECT a AS p, b FROM t)", "Project(+($0 1))[t(a b c)]"},
		{"merge projects", "SELECT p + p FROM (SELECT a + b AS p FROM t)", "Project(+($0 $0))[Project(+($0 $1))[t(a b c)]]"},
		{"prune", "SELECT a FROM t WHERE c = 1", "Project($0)[Filter(=($1 1))[t(a c)]]"},
		{"prune", "SELECT b FROM t JOIN u ON a = x", "Project($1)[Join(InnerJoin: =(CAST($0) $2))[t(a b), u(x)]]"},
		{"prune", "SELECT a, n FROM (SELECT a, b, COUNT(*) AS n, MAX(c) AS m FROM t GROUP BY ROLLUP (a, b))", "Project($0 $1)[Project($0 $3)[Aggregate(by [0 1 2] COUNT[])[Expand()[Project($0 $1)[t(a b)]]]]]"},
		{"narrow", "SELECT k, n.r.h FROM n WHERE n.r.d = 1", "Project($0 FIELD 2($1))[Filter(=(FIELD 1($1) 1))[n(k r(d h))]]"},
		{"narrow", "SELECT n.r.e.g, n.r.h FROM n", "Project(FIELD 1(FIELD 1($1)) FIELD 2($1))[n(k r(e(g) h))]"},
		{"narrow", "SELECT n.r.e, n.r.e.g FROM n", "Project(FIELD 1($1) FIELD 2(FIELD 1($1)))[n(k r(e(f g)))]"},
		{"narrow", "SELECT q.e.g FROM (SELECT n.r.e FROM n) AS q WHERE q.e.f > 0", "Project(FIELD 2($0))[Filter(>(FIELD 1($0) 0))[Project(FIELD 1($1))[n(k r(e(f g)))]]]"},
		{"narrow", "SELECT r FROM n WHERE n.r.h = 1", "Project($1)[Filter(=(FIELD 3($1) 1))[n(k r(d e(f g) h))]]"},
		{"narrow", "SELECT n.r.h FROM n WHERE r IS NULL", "Project(FIELD 1($1))[Filter(IS NULL($1))[n(k r(h))]]"},
		{"narrow", "SELECT k FROM n WHERE n.r.e IS NOT NULL", "Project($0)[Filter(IS NOT NULL(FIELD 1($1)))[n(k r(e(f)))]]"},
		{"narrow", "SELECT CASE WHEN k > 0 THEN r END FROM n", "Project(CASE(>($0 0) $1 CAST(NULL)))[n(k r(d e(f g) h))]"},
		{
			"narrow", "SELECT l.r.h, m.k FROM n AS l JOIN n AS m ON l.r.e.f = m.k",
			"Project(FIELD 3($1) $2)[Join(InnerJoin: =(FIELD 1(FIELD 2($1)) $2))[n(k r(d e(f g) h)), n(k r(d e(f g) h))]]",
		},
		{
			"split distinct", "SELECT a, COUNT(DISTINCT b), COUNT(*), AVG(c) FROM t GROUP BY a",
			"Project($0 $1 $2 $3)[Aggregate(by [0] $SUM0[2] $SUM0[3] $AVG[4 5])[Aggregate(by [0 3] COUNT[1] COUNT[] SUM[4] COUNT[4])[" +
				"Project($0 $1 $2 MOD(HASH_CODE($1) 7) CAST($2))[Project($0 $1 $2)[t(a b c)]]]]]",
		},
		{
			"split distinct", "SELECT SUM(DISTINCT b), COUNT(DISTINCT c), MAX(a) FROM t",
			"Project($0 $1 $2)[Aggregate(by [] SUM[2] $SUM0[3] MAX[4])[Aggregate(by [3 4] SUM[0] COUNT[1] MAX[2])[" +
				"Project($0 $1 $2 $3 $4 $5 =($5 1) =($5 2))[Expand()[Project($0 $1 $2 MOD(HASH_CODE($0) 7) MOD(HASH_CODE($1) 7))[Project($1 $2 $0)[t(a b c)]]]]]]]",
		},
		{"split distinct", "SELECT a, COUNT(b) FROM t GROUP BY a", "Project($0 $1)[Aggregate(by [0] COUNT[1])[Project($0 $1)[t(a b c)]]]"},
		{"split distinct", "SELECT COUNT(DISTINCT b), LISTAGG(CAST(c AS STRING)) FROM t", "Project($0 $1)[Aggregate(by [] COUNT[0] LISTAGG[1])[Project($1 CAST($2))[t(a b c)]]]"},
		{"fields", "SELECT r FROM n WHERE n.r.h = 1", "Project($0)[Filter(=(FIELD 3($0) 1))[n(r(d e(f g) h))]]"},
		{"fields", "SELECT k, n.r.h FROM n WHERE n.r.d = 1", "Project($0 FIELD 2($1))[Filter(=(FIELD 1($1) 1))[n(k r(d h))]]"},
		{
			"fields", "SELECT q.r.h FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n.r.d) AS rn FROM n) AS q WHERE rn <= 2 AND q.r.e.f > 0",
			"Project($1)[Filter(AND(<=($4 CAST(2)) >($2 0)))[Over(ROW_NUMBER[] by [0] order [{3 false false}])[Project($0 FIELD 3($1) FIELD 1(FIELD 2($1)) FIELD 1($1))[n(k r(d e(f) h))]]]]",
		},
		{
			"fields", "SELECT q.r.e, q.r.e.g, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY r ORDER BY k) AS rn FROM n) AS q",
			"Project(FIELD 2($1) FIELD 2(FIELD 2($1)) $2)[Over(ROW_NUMBER[] by [1] order [{0 false false}])[n(k r(d e(f g) h))]]",
		},
		{
			"fields", "SELECT q.r.e, q.r.e.g, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY k) AS rn FROM n) AS q",
			"Project($1 FIELD 2($1) $2)[Over(ROW_NUMBER[] by [0] order [{0 false false}])[Project($0 FIELD 1($1))[n(k r(e(f g)))]]]",
		},
		{
			"fields", "SELECT l.r.h, m.r.d FROM n AS l JOIN n AS m ON l.r.e.f = m.k AND m.r IS NOT NULL",
			"Project($0 $3)[Join(InnerJoin: =($1 $2))[Project(FIELD 3($0) FIELD 1(FIELD 2($0)))[Project($1)[n(k r(d e(f) h))]], Project($0 FIELD 1($1))[Filter(IS NOT NULL($1))[n(k r(d e(f) h))]]]]",
		},
		{
			"fields", "SELECT l.k, m.r.d FROM n AS l LEFT JOIN n AS m ON l.k = m.k WHERE m.r IS NULL",
			"Project($0 $1)[Project($0 FIELD 1($2))[Filter(IS NULL($2))[Join(LeftOuterJoin: =($0 $1))[Project($0)[n(k r(d e(f g) h))], n(k r(d e(f g) h))]]]]",
		},
		{
			"fields", "SELECT l.k, m.r.d FROM n AS l LEFT JOIN n AS m ON l.k = m.k WHERE m.r.e IS NULL",
			"Project($0 $2)[Filter(IS NULL($3))[Join(LeftOuterJoin: =($0 $1))[Project($0)[n(k r(d e(f g)))], Project($0 FIELD 1($1) FIELD 2($1))[n(k r(d e(f g)))]]]]",
		},
		{
			"fields", "SELECT k FROM n AS l WHERE EXISTS (SELECT 1 FROM n AS m WHERE m.r.h = l.r.d)",
			"Project($0)[Join(LeftSemiJoin: =($2 $1))[Project($0 FIELD 1($1))[n(k r(d h))], Project(FIELD 2($0))[Project($1)[n(k r(d h))]]]]",
		},
		{
			"fields", "SELECT q.r.d, COUNT(*), MAX(q.r.h) FROM (SELECT * FROM n UNION ALL SELECT k + 1, r FROM n WHERE n.r.e.f = 2) AS q GROUP BY q.r.d",
			"Project($0 $1 $2)[Aggregate(by [0] COUNT[] MAX[1])[Project($0 $1)[SetOp()[Project(FIELD 1($0) FIELD 3($0))[n(r(d e(f) h))], Project(FIELD 1($0) FIELD 3($0))[Filter(=(FIELD 1(FIELD 2($0)) 2))[n(r(d e(f) h))]]]]]]",
		},
		{"fields", "SELECT q.r.d FROM (SELECT DISTINCT r FROM n) AS q", "Project(FIELD 1($0))[Aggregate(by [0])[Project($0)[n(r(d e(f g) h))]]]"},
		{
			"fields", "SELECT q.r.d, rn FROM (SELECT CASE WHEN k > 0 THEN r END AS r, ROW_NUMBER() OVER (PARTITION BY k ORDER BY k) AS rn FROM n) AS q",
			"Project(FIELD 1(CASE(>($0 0) $1 CAST(NULL))) $2)[Over(ROW_NUMBER[] by [0] order [{0 false false}])[n(k r(d e(f g) h))]]",
		},
		{
			"fields", "SELECT q.r.d, q.r.h FROM (SELECT * FROM n ORDER BY k LIMIT 3) AS q WHERE q.r IS NOT NULL",
			"Project($1 $2)[Filter($3)[Sort()[Project($0 FIELD 1($1) FIELD 2($1) IS NOT NULL($1))[n(k r(d h))]]]]",
		},
		{
			"fields", "SELECT window_start, w.r.d, COUNT(*), SUM(w.r.e.g) FROM TABLE(TUMBLE(TABLE w, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) AS w GROUP BY window_start, window_end, w.r.d",
			"Project($0 $2 $3 $4)[Aggregate(by [0 1 2] COUNT[] SUM[3])[Project($3 $4 $1 $2)[Window(TUMBLE of 0 by [])[Project($0 FIELD 1($1) FIELD 1(FIELD 2($1)))[w(ts r(d e(g)))]]]]]",
		},
		{
			"fields", "SELECT w.r.d, window_end FROM TABLE(SESSION(TABLE w PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) AS w WHERE w.r.h > 0",
			"Project($2 $5)[Filter(>($3 0))[Window(SESSION of 1 by [0])[Project($0 $1 FIELD 1($2) FIELD 2($2))[w(k ts r(d h))]]]]",
		},
		{"fields", "SELECT w.r.d, x FROM w, UNNEST(w.r.a) AS u (x)", "Project($0 $2)[Apply()[Project(FIELD 1($1) FIELD 2($1))[w(ts r(d a))]]]"},
		{
			"fields", "SELECT k, n.r.d, COUNT(*) FROM n GROUP BY ROLLUP (k, n.r.d)",
			"Project($0 $1 $3)[Aggregate(by [0 1 2] COUNT[])[Expand()[Project($0 FIELD 1($1))[n(k r(d))]]]]",
		},
		{"narrow", "SELECT COUNT(r) FROM n", "Project($0)[Aggregate(by [] COUNT[0])[Project($1)[n(k r(d e(f g) h))]]]"},
	} {
		n := bound(t, c.query)
		switch c.rule {
		case "subqueries":
			n = Subqueries(n)
		case "set operations":
			n = SetOperations(n)
		case "fold":
			n = Fold(n, context)
		case "push filters":
			n = PushFilters(n)
		case "merge projects":
			n = MergeProjects(n)
		case "fields":
			n = Narrow(Prune([]logical.Node{Fields(MergeProjects(PushFilters(Subqueries(n))))}), anyTable)[0]
		case "prune":
			n = Prune([]logical.Node{n})[0]
		case "split distinct":
			n = bottomUp(n, func(n logical.Node) logical.Node {
				if a, ok := n.(*logical.Aggregate); ok {
					if _, final := SplitDistinct(a, 7); final != nil {
						return final
					}
				}
				return n
			})
		case "narrow":
			n = Narrow([]logical.Node{n}, anyTable)[0]
		}
		if got := show(n); got != c.want {
			t.Errorf("%s: %s\ngives %s\nwant  %s", c.rule, c.query, got, c.want)
		}
	}
}

func anyTable(*catalog.Table, map[string]string) bool { return true }

// TestNarrowAsksTheTable: a source that cannot leave out fields is read with all of them.
func TestNarrowAsksTheTable(t *testing.T) {
	none := func(*catalog.Table, map[string]string) bool { return false }
	n := Narrow([]logical.Node{bound(t, "SELECT n.r.e.g FROM n")}, none)[0]
	if got := show(n); got != "Project(FIELD 2(FIELD 2($1)))[n(k r(d e(f g) h))]" {
		t.Error(got)
	}
}

// TestTablesAreReadWithTheSameColumns: a table that is read twice is read with what both readers want.
func TestTablesAreReadWithTheSameColumns(t *testing.T) {
	n := Prune([]logical.Node{bound(t, "SELECT l.a FROM t AS l JOIN (SELECT b FROM t WHERE c = 1) AS r ON l.a = r.b")})[0]
	if got := strings.Count(show(n), "t(a b c)"); got != 2 {
		t.Errorf("%s", show(n))
	}
}

func TestRefusedSubqueries(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT a FROM t WHERE b = (SELECT MAX(y) FROM u WHERE x > a)": "in equations only",
		"SELECT (SELECT x + a FROM u) FROM t":                          "in its conditions only",
		"SELECT a FROM t LEFT JOIN u ON a = (SELECT MAX(x) FROM u)":    "outer join",
	} {
		_, err := Apply([]logical.Node{bound(t, query)}, &expr.Context{Zone: time.UTC}, anyTable)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}
