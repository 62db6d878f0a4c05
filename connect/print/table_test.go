package print

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
)

func printed(t *testing.T, schema string, options map[string]string, ctx connect.WriterContext, records ...string) string {
	t.Helper()
	var out bytes.Buffer
	options["connector"] = "print"
	spec := &connect.TableSpec{Name: "t", Schema: formattest.Schema(schema), Options: options}
	table, err := TableTo(&out).NewSink(spec)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := table.Sink(connect.Insert{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := sink.Writer(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := &format.Table{Schema: spec.Schema}
	newDecoder, err := json.Debezium.NewDecoder(rows)
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(json.Debezium, rows)
	for _, r := range records {
		if err := newDecoder().Decode([]byte(r), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTable(t *testing.T) {
	ctx := connect.WriterContext{Context: context.Background(), Parallelism: 1}
	got := printed(t, "a INT, s STRING, d DOUBLE, de DECIMAL(5, 2), ts TIMESTAMP(3), l TIMESTAMP_LTZ(3), dt DATE, tm TIME, by1 BYTES, "+
		"ar ARRAY<INT>, m MAP<STRING, INT>, r ROW<x INT, y BOOLEAN>", map[string]string{}, ctx,
		`{"after":{"a":1,"s":"x, y","d":1e10,"de":1.2,"ts":"2024-01-01 10:00:00","l":"2024-01-01 10:00:00.5Z","dt":"2024-02-29","tm":"01:02:00","by1":"Cv8=","ar":[1,null],"m":{"k":1},"r":{"x":1,"y":true}},"op":"c"}`,
		`{"before":{"a":1},"after":{"ts":"2024-01-01 10:00:01.000001"},"op":"u"}`)
	want := "+I[1, x, y, 1.0E10, 1.20, 2024-01-01T10:00, 2024-01-01T10:00:00.500Z, 2024-02-29, 01:02, [10, -1], [1, null], {k=1}, +I[1, true]]\n" +
		"-U[1, null, null, null, null, null, null, null, null, null, null, null]\n" +
		"+U[null, null, null, null, 2024-01-01T10:00:01, null, null, null, null, null, null, null]\n"
	if got != want {
		t.Errorf("printed is\n%s, want\n%s", got, want)
	}
}

func TestTablePrefixes(t *testing.T) {
	for _, c := range []struct {
		identifier  string
		parallelism int
		want        string
	}{{"", 1, "+I[1]\n"}, {"id", 1, "id> +I[1]\n"}, {"", 2, "2> +I[1]\n"}, {"id", 2, "id:2> +I[1]\n"}} {
		options := map[string]string{}
		if c.identifier != "" {
			options["print-identifier"] = c.identifier
		}
		ctx := connect.WriterContext{Context: context.Background(), Subtask: c.parallelism - 1, Parallelism: c.parallelism}
		if got := printed(t, "a INT", options, ctx, `{"after":{"a":1},"op":"c"}`); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if _, err := Table.NewSink(&connect.TableSpec{Options: map[string]string{"print-identifer": "x"}}); err == nil ||
		!strings.Contains(err.Error(), "did you mean 'print-identifier'?") {
		t.Errorf("an option with a mistake: %v", err)
	}
}
