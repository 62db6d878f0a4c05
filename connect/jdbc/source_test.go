package jdbc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/internal/servertest"
)

// tableOf makes the source of a table.
func tableOf(schema string, options map[string]string) (*tableSource, error) {
	s, err := Table.NewSource(&connect.TableSpec{Name: "t", Schema: formattest.Schema(schema), Options: options})
	if err != nil {
		return nil, err
	}
	return s.(*tableSource), nil
}

// readTable reads a table to its end.
func readTable(t *testing.T, schema string, scan connect.Scan, options map[string]string) ([]string, error) {
	t.Helper()
	s, err := tableOf(schema, options)
	if err != nil {
		return nil, err
	}
	c, err := s.Scan(scan)
	if err != nil {
		return nil, err
	}
	d := connecttest.NewDriver(t, connecttest.Rows(c, formattest.Rows), 2, nil)
	defer d.Close()
	got, err := d.Read(0)
	slices.Sort(got)
	return got, err
}

// TestTableSource: tables with a key of several columns, without one, without numbers of rows, and views, with and without ranges, are read
// with each row once, from any position.
func TestTableSource(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		var values, want []string
		for i := range 8 {
			values = append(values, fmt.Sprintf("(%d, 'k%d', %d)", i/5, i%5, i-10))
			want = append(want, fmt.Sprintf(`[%d,"k%d"]`, i-10, i%5))
		}
		values, want = append(values, "(9, 'k', NULL)", "(9, 'k1', NULL)"), append(want, `[null,"k"]`, `[null,"k1"]`)
		insert := " VALUES " + strings.Join(values, ", ")
		d.exec(`CREATE TABLE keyed (a INT, "K" VARCHAR(9), v INT, PRIMARY KEY ("K", a))`, "INSERT INTO keyed"+insert,
			`CREATE TABLE plain (a INT, "K" TEXT, v INT)`, "INSERT INTO plain"+insert,
			`CREATE VIEW seen AS SELECT v, "K", a FROM plain`)
		tables := []string{"keyed", "plain", "seen"}
		if d.isLite {
			d.exec("CREATE TABLE bare (a INT, K TEXT, v INT, PRIMARY KEY (K, a)) WITHOUT ROWID", "INSERT INTO bare"+insert)
			tables = append(tables, "bare")
		}
		for i, table := range tables {
			ranges := []string{"scan.partition.column", "v", "scan.partition.num", "3", "scan.partition.lower-bound", "-7", "scan.partition.upper-bound", "0"}
			if i%2 == 1 {
				ranges = nil
			}
			t.Run(table, func(t *testing.T) {
				connecttest.Source(t, func() connect.Source[string] {
					s, err := tableOf("a INT, k STRING, v INT", d.options(table, append(ranges, "scan.fetch-size", "4")...))
					if err != nil {
						t.Fatal(err)
					}
					c, err := s.Scan(connect.Scan{Project: []int{2, 1}})
					if err != nil {
						t.Fatal(err)
					}
					return connecttest.Rows(c, formattest.Rows)
				}, connecttest.Options[string]{Want: want})
			})
		}
	})
}

func TestTableSourceScans(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (n INT PRIMARY KEY, s TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)")
		for _, test := range []struct {
			scan connect.Scan
			want string
		}{
			{connect.Scan{}, `[1,"a"] [2,"b"] [3,null]`},
			{connect.Scan{Project: []int{}}, "[] [] []"},
			{connect.Scan{Project: []int{0}, Limit: 2}, "[1] [2]"},
		} {
			got, err := readTable(t, "n INT, s STRING", test.scan, d.options("t"))
			if err != nil || strings.Join(got, " ") != test.want {
				t.Errorf("%+v: %v, %v; want %s", test.scan, got, err, test.want)
			}
		}
		s, err := tableOf("n INT", d.options("t", "scan.partition.column", "n", "scan.partition.num", "7", "scan.partition.lower-bound", "1", "scan.partition.upper-bound", "9"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Readers(4); n != 4 || err != nil {
			t.Errorf("%d readers, %v", n, err)
		}
	})
}

// TestTypes reads what was written of all types.
func TestTypes(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (" + d.columns() + ")")
		w, err := tableWriter(t, t.Context(), allTypes, "", d.options("t"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		rows := batchOf(t, allTypes, someValues, "{}")
		if err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		want := formattest.Rows(&column.Batch{Cols: rows.Cols, N: rows.N})
		slices.Sort(want)
		if got, err := readTable(t, allTypes, connect.Scan{}, d.options("t")); err != nil || !slices.Equal(got, want) {
			t.Errorf("\n%v, %v; want\n%v", got, err, want)
		}
	})
}

// TestOtherTypes reads arrays, types as texts that there are not here, and numbers as larger ones.
func TestOtherTypes(t *testing.T) {
	d := ofServer(t, servertest.Postgres(t))
	d.exec("CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN big AS NUMERIC(12,3)",
		"CREATE TABLE t (u UUID, j JSONB, m mood, i INT[], s TEXT[], small SMALLINT, n INT, f REAL, b big, c CHAR(3), o OID)",
		`INSERT INTO t VALUES ('00000000-0000-0000-0000-00000000000a', '{"a": [1]}', 'ok', '{1,NULL}', '{a,"b c"}', 7, 8, 1.5, 2.125, 'x', 4000000000)`, "INSERT INTO t (i) VALUES ('{}')")
	got, err := readTable(t, "u STRING, j STRING, m STRING, i ARRAY<INT>, s ARRAY<STRING>, small BIGINT, n DECIMAL(10,1), f DOUBLE, b DECIMAL(20,2), c CHAR(3), o BIGINT",
		connect.Scan{}, d.options("t"))
	want := `["00000000-0000-0000-0000-00000000000a","{\"a\": [1]}","ok",[1,null],["a","b c"],7,"8.0",1.5,"2.13","x  ",4000000000] ` +
		`[null,null,null,[],null,null,null,null,null,null,null]`
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%s, %v; want\n%s", strings.Join(got, " "), err, want)
	}
}

func TestTableSourceErrors(t *testing.T) {
	d := ofServer(t, servertest.Postgres(t))
	d.exec("CREATE TABLE t (n INT, s TEXT, v NUMERIC, ts TIMESTAMP, a INT[])", "INSERT INTO t VALUES (1, 'x', 'NaN', 'infinity', '{{1},{2}}')")
	lite := ofFile(t)
	lite.exec("CREATE TABLE t (n, ts TEXT)", "INSERT INTO t VALUES ('x', 'noon')")
	for _, test := range []struct {
		schema  string
		options map[string]string
		want    string
	}{
		{"n INT", d.options("u"), "the database has no table u ('table-name')"},
		{"m INT", d.options("t"), "the table t has no column m in the database; did you mean n?"},
		{"n STRING", d.options("t"), "the column n is integer in the database, and STRING here"},
		{"n SMALLINT", d.options("t"), "the column n is integer in the database, and SMALLINT here"},
		{"v DECIMAL(10,2)", d.options("t"), "table t: the column v: the value is NaN or infinite"},
		{"ts TIMESTAMP(3)", d.options("t"), "the column ts: the value is infinite"},
		{"a ARRAY<INT>", d.options("t"), "the column a: the array has 2 dimensions"},
		{"n INT", d.options("t", "scan.partition.num", "3"), "belong together"},
		{"s STRING", d.options("t", "scan.partition.column", "s", "scan.partition.num", "3", "scan.partition.lower-bound", "1", "scan.partition.upper-bound", "2"), "no column of numbers"},
		{"n INT", d.options("t", "scan.partition.column", "n", "scan.partition.num", "3", "scan.partition.lower-bound", "3", "scan.partition.upper-bound", "2"), "the upper bound of ranges is below"},
		{"n INT", d.options("t", "password", "wrong"), "does not let in"},
		{"n INT", lite.options("t"), "the column n: the value x is none of INT"},
		{"ts TIMESTAMP(3)", lite.options("t"), "the column ts: the value noon is none of TIMESTAMP(3)"},
	} {
		if _, err := readTable(t, test.schema, connect.Scan{}, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", test.schema, err, test.want)
		}
	}
}

// TestSource reads a table in Go, with rows that are refused.
func TestSource(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (n INT PRIMARY KEY, s TEXT, price DECIMAL(10,2))", "INSERT INTO t VALUES (1, 'a', 1.25), (2, 'bad', 2), (3, NULL, NULL)")
		decode := func(values []any) (string, error) {
			if values[1] == "bad" {
				return "", errors.New("it is bad")
			}
			return fmt.Sprint(values...), nil
		}
		o := SourceOptions{Connection: d.connection(), Table: "t", OnBad: Skip, Columns: []string{"n", "S", "price"}}
		connecttest.Source(t, func() connect.Source[string] { return Source(o, decode) }, connecttest.Options[string]{
			Want: []string{"1a1.25", "3 <nil> <nil>"},
		})
		read := func(change func(o *SourceOptions)) error {
			o := o
			change(&o)
			driver := connecttest.NewDriver(t, Source(o, decode), 1, nil)
			defer driver.Close()
			_, err := driver.Read(0)
			return err
		}
		var letters []*Bad
		if err := read(func(o *SourceOptions) {
			o.OnBad = DeadLetter(func(b *Bad) error { letters = append(letters, b); return nil })
		}); err != nil || len(letters) != 1 || fmt.Sprint(letters[0].Values) != "[2 bad 2.00]" {
			t.Errorf("%v, %v", letters, err)
		}
		for want, change := range map[string]func(o *SourceOptions){
			"table t: it is bad, in the row 2 bad 2.00": func(o *SourceOptions) { o.OnBad = Fail },
			"has no column x in the database":           func(o *SourceOptions) { o.Columns = []string{"x"} },
		} {
			if err := read(change); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v; want %s", err, want)
			}
		}
		_, err := Source(SourceOptions{Ranges: Ranges{Column: "n"}}, decode).Enumerator(nil, nil)
		if err == nil || !strings.Contains(err.Error(), "no table is named") || !strings.Contains(err.Error(), "the number of ranges must be 1 or more") {
			t.Errorf("%v", err)
		}
	})
}

// testSourceSurvives: a table is read on when the server that was killed is there again.
func testSourceSurvives(t *testing.T, s *servertest.PostgresServer) {
	d := ofServer(t, s)
	const rows = 40_000
	d.exec("CREATE TABLE t AS SELECT i AS n, repeat('x', 300) AS s FROM generate_series(1, " + fmt.Sprint(rows) + ") AS g(i)")
	table, err := tableOf("n INT, s STRING", d.options("t"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := table.Scan(connect.Scan{Project: []int{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	driver := connecttest.NewDriver(t, connecttest.Rows(c, func(b *column.Batch) []int {
		var all []int
		for i := range b.N {
			all = append(all, int(b.Cols[0].I32[i]))
		}
		return all
	}), 1, nil)
	defer driver.Close()
	got, err := driver.Read(5000)
	if err != nil {
		t.Fatal(err)
	}
	s.Kill()
	s.Start(t)
	rest, err := driver.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, rest...)
	slices.Sort(got)
	if len(got) != rows || got[0] != 1 || got[rows-1] != rows || len(slices.Compact(got)) != rows {
		t.Errorf("%d rows", len(got))
	}
}

// TestBrokenPosition: a position that cannot be one fails the job, and names the split.
func TestBrokenPosition(t *testing.T) {
	d := ofFile(t)
	d.exec("CREATE TABLE t (n INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	of := split{id: "7", span: span{first: true, last: true}, after: position{key: [][]byte{[]byte("?")}}}
	s := Source(SourceOptions{Connection: d.connection(), Table: "t"}, func([]any) (int, error) { return 0, nil })
	from := &connecttest.Snapshot{Enumerator: connect.EncodeSplits(nil), Splits: []connect.Split{of.encode()}}
	_, err := connecttest.NewDriver(t, s, 1, from).Read(0)
	if err == nil || !strings.Contains(err.Error(), `split "7": its position is broken: 3f`) {
		t.Error(err)
	}
}

// TestLookup looks rows up by keys of all kinds.
func TestLookup(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (n INT, s TEXT, price DECIMAL(10,2))", "INSERT INTO t VALUES (1, 'a', 1.25), (1, 'b', 2), (2, 'a', NULL)")
		const schema = "n INT, s STRING, price DECIMAL(10,2)"
		look := func(keys, project []int, row string, options ...string) (string, error) {
			table, err := tableOf(schema, d.options("t", options...))
			if err != nil {
				return "", err
			}
			newLookup, err := table.NewLookup(connect.LookupScan{Keys: keys, Project: project})
			if err != nil {
				return "", err
			}
			l, err := newLookup(connect.ReaderContext{Context: t.Context()})
			if err != nil {
				return "", err
			}
			defer l.Close()
			in := batchOf(t, schema, row)
			out := &column.Batch{}
			var vectors []*column.Vector
			for _, k := range keys {
				vectors = append(vectors, in.Cols[k])
			}
			for _, p := range project {
				out.Cols = append(out.Cols, column.New(formattest.Schema(schema).Fields[p].Type))
			}
			for range 2 {
				n, err := l.Lookup(vectors, 0, out.Cols)
				if err != nil {
					return "", err
				}
				out.N += n
			}
			rows := formattest.Rows(out)
			slices.Sort(rows)
			return strings.Join(slices.Compact(rows), " "), nil
		}
		for _, test := range []struct {
			keys, project []int
			row, want     string
		}{
			{[]int{0}, []int{0, 1, 2}, `{"n":1}`, `[1,"a","1.25"] [1,"b","2.00"]`},
			{[]int{1, 0}, []int{2}, `{"n":1,"s":"b"}`, `["2.00"]`},
			{[]int{0}, []int{1}, `{"n":3}`, ``},
			{[]int{0}, []int{1}, `{}`, ``},
			{[]int{0}, []int{}, `{"n":1}`, `[]`},
		} {
			if got, err := look(test.keys, test.project, test.row); err != nil || got != test.want {
				t.Errorf("%s: %s, %v; want %s", test.row, got, err, test.want)
			}
		}
		if _, err := look([]int{0}, []int{1}, "{}", "table-name", "u"); err == nil || !strings.Contains(err.Error(), "the database has no table u") {
			t.Errorf("an unknown table: %v", err)
		}
	})
}

// testLookupSurvives: a lookup that failed with the server goes well when that is there again.
func testLookupSurvives(t *testing.T, s *servertest.PostgresServer) {
	d := ofServer(t, s)
	d.exec("CREATE TABLE t (u UUID PRIMARY KEY, n INT)", "INSERT INTO t VALUES ('00000000-0000-0000-0000-00000000000a', 7)")
	table, err := tableOf("u STRING, n INT", d.options("t"))
	if err != nil {
		t.Fatal(err)
	}
	newLookup, err := table.NewLookup(connect.LookupScan{Keys: []int{0}, Project: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, err := newLookup(connect.ReaderContext{Context: ctx})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in := batchOf(t, "u STRING, n INT", `{"u":"00000000-0000-0000-0000-00000000000A"}`)
	out := []*column.Vector{column.New(formattest.Schema("n INT").Fields[0].Type)}
	s.Kill()
	s.Start(t)
	if _, err := l.Lookup(in.Cols[:1], 0, out); err == nil || out[0].N != 0 {
		t.Errorf("a lookup over a connection that is gone: %v", err)
	}
	if n, err := l.Lookup(in.Cols[:1], 0, out); n != 1 || err != nil || out[0].I32[0] != 7 {
		t.Errorf("%d rows, %v", n, err)
	}
}
