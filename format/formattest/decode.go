package formattest

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// Options parses options like "a=b c=d" of a factory: the names without the format's before them, the
// values in quotes as Go has them where they need to be.
func Options(f format.Factory, text string) (map[string]string, error) {
	options := map[string]string{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		key, rest, _ := strings.Cut(text, "=")
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", key, err)
		}
		if options[key], err = strconv.Unquote(quoted); err != nil {
			return nil, err
		}
		text = rest[len(quoted):]
	}
	return options, nil
}

// Table makes the table of a factory.
func Table(f format.Factory, schema *row.Schema, options string) (*format.Table, error) {
	texts, err := Options(f, options)
	if err != nil {
		return nil, err
	}
	c, err := f.Options.Parse(texts, f.Name+".")
	if err != nil {
		return nil, err
	}
	return &format.Table{Schema: schema, Options: c}, nil
}

// Batch is an empty batch of the columns that a decoder of the table fills.
func Batch(f format.Factory, t *format.Table) *column.Batch {
	b := column.NewBatch(&row.Schema{Fields: t.Columns()})
	if f.Reads != row.InsertOnly {
		b.Kinds = []row.ChangeKind{}
	}
	return b
}

// Cases runs a file of cases: lines of columns, options, a record in quotes, and the rows that it
// gives, or ERROR, with tabs between. Each record is decoded with all projections of its columns.
func Cases(t *testing.T, f format.Factory, path string) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if line := lines.Text(); line != "" && line[0] != '#' {
			t.Run(strconv.Itoa(n), func(t *testing.T) { runCase(t, f, strings.Split(line, "\t")) })
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func runCase(t *testing.T, f format.Factory, parts []string) {
	if len(parts) != 4 {
		t.Fatalf("%d parts, want 4", len(parts))
	}
	record, err := strconv.Unquote(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	table, err := Table(f, Schema(parts[0]), parts[1])
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(f, table, record)
	if err != nil {
		got = []string{"ERROR"}
	}
	if g := strings.Join(got, " ; "); g != parts[3] {
		t.Errorf("%s (%s): %q is\n%s, want\n%s (error: %v)", parts[0], parts[1], record, g, parts[3], err)
	}
	Projections(t, f, table, record)
}

// Decode decodes one record with a decoder of its own.
func Decode(f format.Factory, table *format.Table, record string) ([]string, error) {
	newDecoder, err := f.NewDecoder(table)
	if err != nil {
		return nil, err
	}
	b := Batch(f, table)
	err = newDecoder().Decode([]byte(record), b)
	return Rows(b), err
}

// Projections decodes a record twice with each of up to 64 projections, and of a format that is Nested
// with parts of ROWs too: they accept and reject what the
// decoder of all columns does, with the same error, and give the same values; and an error leaves no
// trace in the batch. A record that is wrong is left out for a format that does not look at columns that
// are not read.
func Projections(t *testing.T, f format.Factory, table *format.Table, record string) {
	t.Helper()
	all := *table
	all.Project = nil
	newDecoder, err := f.NewDecoder(&all)
	if err != nil {
		t.Fatal(err)
	}
	full := Batch(f, &all)
	wantErr := newDecoder().Decode([]byte(record), full)
	if wantErr != nil && f.Unread {
		return
	}
	columns := len(table.Schema.Fields)
	for set := range 1 << min(6, columns) {
		some := *table
		some.Project = []int{}
		for i := columns - 1; i >= 0; i-- { // backwards: the order is the projection's
			if set>>i&1 != 0 {
				some.Project = append(some.Project, i)
			}
		}
		projection(t, f, &some, record, full, wantErr)
		if !f.Nested {
			continue
		}
		for odd := range 2 {
			some.Types = nil
			for _, i := range some.Project {
				some.Types = append(some.Types, everyOther(table.Schema.Fields[i].Type, odd))
			}
			projection(t, f, &some, record, full, wantErr)
		}
	}
}

// everyOther is a type with every other field of ROWs.
func everyOther(whole *row.Type, odd int) *row.Type {
	if whole.Kind != row.Row || len(whole.Fields) < 2 {
		return whole
	}
	t := *whole
	t.Fields = nil
	for i := odd; i < len(whole.Fields); i += 2 {
		f := whole.Fields[i]
		f.Type = everyOther(f.Type, odd)
		t.Fields = append(t.Fields, f)
	}
	return &t
}

// part has the fields of values that a type has.
func part(v *column.Vector, t *row.Type) *column.Vector {
	if t.Kind != row.Row {
		return v
	}
	p := *v
	p.Type, p.Children = t, nil
	for i, f := range v.Type.Fields {
		if c := len(p.Children); c < len(t.Fields) && t.Fields[c].Name == f.Name {
			p.Children = append(p.Children, part(v.Children[i], t.Fields[c].Type))
		}
	}
	return &p
}

// projection decodes a record twice with a projection, and compares with what the whole record gave.
func projection(t *testing.T, f format.Factory, some *format.Table, record string, full *column.Batch, wantErr error) {
	t.Helper()
	newDecoder, err := f.NewDecoder(some)
	if err != nil {
		t.Fatal(err)
	}
	d, b := newDecoder(), Batch(f, some)
	want := &column.Batch{N: full.N, Kinds: full.Kinds}
	for k, c := range some.Columns() {
		want.Cols = append(want.Cols, part(full.Cols[some.Project[k]], c.Type))
	}
	for range 2 {
		if err := d.Decode([]byte(record), b); !reflect.DeepEqual(err, wantErr) {
			t.Fatalf("columns %v of %q: the error is %v, want %v", some.Columns(), record, err, wantErr)
		}
	}
	rows := Rows(want)
	if got := Rows(b); !reflect.DeepEqual(got, append(rows, rows...)) {
		t.Fatalf("columns %v of %q twice are %v, want %v", some.Columns(), record, got, rows)
	}
	for i, c := range b.Cols {
		if c.N != b.N {
			t.Fatalf("column %d of %q has %d values for %d rows", i, record, c.N, b.N)
		}
	}
}

// EncodeCases runs a file of cases: lines of columns, options, a row as a record of the format json, and
// the record that it becomes, in quotes, or ERROR, with tabs between. json is the format that reads the
// rows.
func EncodeCases(t *testing.T, json, f format.Factory, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.Split(line, "\t")
		t.Run(strconv.Itoa(n+1), func(t *testing.T) {
			got, err := encode(json, f, parts)
			if err != nil {
				got = "ERROR"
			} else {
				got = strconv.Quote(got)
			}
			if got != parts[3] {
				t.Errorf("%s (%s): %s is\n%s, want\n%s (error: %v)", parts[0], parts[1], parts[2], got, parts[3], err)
			}
		})
	}
}

func encode(json, f format.Factory, parts []string) (string, error) {
	schema := Schema(parts[0])
	from, err := Table(json, schema, "")
	if err != nil {
		return "", err
	}
	newDecoder, err := json.NewDecoder(from)
	if err != nil {
		return "", err
	}
	b := Batch(json, from)
	if err := newDecoder().Decode([]byte(parts[2]), b); err != nil {
		return "", err
	}
	to, err := Table(f, schema, parts[1])
	if err != nil {
		return "", err
	}
	newEncoder, err := f.NewEncoder(to)
	if err != nil {
		return "", err
	}
	record, err := newEncoder().Append(nil, b, 0)
	return string(record), err
}

// DecodeBatch is the batch of some records.
func DecodeBatch(t testing.TB, f format.Factory, table *format.Table, records ...string) *column.Batch {
	t.Helper()
	newDecoder, err := f.NewDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	d, b := newDecoder(), Batch(f, table)
	for _, r := range records {
		if err := d.Decode([]byte(r), b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}
