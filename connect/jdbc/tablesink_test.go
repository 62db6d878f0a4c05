package jdbc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/row"
)

// tableWriter makes a writer of a table.
func tableWriter(t *testing.T, ctx context.Context, schema, key string, options map[string]string) (connect.ColumnWriter, error) {
	t.Helper()
	spec := &connect.TableSpec{Name: "t", Schema: formattest.Schema(schema), Options: options}
	if key != "" {
		spec.PrimaryKey = strings.Split(key, ",")
	}
	table, err := Table.NewSink(spec)
	if err != nil {
		return nil, err
	}
	s, err := table.Sink(connect.Insert{})
	if err != nil {
		return nil, err
	}
	now := time.Unix(1_700_000_000, 0)
	return s.Writer(connect.WriterContext{Context: ctx, Now: func() time.Time { return now }, WakeAt: func(time.Time) {}}, nil)
}

// batchOf decodes rows of JSON, each of which may begin with the kind of its change.
func batchOf(t *testing.T, schema string, rows ...string) *column.Batch {
	t.Helper()
	table, err := formattest.Table(json.Factory, formattest.Schema(schema), "")
	if err != nil {
		t.Fatal(err)
	}
	newDecoder, err := json.Factory.NewDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	d, b := newDecoder(), formattest.Batch(json.Factory, table)
	var kinds []row.ChangeKind
	for _, r := range rows {
		kind := row.Insert
		for k := row.Insert; k <= row.Delete; k++ {
			if rest, ok := strings.CutPrefix(r, k.String()+" "); ok {
				kind, r = k, rest
			}
		}
		if err := d.Decode([]byte(r), b); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, kind)
	}
	b.Kinds = kinds
	return b
}

func TestTableSinkOfKeys(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec(`CREATE TABLE t ("N" INT, s VARCHAR(10), v BIGINT, PRIMARY KEY (s, "N"))`, "INSERT INTO t VALUES (9, 'old', 1), (8, 'old', 1)")
		const schema = "n INT NOT NULL, s STRING NOT NULL, v BIGINT"
		w, err := tableWriter(t, t.Context(), schema, "n,s", d.options("t", "sink.buffer-flush.max-rows", "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		write := func(rows ...string) {
			t.Helper()
			if err := w.Write(batchOf(t, schema, rows...)); err != nil {
				t.Fatal(err)
			}
		}
		write(`{"n":1,"s":"a","v":1}`, `{"n":1,"s":"b","v":2}`, `-U {"n":1,"s":"a","v":1}`, `+U {"n":1,"s":"a","v":3}`)
		write(`-D {"n":9,"s":"old"}`, `{"n":2,"s":"a"}`, `-D {"n":1,"s":"b","v":2}`, `-D {"n":2,"s":"a"}`, `+U {"n":2,"s":"a","v":7}`)
		check := func(want ...string) {
			t.Helper()
			if got := d.query(`SELECT "N", s, v FROM t ORDER BY 1, 2`); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		check("8,old,1", "9,old,1")
		if err := w.Flush(false); err != nil {
			t.Fatal(err)
		}
		check("1,a,3", "2,a,7", "8,old,1")
		write(`+U {"n":1,"s":"a","v":4}`, `-D {"n":7,"s":"not there"}`)
		if err := w.(connect.Ticker).Tick(time.Time{}); err != nil {
			t.Fatal(err)
		}
		check("1,a,4", "2,a,7", "8,old,1")
	})
}

// TestTableSinkWithoutKey adds rows, and writes what is collected when there are as many as wanted.
func TestTableSinkWithoutKey(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (n INT, other TEXT)")
		w, err := tableWriter(t, t.Context(), "n INT", "", d.options("t", "sink.buffer-flush.max-rows", "3"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for i, want := range []int{0, 0, 3, 3} {
			if err := w.Write(batchOf(t, "n INT", `{"n":1}`)); err != nil {
				t.Fatal(err)
			}
			if got := len(d.query("SELECT n, other FROM t")); got != want {
				t.Errorf("after %d rows %d are there, want %d", i+1, got, want)
			}
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		if got := d.query("SELECT count(*), min(n), max(n), min(other) FROM t"); got[0] != "4,1,1,NULL" {
			t.Errorf("%v", got)
		}
	})
}

const (
	allTypes = "b BOOLEAN, i1 TINYINT, i2 SMALLINT, i4 INT, i8 BIGINT, f4 FLOAT, f8 DOUBLE, d DECIMAL(20,4), w DECIMAL(38,10), s STRING, c VARCHAR(5), " +
		"x BYTES, dt DATE, tm TIME(3), ts TIMESTAMP(6), tz TIMESTAMP_LTZ(3)"
	allColumns = "b BOOLEAN, i1 SMALLINT, i2 SMALLINT, i4 INT, i8 BIGINT, f4 REAL, f8 DOUBLE PRECISION, d NUMERIC(20,4), w NUMERIC, s TEXT, c VARCHAR(5), " +
		"x BYTEA, dt DATE, tm TIME(3), ts TIMESTAMP, tz TIMESTAMPTZ"
	allColumnsLite = "b INTEGER, i1 INTEGER, i2 INTEGER, i4 INTEGER, i8 INTEGER, f4 REAL, f8 REAL, d TEXT, w TEXT, s TEXT, c TEXT, x BLOB, dt TEXT, tm TEXT, ts TEXT, tz TEXT"
	someValues     = `{"b":true,"i1":-7,"i2":300,"i4":-70000,"i8":1234567890123,"f4":1.5,"f8":-2.25,"d":-1234567890123.4507,"w":0.0000000001,"s":"ä,'","c":"ab",` +
		`"x":"AP8=","dt":"1969-12-31","tm":"23:59:59","ts":"2024-05-01 10:20:30.123456","tz":"1999-12-31 23:59:59.999Z"}`
)

func (d *database) columns() string {
	if d.isLite {
		return allColumnsLite
	}
	return allColumns
}

// TestTableSinkTypes writes values of all types and NULLs.
func TestTableSinkTypes(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (" + d.columns() + ")")
		w, err := tableWriter(t, t.Context(), allTypes, "", d.options("t"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Write(batchOf(t, allTypes, someValues, "{}")); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		bytes, zone, yes := "encode(x, 'hex')", "tz AT TIME ZONE 'UTC'", "t"
		if d.isLite {
			bytes, zone, yes = "iif(x IS NULL, NULL, lower(hex(x)))", "tz", "1"
		}
		got := d.query("SELECT b, i1, i2, i4, i8, f4, f8, d, w, s, c, " + bytes + ", dt, tm, ts, " + zone + " FROM t ORDER BY i1 DESC")
		slices.Sort(got)
		want := []string{
			yes + ",-7,300,-70000,1234567890123,1.5,-2.25,-1234567890123.4507,0.0000000001,ä,',ab,00ff,1969-12-31,23:59:59,2024-05-01 10:20:30.123456,1999-12-31 23:59:59.999",
			strings.TrimSuffix(strings.Repeat("NULL,", 16), ","),
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("\n%v, want\n%v", got, want)
		}
	})
}

// TestTableSinkOtherTypes writes texts into columns of types that there are not here, and numbers into larger ones.
func TestTableSinkOtherTypes(t *testing.T) {
	d := ofServer(t, servertest.Postgres(t))
	d.exec("CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN positive AS INT CHECK (value > 0)",
		"CREATE TABLE t (u UUID PRIMARY KEY, j JSONB, m mood, n NUMERIC(12,2), k BIGINT, p positive, c CHAR(4), v VARCHAR(3))")
	const schema = "u STRING NOT NULL, j STRING, m STRING, n INT, k INT, p INT, c STRING, v STRING"
	w, err := tableWriter(t, t.Context(), schema, "u", d.options("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	// One uuid for the database, two texts here.
	if err := w.Write(batchOf(t, schema, `{"u":"00000000-0000-0000-0000-00000000000A","n":1}`,
		`{"u":"00000000-0000-0000-0000-00000000000a","j":"{\"a\": 1}","m":"ok","n":2,"k":3,"p":4,"c":"ab","v":"abc"}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(true); err != nil {
		t.Fatal(err)
	}
	if got := d.query("SELECT u, j, m, n, k, p, c, v FROM t"); len(got) != 1 || got[0] != `00000000-0000-0000-0000-00000000000a,{"a": 1},ok,2.00,3,4,ab  ,abc` {
		t.Errorf("%v", got)
	}
	for value, want := range map[string]string{
		`"v":"abcd"`: "value too long for type character varying(3)", `"p":-1`: "violates check constraint", `"u":"x"`: "invalid input syntax for type uuid",
	} {
		if err := w.Write(batchOf(t, schema, `{"u":"00000000-0000-0000-0000-00000000000b",`+value+`}`)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(true); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "attempts") {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
}

func TestTableSinkErrors(t *testing.T) {
	s := servertest.Postgres(t)
	d := ofServer(t, s)
	d.exec("CREATE TABLE t (id INT PRIMARY KEY, n INT, s TEXT)")
	lite := ofFile(t)
	lite.exec("CREATE TABLE t (id INTEGER PRIMARY KEY)")
	for _, test := range []struct {
		schema, key string
		options     map[string]string
		want        string
	}{
		{"id INT", "", d.options("t", "password", "wrong"), "does not let in; see 'url', 'username' and 'password'"},
		{"id INT", "", d.options("t", "url", "jdbc:postgresql://"+s.Address+"/nowhere"), `database "nowhere" does not exist`},
		{"id INT", "", d.options("t", "url", "jdbc:postgresql://127.0.0.1:1/x", "connection.max-retry-timeout", "0 s"), "is away since 0s, which is as long as 'connection.max-retry-timeout' waits"},
		{"id INT", "", d.options("t", "url", "jdbc:mysql://h/x"), "'url' is not jdbc:postgresql://host:port/database"},
		{"id INT", "", d.options("t", "url", "jdbc:postgresql://h/x?rewriteBatchedInserts=true"), "'url' has the property rewriteBatchedInserts; those that have an effect are ssl, ApplicationName"},
		{"id INT", "", d.options("t", "url", "jdbc:sqlite::memory:"), "one in memory is gone"},
		{"id INT", "", d.options("t", "password", ""), "'username' and 'password' belong together"},
		{"id INT", "", d.options("t", "driver", "org.sqlite.JDBC"), "of this 'url' it is org.postgresql.Driver"},
		{"id INT", "", d.options("t", "url", ""), "url"},
		{"id INT", "", d.options("u"), "the database has no table u ('table-name')"},
		{"id INT, m INT", "", d.options("t"), "the table t has no column m in the database; did you mean n?"},
		{"id STRING", "", d.options("t"), "the column id is integer in the database, and STRING here"},
		{"id DOUBLE", "", d.options("t"), "the column id is integer in the database, and DOUBLE here"},
		{"id INT, s ARRAY<INT>", "", d.options("t"), "the column s is ARRAY<INT>, and arrays can be read only"},
		{"n INT NOT NULL", "n", d.options("t"), "neither the primary key nor a unique index of the table"},
		{"id INT", "", lite.options("u"), "the database has no table u ('table-name')"},
		{"m INT", "", lite.options("t"), `the table "t" has no column m in the database; it has id`},
		{"id ARRAY<INT>", "", lite.options("t"), "the column id is ARRAY<INT>, which SQLite has not"},
	} {
		w, err := tableWriter(t, t.Context(), test.schema, test.key, test.options)
		if err == nil {
			w.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s, %v: %v; want %s", test.schema, test.options, err, test.want)
		}
	}
}

// TestServerIsKilled: what writes, reads and looks up goes on when the server is there again.
func TestServerIsKilled(t *testing.T) {
	s := servertest.NewPostgres(t)
	t.Run("sink", func(t *testing.T) { testSinkSurvives(t, s) })
	s.Start(t) // the test has left it killed
	t.Run("source", func(t *testing.T) { testSourceSurvives(t, s) })
	t.Run("lookup", func(t *testing.T) { testLookupSurvives(t, s) })
	t.Run("lookup of a program", func(t *testing.T) { testLookupRowsSurvive(t, s) })
}

// testSinkSurvives: rows are written after the server was away, at the start and in between.
func testSinkSurvives(t *testing.T, s *servertest.PostgresServer) {
	d := ofServer(t, s)
	d.exec("CREATE TABLE t (n INT PRIMARY KEY)")
	down := func(do func() error) {
		t.Helper()
		s.Kill()
		ended := make(chan error)
		go func() { ended <- do() }()
		s.Start(t)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	var w connect.ColumnWriter
	down(func() (err error) {
		w, err = tableWriter(t, t.Context(), "n INT NOT NULL", "n", d.options("t"))
		return err
	})
	defer w.Close()
	for i := range 3 {
		if err := w.Write(batchOf(t, "n INT NOT NULL", fmt.Sprintf(`{"n":%d}`, i))); err != nil {
			t.Fatal(err)
		}
		down(func() error { return w.Flush(false) })
	}
	if got := d.query("SELECT count(*) FROM t"); got[0] != "3" {
		t.Errorf("%v rows", got)
	}
	s.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := tableWriter(t, ctx, "n INT NOT NULL", "n", d.options("t")); !errors.Is(err, context.Canceled) {
		t.Errorf("a writer that waits for the server and is cancelled: %v", err)
	}
}
