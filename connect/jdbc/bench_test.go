package jdbc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/row"
)

const benchRows = 1024

// BenchmarkSink writes rows of four columns by key, with the statement for a batch that tables have, and one by one as the typed sink does.
func BenchmarkSink(b *testing.B) {
	s := servertest.Postgres(b)
	db := s.Database(b)
	s.Exec(b, db, "CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, price NUMERIC(20,2), s TEXT)")
	c := Connection{URL: "jdbc:postgresql://" + s.Address + "/" + db, User: s.User, Password: s.Password}
	ctx := connect.WriterContext{Context: context.Background(), Now: time.Now, WakeAt: func(time.Time) {}}
	b.Run("columns", func(b *testing.B) {
		schema := formattest.Schema("id BIGINT NOT NULL, n INT, price DECIMAL(20,2), s STRING")
		rows := column.NewBatch(schema)
		for i := range benchRows {
			rows.Cols[0].AppendI64(int64(i))
			rows.Cols[1].AppendI32(int32(i))
			rows.Cols[2].AppendDecimal(column.Int128From(int64(i) * 12345))
			rows.Cols[3].AppendString("a text of some length")
			rows.N++
		}
		rows.Kinds = make([]row.ChangeKind, benchRows)
		table, err := Table.NewSink(&connect.TableSpec{Name: "t", Schema: schema, PrimaryKey: []string{"id"}, Options: map[string]string{
			"connector": "jdbc", "url": c.URL, "username": c.User, "password": c.Password, "table-name": "t",
		}})
		if err != nil {
			b.Fatal(err)
		}
		sink, err := table.Sink(connect.Insert{})
		if err != nil {
			b.Fatal(err)
		}
		w, err := sink.Writer(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		for b.Loop() {
			if err := w.Write(rows); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("typed", func(b *testing.B) {
		sink := Sink(SinkOptions{Connection: c, Table: "t", Columns: []string{"id", "n", "price", "s"}, Key: []string{"id"}}, func(r *Row, i int) error {
			r.Values = []any{int64(i), int32(i), "123.45", "a text of some length"}
			return nil
		})
		w, err := sink.Writer(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer w.Close()
		values := make([]int, benchRows)
		for i := range values {
			values[i] = i
		}
		for b.Loop() {
			if err := w.Write(values, make([]int64, benchRows)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
	})
}

// BenchmarkSource reads rows of four columns in the order of their key.
func BenchmarkSource(b *testing.B) {
	s := servertest.Postgres(b)
	db := s.Database(b)
	const rows = 200_000
	s.Exec(b, db, "CREATE TABLE t (id BIGINT PRIMARY KEY, n INT, price NUMERIC(20,2), s TEXT)",
		fmt.Sprintf("INSERT INTO t SELECT i, i, i / 100.0, 'a text of some length' FROM generate_series(1, %d) AS g(i)", rows))
	l, err := newLink(&Connection{URL: s.URL(db)})
	if err != nil {
		b.Fatal(err)
	}
	defer l.close()
	q := query{table: "t", fields: formattest.Schema("id BIGINT, n INT, price DECIMAL(20,2), s STRING").Fields}
	c := &chunk{}
	for b.Loop() {
		err := l.do(b.Context(), 0, func(s session) error {
			q.after = position{}
			cur, err := s.scan(b.Context(), &q)
			if err != nil {
				return err
			}
			for end := false; !end && err == nil; {
				c.clear(&q, cur.positions())
				end, err = c.fill(cur, defaultFetchSize, &q)
			}
			return errors.Join(err, cur.close())
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
