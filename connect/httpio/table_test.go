package httpio

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
)

// spec is a table whose options are given as names and values.
func spec(connector string, pairs ...string) *connect.TableSpec {
	s := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema("n INT, s STRING"), Formats: []format.Factory{csv.Factory, json.Factory},
		Options: map[string]string{"connector": connector, "format": "json"},
	}
	for i := 0; i < len(pairs); i += 2 {
		s.Options[pairs[i]] = pairs[i+1]
	}
	return s
}

func read(t *testing.T, s *connect.TableSpec, scan connect.Scan) ([]string, error) {
	t.Helper()
	table, err := Table.NewSource(s)
	if err != nil {
		return nil, err
	}
	c, err := table.Scan(scan)
	if err != nil {
		return nil, err
	}
	d := connecttest.NewDriver(t, connecttest.Rows(c, formattest.Rows), 2, nil)
	defer d.Close()
	return d.Read(0)
}

func TestTable(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/event-stream" {
			fmt.Fprintf(w, "{\"n\":1,\"s\":%q}\n{\"n\":2}\n", r.Header.Get("Authorization")+r.Header.Get("A")+r.Header.Get("B"))
			return
		}
		if r.Header.Get("Last-Event-ID") == "i2" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 0\nid: i1\ndata: {\"n\":1}\n\nevent: e\nid: i2\ndata: {\"s\":\"x\"}\n\n")
	})
	for _, c := range []struct {
		scan  connect.Scan
		pairs []string
		want  string
	}{
		{connect.Scan{}, []string{"scan.bounded.mode", "latest", "token", "k", "headers", "A: b; B:c"}, `[[1,"Bearer kbc"] [2,null]]`},
		{connect.Scan{Project: []int{0}}, []string{"scan.bounded.mode", "latest"}, `[[1] [2]]`},
		{
			connect.Scan{Project: []int{1, 0}, Metadata: []string{"event-type", "event-id"}},
			[]string{"scan.mode", "events"},
			`[[null,1,"","i1"] ["x",null,"e","i2"]]`,
		},
	} {
		got, err := read(t, spec("http", append(c.pairs, "url", url)...), c.scan)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v: %v, %v; want %s", c.pairs, got, err, c.want)
		}
	}
	table, err := WebhookTable.NewSource(spec("http-webhook", "listen", "127.0.0.1:0", "answer", "checkpoint"))
	if err != nil || table.Bounded() || !table.(*tableSource).o.(*WebhookOptions).Hold {
		t.Errorf("a webhook: %v", err)
	}
}

// TestTableBadRecords: a record that cannot be decoded fails the job, or is dropped, and those around it are read.
func TestTableBadRecords(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{\"n\":1}\n{\n{\"n\":2}\n") })
	table := func(pairs ...string) *connect.TableSpec {
		return spec("http", append(pairs, "url", url, "scan.bounded.mode", "latest")...)
	}
	_, err := read(t, table(), connect.Scan{Project: []int{0}})
	wantError(t, "a bad record", err, `in the record "{"`)
	got, err := read(t, table("scan.bad-records", "skip"), connect.Scan{Project: []int{0}})
	if err != nil || fmt.Sprint(got) != "[[1] [2]]" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTableSink(t *testing.T) {
	g := &target{}
	table, err := Table.NewSink(spec("http", "url", serve(t, g.ServeHTTP), "sink.body", "array"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := table.Sink(connect.Insert{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(writerContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := column.NewBatch(formattest.Schema("n INT, s STRING"))
	b.Cols[0].AppendI32(1)
	b.Cols[1].AppendString("a")
	b.Cols[0].AppendI32(2)
	b.Cols[1].AppendNull()
	b.N = 2
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(true); err != nil {
		t.Fatal(err)
	}
	if got := g.said(); got != `application/json [{"n":1,"s":"a"},{"n":2,"s":null}]` {
		t.Error(got)
	}
}

func TestTableErrors(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"url", "host", "('url') is not like http://host/path"},
		{"scan.mode", "push", "scan.mode"},
		{"scan.cursor.header", "Next", "a cursor comes in a header ('scan.cursor.header') and goes in a parameter"},
		{"headers", "x", `header 1 of 'headers' is not like Name: value`},
		{"format", "jsn", "there is no format 'jsn'; did you mean 'json'?"},
		{"ulr", "x", "did you mean"},
	} {
		_, err := Table.NewSource(spec("http", "url", "http://host", c.key, c.value))
		wantError(t, c.key, err, c.want)
	}
	_, err := Table.NewSource(spec("http", "url", "http://host", "scan.mode", "events", "scan.bounded.mode", "latest"))
	wantError(t, "an end of events", err, "'scan.bounded.mode' is for 'scan.mode' = 'poll'")
	_, err = WebhookTable.NewSource(spec("http-webhook", "listen", "0.0.0.0:80"))
	wantError(t, "an open port", err, "give a token ('token'), or let anybody in ('open')")
	binary := json.Factory
	binary.Name, binary.Binary = "bytes", true
	lines := spec("http", "url", "http://host", "format", "bytes")
	lines.Formats = append(lines.Formats, binary)
	_, err = Table.NewSource(lines)
	wantError(t, "lines of bytes", err, "records of the format 'bytes' may have line breaks")
	_, err = Table.NewSink(lines)
	wantError(t, "lines of bytes", err, "records of the format 'bytes' may have line breaks")
	lines.Options["scan.records"] = "whole"
	if _, err = Table.NewSource(lines); err != nil {
		t.Error(err)
	}
	s, err := Table.NewSource(spec("http", "url", "http://host"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Scan(connect.Scan{Metadata: []string{"event-id"}})
	wantError(t, "metadata", err, "there is no metadata column 'event-id'")
}

// TestDocumentation holds the page about HTTP to the options.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/http.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, d := range append(base.Options.Docs(), webhookBase.Options.Docs()...) {
		known[d.Key] = true
	}
	for i, part := range strings.Split(string(page), "`") {
		key, _, _ := strings.Cut(part, " ")
		for _, prefix := range []string{"scan.", "sink.", "answer", "body.", "retry.", "request."} {
			if i%2 == 1 && strings.HasPrefix(key, prefix) && !known[key] {
				t.Errorf("there is no option %s", key)
			}
		}
	}
	for _, want := range []string{"'connector' = 'http'", "'connector' = 'http-webhook'", "event-id", "event-type"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not have %s", want)
		}
	}
}
