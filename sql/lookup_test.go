package sql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
)

// side is the connector 'side': a table (k BIGINT, v STRING) that is looked up only. Keys from 0 to 2 have so many rows, others
// appear after some calls, and calls may fail.
type side struct {
	calls    []int64       // the keys that were looked up
	failures int           // how many of the next calls fail, behind the first row that they find
	appears  map[int64]int // how many calls a key has to wait
	closed   int
}

func (*side) Bounded() bool          { return true }
func (*side) Kinds() row.ChangeKinds { return row.InsertOnly }

func (*side) Scan(connect.Scan) (connect.ColumnSource, error) {
	return nil, errors.New("the table can be looked up only")
}

func (s *side) NewLookup(l connect.LookupScan) (func(connect.ReaderContext) (connect.Lookup, error), error) {
	return func(connect.ReaderContext) (connect.Lookup, error) { return &sideLookup{s, l.Project}, nil }, nil
}

type sideLookup struct {
	*side
	project []int
}

func (l *sideLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	k := keys[0].I64[place]
	l.calls = append(l.calls, k)
	n := 0
	if k >= 0 && k <= 2 {
		n = int(k)
	} else if l.appears[k]--; l.appears[k] < 0 {
		n = 1
	}
	for i := range n {
		for at, c := range l.project {
			if c == 0 {
				out[at].AppendI64(k)
			} else {
				out[at].AppendString(fmt.Sprintf("%d.%d", k, i))
			}
		}
		if l.failures > 0 {
			l.failures--
			return 0, errors.New("the side table is away")
		}
	}
	return n, nil
}

func (l *sideLookup) Close() error { l.closed++; return nil }

// withSide is a session with the connector 'side'.
func withSide(s *side) *sql.Session {
	f := connect.TableFactory{Name: "side", NewSource: func(spec *connect.TableSpec) (connect.TableSource, error) {
		if len(spec.Options) > 1 { // lookup.… are not the connector's
			return nil, fmt.Errorf("the connector gets the options %v", spec.Options)
		}
		return s, nil
	}}
	return sql.NewSession(sql.With(append(all.Factories(), f), all.Formats()), sql.On(launch.Executor()))
}

// lookUp looks up keys one after the other, one in each second, and returns what is found.
func lookUp(t *testing.T, s *side, options, hint, keys string) ([]string, error) {
	t.Helper()
	session := withSide(s)
	values := strings.Split(keys, " ")
	script(t, session, "CREATE TABLE side (k BIGINT, v STRING) WITH ('connector' = 'side'"+options+");"+
		"CREATE TABLE n (i INT, p AS PROCTIME()) WITH ('connector' = 'datagen', 'rows-per-second' = '1', 'fields.i.kind' = 'sequence', 'fields.i.start' = '1', 'fields.i.end' = '"+fmt.Sprint(len(values))+"');"+
		"CREATE VIEW keys AS SELECT i, ARRAY["+strings.Join(values, ",")+"][i] AS k, p FROM n")
	r, err := session.Execute(t.Context(), "SELECT "+hint+" keys.k, side.v FROM keys LEFT JOIN side FOR SYSTEM_TIME AS OF keys.p ON CAST(keys.k AS BIGINT) = side.k")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for b, err := range r.Batches() {
		if err != nil {
			return got, err
		}
		for i := range b.N {
			got = append(got, string(r.AppendText(nil, b.Cols[0], i))+":"+string(r.AppendText(nil, b.Cols[1], i)))
		}
	}
	return got, nil
}

func TestLookupCache(t *testing.T) {
	const cache = ", 'lookup.cache' = 'PARTIAL'"
	for name, c := range map[string]struct {
		options, keys string
		calls         []int64
	}{
		"none":               {"", "1 1 0 0", []int64{1, 1, 0, 0}},
		"partial":            {cache, "1 2 1 0 2 0 1", []int64{1, 2, 0}},
		"without missing":    {cache + ", 'lookup.partial-cache.cache-missing-key' = 'false'", "1 0 1 0", []int64{1, 0, 0}},
		"rows, the last two": {cache + ", 'lookup.partial-cache.max-rows' = '2'", "1 0 1 2 1 0 1", []int64{1, 0, 2, 1, 0}},
		"since it was read":  {cache + ", 'lookup.partial-cache.expire-after-write' = '2500 ms'", "1 1 1 1 1", []int64{1, 1}},
		"since it was used":  {cache + ", 'lookup.partial-cache.expire-after-access' = '1500 ms'", "1 1 1 2 2 1", []int64{1, 2, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &side{}
			got, err := lookUp(t, s, c.options, "", c.keys)
			var want []string
			for _, k := range strings.Fields(c.keys) {
				want = append(want, map[string][]string{"0": {"0:NULL"}, "1": {"1:1.0"}, "2": {"2:2.0", "2:2.1"}}[k]...)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: it finds %v, %v, want %v", name, got, err, want)
			}
			if !slices.Equal(s.calls, c.calls) {
				t.Errorf("%s: it looks up %v, want %v", name, s.calls, c.calls)
			}
			if s.closed != 1 {
				t.Errorf("%s: closed %d times", name, s.closed)
			}
		})
	}
}

// TestLookupRetries: failures are tried again, and what was found before them does not stay; after enough of them the job fails.
func TestLookupRetries(t *testing.T) {
	for _, c := range []struct {
		options  string
		failures int
		ok       bool
		seconds  int
	}{{"", 3, true, 1 + 2 + 3}, {"", 4, false, 6}, {", 'lookup.max-retries' = '0'", 1, false, 0}, {", 'lookup.max-retries' = '4', 'lookup.cache' = 'PARTIAL'", 4, true, 10}} {
		synctest.Test(t, func(t *testing.T) {
			s, began := &side{failures: c.failures}, time.Now()
			got, err := lookUp(t, s, c.options, "", "2")
			if c.ok && (err != nil || !slices.Equal(got, []string{"2:2.0", "2:2.1"})) || !c.ok && (err == nil || !strings.Contains(err.Error(), "the side table is away")) {
				t.Errorf("%q, %d failures: %v, %v", c.options, c.failures, got, err)
			}
			if took := time.Since(began); took < time.Duration(c.seconds)*time.Second || took > time.Duration(c.seconds+1)*time.Second {
				t.Errorf("%q, %d failures: %v", c.options, c.failures, took)
			}
		})
	}
}

// TestLookupHint: a key without rows is looked up again, as often as the hint says.
func TestLookupHint(t *testing.T) {
	const hint = "/*+ LOOKUP('table' = 'side', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'fixed_delay', 'fixed-delay' = '10 s', 'max-attempts' = '3') */"
	for _, c := range []struct {
		hint   string
		misses int
		want   string
		calls  int
	}{{hint, 2, "7:7.0", 3}, {hint, 3, "7:NULL", 3}, {"", 2, "7:NULL", 1}} {
		synctest.Test(t, func(t *testing.T) {
			s, began := &side{appears: map[int64]int{7: c.misses}}, time.Now()
			got, err := lookUp(t, s, "", c.hint, "7")
			if err != nil || !slices.Equal(got, []string{c.want}) || len(s.calls) != c.calls {
				t.Errorf("%q with %d misses: %v, %v, %d calls", c.hint, c.misses, got, err, len(s.calls))
			}
			if took, want := time.Since(began), time.Duration(c.calls-1)*10*time.Second; took < want || took > want+time.Second {
				t.Errorf("%q with %d misses: %v", c.hint, c.misses, took)
			}
		})
	}
}

// TestLookupOptions: wrong options are refused, and those of tables that nobody can look up.
func TestLookupOptions(t *testing.T) {
	s := withSide(&side{})
	for name, with := range map[string]string{
		"a": "'connector' = 'side', 'lookup.cache' = 'ALL'", "b": "'connector' = 'side', 'lookup.partial-cache.max-row' = '1'", "c": "'connector' = 'datagen', 'lookup.cache' = 'PARTIAL'",
		"d": "'connector' = 'filesystem', 'path' = 'x', 'format' = 'csv', 'lookup.cache' = 'FULL'",
		"e": "'connector' = 'filesystem', 'path' = 'x', 'format' = 'csv', 'lookup.cache' = 'FULL', 'lookup.full-cache.reload-strategy' = 'TIMED', 'lookup.full-cache.timed-reload.iso-time' = '25:00'",
		"f": "'connector' = 'filesystem', 'path' = 'x', 'format' = 'csv', 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h', 'source.monitor-interval' = '1 s'",
		"g": "'connector' = 'side', 'lookup.cache' = 'FULL', 'lookup.full-cache.periodic-reload.interval' = '1 h'",
	} {
		script(t, s, "CREATE TABLE "+name+" (k BIGINT, v STRING) WITH ("+with+")")
	}
	refuses(t, s, map[string]string{
		"SELECT * FROM a": `lookup.cache: "ALL" is not one of NONE, PARTIAL, FULL`,
		"SELECT * FROM b": "lookup.partial-cache.max-rows",
		"SELECT * FROM c": "the connector 'datagen' looks nothing up",
		"SELECT * FROM d": "'lookup.cache' = 'FULL' needs 'lookup.full-cache.periodic-reload.interval', such as '10 min', or 'lookup.full-cache.reload-strategy' = 'TIMED'",
		"SELECT * FROM e": "needs 'lookup.full-cache.timed-reload.iso-time', such as '10:15', '10:15Z' or '10:15+07:00', and has '25:00'",
		"SELECT * FROM f": "the table f cannot have 'lookup.cache' = 'FULL'",
		"SELECT t.k FROM (SELECT CAST(1 AS BIGINT) AS k, PROCTIME() AS p) AS t JOIN g FOR SYSTEM_TIME AS OF t.p ON g.k = t.k": "the table can be looked up only",
	})
}
