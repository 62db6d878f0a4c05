package jdbc_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/flott-dev/flott/connect/jdbc"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type total struct {
	Auction, Total int64
}

// Totals are written to a table, where the last one of each auction stays.
func ExampleSink() {
	dir, err := os.MkdirTemp("", "jdbc")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "shop.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE totals (auction INTEGER PRIMARY KEY, total INTEGER)"); err != nil {
		log.Fatal(err)
	}

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
