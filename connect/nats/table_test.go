package nats

import (
	"fmt"
	"os"
	"slices"
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

// spec is a table whose options are given as in a=b c=d; those without a value go.
func (l *log) spec(schema, options string) *connect.TableSpec {
	spec := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema(schema), Formats: []format.Factory{csv.Factory, json.Factory, json.Debezium},
		Options: map[string]string{"connector": "nats", "servers": l.url, "stream": "a", "format": "csv"},
	}
	for o := range strings.FieldsSeq(options) {
		k, v, _ := strings.Cut(o, "=")
		if spec.Options[k] = v; v == "" {
			delete(spec.Options, k)
		}
	}
	return spec
}

// table makes the source of some columns of a table.
func (l *log) table(schema string, scan connect.Scan, options string) (connect.ColumnSource, error) {
	l.t.Helper()
	t, err := Table.NewSource(l.spec(schema, "scan.bounded.mode=latest "+options))
	if err != nil {
		return nil, err
	}
	return t.Scan(scan)
}

// rows reads a table to its end.
func (l *log) rows(schema string, scan connect.Scan, options string) ([]string, error) {
	l.t.Helper()
	s, err := l.table(schema, scan, options)
	if err != nil {
		return nil, err
	}
	d := connecttest.NewDriver(l.t, connecttest.Rows(s, formattest.Rows), 2, nil)
	defer d.Close()
	got, err := d.Read(0)
	slices.Sort(got)
	return got, err
}

func TestTable(t *testing.T) { onEach(t, testTable) }

func testTable(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	l.put("a.x", `{"n":1,"s":"x"}`, `{"n":2,"s":"y"}`)
	l.put("a.y", `{"n":3}`)
	connecttest.Source(t, func() connect.Source[string] {
		s, err := l.table("n INT, s STRING", connect.Scan{Project: []int{1, 0}}, "format=json scan.split-by=subject")
		if err != nil {
			t.Fatal(err)
		}
		return connecttest.Rows(s, formattest.Rows)
	}, connecttest.Options[string]{Want: []string{`["x",1]`, `["y",2]`, `[null,3]`}})
}

func TestTableOptions(t *testing.T) {
	l := embeddedLog(t)
	l.stream("a")
	l.put("a.x", "1", "2")
	l.put("a.y", "3")
	l.put("a.x.z", "4")
	for _, test := range []struct {
		options string
		scan    connect.Scan
		want    string
	}{
		{"", connect.Scan{}, "[1] [2] [3] [4]"},
		{"subject=a.x", connect.Scan{}, "[1] [2]"},
		{"subject=a.x;a.*.z", connect.Scan{}, "[1] [2] [4]"},
		{"subject=a.{n}", connect.Scan{}, "[1] [2] [3]"},
		{"scan.startup.mode=sequence scan.startup.sequence=3", connect.Scan{}, "[3] [4]"},
		{"scan.startup.mode=latest", connect.Scan{}, ""},
		{"scan.startup.mode=timestamp scan.startup.timestamp-millis=0", connect.Scan{}, "[1] [2] [3] [4]"},
		{"scan.bounded.mode=sequence scan.bounded.sequence=3", connect.Scan{}, "[1] [2]"},
		{"scan.bounded.mode=timestamp scan.bounded.timestamp-millis=0", connect.Scan{}, ""},
		{
			"subject=a.y",
			connect.Scan{Project: []int{0}, Metadata: []string{"headers", "sequence", "subject", "stream"}},
			`[3,{"map":[["h","3"]]},3,"a.y","a"]`,
		},
	} {
		got, err := l.rows("n INT", test.scan, test.options)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, %v; want %s", test.options, got, err, test.want)
		}
	}
	l.put("a.bad", "x")
	_, err := l.rows("n INT", connect.Scan{}, "")
	wantError(t, "a bad message", err, "stream a, subject a.bad, message 5: ")
	if got, err := l.rows("n INT", connect.Scan{}, "scan.bad-records=skip"); err != nil || len(got) != 4 {
		t.Errorf("bad messages that are skipped: %s, %v", got, err)
	}
	if got, err := l.rows("n INT", connect.Scan{}, "csv.ignore-parse-errors=true"); err != nil || len(got) != 5 {
		t.Errorf("bad messages that are passed over: %s, %v", got, err)
	}
	readers := func(options string) int {
		s, err := Table.NewSource(l.spec("n INT", options))
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.(connect.Parallel).Readers(8)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b, c := readers(""), readers("subject=a.x;a.y"), readers("scan.split-by=subject"); a != 1 || b != 2 || c != 4 {
		t.Errorf("%d, %d and %d readers", a, b, c)
	}
}

func TestTableErrors(t *testing.T) {
	l := &log{t: t, url: "nats://127.0.0.1:1"}
	for _, test := range []struct{ options, want string }{
		{"servers=", "servers"},
		{"stream=", "no stream is named ('stream')"},
		{"scan.startup.mode=timestamp", "the option 'scan.startup.timestamp-millis' is missing, to which 'timestamp' belongs"},
		{"scan.bounded.mode=sequence", "the option 'scan.bounded.sequence' is missing, to which 'sequence' belongs"},
		{"scan.startup.mode=first", "scan.startup.mode"},
		{"subject=a.{x}", "'subject' names the column x, which is not there"},
		{"subject=a.{n", "'subject' has a { without a }"},
		{"subject=a.{d}", "'subject' names the column d, whose type is DOUBLE"},
		{"subject=a.*;a.x", "have messages in common"},
		{"user=u token=t", "one of them says who one is"},
		{"tls.ca=/nowhere", "'tls.ca': open /nowhere"},
		{"tls.cert=/nowhere", "'tls.cert' and 'tls.key': open"},
		{"format=cvs", "there is no format 'cvs'; did you mean 'csv'?"},
		{"steam=a", "did you mean"},
	} {
		_, err := l.table("n INT, d DOUBLE", connect.Scan{}, test.options)
		wantError(t, test.options, err, test.want)
	}
	_, err := l.table("n INT", connect.Scan{Metadata: []string{"sequenz"}}, "")
	wantError(t, "an unknown metadata column", err, "there are stream, subject, sequence, timestamp, headers")
	for _, test := range []struct{ options, want string }{
		{"stream=a;b subject=a.x", "'stream' has several names; one stream can be written"},
		{"stream= subject=a.x sink.delivery-guarantee=exactly-once", "exactly-once needs the stream that is written ('stream')"},
		{"subject=a.>", "is no subject that can be written"},
		{"", "the option 'subject' is missing, and no metadata column 'subject' is written"},
	} {
		s, err := Table.NewSink(l.spec("n INT", test.options))
		if err == nil {
			_, err = s.Sink(connect.Insert{})
		}
		wantError(t, test.options, err, test.want)
	}
}

// numbers is a batch with a number and a text, and the metadata columns subject and headers.
func numbers(subject string, n ...int) *column.Batch {
	b := column.NewBatch(formattest.Schema("n INT, s STRING, subject STRING, headers MAP<STRING, STRING>"))
	for _, v := range n {
		b.Cols[0].AppendI32(int32(v))
		b.Cols[1].AppendString(fmt.Sprint("s", v))
		if subject == "" {
			b.Cols[2].AppendNull()
			b.Cols[3].AppendNull()
		} else {
			b.Cols[2].AppendString(subject)
			b.Cols[3].Children[0].AppendString("k")
			b.Cols[3].Children[1].AppendString(fmt.Sprint(v))
			b.Cols[3].EndList()
		}
		b.N++
	}
	return b
}

func TestTableSink(t *testing.T) { onEach(t, testTableSink) }

func testTableSink(t *testing.T, newLog makeLog) {
	l := newLog(t)
	for i, test := range []struct{ options, want string }{
		{"subject=STREAM.x format=json", `x {"n":1,"s":"s1"} map[], m {"n":2,"s":"s2"} map[k:[2]]`},
		{"subject=STREAM.{n}.{s}", `1.s1 1,s1 map[], m 2,s2 map[k:[2]]`},
		{"subject=STREAM.{s} sink.delivery-guarantee=none stream=", `m 2,s2 map[k:[2]], s1 1,s1 map[]`},
	} {
		stream := fmt.Sprint("s", i)
		l.stream(stream)
		table, err := Table.NewSink(l.spec("n INT, s STRING", "stream="+stream+" "+strings.ReplaceAll(test.options, "STREAM", stream)))
		if err != nil {
			t.Fatal(err)
		}
		s, err := table.Sink(connect.Insert{Metadata: []string{"subject", "headers"}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Writer(writerContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []*column.Batch{numbers("", 1), numbers(stream+".m", 2)} {
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(test.options, "{s}") {
			b := column.NewBatch(formattest.Schema("n INT, s STRING, subject STRING, headers MAP<STRING, STRING>"))
			b.Cols[0].AppendI32(1)
			b.Cols[1].AppendString("a.b")
			b.Cols[2].AppendNull()
			b.Cols[3].AppendNull()
			b.N = 1
			wantError(t, "a dot", w.Write(b), `the column s is "a.b", which cannot be in a subject`)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, l.options(stream), func(m *Message) (string, error) {
			return fmt.Sprintf("%s %s %v", strings.TrimPrefix(m.Subject, stream+"."), m.Data, m.Header), nil
		})
		slices.SortFunc(got, strings.Compare)
		want := strings.Split(test.want, ", ")
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", test.options, got, err, want)
		}
	}
}

func TestTableExactlyOnce(t *testing.T) {
	l := embeddedLog(t)
	n := 0
	connecttest.Sink(t, func(*testing.T) connecttest.SinkTarget[int] {
		stream := fmt.Sprint("e", n)
		n++
		l.stream(stream)
		table, err := Table.NewSink(l.spec("n INT, s STRING", fmt.Sprintf("stream=%s subject=%s.{n} sink.delivery-guarantee=exactly-once", stream, stream)))
		if err != nil {
			t.Fatal(err)
		}
		s, err := table.Sink(connect.Insert{})
		if err != nil {
			t.Fatal(err)
		}
		return connecttest.SinkTarget[int]{
			Sink: connecttest.RowsSink(s, func(records []int) *column.Batch { return numbers("", records...) }),
			Visible: func() (all []int) {
				for _, v := range l.values(stream) {
					var n int
					if _, err := fmt.Sscanf(v, "%d,", &n); err != nil {
						t.Fatal(err)
					}
					all = append(all, n)
				}
				return all
			},
		}
	}, connecttest.SinkOptions[int]{Record: func(n int) int { return n }, Seeds: 5})
}

// TestDocumentation holds the page about NATS to the options and metadata columns.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/nats.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, f := range metadata {
		if !strings.Contains(text, "`"+f.Name+"`") {
			t.Errorf("the page does not have the metadata column %s", f.Name)
		}
	}
	known := map[string]bool{}
	for _, d := range base.Options.Docs() {
		known[d.Key] = true
	}
	for i, part := range strings.Split(text, "`") {
		for _, prefix := range []string{"scan.", "sink.", "tls.", "connect."} {
			if key, _, _ := strings.Cut(part, " "); i%2 == 1 && strings.HasPrefix(key, prefix) && !known[key] {
				t.Errorf("there is no option %s", key)
			}
		}
	}
	if !strings.Contains(text, windowMin.String()) || !strings.Contains(text, "'connector' = 'nats'") {
		t.Errorf("the page does not have the shortest window, %v, or a table", windowMin)
	}
}
