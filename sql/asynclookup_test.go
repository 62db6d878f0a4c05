package sql_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// server is the connector 'server': a table (k BIGINT, v STRING) that is looked up, of which a request takes as many seconds as its
// key says. It counts the requests.
type server struct {
	stuck bool // requests take for ever
	mu    struct {
		sync.Mutex
		asked      []int64
		busy, most int
	}
}

func (*server) Bounded() bool          { return true }
func (*server) Kinds() row.ChangeKinds { return row.InsertOnly }

func (*server) Scan(connect.Scan) (connect.ColumnSource, error) {
	return nil, errors.New("the table can be looked up only")
}

func (s *server) ask(ctx context.Context, project []int, k int64, out []*column.Vector) (int, error) {
	s.mu.Lock()
	s.mu.asked = append(s.mu.asked, k)
	s.mu.busy++
	s.mu.most = max(s.mu.most, s.mu.busy)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.mu.busy--
		s.mu.Unlock()
	}()
	var answer <-chan time.Time
	if !s.stuck {
		answer = time.After(time.Duration(k) * time.Second)
	}
	select {
	case <-answer:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for i, c := range project {
		if c == 0 {
			out[i].AppendI64(k)
		} else {
			out[i].AppendString(fmt.Sprint("v", k))
		}
	}
	return 1, nil
}

// inTurn is a server that answers one request after the other, atOnce one that has many under way, either both.
type (
	inTurn struct{ *server }
	atOnce struct{ *server }
	either struct {
		inTurn
		atOnce
	}
	request struct {
		*server
		ctx     context.Context
		project []int
	}
)

func (s inTurn) NewLookup(l connect.LookupScan) (func(connect.ReaderContext) (connect.Lookup, error), error) {
	return func(ctx connect.ReaderContext) (connect.Lookup, error) {
		return &request{s.server, ctx.Context, l.Project}, nil
	}, nil
}

func (s atOnce) NewAsyncLookup(l connect.LookupScan) (func(connect.ReaderContext) (connect.AsyncLookup, error), error) {
	return func(ctx connect.ReaderContext) (connect.AsyncLookup, error) {
		return &request{s.server, ctx.Context, l.Project}, nil
	}, nil
}

func (e either) Bounded() bool                                     { return true }
func (e either) Kinds() row.ChangeKinds                            { return row.InsertOnly }
func (e either) Scan(s connect.Scan) (connect.ColumnSource, error) { return e.inTurn.Scan(s) }

func (r *request) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	return r.ask(r.ctx, r.project, keys[0].I64[place], out)
}

func (r *request) LookupAsync(ctx context.Context, keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	return r.ask(ctx, r.project, keys[0].I64[place], out)
}

func (r *request) Close() error { return nil }

// withServer is a session with the connector 'server' and its table.
func withServer(t *testing.T, table connect.TableSource, options ...sql.Option) *sql.Session {
	f := connect.TableFactory{Name: "server", NewSource: func(*connect.TableSpec) (connect.TableSource, error) { return table, nil }}
	s := sql.NewSession(append([]sql.Option{sql.With(append(all.Factories(), f), all.Formats()), sql.On(launch.Executor())}, options...)...)
	script(t, s, "CREATE TABLE server (k BIGINT, v STRING) WITH ('connector' = 'server')")
	return s
}

// askFor looks up keys that come at once, and returns what is found and how long it takes.
func askFor(t *testing.T, s *sql.Session, hint, keys string) (found []string, took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	r, err := s.Execute(t.Context(), askingFor(hint, keys))
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range r.Batches() {
		if err != nil {
			return found, time.Since(began), err
		}
		for i := range b.N {
			found = append(found, string(r.AppendText(nil, b.Cols[0], i)))
		}
	}
	return found, time.Since(began), nil
}

func askingFor(hint, keys string) string {
	return "SELECT " + hint + " server.v FROM (SELECT k, PROCTIME() AS p FROM (VALUES (" + strings.ReplaceAll(keys, " ", "), (") + ")) AS t(k)) AS keys" +
		" JOIN server FOR SYSTEM_TIME AS OF keys.p ON CAST(keys.k AS BIGINT) = server.k"
}

// TestAsyncLookup: several rows are looked up at once where the connector can by itself or the hint has it do so; in the order of
// the rows, or in that of the answers.
func TestAsyncLookup(t *testing.T) {
	const set = "SET 'table.exec.async-lookup.output-mode' = 'ALLOW_UNORDERED'; SET 'table.exec.async-lookup.buffer-capacity' = '2'"
	turn := func(s *server) connect.TableSource { return inTurn{s} }
	once := func(s *server) connect.TableSource { return atOnce{s} }
	both := func(s *server) connect.TableSource { return either{inTurn{s}, atOnce{s}} }
	inOrder, asTheyCome := "v4 v1 v2", "v1 v2 v4"
	for _, c := range []struct {
		table           func(*server) connect.TableSource
		hint, set, want string
		seconds, most   int
	}{
		{turn, "", "", inOrder, 7, 1},
		{turn, "", set, inOrder, 7, 1},
		{turn, "'async' = 'false'", "", inOrder, 7, 1},
		{turn, "'async' = 'true'", "", inOrder, 4, 3},
		{turn, "'async' = 'TRUE', 'output-mode' = 'ALLOW_UNORDERED'", "", asTheyCome, 4, 3},
		{turn, "'async' = 'true', 'capacity' = '1'", "", inOrder, 7, 1},
		{once, "", "", inOrder, 4, 3},
		{once, "", set, asTheyCome, 4, 2},
		{once, "'output-mode' = 'ordered', 'capacity' = '3'", set, inOrder, 4, 3},
		{once, "'async' = 'false'", "", inOrder, 4, 3}, // there is no other way
		{both, "", "", inOrder, 4, 3},
		{both, "'async' = 'false'", set, inOrder, 7, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &server{}
			s := withServer(t, c.table(server))
			script(t, s, c.set)
			hint := ""
			if c.hint != "" {
				hint = "/*+ LOOKUP('table' = 'server', " + c.hint + ") */"
			}
			got, took, err := askFor(t, s, hint, "4 1 2")
			if err != nil || strings.Join(got, " ") != c.want || server.mu.most != c.most {
				t.Errorf("%s %s: it finds %v, %v with up to %d requests at once, want %s, %d", c.set, hint, got, err, server.mu.most, c.want, c.most)
			}
			if took < time.Duration(c.seconds)*time.Second || took > time.Duration(c.seconds+1)*time.Second {
				t.Errorf("%s %s: it takes %v, want %d s", c.set, hint, took, c.seconds)
			}
		})
	}
}

// TestAsyncLookupOfChanges: rows that change others stay in order, whatever the hint says.
func TestAsyncLookupOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := withServer(t, atOnce{&server{}})
		got := rows(t, s, "EXPLAIN SELECT /*+ LOOKUP('table' = 'server', 'output-mode' = 'allow_unordered', 'timeout' = '5 s') */ server.v"+
			" FROM (SELECT k, PROCTIME() AS p FROM (SELECT COUNT(*) AS k FROM (VALUES (1), (2)) AS t(k) GROUP BY k) AS c) AS keys JOIN server FOR SYSTEM_TIME AS OF keys.p ON keys.k = server.k")
		if !strings.Contains(got, "async=[ORDERED, KEY_ORDERED: false, 5000ms, 100]") {
			t.Errorf("the plan is\n%s", got)
		}
	})
}

// TestAsyncLookupTimeout: a request that takes too long fails the job, which says what to set.
func TestAsyncLookupTimeout(t *testing.T) {
	for hint, set := range map[string]string{
		"/*+ LOOKUP('table' = 'server', 'async' = 'true', 'timeout' = '5 s') */": "",
		"/*+ LOOKUP('table' = 'server', 'async' = 'true') */":                    "SET 'table.exec.async-lookup.timeout' = '5 s'",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := withServer(t, inTurn{&server{}})
			script(t, s, set)
			got, took, err := askFor(t, s, hint, "1 9")
			if err == nil || !strings.Contains(err.Error(), "no result after 5s, which 'timeout' of the hint LOOKUP or 'table.exec.async-lookup.timeout' sets") {
				t.Errorf("it ends with %v, %v", got, err)
			}
			if took < 5*time.Second || took > 6*time.Second {
				t.Errorf("it fails after %v", took)
			}
		})
	}
}

// TestAsyncLookupCancel: a job that waits for requests without an answer ends when it is cancelled.
func TestAsyncLookupCancel(t *testing.T) {
	for _, table := range []func(s *server) connect.TableSource{
		func(s *server) connect.TableSource { return inTurn{s} }, func(s *server) connect.TableSource { return atOnce{s} },
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &server{stuck: true}
			s := withServer(t, table(server))
			ctx, cancel := context.WithCancel(t.Context())
			r, err := s.Execute(ctx, askingFor("/*+ LOOKUP('table' = 'server', 'async' = 'true', 'capacity' = '2') */", "1 2 3"))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			began := time.Now()
			cancel()
			for b, err := range r.Batches() {
				if err == nil {
					t.Errorf("there are %d answers", b.N)
				}
			}
			r.Close()
			synctest.Wait()
			if took := time.Since(began); took > time.Second || server.mu.busy > 0 {
				t.Errorf("it ends after %v, with %d requests under way", took, server.mu.busy)
			}
		})
	}
}

// until runs jobs up to a batch, where it takes a snapshot; with one it goes on from there.
type until struct {
	batch    int64
	snapshot *launch.Snapshot
}

func (u *until) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	if u.snapshot != nil {
		return launch.Start(ctx, env, name, launch.Restore(u.snapshot), launch.BatchRows(2))
	}
	ctx, cancel := context.WithCancel(ctx)
	return launch.Start(ctx, env, name, launch.BatchRows(2), launch.SnapshotAtBatch(u.batch, func(s *launch.Snapshot, err error) {
		u.snapshot = s
		cancel()
	}))
}

// TestAsyncLookupRestored: requests under way when a snapshot is taken are made again after it is restored, by another number of
// subtasks and with another hint, and each row comes once.
func TestAsyncLookupRestored(t *testing.T) {
	for _, parallelism := range []string{"1", "2", "3"} {
		synctest.Test(t, func(t *testing.T) {
			run := &until{batch: 8}
			server := &server{stuck: true}
			session := func(parallelism string) *sql.Session {
				s := withServer(t, inTurn{server}, sql.On(run), sql.Set("parallelism.default", parallelism), sql.Set("pipeline.max-parallelism", "8"))
				script(t, s, "CREATE TABLE n (k BIGINT, p AS PROCTIME()) WITH ('connector' = 'datagen', 'fields.k.kind' = 'sequence', 'fields.k.start' = '1', 'fields.k.end' = '40')")
				return s
			}
			query := func(options string) string {
				return "SELECT /*+ LOOKUP('table' = 'server', 'async' = 'true'" + options + ") */ server.v FROM n JOIN server FOR SYSTEM_TIME AS OF n.p ON n.k = server.k"
			}
			r, err := session("2").Execute(t.Context(), query(", 'output-mode' = 'allow_unordered'"))
			if err != nil {
				t.Fatal(err)
			}
			for b, err := range r.Batches() {
				if err == nil {
					t.Fatalf("%d answers of a server that gives none", b.N)
				}
			}
			before := slices.Clone(server.mu.asked)
			if run.snapshot == nil || len(before) < 8 {
				t.Fatalf("%d requests, and the snapshot %v", len(before), run.snapshot)
			}
			server.stuck, server.mu.asked = false, nil
			found := strings.Fields(rows(t, session(parallelism), query(", 'capacity' = '3', 'timeout' = '1 h'")))
			slices.Sort(found)
			var want []string
			for k := range 40 {
				want = append(want, fmt.Sprint("v", k+1))
			}
			slices.Sort(want)
			if !slices.Equal(found, want) {
				t.Errorf("found %v", found)
			}
			for _, k := range before {
				if !slices.Contains(server.mu.asked, k) {
					t.Errorf("%d is not asked for again", k)
				}
			}
		})
	}
}

// fullCache is a session with a table k, v in a file.
func fullCache(t *testing.T, options string) (s *sql.Session, write func(lines string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "side.csv")
	write = func(lines string) {
		if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
			t.Error(err)
		}
	}
	s = newSession()
	script(t, s, "CREATE TABLE side (x INT, k BIGINT, v STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = '"+file+"', 'lookup.cache' = 'FULL'"+options+");"+
		"CREATE TABLE n (i BIGINT, p AS PROCTIME()) WITH ('connector' = 'datagen', 'rows-per-second' = '1', 'fields.i.kind' = 'sequence', 'fields.i.start' = '1', 'fields.i.end' = '6')")
	return s, write
}

// each looks up a key in each of six seconds.
const each = "SELECT side.v FROM n LEFT JOIN side FOR SYSTEM_TIME AS OF n.p ON n.i * 0 + 7 = side.k AND side.x > 0"

// TestFullCache: the table is read before the first row, and again as its options say.
func TestFullCache(t *testing.T) {
	const periodic = ", 'lookup.full-cache.periodic-reload.interval' = '"
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of synctest
	at := func(d time.Duration, zone *time.Location) string { return now.Add(d).In(zone).Format("15:04:05.000") }
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ options, zone, want string }{
		{periodic + "1 h'", "UTC", "a a a a a a"},
		{periodic + "2400 ms'", "UTC", "a a a b b c"},
		{periodic + "2400 ms', 'lookup.full-cache.periodic-reload.schedule-mode' = 'FIXED_RATE'", "UTC", "a a a b b c"},
		{", 'lookup.full-cache.reload-strategy' = 'TIMED', 'lookup.full-cache.timed-reload.iso-time' = '" + at(2500*time.Millisecond, time.UTC) + "Z'", "Asia/Tokyo", "a a a b b b"},
		{", 'lookup.full-cache.reload-strategy' = 'TIMED', 'lookup.full-cache.timed-reload.iso-time' = '" + at(2500*time.Millisecond, tokyo) + "'", "Asia/Tokyo", "a a a b b b"},
		{", 'lookup.full-cache.reload-strategy' = 'TIMED', 'lookup.full-cache.timed-reload.iso-time' = '" + at(2500*time.Millisecond, tokyo) + "+09:00'", "UTC", "a a a b b b"},
		{", 'lookup.full-cache.reload-strategy' = 'TIMED', 'lookup.full-cache.timed-reload.iso-time' = '" + at(2500*time.Millisecond, tokyo) + "'", "UTC", "a a a a a a"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, write := fullCache(t, c.options)
			script(t, s, "SET 'table.local-time-zone' = '"+c.zone+"'")
			write("1,7,a\n0,7,other\n1,8,else\n")
			go func() {
				time.Sleep(1200 * time.Millisecond)
				write("1,7,b\n")
				time.Sleep(2500 * time.Millisecond)
				write("0,7,b\n1,7,c\n")
			}()
			if got := strings.Join(strings.Fields(rows(t, s, each)), " "); got != c.want {
				t.Errorf("%s: it finds %s, want %s", c.options, got, c.want)
			}
		})
	}
}

// TestFullCacheFails: a table that cannot be read is tried again, and then fails the job, at first and later.
func TestFullCacheFails(t *testing.T) {
	const options = ", 'lookup.full-cache.periodic-reload.interval' = '1500 ms', 'lookup.max-retries' = '1'"
	for name, c := range map[string]struct {
		first, then string
		repaired    bool
		want        string
	}{
		"at first":      {"x,7,a\n", "", false, ""},
		"later":         {"1,7,a\n", "x,7,a\n", false, "a a a"},
		"once at first": {"x,7,a\n", "", true, "c c c c c c"},
		"once later":    {"1,7,a\n", "x,7,a\n", true, "a a a c c c"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, write := fullCache(t, options)
			write(c.first)
			go func() {
				if c.then != "" {
					time.Sleep(200 * time.Millisecond)
					write(c.then)
					time.Sleep(1500 * time.Millisecond)
				} else {
					time.Sleep(500 * time.Millisecond)
				}
				if c.repaired {
					write("1,7,c\n")
				}
			}()
			r, err := s.Execute(t.Context(), each)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var failure error
			for b, err := range r.Batches() {
				if failure = err; err != nil {
					break
				}
				for i := range b.N {
					got = append(got, string(r.AppendText(nil, b.Cols[0], i)))
				}
			}
			text := strings.Join(got, " ")
			if c.repaired && (failure != nil || text != c.want) {
				t.Errorf("%s: %s, %v", name, text, failure)
			}
			if !c.repaired && (failure == nil || !strings.Contains(failure.Error(), "read the table as a whole, for 'lookup.cache' = 'FULL'") || !strings.HasPrefix(text, c.want)) {
				t.Errorf("%s: %s, %v", name, text, failure)
			}
		})
	}
}

// TestFullCacheKeys: rows are found by any columns, several and NULLs among them, and come in their order.
func TestFullCacheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, write := fullCache(t, ", 'lookup.full-cache.periodic-reload.interval' = '1 h', 'csv.null-literal' = 'NULL'")
		var lines strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&lines, "%d,%d,v%d\n", i%2, i%1000, i)
		}
		lines.WriteString("0,NULL,none\n")
		write(lines.String())
		for on, want := range map[string]string{
			"side.k = n.i":                                              "1|1|v1 1|1|v1001 1|1|v2001 0|2|v2 0|2|v1002 0|2|v2002",
			"side.k = n.i AND side.x = 1":                               "1|1|v1 1|1|v1001 1|1|v2001",
			"side.k = n.i AND side.x = CAST(n.i - 2 AS INT)":            "0|2|v2 0|2|v1002 0|2|v2002",
			"side.v = CONCAT('v', CAST(n.i AS STRING)) AND side.k <> 2": "1|1|v1",
			"side.k = NULLIF(n.i, 1)":                                   "0|2|v2 0|2|v1002 0|2|v2002",
			"side.v = 'none' AND side.k = n.i":                          "",
		} {
			got := rows(t, s, "SELECT side.x, side.k, side.v FROM (SELECT * FROM n WHERE i < 3) AS n JOIN side FOR SYSTEM_TIME AS OF n.p ON "+on)
			if got = strings.Join(strings.Fields(got), " "); got != want {
				t.Errorf("%s\nfinds %s\nwant %s", on, got, want)
			}
		}
	})
}
