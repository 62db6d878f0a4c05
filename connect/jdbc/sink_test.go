package jdbc

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
)

type item struct {
	id   int
	name string
	gone bool
}

func writeItems(t *testing.T, o SinkOptions, items ...item) error {
	t.Helper()
	s := Sink(o, func(r *Row, v item) error {
		if v.id < 0 {
			return errors.New("it has no id")
		}
		r.Values, r.Delete = []any{v.id, v.name}, v.gone
		return nil
	})
	w, err := s.Writer(connect.WriterContext{Context: t.Context(), Now: time.Now, WakeAt: func(time.Time) {}}, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Write(items, make([]int64, len(items))); err != nil {
		return err
	}
	return w.Flush(true)
}

func TestSink(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		d.exec("CREATE TABLE t (id INT PRIMARY KEY, name TEXT, n INT)")
		byKey := SinkOptions{Connection: d.connection(), Table: "t", Columns: []string{"id", "name"}, Key: []string{"id"}}
		if err := writeItems(t, byKey, item{1, "a", false}, item{2, "b", false}, item{1, "c", false}, item{2, "", true}, item{3, "d", false}); err != nil {
			t.Fatal(err)
		}
		statement := SinkOptions{Connection: d.connection(), Statement: "UPDATE t SET n = length($2) WHERE id = $1"}
		if d.isLite {
			statement.Statement = "UPDATE t SET n = length(?2) WHERE id = ?1"
		}
		if err := writeItems(t, statement, item{1, "four", false}); err != nil {
			t.Fatal(err)
		}
		if got, want := d.query("SELECT id, name, n FROM t ORDER BY id"), []string{"1,c,4", "3,d,NULL"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		for _, test := range []struct {
			change func(o *SinkOptions)
			item   item
			want   string
		}{
			{func(o *SinkOptions) { o.Table = "" }, item{}, "a table and its columns are missing, or a statement"},
			{func(o *SinkOptions) { o.Statement = "x" }, item{}, "there are a statement and a table"},
			{func(o *SinkOptions) { o.Key = []string{"x"} }, item{}, "the column x of the key is not one of the columns"},
			{func(o *SinkOptions) { o.Columns = []string{"id"} }, item{}, "a row has 2 values for 1 columns"},
			{func(o *SinkOptions) { o.Key = nil }, item{gone: true}, "SinkOptions.Key does not say by which columns"},
			{func(o *SinkOptions) { o.Key = []string{"name"} }, item{}, "neither the primary key nor a unique index"},
			{func(o *SinkOptions) { o.Key = nil }, item{1, "again", false}, "nique constraint"},
			{func(o *SinkOptions) { o.Table = "u" }, item{}, "the database has no table u"},
			{func(*SinkOptions) {}, item{id: -1}, "it has no id"},
		} {
			o := byKey
			test.change(&o)
			if err := writeItems(t, o, test.item); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.want)) {
				t.Errorf("%v; want %s", err, test.want)
			}
		}
	})
}
