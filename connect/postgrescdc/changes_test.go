package postgrescdc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// database is an empty database of a test.
type database struct {
	t      *testing.T
	server *servertest.PostgresServer
	name   string
}

func newDatabase(t *testing.T, s *servertest.PostgresServer) *database {
	t.Helper()
	return &database{t, s, s.Database(t)}
}

func (d *database) exec(statements ...string) {
	d.t.Helper()
	d.server.Exec(d.t, d.name, statements...)
}

func (d *database) query(query string) []string {
	d.t.Helper()
	return d.server.Query(d.t, d.name, query)
}

// options are those of a table, with more pairs of names and values. An empty value takes an option away.
func (d *database) options(pairs ...string) map[string]string {
	host, port, _ := strings.Cut(d.server.Address, ":")
	o := map[string]string{
		"connector": "postgres-cdc", "hostname": host, "port": port, "username": d.server.User, "password": d.server.Password, "database-name": d.name,
		"schema-name": "public", "table-name": "t", "slot.name": d.name,
	}
	for i := 0; i < len(pairs); i += 2 {
		if o[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(o, pairs[i])
		}
	}
	return o
}

// source makes the source of a table, whose records are kinds and rows.
func (d *database) source(schema string, scan connect.Scan, key string, pairs ...string) (connect.Source[string], error) {
	spec := &connect.TableSpec{Name: "t", Schema: formattest.Schema(schema), Options: d.options(pairs...)}
	if key != "" {
		spec.PrimaryKey = strings.Split(key, ",")
	}
	s, err := Table.NewSource(spec)
	if err != nil {
		return nil, err
	}
	c, err := s.Scan(scan)
	if err != nil {
		return nil, err
	}
	return connecttest.Rows(c, texts), nil
}

func texts(b *column.Batch) (all []string) {
	plain := formattest.Rows(&column.Batch{Cols: b.Cols, N: b.N})
	for i, text := range plain {
		all = append(all, b.Kind(i).String()+" "+text)
	}
	return all
}

// follow is a driver of the changes of a table.
func (d *database) follow(schema, key string, from *connecttest.Snapshot, pairs ...string) *connecttest.Driver[string] {
	d.t.Helper()
	s, err := d.source(schema, connect.Scan{}, key, pairs...)
	if err != nil {
		d.t.Fatal(err)
	}
	return connecttest.NewDriver(d.t, s, 1, from)
}

func (d *database) read(f *connecttest.Driver[string], n int) []string {
	d.t.Helper()
	got, err := f.Read(n)
	if err != nil {
		d.t.Fatal(err)
	}
	return got
}

func (d *database) wants(f *connecttest.Driver[string], want ...string) {
	d.t.Helper()
	if got := d.read(f, len(want)); !slices.Equal(got, want) {
		d.t.Errorf("changes are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// content applies changes, each of which must fit the rows that there are.
func content(changes []string) (rows map[string]bool, err error) {
	rows = map[string]bool{}
	for i, c := range changes {
		kind, text := c[:2], c[3:]
		adds := kind == "+I" || kind == "+U"
		if rows[text] == adds {
			return rows, fmt.Errorf("change %d, %s, does not fit", i, c)
		}
		if rows[text] = true; !adds {
			delete(rows, text)
		}
	}
	return rows, nil
}

// churn changes rows at random in transactions until it is stopped. Errors are passed over: the server may be away.
func (d *database) churn(ctx context.Context, seed uint64, key func(n int) string) {
	rng := rand.New(rand.NewPCG(seed, 3))
	var c *pgx.Conn
	defer func() {
		if c != nil {
			c.Close(context.Background())
		}
	}()
	for ctx.Err() == nil {
		if c == nil || c.IsClosed() {
			var err error
			if c, err = pgx.Connect(ctx, d.server.URL(d.name)); err != nil {
				c = nil
				continue
			}
		}
		text := "BEGIN;"
		for range 1 + rng.IntN(4) {
			k := key(rng.IntN(300))
			switch rng.IntN(4) {
			case 0:
				text += fmt.Sprintf("INSERT INTO t VALUES (%s, %d) ON CONFLICT DO NOTHING;", k, rng.IntN(1000))
			case 1:
				text += fmt.Sprintf("DELETE FROM t WHERE k = %s;", k)
			case 2:
				text += fmt.Sprintf("UPDATE t SET k = %s WHERE k = %s AND NOT EXISTS (SELECT 1 FROM t WHERE k = %[1]s);", key(rng.IntN(300)), k)
			default:
				text += fmt.Sprintf("UPDATE t SET v = %d WHERE k = %s;", rng.IntN(1000), k)
			}
		}
		_, _ = c.PgConn().Exec(ctx, text+"COMMIT").ReadAll()
		if c.PgConn().TxStatus() == 'E' {
			_, _ = c.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
		}
	}
}

// TestEachChangeComesOnce reads a table that changes all the time: in chunks, in several transactions at once, with keys that are compared by
// number or by the database; from checkpoints at any time, and over a server that is killed. In the end the changes make the table.
func TestEachChangeComesOnce(t *testing.T) {
	number := func(n int) string { return fmt.Sprint(n) }
	text := func(n int) string { return fmt.Sprintf("'k%d'", n) }
	shared := func(t *testing.T) *servertest.PostgresServer { return servertest.Postgres(t) }
	own := func(t *testing.T) *servertest.PostgresServer { return servertest.NewPostgres(t) }
	for _, test := range []struct {
		name, key, last string
		of              func(n int) string
		server          func(t *testing.T) *servertest.PostgresServer
		kills           int
	}{
		{"numbers", "INT", "1000", number, shared, 0},
		{"texts", "VARCHAR(10)", "'z'", text, shared, 0},
		{"server is killed", "INT", "1000", number, own, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDatabase(t, test.server(t))
			d.exec("CREATE TABLE t (k "+test.key+" PRIMARY KEY, v INT)", "ALTER TABLE t REPLICA IDENTITY FULL")
			d.exec("INSERT INTO t SELECT " + map[bool]string{true: "i", false: "'k' || i"}[test.key == "INT"] + ", i FROM generate_series(50, 250) AS g(i)")
			ctx, stop := context.WithCancel(t.Context())
			var writers sync.WaitGroup
			for i := range 2 {
				writers.Go(func() { d.churn(ctx, uint64(i), test.of) })
			}
			defer writers.Wait()
			defer stop()
			changes := d.readOverRestarts(test.key, test.kills, func() {
				stop()
				writers.Wait()
				d.exec("INSERT INTO t VALUES (" + test.last + ", -1)") // behind all others
			})
			rows, err := content(changes)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for r := range rows {
				got = append(got, strings.ReplaceAll(strings.Trim(r, "[]"), `"`, ""))
			}
			want := d.query("SELECT k, v FROM t")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the changes make %d rows, and there are %d; different are %v and %v", len(got), len(want), without(got, want), without(want, got))
			}
			if len(changes) < 300 {
				t.Errorf("there were %d changes only", len(changes))
			}
		})
	}
}

// without are the texts that are not among others.
func without(all, others []string) (rest []string) {
	for _, x := range all {
		if !slices.Contains(others, x) {
			rest = append(rest, x)
		}
	}
	return rest
}

// readOverRestarts reads changes with restarts from checkpoints, until a row comes that end writes.
func (d *database) readOverRestarts(key string, kills int, end func()) (changes []string) {
	d.t.Helper()
	schema := "k INT NOT NULL, v INT"
	if key != "INT" {
		schema = "k STRING NOT NULL, v INT"
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var from *connecttest.Snapshot
	const restarts = 4
	for i := range restarts {
		f := d.follow(schema, "", from, "scan.incremental.snapshot.chunk.size", "40", "connect.max-retries", "10")
		more := d.read(f, 20+rng.IntN(100))
		from = f.Snapshot()
		changes = append(changes, more...)
		if i%3 == 0 {
			d.read(f, 10) // which are lost
		}
		if kills > 0 && i%2 == 1 {
			kills--
			d.server.Kill()
			d.server.Start(d.t)
			d.read(f, 10) // over another connection, and lost
		}
		f.Close()
	}
	end()
	f := d.follow(schema, "", from, "scan.incremental.snapshot.chunk.size", "40")
	defer f.Close()
	for {
		more := d.read(f, 1)
		changes = append(changes, more...)
		isThere := func(kind, value string) bool {
			return slices.ContainsFunc(more, func(c string) bool { return strings.HasPrefix(c, kind) && strings.HasSuffix(c, value) })
		}
		if isThere("+I", ",-1]") { // it may come with a chunk: the log is behind that
			d.exec("UPDATE t SET v = -2 WHERE v = -1")
		}
		if isThere("+U", ",-2]") {
			return changes
		}
	}
}
