package jdbc_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/connect/jdbc"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// exampleDatabase is a new database in a file of SQLite, after some statements.
func exampleDatabase(statements string) (db *sql.DB, path string, remove func()) {
	dir, err := os.MkdirTemp("", "jdbc")
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(dir, "shop.db")
	if db, err = sql.Open("sqlite", path); err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(statements); err != nil {
		log.Fatal(err)
	}
	return db, path, func() {
		db.Close()
		os.RemoveAll(dir)
	}
}

type total struct {
	Auction, Total int64
}

// Totals are written to a table, where the last one of each auction stays.
func ExampleSink() {
	db, path, remove := exampleDatabase("CREATE TABLE totals (auction INTEGER PRIMARY KEY, total INTEGER)")
	defer remove()

	env := stream.NewEnv(stream.Parallelism(1))
	stream.From(env, slice.Of(total{1, 20}, total{2, 30}, total{1, 60})).To(jdbc.Sink(jdbc.SinkOptions{
		Connection: jdbc.Connection{URL: "jdbc:sqlite:" + path},
		Table:      "totals", Columns: []string{"auction", "total"}, Key: []string{"auction"},
	}, func(r *jdbc.Row, t total) error {
		r.Values = []any{t.Auction, t.Total}
		return nil
	}))
	if err := launch.Run(context.Background(), env, "totals"); err != nil {
		log.Fatal(err)
	}

	rows, err := db.Query("SELECT auction, total FROM totals ORDER BY auction")
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t total
		if err := rows.Scan(&t.Auction, &t.Total); err != nil {
			log.Fatal(err)
		}
		fmt.Println(t)
	}
	// Output:
	// {1 60}
	// {2 30}
}

type order struct {
	ID, Customer int64
}

// Orders are joined with the names of customers, as the database has them now; several are asked for at once.
func ExampleLookup() {
	_, path, remove := exampleDatabase("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO customers VALUES (7, 'Ada'), (8, 'Grace')")
	defer remove()

	customers, err := jdbc.NewLookup(jdbc.LookupOptions{
		Connection: jdbc.Connection{URL: "jdbc:sqlite:" + path},
		Table:      "customers", Key: []string{"id"}, Columns: []string{"name"}, CacheRows: 10_000, CacheTTL: time.Minute,
	}, func(values []any) (string, error) { return values[0].(string), nil })
	if err != nil {
		log.Fatal(err)
	}
	defer customers.Close()
	env := stream.NewEnv(stream.Parallelism(1))
	orders := stream.From(env, slice.Of(order{1, 7}, order{2, 9}, order{3, 8}, order{4, 7}))
	named := stream.AsyncFlatMap(orders, func(ctx context.Context, o order, emit func(string)) error {
		names, err := customers.Rows(ctx, o.Customer)
		for _, name := range names { // none of a customer who is not there
			emit(fmt.Sprintf("order %d is of %s", o.ID, name))
		}
		return err
	}, stream.AsyncOptions[order, string]{Ordered: true})
	stream.Map(named, func(line string) string {
		fmt.Println(line)
		return line
	})
	if err := launch.Run(context.Background(), env, "orders"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// order 1 is of Ada
	// order 3 is of Grace
	// order 4 is of Ada
}
