package sql_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// noted is a table that knows which subtask has written which row.
type noted struct {
	spec    *connect.TableSpec
	mu      sync.Mutex
	uid     string
	rows    map[string][]int // subtasks by the first column
	last    map[string]int64 // the second column by the first
	writers int
}

func (n *noted) factory() connect.TableFactory {
	f := connect.TableFactory{Name: "noted"}
	f.Options = append(f.Options, connect.SinkParallelism)
	f.NewSink = func(t *connect.TableSpec) (connect.TableSink, error) {
		n.spec = t
		return n, nil
	}
	return f
}

func (n *noted) Kinds() row.ChangeKinds { return row.AllKinds }

func (n *noted) Writers(row.ChangeKinds) (int, error) {
	f := n.factory()
	o, err := f.Parse(n.spec)
	return connect.WritersOf(o.Connector), err
}

func (n *noted) Sink(connect.Insert) (connect.ColumnSink, error) { return n, nil }

func (n *noted) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.uid = ctx.UID
	n.writers++
	return notedWriter{n, ctx.Subtask}, nil
}

type notedWriter struct {
	*noted
	subtask int
}

func (w notedWriter) Write(b *column.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range b.Len() {
		at := b.Row(i)
		key := string(sqltest.AppendRow(nil, b.Cols[:1], at))
		w.rows[key] = append(w.rows[key], w.subtask)
		if b.Kind(at) != row.UpdateBefore {
			w.last[key] = b.Cols[1].I64[at]
		}
	}
	return nil
}

func (notedWriter) Flush(bool) error          { return nil }
func (notedWriter) Snapshot() ([]byte, error) { return nil, nil }
func (notedWriter) Close() error              { return nil }

// together reports whether the rows of each key were written by one subtask.
func (n *noted) together() bool {
	for _, subtasks := range n.rows {
		if len(slices.Compact(slices.Sorted(slices.Values(subtasks)))) > 1 {
			return false
		}
	}
	return true
}

// TestSinkParallelism: rows are dealt out to the writers of a table as Flink does it, by key where there is one.
func TestSinkParallelism(t *testing.T) {
	const copied, counted = "SELECT k, v FROM d", "SELECT k, COUNT(*) FROM d GROUP BY k"
	for _, tc := range []struct {
		name, mode, query, options string
		key                        bool
		writers                    int
		hash                       bool
		err                        string
	}{
		{"not set", "streaming", copied, "", true, 2, false, ""},
		{"changes, not set", "streaming", counted, "", false, 2, false, ""},
		{"as many", "streaming", copied, "2", true, 2, false, ""},
		{"more", "streaming", copied, "3", false, 3, false, ""},
		{"more by key", "streaming", copied, "3", true, 3, true, ""},
		{"fewer", "streaming", copied, "1", true, 1, false, ""},
		{"changes, as many", "streaming", counted, "2", false, 2, false, ""},
		{"changes without a key", "streaming", counted, "3", false, 0, false, "'sink.parallelism' = '3', its rows come from 2 subtasks, and they are changes"},
		{"changes without a key to one", "streaming", counted, "1", false, 0, false, "PRIMARY KEY"},
		{"changes by key", "streaming", counted, "3", true, 3, true, ""},
		{"batch", "batch", counted, "3", false, 3, false, ""},
		{"batch by key", "batch", copied, "3", true, 3, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := &noted{rows: map[string][]int{}, last: map[string]int64{}}
			s := sql.NewSession(sql.With(append(all.Factories(), n.factory()), all.Formats()), sql.On(launch.Executor()),
				sql.Set("parallelism.default", "2"), sql.Set("execution.runtime-mode", tc.mode))
			key, option := "", ""
			if tc.key {
				key = ", PRIMARY KEY (k) NOT ENFORCED"
			}
			if tc.options != "" {
				option = ", 'sink.parallelism' = '" + tc.options + "'"
			}
			execute(t, s, "CREATE TABLE d (k INT, v BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '300', 'rows-per-second' = '1000000', "+
				"'fields.k.min' = '1', 'fields.k.max' = '40', 'fields.v.kind' = 'sequence', 'fields.v.start' = '1', 'fields.v.end' = '300');"+
				"CREATE TABLE n (k INT, v BIGINT"+key+") WITH ('connector' = 'noted'"+option+");")
			insert := "INSERT INTO n " + tc.query
			r, err := s.Execute(t.Context(), insert)
			if err == nil {
				err = r.Wait()
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("the error is %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n.writers != tc.writers || tc.hash && !n.together() {
				t.Errorf("%d subtasks have written %v, want %d", n.writers, n.rows, tc.writers)
			}
			sum := int64(0)
			for _, v := range n.last {
				sum += v
			}
			if tc.query == counted && sum != 300 {
				t.Errorf("the last changes count %d rows, want 300", sum)
			}
			uid := n.uid
			plan := rows(t, s, "EXPLAIN JSON_EXECUTION_PLAN "+insert)
			sink := strings.SplitAfterN(plan, "\n", 4)
			if got := strings.Contains(sink[2], "Exchange(distribution=[hash[k]])"); got != (tc.hash || tc.key && tc.query == counted) {
				t.Errorf("the plan is\n%s", plan)
			}
			if want := fmt.Sprintf("\"parallelism\": %s,", tc.options); tc.options != "" && !strings.Contains(plan, want) ||
				!strings.Contains(plan, uid) || tc.options == "" && strings.Contains(plan, "arallelism") {
				t.Errorf("the plan is\n%s\nwant %s and the uid %s", plan, want, uid)
			}
			execute(t, s, "ALTER TABLE n RESET ('sink.parallelism')")
			if plan := rows(t, s, "EXPLAIN JSON_EXECUTION_PLAN "+insert); !strings.Contains(plan, uid) {
				t.Errorf("the plan without the option is\n%s\nwant the uid %s", plan, uid)
			}
		})
	}
}
