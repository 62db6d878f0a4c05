package postgrescdc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/connect/jdbc"
	"github.com/flott-dev/flott/connect/postgrescdc"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// eventually waits until a query gives rows.
func eventually(t *testing.T, s *servertest.PostgresServer, db, query string, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
		if got = s.Query(t, db, query); slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("%s: %v, want %v", query, got, want)
}

// checkpoints is a directory for checkpoints. One that was under way when a job was cancelled is still written for a moment.
func checkpoints(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "flott-cdc-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 1000 {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
		}
		t.Error(err)
	})
	return dir
}

type item struct {
	id, value int64
	gone      bool
}

// TestJobCopiesTable copies by key a table that changes, by a job that fails again and again, whose server is killed, and which is stopped and goes on.
func TestJobCopiesTable(t *testing.T) {
	s := servertest.NewPostgres(t)
	db := s.Database(t)
	s.Exec(t, db, "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)", "INSERT INTO t SELECT i, i FROM generate_series(1, 300) AS g(i)",
		"CREATE TABLE copy (id BIGINT PRIMARY KEY, v BIGINT)")
	host, port, _ := strings.Cut(s.Address, ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := checkpoints(t)
	var seen, failures atomic.Int64
	start := func(parallelism int) *launch.Job {
		env := stream.NewEnv(stream.Parallelism(parallelism), stream.MaxParallelism(8), stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(dir),
			stream.Restart(stream.FixedDelay(1000, time.Millisecond)))
		changes := stream.From(env, postgrescdc.Source(postgrescdc.SourceOptions{
			Host: host, Port: number, User: s.User, Password: s.Password, Database: db, Tables: "t", Slot: "copy", Upsert: true, ChunkRows: 50, MaxRetries: 20,
		}, func(c *postgrescdc.Change) (item, error) {
			if c.Op == postgrescdc.Delete {
				return item{id: c.Old[0].(int64), gone: true}, nil
			}
			return item{id: c.New[0].(int64), value: c.New[1].(int64)}, nil
		})).UID("in")
		fails := stream.TryMap(changes, func(v item) (item, error) {
			if seen.Add(1)%170 == 0 && failures.Add(1) < 6 {
				return v, errors.New("it fails now and then")
			}
			return v, nil
		})
		fails.To(jdbc.Sink(jdbc.SinkOptions{
			Connection: jdbc.Connection{URL: s.URL(db)}, Table: "copy", Columns: []string{"id", "v"}, Key: []string{"id"}, MaxRetries: 20,
		}, func(r *jdbc.Row, v item) error {
			r.Values, r.Delete = []any{v.id, v.value}, v.gone
			return nil
		})).UID("out")
		job, err := launch.Start(ctx, env, "copy")
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	defer cancel()
	same := func() {
		t.Helper()
		eventually(t, s, db, "SELECT id, t.v, copy.v FROM t FULL JOIN copy USING (id) WHERE t.v IS DISTINCT FROM copy.v")
	}
	job := start(1)
	s.Exec(t, db, "UPDATE t SET v = v + 1000 WHERE id % 3 = 0", "DELETE FROM t WHERE id % 7 = 0")
	s.Kill()
	s.Start(t)
	s.Exec(t, db, "INSERT INTO t SELECT i, i FROM generate_series(1000, 1100) AS g(i)")
	same()
	job.Cancel()
	_ = job.Wait()
	s.Exec(t, db, "UPDATE t SET v = v + 1 WHERE id % 2 = 0", "DELETE FROM t WHERE id % 5 = 0")
	job = start(2)
	same()
	job.Cancel()
	_ = job.Wait()
	if failures.Load() == 0 {
		t.Error("the job has not failed")
	}
}

// TestSQL keeps totals of a table that changes.
func TestSQL(t *testing.T) {
	s := servertest.Postgres(t)
	db := s.Database(t)
	s.Exec(t, db, "CREATE TABLE orders (id INT PRIMARY KEY, item TEXT, price NUMERIC(10,2))", "ALTER TABLE orders REPLICA IDENTITY FULL",
		"INSERT INTO orders VALUES (1, 'a', 1.5), (2, 'b', 2.5), (3, 'a', 3)", "CREATE TABLE totals (item TEXT PRIMARY KEY, n BIGINT, total NUMERIC(38,2))")
	session := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.checkpointing.interval", "50 ms"))
	host, port, _ := strings.Cut(s.Address, ":")
	run := func(text string) *sql.Result {
		r, err := session.Execute(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return r
	}
	run(fmt.Sprintf(`CREATE TABLE orders (id INT, item STRING, price DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'postgres-cdc', 'hostname' = '%s', 'port' = '%s',
		'username' = '%s', 'password' = '%s', 'database-name' = '%s', 'schema-name' = 'public', 'table-name' = 'orders', 'slot.name' = '%[5]s')`, host, port, s.User, s.Password, db))
	run(fmt.Sprintf(`CREATE TABLE totals (item STRING, n BIGINT, total DECIMAL(38, 2), PRIMARY KEY (item) NOT ENFORCED) WITH ('connector' = 'jdbc', 'url' = 'jdbc:postgresql://%s/%s',
		'username' = '%s', 'password' = '%s', 'table-name' = 'totals', 'sink.buffer-flush.interval' = '10 ms')`, s.Address, db, s.User, s.Password))
	r := run("INSERT INTO totals SELECT item, COUNT(*), SUM(price) FROM orders GROUP BY item")
	defer r.Close()
	totals := "SELECT item, n, total FROM totals ORDER BY item"
	eventually(t, s, db, totals, "a,2,4.50", "b,1,2.50")
	s.Exec(t, db, "UPDATE orders SET item = 'b' WHERE id = 1", "DELETE FROM orders WHERE id = 3", "INSERT INTO orders VALUES (4, 'c', 9)")
	eventually(t, s, db, totals, "b,2,4.00", "c,1,9.00")
}
