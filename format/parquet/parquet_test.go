package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/row"
)

var simple = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "STRING", "VARCHAR(5)", "BYTES", "DATE", "TIME",
	"TIMESTAMP(3)", "TIMESTAMP(9)", "TIMESTAMP_LTZ(6)", "DECIMAL(5, 2)", "DECIMAL(18, 4)", "DECIMAL(38, 10)",
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRoundTrip writes and reads random rows of random types.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 1))
		formattest.RoundTrip(t, Factory, rng, simple, []string{
			"", `compression="ZSTD" enable.dictionary="false"`, `write.int64.timestamp="true" timestamp.time.unit="nanos" utc-timezone="true"`,
			`compression="GZIP" page.size="100b"`,
		}[seed%4])
	}
}

// TestAsTheModule compares what the module's reader of rows says of random files with what was written.
func TestAsTheModule(t *testing.T) {
	for seed := range uint64(16) {
		rng := rand.New(rand.NewPCG(seed, 2))
		table := table(t, formattest.RandomColumns(rng, 4, simple), "")
		b := formattest.RandomBatch(rng, table.Schema, 20)
		file := formattest.WriteFile(t, Factory, table, b)
		f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]parquet.Row, 30)
		n, err := f.RowGroups()[0].Rows().ReadRows(rows)
		if n != b.N || err != nil && err != io.EOF {
			t.Fatalf("%d rows (%v)", n, err)
		}
		for i := range n { // cut the rows as we do, and compare the values and levels
			e := &encoder{w: parquet.NewGenericWriter[any](io.Discard, parquet.NewSchema("x", (&settings{}).group(table.Schema.Fields)))}
			e.parts = (&shredder{e: e}).fields(table.Schema.Fields, 0, 0)
			for k, p := range e.parts {
				if err := p.value(b.Cols[k], i, 0); err != nil {
					t.Fatal(err)
				}
			}
			var want []string
			for _, values := range e.columns {
				for _, v := range values {
					want = append(want, fmt.Sprintf("%+v", v))
				}
			}
			var got []string
			for _, v := range rows[i] {
				got = append(got, fmt.Sprintf("%+v", v))
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("row %d is\n%s, want\n%s", i, got, want)
			}
		}
	}
}

func table(t testing.TB, columns, options string) *format.Table {
	t.Helper()
	table, err := formattest.Table(Factory, formattest.Schema(columns), options)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

const arrowColumns = "id BIGINT, i8 TINYINT, u8 SMALLINT, u32 BIGINT, name STRING, raw BYTES, fixed BYTES, d9 DECIMAL(9, 2), d38 DECIMAL(38, 10), day DATE, clock TIME, " +
	"clock_us TIME, ms TIMESTAMP(3), us TIMESTAMP_LTZ(6), ns TIMESTAMP(9), flag BOOLEAN, f FLOAT, d DOUBLE, tags ARRAY<STRING>, grid ARRAY<ARRAY<INT>>, " +
	"attrs MAP<STRING, BIGINT>, price ROW<currency STRING, units BIGINT>, lines ARRAY<ROW<item STRING, prices ARRAY<ROW<units BIGINT>>, more INT>>, more STRING"

// TestFilesOfOthers reads files that pyarrow has written: testdata/README.md.
func TestFilesOfOthers(t *testing.T) {
	want := map[int]string{
		3: `[3` + strings.Repeat(",null", 23) + `]`,
		0: `[0,-30,200,4000000000,"name 0","0x00ff","0x616263","0.00","0.0000000000","2024-01-01","01:02:03.004","01:02:03.004",` +
			`"2024-01-01 10:00:00.123","2024-01-01 10:00:00.123456Z","2024-01-01 10:00:00.123456000",true,0.0,0.0,[],[],{"map":[]},null,[],null]`,
		23: `[23,-7,223,4000000023,"name 3","0x17ff","0x616263","28.75","-2300000000000000000000.0000000000","2024-01-24","01:02:03.004","01:02:03.004",` +
			`"2024-01-01 10:00:23.123","2024-01-01 10:00:23.123456Z","2024-01-01 10:00:23.123456000",false,11.5,5.75,[null,"a","b"],[[1,null],[],null],` +
			`{"map":[["k",23],["l",null]]},{"row":["EUR",null]},[{"row":["x",[{"row":[23]},null],null]},null,{"row":[null,[],null]}],null]`,
	}
	for _, name := range []string{"snappy", "v2", "int96"} {
		file, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		table := table(t, arrowColumns, "")
		b, err := formattest.ReadFile(Factory, table, file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows := formattest.Rows(b)
		if len(rows) != 60 {
			t.Fatalf("%s: %d rows", name, len(rows))
		}
		for i, w := range want {
			if rows[i] != w {
				t.Errorf("%s: row %d is\n%s\nwant\n%s", name, i, rows[i], w)
			}
		}
		formattest.Ranges(t, Factory, table, file, 3000)
		parts(t, table, file, b)
	}
}

// parts reads some columns, and parts of ROWs: also those of which the file has none.
func parts(t *testing.T, whole *format.Table, file []byte, b *column.Batch) {
	t.Helper()
	line, price := whole.Schema.Fields[22].Type, whole.Schema.Fields[21].Type
	some := *whole
	some.Project = []int{22, 21, 0}
	some.Types = []*row.Type{
		row.ArrayOf(row.RowOf(line.Elem.Fields[2])), row.RowOf(price.Fields[1]), row.Of(row.BigInt),
	}
	got, err := formattest.ReadFile(Factory, &some, file)
	if err != nil {
		t.Fatal(err)
	}
	rows := formattest.Rows(got)
	for i, want := range map[int]string{0: `[[],null,0]`, 3: `[null,null,3]`, 23: `[[{"row":[null]},null,{"row":[null]}],{"row":[null]},23]`} {
		if rows[i] != want {
			t.Errorf("row %d of some columns is %s, want %s", i, rows[i], want)
		}
	}
	some.Project, some.Types = []int{}, nil
	if none, err := formattest.ReadFile(Factory, &some, file); err != nil || none.N != b.N {
		t.Errorf("no columns: %d rows (%v)", none.N, err)
	}
}

// TestColumnsAreRead counts the bytes that are read of a file: only those of the columns that are wanted.
func TestColumnsAreRead(t *testing.T) {
	all := table(t, "a BIGINT, b BYTES", `enable.dictionary="false" compression="UNCOMPRESSED"`)
	b := column.NewBatch(all.Schema)
	for i := range 100 {
		b.Cols[0].AppendI64(int64(i))
		b.Cols[1].AppendBytes(make([]byte, 30_000))
		b.N++
	}
	file := formattest.WriteFile(t, Factory, all, b)
	some := *all
	some.Project = []int{0}
	newDecoder, err := Factory.NewFileDecoder(&some)
	if err != nil {
		t.Fatal(err)
	}
	r := &counting{ReaderAt: bytes.NewReader(file)}
	d, got := newDecoder(), formattest.Batch(Factory, &some)
	if err := d.Open(format.File{ReaderAt: r, Name: "test", Size: int64(len(file)), To: int64(len(file))}, format.Position{}); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = d.Decode(got, 1000)
	}
	if err != io.EOF || got.N != 100 || r.n > len(file)/8 {
		t.Errorf("%d rows, %d of %d bytes are read (%v)", got.N, r.n, len(file), err)
	}
}

type counting struct {
	io.ReaderAt
	n int
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.n += n
	return n, err
}

// TestGroups writes several groups of rows, and reads them in ranges.
func TestGroups(t *testing.T) {
	table := table(t, "a BIGINT, s STRING, l ARRAY<INT>", `block.size="20kb"`)
	rng := rand.New(rand.NewPCG(1, 2))
	var batches []*column.Batch
	for range 10 {
		batches = append(batches, formattest.RandomBatch(rng, table.Schema, 500))
	}
	file := formattest.WriteFile(t, Factory, table, batches...)
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil || len(f.RowGroups()) < 4 {
		t.Fatalf("%d groups of rows (%v)", len(f.RowGroups()), err)
	}
	b, err := formattest.ReadFile(Factory, table, file)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, b := range batches {
		want = append(want, formattest.Rows(b)...)
	}
	if got := formattest.Rows(b); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// TestZones are TIMESTAMPs as INT96 in the session's time zone, and in UTC.
func TestZones(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	local, utc := table(t, "t TIMESTAMP(6), l TIMESTAMP_LTZ(6)", ""), table(t, "t TIMESTAMP(6), l TIMESTAMP_LTZ(6)", `utc-timezone="true"`)
	local.Zone, utc.Zone = zone, zone
	b := column.NewBatch(local.Schema)
	b.Cols[0].AppendTimestamp(1704103200_000001, 0)
	b.Cols[1].AppendTimestamp(1704103200_000001, 0)
	b.N = 1
	file := formattest.WriteFile(t, Factory, local, b)
	for want, table := range map[string]*format.Table{
		`["2024-01-01 10:00:00.000001","2024-01-01 10:00:00.000001Z"]`: local,
		`["2024-01-01 08:00:00.000001","2024-01-01 10:00:00.000001Z"]`: utc,
	} {
		got, err := formattest.ReadFile(Factory, table, file)
		if err != nil || formattest.Rows(got)[0] != want {
			t.Errorf("%s, want %s (%v)", formattest.Rows(got), want, err)
		}
	}
}

func TestRefused(t *testing.T) {
	file, err := os.ReadFile("testdata/snappy.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for columns, want := range map[string]string{
		"name INT": "column name is BYTE_ARRAY (STRING) in the file, which is not read as INT", "id INT": "column id is INT64",
		"d9 DECIMAL(9, 3)": "DECIMAL(9,2)", "zzz INT NOT NULL": "it has no column zzz, which is NOT NULL", "tags STRING": "column tags is a group",
		"price ROW<units STRING>": "column price.units is INT64", "id ARRAY<BIGINT>": "not read as ARRAY", "ms BIGINT": "TIMESTAMP",
		"d38 DECIMAL(20, 10)": "more digits than DECIMAL(20, 10)", "i8 TINYINT NOT NULL": "column i8: the value is NULL", "u8 TINYINT": "INT(8,false)",
		"price ROW<units BIGINT NOT NULL>": "column price.units: the value is NULL", "tags ARRAY<STRING NOT NULL>": "column tags: the value is NULL",
	} {
		if _, err := formattest.ReadFile(Factory, table(t, columns, ""), file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"test"`) {
			t.Errorf("%s: %v; want %s", columns, err, want)
		}
	}
	for _, broken := range [][]byte{nil, []byte("PAR1"), file[:len(file)/2], append([]byte("PAR1"), file[len(file)-200:]...)} {
		if _, err := formattest.ReadFile(Factory, table(t, arrowColumns, ""), broken); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("a broken file: %v", err)
		}
	}
	b := column.NewBatch(formattest.Schema("a INT"))
	b.Cols[0].AppendNull()
	b.N = 1
	open, err := Factory.NewFileEncoder(table(t, "a INT NOT NULL", ""))
	if err != nil {
		t.Fatal(err)
	}
	e, err := open(io.Discard)
	if err = errors.Join(err, e.Encode(b, []int32{0})); err == nil || !strings.Contains(err.Error(), "column a: the value is NULL") {
		t.Errorf("NULL in a column that is NOT NULL: %v", err)
	}
}

// FuzzFile reads files that may be broken.
func FuzzFile(f *testing.F) {
	table := table(f, arrowColumns, "")
	for _, name := range []string{"snappy", "v2", "int96"} {
		file, err := os.ReadFile("testdata/" + name + ".parquet")
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

const bidColumns = "auction BIGINT NOT NULL, bidder BIGINT NOT NULL, price BIGINT NOT NULL, channel STRING, url STRING, t TIMESTAMP(3), extra STRING"

func BenchmarkDecode(b *testing.B) {
	all := table(b, bidColumns, `write.int64.timestamp="true"`)
	batch := formattest.RandomBatch(rand.New(rand.NewPCG(1, 2)), all.Schema, 10_000)
	file := formattest.WriteFile(b, Factory, all, batch)
	for name, project := range map[string][]int{"All": nil, "Two": {0, 2}} {
		b.Run(name, func(b *testing.B) {
			some := *all
			some.Project = project
			newDecoder, err := Factory.NewFileDecoder(&some)
			if err != nil {
				b.Fatal(err)
			}
			d, out := newDecoder(), formattest.Batch(Factory, &some)
			rows := 0
			for b.Loop() {
				err := d.Open(format.File{ReaderAt: bytes.NewReader(file), Name: "test", Size: int64(len(file)), To: int64(len(file))}, format.Position{})
				for err == nil {
					out.Reset()
					err = d.Decode(out, 1024)
					rows += out.N
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
	b.Run("ModuleRows", func(b *testing.B) {
		buf, rows := make([]parquet.Row, 1024), 0
		for b.Loop() {
			f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				b.Fatal(err)
			}
			r := f.RowGroups()[0].Rows()
			for err == nil {
				var n int
				n, err = r.ReadRows(buf)
				rows += n
			}
			_ = r.Close()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	})
}

func BenchmarkEncode(b *testing.B) {
	all := table(b, bidColumns, "")
	batch := formattest.RandomBatch(rand.New(rand.NewPCG(1, 2)), all.Schema, 10_000)
	for b.Loop() {
		formattest.WriteFile(b, Factory, all, batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/row")
}
