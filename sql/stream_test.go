package sql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

type order struct {
	Item   string
	Amount int64
	At     int64 `sql:"-"`
}

type total struct {
	Item  string
	Total *int64
}

func orders(env *stream.Env) *stream.Stream[order] {
	return stream.From(env, slice.Of(order{"tea", 2, 1000}, order{"cup", 5, 2000}, order{"tea", 3, 3000}, order{"cup", 1, 12_000})).
		Watermarks(watermark.Monotonous(func(o order) time.Time { return time.UnixMilli(o.At) }))
}

func TestStreamsAndTables(t *testing.T) {
	env := stream.NewEnv()
	s := sql.NewSession()
	if err := sql.FromStream(s, "orders", orders(env), sql.Rowtime("ts")); err != nil {
		t.Fatal(err)
	}
	large, err := sql.ToStream[order](s, env, "SELECT item, amount FROM orders WHERE amount > 1")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := sql.ToChangelog[total](s, env, "SELECT item, SUM(amount) AS total FROM orders GROUP BY item")
	if err != nil {
		t.Fatal(err)
	}
	rows, changes := collect.To[order](), collect.To[sql.Change[total]]()
	large.To(rows)
	sums.To(changes)
	if err := launch.Run(t.Context(), env, "orders"); err != nil {
		t.Fatal(err)
	}
	if got := rows.Results(); !slices.Equal(got, []order{{Item: "tea", Amount: 2}, {Item: "cup", Amount: 5}, {Item: "tea", Amount: 3}}) {
		t.Errorf("rows %v", got)
	}
	final := map[string]int64{}
	for _, c := range changes.Results() {
		if c.Kind.IsAdd() {
			final[c.Row.Item] = *c.Row.Total
		}
	}
	if fmt.Sprint(final) != "map[cup:6 tea:5]" {
		t.Errorf("totals %v", final)
	}
}

func TestToStreamRefuses(t *testing.T) {
	env := stream.NewEnv()
	s := sql.NewSession()
	if err := sql.FromStream(s, "orders", orders(env)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, want string }{
		{"SELECT item, SUM(amount) AS total FROM orders GROUP BY item", "sql.ToChangelog"},
		{"SELECT item, amount FROM ordes", "did you mean orders?"},
		{"SELECT amount FROM orders", "no field for the column"},
	} {
		if c.query == "SELECT amount FROM orders" {
			_, err := sql.ToStream[total](s, env, c.query)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.query, err, c.want)
			}
			continue
		}
		_, err := sql.ToStream[total](s, env, c.query)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.query, err, c.want)
		}
	}
	other := stream.NewEnv()
	if _, err := sql.ToStream[order](s, other, "SELECT item, amount FROM orders"); err == nil || !strings.Contains(err.Error(), "another Env") {
		t.Errorf("a stream of another Env is read: %v", err)
	}
}

func TestQuery(t *testing.T) {
	s := sql.NewSession(sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "BATCH"),
		sql.Functions(sql.Scalar("shout", func(s string) string { return strings.ToUpper(s) + "!" })))
	type result struct {
		Word string
		N    int64
		Gone sql.Null[int32]
		At   time.Time
	}
	var got []result
	for r, err := range sql.Query[result](t.Context(), s, `
		SELECT shout(w) AS word, COUNT(*) AS n, CAST(NULL AS INT) AS gone, TIMESTAMP '2024-01-02 03:04:05' AS `+"`at`"+`
		FROM (VALUES ('a'), ('b'), ('a')) AS t(w) GROUP BY w ORDER BY word`) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	if want := []result{{Word: "A!", N: 2, At: at}, {Word: "B!", N: 1, At: at}}; !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	for _, err := range sql.Query[struct{ N int32 }](t.Context(), s, "SELECT CAST(NULL AS INT) AS n") {
		if err == nil || !strings.Contains(err.Error(), "make it a pointer or a sql.Null") {
			t.Errorf("a NULL is read into an int: %v", err)
		}
	}
}
