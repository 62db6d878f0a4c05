package jdbc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/servertest"
)

// shown is a row as text.
func shown(values []any) (string, error) { return fmt.Sprintf("%v", values), nil }

func mustLookup(t *testing.T, o LookupOptions) *Lookup[string] {
	t.Helper()
	l, err := NewLookup(o, shown)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// find is the rows of a key in some order, or an error.
func find(t *testing.T, l *Lookup[string], key ...any) string {
	t.Helper()
	rows, err := l.Rows(t.Context(), key...)
	if err != nil {
		return err.Error()
	}
	rows = slices.Clone(rows)
	slices.Sort(rows)
	return strings.Join(rows, " ")
}

// TestLookupRows looks rows up by keys of all kinds, from a program.
func TestLookupRows(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		bytes := "BYTEA"
		if d.isLite {
			bytes = "BLOB"
		}
		d.exec(
			"CREATE TABLE t (n INT, s TEXT, price DECIMAL(10,2), f DOUBLE PRECISION, b BOOLEAN, day DATE, at TIMESTAMP, hour TIME, raw "+bytes+")",
			"INSERT INTO t (n, s, price, f, b, day, at, hour) VALUES (1, 'a', 1.25, 0.5, TRUE, '2024-02-29', '2024-02-29 12:00:00.5', '12:30:00')",
			"INSERT INTO t (n, s, price, b) VALUES (1, 'b', 2, FALSE), (2, 'a', NULL, NULL)",
		)
		o := LookupOptions{Connection: d.connection(), Table: "t", Columns: []string{"n", "s"}}
		at := time.Date(2024, 2, 29, 12, 0, 0, 500_000_000, time.UTC)
		for _, test := range []struct {
			columns string
			key     []any
			want    string
		}{
			{"n", []any{1}, "[1 a] [1 b]"},
			{"n", []any{int64(2)}, "[2 a]"},
			{"n", []any{uint8(2)}, "[2 a]"},
			{"n", []any{2.0}, "[2 a]"},
			{"n", []any{"2"}, "[2 a]"},
			{"n", []any{2.5}, ""},
			{"n", []any{3}, ""},
			{"n", []any{nil}, ""},
			{"n", []any{1 << 40}, ""},
			{"s n", []any{"a", 1}, "[1 a]"},
			{"s n", []any{"a", nil}, ""},
			{"S", []any{"a"}, "[1 a] [2 a]"},
			{"price", []any{"1.25"}, "[1 a]"},
			{"price", []any{1.25}, "[1 a]"},
			{"price", []any{"1.251"}, ""},
			{"price", []any{2}, "[1 b]"},
			{"price", []any{1e30}, ""},
			{"f", []any{0.5}, "[1 a]"},
			{"b", []any{false}, "[1 b]"},
			{"day", []any{at}, "[1 a]"},
			{"at", []any{at}, "[1 a]"},
			{"at", []any{at.Add(time.Second)}, ""},
			{"hour", []any{12*time.Hour + 30*time.Minute}, "[1 a]"},
			{"raw", []any{[]byte{1}}, ""},
		} {
			o.Key = strings.Fields(test.columns)
			l := mustLookup(t, o)
			for range 2 { // over one connection
				if got := find(t, l, test.key...); got != test.want {
					t.Errorf("%s = %v: %s; want %s", test.columns, test.key, got, test.want)
				}
			}
		}
		for _, test := range []struct {
			columns string
			key     []any
			want    string
		}{
			{"n", []any{true}, "the column n of the key: a value of the type bool is not one of "},
			{"s", []any{5}, "the column s of the key: a value of the type int is not one of "},
			{"day", []any{time.Second}, "the column day of the key: a value of the type time.Duration is not one of "},
			{"n", []any{1, 2}, "the key of table t has the columns [n], not 2 values"},
			{"m", []any{1}, "has no column m"},
		} {
			o.Key = strings.Fields(test.columns)
			if got := find(t, mustLookup(t, o), test.key...); !strings.Contains(got, test.want) {
				t.Errorf("%s = %v: %s; want %s", test.columns, test.key, got, test.want)
			}
		}
		o.Columns, o.Key = nil, []string{"price"}
		if got, want := find(t, mustLookup(t, o), "2"), "[1 b 2.00 <nil> false <nil> <nil> <nil> <nil>]"; got != want {
			t.Errorf("all columns: %s; want %s", got, want)
		}
		o.Table = "u"
		if got := find(t, mustLookup(t, o), 1); !strings.Contains(got, "the database has no table u") {
			t.Errorf("an unknown table: %s", got)
		}
	})
}

func TestLookupRowsOptions(t *testing.T) {
	c := Connection{URL: "jdbc:sqlite:x.db"}
	for want, o := range map[string]LookupOptions{
		"a table, or the columns of the key": {Connection: c, Table: "t"},
		"are not negative":                   {Connection: c, Table: "t", Key: []string{"k"}, CacheRows: -1},
		"'url' is not jdbc:postgresql:":      {Connection: Connection{URL: "jdbc:oracle:x"}, Table: "t", Key: []string{"k"}},
	} {
		if _, err := NewLookup(o, shown); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestLookupRowsCache keeps rows for a time, and the ones that were used last.
func TestLookupRowsCache(t *testing.T) {
	d := ofFile(t)
	d.exec("CREATE TABLE t (k INT, v INT)", "INSERT INTO t VALUES (1, 10), (1, 11), (2, 20)")
	l := mustLookup(t, LookupOptions{
		Connection: d.connection(), Table: "t", Key: []string{"k"}, Columns: []string{"v"}, CacheRows: 4, CacheTTL: time.Minute,
	})
	now := time.Unix(1000, 0)
	l.now = func() time.Time { return now }
	want := func(k int, want string) {
		t.Helper()
		if got := find(t, l, k); got != want {
			t.Errorf("key %d: %s; want %s", k, got, want)
		}
	}
	want(1, "[10] [11]")
	want(2, "[20]")
	want(3, "")
	d.exec("UPDATE t SET v = v + 5", "INSERT INTO t VALUES (3, 30)")
	want(1, "[10] [11]")
	want(2, "[20]")
	want(3, "") // that there is none is kept, too
	want(4, "") // a fifth: key 1 goes, which was used first
	want(2, "[20]")
	want(3, "")
	want(1, "[15] [16]")
	now = now.Add(time.Minute)
	want(2, "[25]")
	want(3, "[30]")
	if l.cache.held > 4 || l.cache.recent.Len() != len(l.cache.at) {
		t.Errorf("%d rows are held, %d keys and %d in their order", l.cache.held, len(l.cache.at), l.cache.recent.Len())
	}
}

// TestLookupRowsTogether: many goroutines share two connections, and end with them.
func TestLookupRowsTogether(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (k INT, v INT)", "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)")
		l := mustLookup(t, LookupOptions{Connection: d.connection(), Table: "t", Key: []string{"k"}, Columns: []string{"v"}, Connections: 2})
		var all sync.WaitGroup
		for n := range 40 {
			all.Go(func() {
				k := n%3 + 1
				if got, want := find(t, l, k), fmt.Sprintf("[%d]", 10*k); got != want {
					t.Errorf("key %d: %s, want %s", k, got, want)
				}
			})
		}
		all.Wait()
		if len(l.idle) > 2 {
			t.Errorf("there are %d connections", len(l.idle))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Rows(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if got := find(t, l, 1); got != "[10]" {
			t.Errorf("after that: %s", got)
		}
		bad, err := NewLookup(l.o, func([]any) (int, error) { return 0, errors.New("no") })
		if err != nil {
			t.Fatal(err)
		}
		defer bad.Close()
		var b *Bad
		if _, err := bad.Rows(t.Context(), 1); !errors.As(err, &b) || b.Error() != "table t: no, in the row 10" {
			t.Errorf("a row that is refused: %v", err)
		}
		l.Close()
		if got := find(t, l, 1); !strings.Contains(got, "is closed") {
			t.Errorf("closed: %s", got)
		}
	})
}

// testLookupRowsSurvive: a lookup whose server was killed is tried again.
func testLookupRowsSurvive(t *testing.T, s *servertest.PostgresServer) {
	d := ofServer(t, s)
	d.exec("CREATE TABLE t (k INT, v INT)", "INSERT INTO t VALUES (1, 10)")
	l := mustLookup(t, LookupOptions{Connection: d.connection(), Table: "t", Key: []string{"k"}, Columns: []string{"v"}})
	for range 2 {
		if got := find(t, l, 1); got != "[10]" {
			t.Errorf("found is %s", got)
		}
		s.Kill()
		s.Start(t)
	}
}
