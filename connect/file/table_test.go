package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/format/raw"
	"github.com/flott-dev/flott/row"
)

var allFormats = append([]formats.Factory{csv.Factory, json.Factory, json.Debezium, raw.Factory}, fileFormats...)

// spec is a table with options like "path=/x format=csv".
func spec(schema string, options ...string) *connect.TableSpec {
	t := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema(schema), Formats: allFormats,
		Options: map[string]string{"connector": "filesystem"},
	}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		t.Options[key] = value
	}
	return t
}

// open is the source of a scan as one of rows.
func open(t testing.TB, table *connect.TableSpec, scan connect.Scan) connect.Source[string] {
	t.Helper()
	source, err := Table.NewSource(table)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := source.Scan(scan)
	if err != nil {
		t.Fatal(err)
	}
	return connecttest.Rows(columns, formattest.Rows)
}

func readTable(t testing.TB, table *connect.TableSpec, scan connect.Scan) ([]string, error) {
	t.Helper()
	return connecttest.NewDriver(t, open(t, table, scan), 1, nil).Read(0)
}

func mustRead(t testing.TB, table *connect.TableSpec, scan connect.Scan) []string {
	t.Helper()
	rows, err := readTable(t, table, scan)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func equal(t testing.TB, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTableIsASource(t *testing.T) {
	dir := t.TempDir()
	for f := range 3 {
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, "%d,row %d of %d\r\n", i, i, f)
		}
		writeFile(t, filepath.Join(dir, fmt.Sprintf("day=2024-01-0%d", f+1), "part"), b.String())
	}
	table := spec("n INT, s STRING, day DATE", "path="+dir, "format=csv")
	table.Partitions = []string{"day"}
	scan := connect.Scan{Project: []int{2, 1}, Metadata: []string{"file.size", "file.name"}}
	connecttest.Source(t, func() connect.Source[string] { return open(t, table, scan) }, connecttest.Options[string]{})
	got := mustRead(t, table, scan)
	if len(got) != 120 || got[41] != `["2024-01-02","row 1 of 1",620,"part"]` {
		t.Errorf("%d rows, row 41 is %s", len(got), got[41])
	}
}

func TestTablePaths(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a b", "x.csv"), "1\n2")
	writeFile(t, filepath.Join(dir, "a b", "deep", "y.csv"), "3\n")
	writeFile(t, filepath.Join(dir, "a b", "_hidden"), "4\n")
	for path, want := range map[string][]string{
		dir + "/a b":                        {"[3]", "[1]", "[2]"},
		dir + "/a b/x.csv":                  {"[1]", "[2]"},
		dir + "/a b/*.csv":                  {"[1]", "[2]"},
		"file:" + dir + "/a%20b/x.csv":      {"[1]", "[2]"},
		"file://" + dir + "/a b/x.csv":      {"[1]", "[2]"},
		"file://localhost" + dir + "/a%20b": {"[3]", "[1]", "[2]"},
	} {
		equal(t, mustRead(t, spec("n INT", "path="+path, "format=csv"), connect.Scan{}), want)
	}
	equal(t, mustRead(t, spec("n INT", "path="+dir, "format=csv", "source.path.regex-pattern=.*/y.*"), connect.Scan{}), []string{"[3]"})
	table := spec("n INT", "path="+dir+"/a b/x.csv", "format=csv")
	equal(t, mustRead(t, table, connect.Scan{Project: []int{}, Metadata: []string{"file.path"}}),
		[]string{`["` + dir + `/a b/x.csv"]`, `["` + dir + `/a b/x.csv"]`})
	if got := mustRead(t, table, connect.Scan{Project: []int{}}); len(got) != 2 {
		t.Errorf("without columns there are %d rows", len(got))
	}
	equal(t, mustRead(t, table, connect.Scan{Limit: 1}), []string{"[1]"})
}

func TestTablePartitions(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"a=1/b=x%2Fy", "a=2/b=__DEFAULT_PARTITION__", "a=2/b=z"} {
		writeFile(t, filepath.Join(dir, name, "f"), fmt.Sprintf(`{"n":%d}`, i))
	}
	table := spec("b STRING, n INT, a BIGINT", "path="+dir, "format=json")
	table.Partitions = []string{"a", "b"}
	all := []string{`["x/y",0,1]`, `[null,1,2]`, `["z",2,2]`}
	equal(t, mustRead(t, table, connect.Scan{}), all)
	source, err := Table.NewSource(table)
	if err != nil {
		t.Fatal(err)
	}
	partitions, err := source.(connect.Partitioned).Partitions()
	if err != nil || len(partitions) != 3 {
		t.Fatalf("partitions are %v (%v)", partitions, err)
	}
	for i := range partitions {
		equal(t, mustRead(t, table, connect.Scan{Partitions: partitions[i : i+1]}), all[i:i+1])
	}
	equal(t, mustRead(t, table, connect.Scan{Partitions: []map[string]string{}}), nil)

	missing := spec("b STRING, n INT, a BIGINT", "path="+dir+"/missing", "format=json")
	if _, err := readTable(t, missing, connect.Scan{}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a directory that there is not: %v", err)
	}
	missing.Partitions = table.Partitions // no partitions yet
	equal(t, mustRead(t, missing, connect.Scan{}), nil)

	writeFile(t, filepath.Join(dir, "stray"), "{}")
	if _, err := readTable(t, table, connect.Scan{}); err == nil || !strings.Contains(err.Error(), "is in no partition") {
		t.Errorf("a file outside of partitions: %v", err)
	}
}

func TestTableErrors(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.csv"), "1,a\n2,b\nxx,c\n")
	table := spec("n INT, s STRING", "path="+path, "format=csv")
	equal(t, mustRead(t, table, connect.Scan{Project: []int{1}}), []string{`["a"]`, `["b"]`, `["c"]`}) // n is not looked at
	_, err := readTable(t, table, connect.Scan{})
	want := path + `:3:1: field n: "xx" is not a value of type INT, in the record "xx,c"`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for _, c := range []struct {
		options []string
		want    string
	}{
		{[]string{"path=/x"}, "the option 'format' is missing: it is one of avro, csv, debezium-json, json, parquet, raw"},
		{[]string{"path=/x", "format=cvs"}, "there is no format 'cvs'; did you mean 'csv'?"},
		{[]string{"format=csv"}, "the option 'path' is missing"},
		{[]string{"path=/x", "format=csv", "csv.bogus=1"}, "there is no option 'csv.bogus'"},
		{[]string{"path=/x", "format=csv", "pth=1"}, "there is no option 'pth'; did you mean 'path'?"},
		{[]string{"path=/x", "format=csv", "csv.allow-comment=1"}, "did you mean 'csv.allow-comments'?"},
		{[]string{"path=hdfs://x/y", "format=csv"}, "no driver for hdfs://; import _ \"github.com/flott-dev/flott/connect/hdfs\""},
		{[]string{"path=file://host/y", "format=csv"}, "names another machine"},
		{[]string{"path=/x", "format=csv", "source.path.regex-pattern=("}, "source.path.regex-pattern"},
		{[]string{"path=/x", "format=raw"}, "the format raw has one column, but the table has 2"},
	} {
		_, err := Table.NewSource(spec("n INT, s STRING", c.options...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.options, err, c.want)
		}
	}
}

// encoded is a batch of rows that are records of the format json.
func encoded(t testing.TB, schema *row.Schema, f formats.Factory, records ...string) *columns.Batch {
	t.Helper()
	table := &formats.Table{Schema: schema}
	newDecoder, err := f.NewDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(f, table)
	d := newDecoder()
	for _, r := range records {
		if err := d.Decode([]byte(r), b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func openSink(t testing.TB, table *connect.TableSpec, o connect.Insert) connect.ColumnSink {
	t.Helper()
	s, err := Table.NewSink(table)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := s.Sink(o)
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestTableIsASink(t *testing.T) { tableIsASink(t) }

func tableIsASink(t *testing.T, options ...string) {
	connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
		table := spec("s STRING, p INT", append(options, "path="+t.TempDir()+"/out", "format=csv", "sink.rolling-policy.file-size=50b")...)
		table.Partitions = []string{"p"}
		return connecttest.SinkTarget[string]{
			Sink: connecttest.RowsSink(openSink(t, table, connect.Insert{}), func(records []string) *columns.Batch {
				return encoded(t, table.Schema, json.Factory, records...)
			}),
			Visible: func() (records []string) {
				if _, err := os.Stat(table.Options["path"]); err != nil {
					return nil
				}
				for _, r := range mustRead(t, table, connect.Scan{}) {
					var s string
					var p int
					if _, err := fmt.Sscanf(r, "[%q,%d]", &s, &p); err != nil {
						t.Fatal(err)
					}
					records = append(records, fmt.Sprintf(`{"s":%q,"p":%d}`, s, p))
				}
				return records
			},
		}
	}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprintf(`{"s":"row %d","p":%d}`, n, n%3) }})
}

// insert runs a statement of one subtask to its end.
func insert(t testing.TB, table *connect.TableSpec, o connect.Insert, b *columns.Batch) {
	t.Helper()
	sink := openSink(t, table, o)
	w, err := sink.Writer(connect.WriterContext{Context: t.Context(), Now: func() time.Time { return time.Unix(0, 0) }, WakeAt: func(time.Time) {}, Parallelism: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(true); err != nil {
		t.Fatal(err)
	}
	parts, err := w.(connect.Preparer).Prepare(1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sink.(connect.TwoPhase).Committer(connect.WriterContext{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again, as after a recovery
		if err := c.Commit(parts); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTableOverwrite(t *testing.T) {
	dir := t.TempDir()
	table := spec("n INT, p STRING", "path="+dir, "format=json")
	table.Partitions = []string{"p"}
	rows := func(records ...string) *columns.Batch { return encoded(t, table.Schema, json.Factory, records...) }
	insert(t, table, connect.Insert{}, rows(`{"n":1,"p":"a:b"}`, `{"n":2,"p":"c"}`))
	insert(t, table, connect.Insert{}, rows(`{"n":3,"p":"a:b"}`, `{"n":4}`))
	read := func() []string {
		got := mustRead(t, table, connect.Scan{})
		slices.Sort(got)
		return got
	}
	equal(t, read(), []string{`[1,"a:b"]`, `[2,"c"]`, `[3,"a:b"]`, `[4,null]`})
	insert(t, table, connect.Insert{Overwrite: true, Bounded: true}, rows(`{"n":5,"p":"a:b"}`))
	equal(t, read(), []string{`[2,"c"]`, `[4,null]`, `[5,"a:b"]`})
	if _, err := os.Stat(filepath.Join(dir, "p=a%3Ab")); err != nil {
		t.Error(err)
	}

	flat := spec("n INT", "path="+t.TempDir(), "format=json")
	insert(t, flat, connect.Insert{}, encoded(t, flat.Schema, json.Factory, `{"n":1}`))
	insert(t, flat, connect.Insert{Overwrite: true, Bounded: true}, encoded(t, flat.Schema, json.Factory))
	equal(t, mustRead(t, flat, connect.Scan{}), nil)

	s, err := Table.NewSink(flat)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sink(connect.Insert{Overwrite: true}); err == nil || !strings.Contains(err.Error(), "needs the batch mode") {
		t.Errorf("overwriting in a job without end: %v", err)
	}
}

// TestTableChanges writes and reads a changelog; a selection is honoured.
func TestTableChanges(t *testing.T) {
	table := spec("n INT", "path="+t.TempDir(), "format=debezium-json")
	b := encoded(t, table.Schema, json.Debezium, `{"after":{"n":1},"op":"c"}`, `{"before":{"n":1},"after":{"n":2},"op":"u"}`)
	insert(t, table, connect.Insert{}, b)
	equal(t, mustRead(t, table, connect.Scan{}), []string{"+I [1]", "-D [1]", "+I [2]"})
	b.Sel = []int32{2, 0}
	table.Options["path"] = t.TempDir()
	insert(t, table, connect.Insert{}, b)
	equal(t, mustRead(t, table, connect.Scan{}), []string{"+I [2]", "+I [1]"})
	if source, _ := Table.NewSource(table); source.Kinds() != row.AllKinds {
		t.Errorf("the kinds are %b", source.Kinds())
	}
	if source, _ := Table.NewSource(spec("n INT", "path=/x", "format=csv", "source.monitor-interval=1s")); source.Bounded() {
		t.Error("a watched directory is bounded")
	}
}

// TestPartitionNames writes a row with each type of partition column, looks at its directory and reads
// it again.
func TestPartitionNames(t *testing.T) {
	for _, c := range []struct{ kind, value, directory, row string }{
		{"STRING", `"a/b:c=d %"`, "d=a%2Fb%3Ac%3Dd %25", `[1,"a/b:c=d %"]`},
		{"STRING", `""`, "d=__DEFAULT_PARTITION__", `[1,null]`},
		{"CHAR(3)", `"a  "`, "d=a  ", `[1,"a  "]`},
		{"SMALLINT", `-5`, "d=-5", `[1,-5]`},
		{"BIGINT", `null`, "d=__DEFAULT_PARTITION__", `[1,null]`},
		{"BOOLEAN", `true`, "d=true", `[1,true]`},
		{"DOUBLE", `1.5`, "d=1.5", `[1,1.5]`},
		{"FLOAT", `-0.25`, "d=-0.25", `[1,-0.25]`},
		{"DATE", `"2024-01-02"`, "d=2024-01-02", `[1,"2024-01-02"]`},
		{"TIME", `"10:11:12"`, "d=10%3A11%3A12", `[1,"10:11:12"]`},
		{"TIMESTAMP(3)", `"2024-01-02 03:04:05.5"`, "d=2024-01-02T03%3A04%3A05.500", `[1,"2024-01-02 03:04:05.500"]`},
		{"TIMESTAMP(3)", `"2024-01-02 00:00:00"`, "d=2024-01-02T00%3A00", `[1,"2024-01-02 00:00:00.000"]`},
	} {
		table := spec("n INT, d "+c.kind, "path="+t.TempDir(), "format=csv")
		table.Partitions = []string{"d"}
		insert(t, table, connect.Insert{}, encoded(t, table.Schema, json.Factory, `{"n":1,"d":`+c.value+`}`))
		equal(t, mustRead(t, table, connect.Scan{}), []string{c.row})
		if _, err := os.Stat(filepath.Join(table.Options["path"], c.directory)); err != nil {
			t.Errorf("%s %s: %v", c.kind, c.value, err)
		}
	}
}

// TestTableLineBreaksInQuotes reads records of several lines, from any record on, and such as are longer than a buffer.
func TestTableLineBreaksInQuotes(t *testing.T) {
	texts := []string{"x", "a\nb", "\n", "\r\n\r\n", `"`, "\"\n\"", "#\n,", strings.Repeat("line\n", scanBytes/4), "\n\n\n"}
	var file strings.Builder
	var want []string
	for i := range 300 {
		s := texts[i%len(texts)]
		if i > 20 && len(s) > 100 {
			s = s[:97]
		}
		fmt.Fprintf(&file, "%d,\"%s\",%d\r\n", i, strings.ReplaceAll(s, `"`, `""`), -i)
		want = append(want, fmt.Sprintf("[%d,%q,%d]", i, s, -i))
	}
	path := filepath.Join(t.TempDir(), "f.csv")
	writeFile(t, path, strings.TrimSuffix(file.String(), "\r\n"))
	table := spec("a INT, b STRING, c INT", "path="+path, "format=csv")
	all := mustRead(t, table, connect.Scan{})
	equal(t, all, want)
	for _, at := range []int{1, 7, 8, 100} {
		d := connecttest.NewDriver(t, open(t, table, connect.Scan{}), 1, nil)
		first, err := d.Read(at)
		if err != nil {
			t.Fatal(err)
		}
		rest, err := connecttest.NewDriver(t, open(t, table, connect.Scan{}), 1, d.Snapshot()).Read(0)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, append(first, rest...), all)
	}
}
