package sql_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/sqltest"
)

// listed is the connector 'lookup' of the cases in testdata/lookups: a table that is looked up, whose rows its option lists,
// with commas between values and semicolons between rows.
type listed struct {
	columns []*column.Vector
	n       int
}

func newListed(spec *connect.TableSpec) (*listed, error) {
	l := &listed{}
	for _, f := range spec.Schema.Fields {
		l.columns = append(l.columns, column.New(f.Type))
	}
	for line := range strings.SplitSeq(spec.Options["rows"], ";") {
		values := strings.Split(line, ",")
		if len(values) != len(l.columns) {
			return nil, errors.New("the row " + line + " has another number of values than the table has columns")
		}
		for i, v := range l.columns {
			if err := appendText(v, values[i]); err != nil {
				return nil, err
			}
		}
		l.n++
	}
	return l, nil
}

func appendText(v *column.Vector, text string) error {
	if text == "NULL" {
		v.AppendNull()
		return nil
	}
	literal := column.New(row.VarcharOf(row.MaxLength).Nullable(false))
	literal.AppendString(strings.TrimSuffix(strings.Replace(text, "T", " ", 1), "Z")) // of a time
	if v.Type.IsText() {
		v.AppendString(text)
		return nil
	}
	x, err := builtin.Cast(ast.Span{}, &expr.Literal{Value: literal}, v.Type, false)
	if err != nil {
		return err
	}
	value, err := expr.Compile(x).Eval(&expr.Context{Zone: time.UTC}, &column.Batch{N: 1})
	if err == nil {
		v.AppendAll(value, []int32{0})
	}
	return err
}

func (*listed) Bounded() bool          { return true }
func (*listed) Kinds() row.ChangeKinds { return row.InsertOnly }

func (*listed) Scan(connect.Scan) (connect.ColumnSource, error) {
	return nil, errors.New("the table can be looked up only")
}

// inList looks keys up, one after the other or many at once.
type inList struct {
	*listed
	connect.LookupScan
}

func (l *inList) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	n := 0
	for r := range l.n {
		is := true
		for i, k := range l.Keys {
			c := l.columns[k]
			if keys[i].Type.Kind != c.Type.Kind && !(c.Type.IsText() && keys[i].Type.IsText()) || keys[i].Type.Scale != c.Type.Scale {
				return 0, errors.New("a column of type " + c.Type.SQL() + " is asked for " + keys[i].Type.SQL())
			}
			is = is && !c.IsNull(r) && column.Same(c, r, keys[i], place)
		}
		if !is {
			continue
		}
		for i, c := range l.Project {
			out[i].AppendAll(l.columns[c], []int32{int32(r)})
		}
		n++
	}
	return n, nil
}

func (l *inList) LookupAsync(_ context.Context, keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	return l.Lookup(keys, place, out)
}

func (l *inList) Close() error { return nil }

type (
	listedInTurn struct{ *listed }
	listedAtOnce struct{ *listed }
)

func (l listedInTurn) NewLookup(s connect.LookupScan) (func(connect.ReaderContext) (connect.Lookup, error), error) {
	return func(connect.ReaderContext) (connect.Lookup, error) { return &inList{l.listed, s}, nil }, nil
}

func (l listedAtOnce) NewAsyncLookup(s connect.LookupScan) (func(connect.ReaderContext) (connect.AsyncLookup, error), error) {
	return func(connect.ReaderContext) (connect.AsyncLookup, error) { return &inList{l.listed, s}, nil }, nil
}

// ways are the ways in which the tables of cases are looked up.
var ways = []string{"in turn", "at once", "cached", "as a whole"}

func listedFactory(way string) connect.TableFactory {
	return connect.TableFactory{Name: "lookup", NewSource: func(spec *connect.TableSpec) (connect.TableSource, error) {
		l, err := newListed(spec)
		if way == "at once" {
			return listedAtOnce{l}, err
		}
		return listedInTurn{l}, err
	}}
}

// lookupSession is a session in which 'lookup' tables are looked up in one of the ways.
func lookupSession(way string, x variant, options ...sql.Option) *sql.Session {
	options = append(options, sql.With(append(all.Factories(), listedFactory(way)), all.Formats()), sql.On(launch.Executor(launch.BatchRows(x.batchRows))))
	return sql.NewSession(append(options, settings(x.set)...)...)
}

var listedTable = regexp.MustCompile(`'connector' = 'lookup', 'rows' = '([^']*)'`)

// lookedUpIn is a text with tables that are looked up in a way. Those that are kept as a whole are files.
func lookedUpIn(t *testing.T, way, setup string) string {
	t.Helper()
	return listedTable.ReplaceAllStringFunc(setup, func(options string) string {
		switch way {
		case "cached":
			return options + ", 'lookup.cache' = 'PARTIAL'"
		case "as a whole":
			return listedFile(t, options) + ", 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h'"
		}
		return options
	})
}

// listedFile are the options of a file with the rows of a table.
func listedFile(t *testing.T, options string) string {
	t.Helper()
	lines := strings.ReplaceAll(listedTable.FindStringSubmatch(options)[1], ";", "\n") + "\n"
	file := filepath.Join(t.TempDir(), "side.csv")
	if err := os.WriteFile(file, []byte(regexp.MustCompile(`(\d)T(\d)`).ReplaceAllString(lines, "$1 $2")), 0o644); err != nil {
		t.Fatal(err)
	}
	return "'connector' = 'filesystem', 'path' = '" + file + "', 'format' = 'csv', 'csv.null-literal' = 'NULL'"
}

// TestLookupCases: what is looked up, in any way, is what Flink finds. Its answers are from a connector of its own for the same
// tables. What it refuses, and Flott looks up, is in TestLookupEqualsJoin.
func TestLookupCases(t *testing.T) {
	files, err := sqltest.Files([]string{"testdata/lookups"})
	if err != nil || len(files) < 60 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	graded := 0
	for _, file := range files {
		c, err := sqltest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		setup := c.Sections["setup"]
		for i, way := range ways {
			x := variant{parallelism: 1 + i%3, batchRows: []int{1024, 1, 2}[i%3]}
			c.Sections["setup"] = lookedUpIn(t, way, setup)
			v := sqltest.Run(t.Context(), &sqltest.Config{Parallelism: x.parallelism, NewSession: func(options ...sql.Option) *sql.Session {
				return lookupSession(way, x, options...)
			}}, c)
			if v.Outcome == sqltest.Failed {
				t.Errorf("%s, %s: %s\n%s\n%s", c.Name, way, setup, c.Sections["query"], v.Report)
			}
			if v.Outcome == sqltest.Passed {
				graded++
			} else if testing.Verbose() {
				t.Logf("%s, %s: %s %v", c.Name, way, v.Report, v.Err)
			}
		}
	}
	if graded < 150 {
		t.Errorf("%d are graded", graded)
	}
}

// comparable are types whose values can be compared, with values of each.
var comparable = []map[string]string{
	{
		"TINYINT": "1 2 -3 100", "INT": "1 2 257 16777217", "BIGINT": "1 2 3000000000 4294967297 9007199254740993",
		"FLOAT": "1 1.5 16777216 9007199254740992", "DOUBLE": "1 2 1.5 16777217 9007199254740992 1e300",
		"DECIMAL(5, 1)": "1 1.5 9999.9", "DECIMAL(20, 2)": "1 1.50 1.55 3000000000", "DECIMAL(38, 30)": "1 1.5 1.550000000000000000000000000001",
	},
	{"STRING": "a ab abc abcd", "CHAR(3)": "a ab abc", "VARCHAR(2)": "a ab"},
	{
		"TIMESTAMP(0)": "2020-01-01T00:00:00 2020-01-01T00:00:01", "TIMESTAMP(6)": "2020-01-01T00:00:00 2020-01-01T00:00:01.000001",
		"TIMESTAMP_LTZ(3)": "2020-01-01T00:00:00Z 2020-01-01T00:00:01.001Z",
	},
}

// severalValues are the pairs of a type of values and one of a column several of which may equal one of them.
var severalValues = map[string]bool{
	"FLOAT = INT": true, "FLOAT = BIGINT": true, "FLOAT = DOUBLE": true, "DOUBLE = BIGINT": true,
	"FLOAT = DECIMAL(5, 1)": true, "FLOAT = DECIMAL(20, 2)": true, "FLOAT = DECIMAL(38, 30)": true, "DOUBLE = DECIMAL(5, 1)": true,
	"BIGINT = DECIMAL(38, 30)": true, "INT = DECIMAL(38, 30)": true, "DECIMAL(20, 2) = DECIMAL(38, 30)": true,
	"DOUBLE = DECIMAL(20, 2)": true, "DOUBLE = DECIMAL(38, 30)": true,
	"TIMESTAMP_LTZ(3) = TIMESTAMP(0)": true, "TIMESTAMP_LTZ(3) = TIMESTAMP(6)": true,
}

// TestLookupEqualsJoin: a lookup finds what a join with the whole table does, whatever the types of both sides are; or it is
// refused, where the values that may equal one are too many to be looked up.
func TestLookupEqualsJoin(t *testing.T) {
	const query = "SELECT o.l, s.k, s.v FROM (SELECT *, PROCTIME() AS p FROM o) AS o %s JOIN %s AS s ON %s"
	n := 0
	for _, types := range comparable {
		for _, left := range slices.Sorted(maps.Keys(types)) {
			for _, right := range slices.Sorted(maps.Keys(types)) {
				way := ways[n%len(ways)]
				n++
				pair := left + " = " + right
				keys := options(types[right], "v,7", "NULL,7", "w,9")
				s := lookupSession(way, variant{batchRows: 1 + n%3}, sql.Set("table.local-time-zone", "Europe/Berlin"), sql.Set("execution.runtime-mode", "batch"))
				script(t, s, "CREATE TABLE o (l "+left+", n INT) WITH ("+listedFile(t, options(types[left], "7", "8"))+");"+
					"CREATE TABLE side (k "+right+", v STRING, n INT) WITH ("+lookedUpIn(t, way, keys)+");"+
					"CREATE TABLE whole (k "+right+", v STRING, n INT) WITH ("+listedFile(t, keys)+")")
				const alone = "o.l = s.k AND s.n > 7"
				for _, on := range []string{alone, "o.l = s.k AND o.n = s.n", "s.v = 'v' AND s.k = o.l", "s.n = CAST(o.n AS BIGINT) AND o.l = s.k AND s.v IS NULL"} {
					for _, kind := range []string{"", "LEFT"} {
						what := fmt.Sprintf("%s %s JOIN ON %s, %s", pair, kind, on, way)
						r, err := s.Execute(t.Context(), fmt.Sprintf(query, kind, "side FOR SYSTEM_TIME AS OF o.p", on))
						if several := on == alone && severalValues[pair]; several != (err != nil) || several && !strings.Contains(err.Error(), "several values of "+right+" may equal one of") {
							t.Errorf("%s: %v", what, err)
						}
						if err != nil {
							continue
						}
						if got, want := sorted(texts(t, r)), sorted(rows(t, s, fmt.Sprintf(query, kind, "whole", on))); got != want {
							t.Errorf("%s\nfinds\n%s\nwant\n%s", what, got, want)
						}
					}
				}
			}
		}
	}
}

// TestLookupOfROW: a ROW of which the right side of a join takes a field is looked up with all of them.
func TestLookupOfROW(t *testing.T) {
	s := newSession()
	script(t, s, `CREATE TABLE side (id INT, r ROW<x INT, y ROW<z STRING>>) WITH ('connector' = 'filesystem', 'path' = 'testdata/data/nested.json', 'format' = 'json',
		'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h');
		CREATE VIEW parts AS SELECT side.r.y.z AS z, id FROM side WHERE side.r.x > 0`)
	got := rows(t, s, "SELECT o.id, parts.z FROM (SELECT id, PROCTIME() AS p FROM (VALUES (1), (4)) AS v(id)) AS o LEFT JOIN parts FOR SYSTEM_TIME AS OF o.p ON o.id = parts.id")
	if want := "1|deep\n4|NULL"; got != want {
		t.Errorf("it finds\n%s\nwant\n%s", got, want)
	}
}

// TestLookupRefused: what cannot be looked up is refused, and never scanned instead.
func TestLookupRefused(t *testing.T) {
	s := lookupSession("in turn", variants[0])
	script(t, s, `CREATE TABLE side (k BIGINT, d DOUBLE, v STRING, y AS k + 1, f STRING METADATA FROM 'f' VIRTUAL) WITH ('connector' = 'lookup', 'rows' = '1,1.0,a');
		CREATE VIEW o AS SELECT i, PROCTIME() AS p FROM (VALUES (1)) AS t(i);
		CREATE VIEW counts AS SELECT k, COUNT(*) AS n FROM side GROUP BY k;
		CREATE VIEW twice AS SELECT k, r FROM (SELECT k, RAND() AS r FROM side) WHERE r > 0.5`)
	const key, only = "rows of the table side are looked up by the values of its columns", "the right side of the join can only filter and compute"
	for query, want := range map[string]string{
		"side AS s ON o.i > s.k":                    key,
		"side AS s ON o.i = s.y":                    "with a column of the table, as it stands, on one side",
		"side AS s ON s.k + 1 = o.i":                key,
		"side AS s ON s.k = s.d":                    key,
		"side AS s ON o.i IS NOT DISTINCT FROM s.k": key,
		"side AS s ON s.k = o.i * RAND()":           key,
		"side AS s ON CAST(s.k AS INT) = o.i":       "several values of BIGINT may equal one of INT: write k = CAST(i AS BIGINT)",
		"side AS s ON CAST(s.d AS FLOAT) = o.i":     "several values of DOUBLE may equal one of",
		"side AS s ON s.k = o.i AND s.f = 'x'":      "the column f of the table side is of metadata",
		"counts AS s ON s.k = o.i":                  only,
		"twice AS s ON s.k = o.i":                   only,
	} {
		table, rest, _ := strings.Cut(query, " AS s ")
		refuses(t, s, map[string]string{"SELECT o.i, s.* FROM o JOIN " + table + " FOR SYSTEM_TIME AS OF o.p AS s " + rest: want})
	}
}

// options are those of a listed table: each value with each rest of a row, and NULL.
func options(values string, rests ...string) string {
	var list []string
	for _, v := range append(strings.Fields(values), "NULL") {
		for _, r := range rests {
			list = append(list, v+","+r)
		}
	}
	return "'connector' = 'lookup', 'rows' = '" + strings.Join(list, ";") + "'"
}

func sorted(lines string) string {
	list := strings.Split(lines, "\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}
