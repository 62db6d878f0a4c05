package avro

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/row"
)

var simple = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "STRING", "VARCHAR(5)", "BYTES", "DATE", "TIME",
	"TIMESTAMP(3)", "DECIMAL(5, 2)", "DECIMAL(38, 10)",
}

func TestAsFlink(t *testing.T) { formattest.Cases(t, Factory, "testdata/decode.txt") }

func TestEncode(t *testing.T) {
	formattest.EncodeCases(t, json.Factory, Factory, "testdata/encode.txt")
}

// TestRoundTrip writes and reads random rows of random types.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 1))
		options := []string{"", `encoding="json"`}[seed%2]
		f := Factory
		if seed%2 == 1 {
			f.NewFileEncoder = nil
		}
		formattest.RoundTrip(t, f, rng, simple, options)
		formattest.RoundTrip(t, f, rng, append([]string{"TIMESTAMP(6)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(6)"}, simple...),
			options+` timestamp_mapping.legacy="false"`)
	}
}

// TestAsTheModule compares random records with what the module makes of them, and reads what it writes.
func TestAsTheModule(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		table, err := formattest.Table(Factory, formattest.Schema(formattest.RandomColumns(rng, 4, simple)), "")
		if err != nil {
			t.Fatal(err)
		}
		schema, err := schemaOf(table)
		if err != nil {
			t.Fatal(err)
		}
		b := formattest.RandomBatch(rng, table.Schema, 10)
		got, _ := Factory.NewDecoder(table)
		e, _ := Factory.NewEncoder(table)
		out, d := formattest.Batch(Factory, table), got()
		for i := range b.N {
			record, err := e().Append(nil, b, i)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			rest, err := schema.Decode(record, &v, avro.TaggedUnions())
			if err != nil || len(rest) > 0 {
				t.Fatalf("%s: the module reads %x: %v, %d bytes are left", schema, record, err, len(rest))
			}
			theirs, err := schema.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(theirs, out); err != nil {
				t.Fatalf("%x: %v", theirs, err)
			}
		}
		if got, want := strings.Join(formattest.Rows(out), "\n"), strings.Join(formattest.Rows(b), "\n"); got != want {
			t.Fatalf("%s: rows are\n%s\nwant\n%s", schema, got, want)
		}
	}
}

// TestSchema is the schema that Flink derives.
func TestSchema(t *testing.T) {
	for _, c := range []struct{ columns, options, want string }{
		{
			"id BIGINT NOT NULL, name STRING, d DECIMAL(10, 2), ts TIMESTAMP(3), r ROW<x INT, y ARRAY<STRING>>", "",
			`{"type":"record","name":"org.apache.flink.avro.generated.record","fields":[{"name":"id","type":"long"},` +
				`{"name":"name","type":["null","string"],"default":null},` +
				`{"name":"d","type":["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}],"default":null},` +
				`{"name":"ts","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},` +
				`{"name":"r","type":["null",{"type":"record","name":"org.apache.flink.avro.generated.record_r","fields":[` +
				`{"name":"x","type":["null","int"],"default":null},{"name":"y","type":["null",{"type":"array","items":["null","string"]}],"default":null}]}],"default":null}]}`,
		},
		{
			"a TIMESTAMP(6) NOT NULL, b TIMESTAMP_LTZ(3) NOT NULL, m MULTISET<STRING> NOT NULL", `timestamp_mapping.legacy="false"`,
			`{"type":"record","name":"org.apache.flink.avro.generated.record","fields":[{"name":"a","type":{"type":"long","logicalType":"local-timestamp-micros"}},` +
				`{"name":"b","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"m","type":{"type":"map","values":["null","int"]}}]}`,
		},
	} {
		table, err := formattest.Table(Factory, formattest.Schema(c.columns), c.options)
		if err != nil {
			t.Fatal(err)
		}
		got, err := derive(table.Schema, legacyTimestamps.Get(table.Options))
		if err != nil || got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s (%v)", c.columns, got, c.want, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ columns, options, want string }{
		{"a TIMESTAMP(6)", "", "avro.timestamp_mapping.legacy = false"},
		{"a TIMESTAMP_LTZ(3)", "", "avro.timestamp_mapping.legacy"},
		{"a TIMESTAMP(9)", `timestamp_mapping.legacy="false"`, "up to precision 6"},
		{"a MAP<INT, INT>", "", "keys of maps are STRING"},
		{"`a b` INT", "", "letters, digits"},
		{"a INT", `codec="snappy"`, "avro.codec"},
	} {
		table, err := formattest.Table(Factory, formattest.Schema(c.columns), c.options)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Factory.NewDecoder(table)
		_, err2 := Factory.NewEncoder(table)
		for _, err := range []error{err, err2} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v; want %s", c.columns, err, c.want)
			}
		}
	}
}

// writers are schemas of others' records, with what becomes of them.
var writers = []struct {
	schema  string
	value   any
	columns string
	want    string // a row, or a part of an error
}{
	{`{"name":"x","type":"int"}`, 7, "x BIGINT, y STRING", `[7,null]`},
	{`{"name":"x","type":"int"}`, 7, "x DOUBLE", `[7.0]`},
	{`{"name":"x","type":"long"}`, int64(7), "x FLOAT", `[7.0]`},
	{`{"name":"x","type":"float"}`, float32(1.5), "x DOUBLE", `[1.5]`},
	{`{"name":"x","type":["string","null"]}`, "a", "x STRING", `["a"]`},
	{`{"name":"x","type":["null","int","string"]}`, "a", "x STRING", `["a"]`},
	{`{"name":"x","type":["null","int","string"]}`, 1, "x STRING", `is int in the records`},
	{`{"name":"x","type":["null","int"]}`, nil, "x INT NOT NULL", `the column is NOT NULL`},
	{`{"name":"x","type":{"type":"enum","name":"e","symbols":["A","B"]}}`, "B", "x STRING", `["B"]`},
	{`{"name":"x","type":{"type":"fixed","name":"f","size":2}}`, []byte{1, 255}, "x BYTES", `["0x01ff"]`},
	{`{"name":"x","type":{"type":"long","logicalType":"timestamp-micros"}}`, int64(1_500_000), "x TIMESTAMP(3)", `["1970-01-01 00:00:01.500"]`},
	{`{"name":"x","type":{"type":"long","logicalType":"time-micros"}}`, int64(1_500_000), "x TIME", `["00:00:01.5"]`},
	{`{"name":"x","type":"string"}`, "a", "x INT", `which is not read as INT`},
	{`{"name":"x","type":"long"}`, int64(1), "x INT", `which is not read as INT`},
	{`{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}`, "1.25", "x DECIMAL(10, 2)", `["1.25"]`},
	{`{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}`, "1.25", "x DECIMAL(10, 3)", `declare DECIMAL(5, 2)`},
	{`{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}`, "123.25", "x DECIMAL(4, 2)", `[null]`},
	{`{"name":"x","type":"int"}`, 7, "z INT NOT NULL", "the records have no field z"},
	{
		`{"name":"x","type":{"type":"record","name":"n","fields":[{"name":"next","type":["null","n"]},{"name":"v","type":"int"}]}},{"name":"y","type":"int"}`,
		map[string]any{"next": map[string]any{"next": nil, "v": 2}, "v": 1},
		"y INT, x ROW<v INT, w INT>", `[5,{"row":[1,null]}]`,
	},
	{`{"name":"x","type":{"type":"map","values":{"type":"array","items":"int"}}}`, map[string]any{"k": []any{1, 2}}, "x MAP<STRING, ARRAY<BIGINT>>", `[{"map":[["k",[1,2]]]}]`},
}

// TestEvolution reads container files that the module writes, with schemas that differ from the columns.
func TestEvolution(t *testing.T) {
	for _, c := range writers {
		schema := avro.MustParse(`{"type":"record","name":"r","fields":[` + c.schema + `]}`)
		var file bytes.Buffer
		w, err := ocf.NewWriter(&file, schema)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Encode(map[string]any{"x": c.value, "y": 5}), w.Close()); err != nil {
			t.Fatalf("%s: %v", c.schema, err)
		}
		table, err := formattest.Table(Factory, formattest.Schema(c.columns), "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := formattest.ReadFile(Factory, table, file.Bytes())
		switch {
		case err != nil && (c.want[0] == '[' || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s as %s: %v; want %s", c.schema, c.columns, err, c.want)
		case err == nil && strings.Join(formattest.Rows(b), " ") != c.want:
			t.Errorf("%s as %s: %s; want %s", c.schema, c.columns, formattest.Rows(b), c.want)
		}
	}
}

// TestContainers has the module read what we write, with each codec, and reads what it writes in ranges.
func TestContainers(t *testing.T) {
	const columns = "a BIGINT, s STRING, l ARRAY<INT>"
	for _, name := range []string{"null", "deflate", "snappy", "zstandard"} {
		table, err := formattest.Table(Factory, formattest.Schema(columns), `codec="`+name+`"`)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		b := formattest.RandomBatch(rng, table.Schema, 700)
		file := formattest.WriteFile(t, Factory, table, b)
		r, err := ocf.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			var v any
			if r.Decode(&v) != nil {
				break
			}
		}
		if n != b.N {
			t.Errorf("%s: the module reads %d records, want %d", name, n, b.N)
		}
		for _, length := range []int64{1 << 30, 30_000, 1000} {
			formattest.Ranges(t, Factory, table, file, max(length, int64(len(file)/10)))
		}
	}
}

// TestFilesOfOthers reads files that fastavro has written: testdata/README.md.
func TestFilesOfOthers(t *testing.T) {
	const columns = "id BIGINT, name STRING, amount DECIMAL(10, 2), ts TIMESTAMP(3), tags ARRAY<STRING>, attrs MAP<STRING, INT>, r ROW<x INT, y STRING>, kind STRING, day DATE"
	table, err := formattest.Table(Factory, formattest.Schema(columns), "")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("testdata/*.avro")
	if err != nil || len(paths) != 5 {
		t.Fatalf("%d files (%v)", len(paths), err)
	}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := formattest.ReadFile(Factory, table, file)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		rows := formattest.Rows(b)
		const first = `[1,"name 1","1.25","2024-01-01 00:00:01.000",["a","b"],{"map":[["k",1]]},{"row":[1,"y"]},"B","2024-01-02"]`
		if len(rows) != 200 || rows[1] != first || rows[0] != `[0,null,"0.00","2024-01-01 00:00:00.000",[],{"map":[]},null,"A","2024-01-01"]` {
			t.Errorf("%s: %d rows, the first are\n%s\n%s", path, len(rows), rows[0], rows[1])
		}
		formattest.Ranges(t, Factory, table, file, 3000)
	}
}

// TestBrokenFiles are errors that say where.
func TestBrokenFiles(t *testing.T) {
	table, err := formattest.Table(Factory, formattest.Schema("a BIGINT, s STRING"), `codec="null"`)
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.RandomBatch(rand.New(rand.NewPCG(1, 2)), table.Schema, 100)
	file := formattest.WriteFile(t, Factory, table, b)
	flipped := bytes.Clone(file)
	flipped[len(file)-1] ^= 1
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"no magic":   {[]byte("{}\n"), "no file of Avro"},
		"empty":      {nil, "no file of Avro"},
		"cut header": {file[:20], "no file of Avro"},
		"cut block":  {file[:len(file)-20], "the file ends"},
		"marker":     {flipped, "the marker behind a block"},
		"codec":      {bytes.Replace(file, []byte("avro.codec\x08null"), []byte("avro.codec\x08lzma"), 1), `compressed by "lzma"`},
	} {
		if _, err := formattest.ReadFile(Factory, table, c.file); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"test"`) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
}

const fuzzSchema = "a INT, b STRING, c ARRAY<ROW<x BIGINT, y TIMESTAMP(3)>>, d MAP<STRING, DECIMAL(5, 2)>, e BYTES, f DOUBLE, g BOOLEAN"

// FuzzDecode decodes records with projections, and compares with the module what it takes.
func FuzzDecode(f *testing.F) {
	table, err := formattest.Table(Factory, formattest.Schema(fuzzSchema), "")
	if err != nil {
		f.Fatal(err)
	}
	b := formattest.RandomBatch(rand.New(rand.NewPCG(1, 2)), table.Schema, 2)
	newEncoder, _ := Factory.NewEncoder(table)
	for i := range b.N {
		record, _ := newEncoder().Append(nil, b, i)
		f.Add(record)
	}
	schema, _ := schemaOf(table)
	f.Fuzz(func(t *testing.T, record []byte) {
		formattest.Projections(t, Factory, table, string(record))
		_, err := formattest.Decode(Factory, table, string(record))
		var v any
		if _, theirs := schema.Decode(record, &v); theirs == nil && err != nil {
			t.Fatalf("%x: the module reads it, and we do not: %v", record, err)
		}
	})
}

// FuzzFile reads files that may be broken.
func FuzzFile(f *testing.F) {
	table, err := formattest.Table(Factory, formattest.Schema("a BIGINT, s STRING"), `codec="null"`)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(formattest.WriteFile(f, Factory, table, formattest.RandomBatch(rand.New(rand.NewPCG(1, 2)), table.Schema, 5)))
	for _, path := range []string{"testdata/snappy.avro", "testdata/zstandard.avro", "testdata/bzip2.avro"} {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := formattest.ReadFile(Factory, table, file)
		for i, c := range b.Cols {
			if c.N != b.N {
				t.Fatalf("column %d has %d values for %d rows (%v)", i, c.N, b.N, err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	schema := formattest.Schema("auction BIGINT NOT NULL, bidder BIGINT NOT NULL, price BIGINT NOT NULL, channel STRING, url STRING, t TIMESTAMP(3), extra STRING")
	for name, project := range map[string][]int{"All": nil, "Two": {0, 2}} {
		b.Run(name, func(b *testing.B) {
			table := &format.Table{Schema: schema, Project: project}
			newDecoder, err := Factory.NewDecoder(table)
			if err != nil {
				b.Fatal(err)
			}
			record := bid(b, schema)
			d, batch := newDecoder(), formattest.Batch(Factory, table)
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				if batch.N == 1024 {
					batch.Reset()
				}
				if err := d.Decode(record, batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bid(tb testing.TB, schema *row.Schema) []byte {
	newEncoder, err := Factory.NewEncoder(&format.Table{Schema: schema})
	if err != nil {
		tb.Fatal(err)
	}
	batch := column.NewBatch(schema)
	for i := range 3 {
		batch.Cols[i].AppendI64(1000 * int64(i+1))
	}
	batch.Cols[3].AppendString("Apple")
	batch.Cols[4].AppendString("https://www.example.com/a0/b3/c7/item.htm?query=1&channel_id=395")
	batch.Cols[5].AppendTimestamp(1704067200046000, 0)
	batch.Cols[6].AppendString("ycabcdefghijklmnopqrstuvwxyz012345678")
	batch.N = 1
	record, err := newEncoder().Append(nil, batch, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return record
}
