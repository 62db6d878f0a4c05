package jdbc_test

import (
	stdsql "database/sql"
	"slices"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// shop is a session with a database of PostgreSQL.
type shop struct {
	t       *testing.T
	session *sql.Session
	with    string // the options of a table but for table-name
	server  *servertest.PostgresServer
	db      string
}

func newShop(t *testing.T, mode string) *shop {
	t.Helper()
	s := servertest.Postgres(t)
	db := s.Database(t)
	return &shop{
		t:       t,
		session: sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", mode)),
		with: "'connector' = 'jdbc', 'url' = 'jdbc:postgresql://" + s.Address + "/" + db + "', 'username' = '" + s.User + "', 'password' = '" + s.Password +
			"'", server: s, db: db,
	}
}

// run runs a statement and returns its rows.
func (s *shop) run(text string) (rows []string) {
	s.t.Helper()
	r, err := s.session.Execute(s.t.Context(), text)
	if err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	defer r.Close()
	for b, err := range r.Batches() {
		if err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
		for i := range b.N {
			rows = append(rows, string(r.AppendJSON(nil, b, i)))
		}
	}
	slices.Sort(rows)
	return rows
}

// TestInsert writes a query that updates its rows.
func TestInsert(t *testing.T) {
	s := newShop(t, "streaming")
	s.server.Exec(t, s.db, "CREATE TABLE totals (id BIGINT PRIMARY KEY, n BIGINT, total NUMERIC(20,2))")
	s.run("CREATE TABLE totals (id BIGINT, n BIGINT, total DECIMAL(20, 2), PRIMARY KEY (id) NOT ENFORCED) WITH (" + s.with + ", 'table-name' = 'totals')")
	s.run("INSERT INTO totals SELECT id, COUNT(*), SUM(v) FROM (VALUES (CAST(1 AS BIGINT), 1.5), (2, 2.25), (1, 3.5), (3, 0.0), (2, 1.0)) AS t(id, v) GROUP BY id")
	if got, want := s.server.Query(t, s.db, "SELECT * FROM totals ORDER BY id"), []string{"1,2,5.00", "2,2,3.25", "3,1,0.00"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSelect joins a table with another one that is looked up, one key at a time and several at once, and reads a table in ranges.
func TestSelect(t *testing.T) {
	s := newShop(t, "streaming")
	s.server.Exec(t, s.db, "CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(20))", "INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 50) AS g(i)",
		"CREATE TABLE bids (id BIGINT, price NUMERIC(10,2), made TIMESTAMP)", "INSERT INTO bids SELECT i % 60, i / 10.0, '2024-05-01' FROM generate_series(1, 600) AS g(i)")
	s.run("CREATE TABLE items (id BIGINT, name STRING) WITH (" + s.with + ", 'table-name' = 'items', 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '20')")
	s.run("CREATE TABLE bids (id BIGINT, price DECIMAL(10, 2), made TIMESTAMP(3), p AS PROCTIME()) WITH (" + s.with + `, 'table-name' = 'bids',
		'scan.partition.column' = 'id', 'scan.partition.num' = '4', 'scan.partition.lower-bound' = '0', 'scan.partition.upper-bound' = '59')`)
	for _, hint := range []string{"", "/*+ LOOKUP('table' = 'i', 'async' = 'true', 'capacity' = '4') */"} {
		got := s.run("SELECT " + hint + " b.id, price, name FROM bids AS b JOIN items FOR SYSTEM_TIME AS OF b.p AS i ON b.id = i.id WHERE i.id < 50")
		if len(got) != 490 || got[0] != `{"id":1,"price":0.10,"name":"item 1"}` || len(slices.Compact(got)) != 490 {
			t.Errorf("%s: %d rows, %v", hint, len(got), got[:min(3, len(got))])
		}
	}
	if got := s.run("SELECT name FROM items LIMIT 3"); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

// liteExec runs statements in a file of SQLite.
func (s *shop) liteExec(path string, statements ...string) {
	s.t.Helper()
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	for _, text := range statements {
		if _, err := db.Exec(text); err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
	}
}
