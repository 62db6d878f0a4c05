package formattest

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// RandomColumns are n columns, of which types are the simple ones, as text for Schema: some are NOT NULL, and
// some are rows, arrays and maps of others.
func RandomColumns(rng *rand.Rand, n int, types []string) string {
	var columns []string
	for i := range n {
		columns = append(columns, "c"+strconv.Itoa(i)+" "+randomType(rng, 2, types))
	}
	return strings.Join(columns, ", ")
}

func randomType(rng *rand.Rand, depth int, types []string) string {
	t := types[rng.IntN(len(types))]
	if depth > 0 {
		switch rng.IntN(9) {
		case 0:
			t = "ARRAY<" + randomType(rng, depth-1, types) + ">"
		case 1:
			t = "MAP<STRING NOT NULL, " + randomType(rng, depth-1, types) + ">"
		case 2:
			t = "ROW<x " + randomType(rng, depth-1, types) + ", y " + randomType(rng, depth-1, types) + ">"
		}
	}
	if rng.IntN(3) == 0 {
		t += " NOT NULL"
	}
	return t
}

// RandomBatch is n rows of a schema. Times have no more digits than their types.
func RandomBatch(rng *rand.Rand, s *row.Schema, n int) *column.Batch {
	b := column.NewBatch(s)
	for range n {
		for i, f := range s.Fields {
			appendRandom(rng, b.Cols[i], f.Type)
		}
		b.N++
	}
	return b
}

var randomTexts = []string{"", "a", "text", "ünï", "日本\"\n", strings.Repeat("long ", 20)}

func appendRandom(rng *rand.Rand, v *column.Vector, t *row.Type) {
	if !t.NotNull && rng.IntN(5) == 0 {
		v.AppendNull()
		return
	}
	switch column.FormOf(t) {
	case column.FormBool:
		v.AppendBool(rng.IntN(2) == 0)
	case column.FormI32:
		v.AppendI32(randomInt(rng, t))
	case column.FormI64:
		v.AppendI64(int64(rng.Uint64()) >> rng.IntN(64))
	case column.FormF32:
		v.AppendF32(float32(rng.NormFloat64()))
	case column.FormF64:
		v.AppendF64([]float64{rng.NormFloat64(), 0, math.Inf(1), math.MaxFloat64}[rng.IntN(4)])
	case column.FormDecimal:
		x := column.Int128{Hi: int64(rng.Uint64()), Lo: rng.Uint64()}
		_, x = x.DivRem(column.PowersOf10[1+rng.IntN(t.Precision)])
		v.AppendDecimal(x)
	case column.FormTimestamp:
		micros := rng.Int64N(8e15) - 4e15
		unit := int64(math.Pow10(6 - min(6, t.Precision)))
		nanos := int32(0)
		if t.Precision > 6 {
			unit := int32(math.Pow10(9 - t.Precision))
			nanos = rng.Int32N(1000) / unit * unit
		}
		v.AppendTimestamp(micros/unit*unit, nanos)
	case column.FormBytes:
		v.AppendString(randomTexts[rng.IntN(len(randomTexts))])
	case column.FormRow:
		for i, f := range t.Fields {
			appendRandom(rng, v.Children[i], f.Type)
		}
		v.EndRow()
	case column.FormList:
		for range rng.IntN(4) {
			appendRandom(rng, v.Children[0], t.Elem)
		}
		v.EndList()
	case column.FormMap:
		for i := range rng.IntN(4) {
			v.Children[0].AppendString(randomTexts[i])
			appendRandom(rng, v.Children[1], t.Elem)
		}
		v.EndList()
	}
}

func randomInt(rng *rand.Rand, t *row.Type) int32 {
	x := int32(rng.Uint32()) >> rng.IntN(32)
	switch t.Kind {
	case row.TinyInt:
		return int32(int8(x))
	case row.SmallInt:
		return int32(int16(x))
	case row.Date:
		return rng.Int32N(100000) - 20000
	case row.Time:
		return rng.Int32N(86400) * 1000
	}
	return x
}

// RoundTrip writes random rows in a format and reads them again, with all columns and with some: as
// records, and as files if the format has some. types are the simple types of columns.
func RoundTrip(t *testing.T, f format.Factory, rng *rand.Rand, types []string, options string) {
	t.Helper()
	columns := RandomColumns(rng, 1+rng.IntN(6), types)
	table, err := Table(f, Schema(columns), options)
	if err != nil {
		t.Fatal(err)
	}
	b := RandomBatch(rng, table.Schema, 1+rng.IntN(30))
	want := Rows(b)
	project := rng.Perm(len(table.Schema.Fields))[:rng.IntN(len(table.Schema.Fields)+1)]
	part := &column.Batch{N: b.N}
	for _, i := range project {
		part.Cols = append(part.Cols, b.Cols[i])
	}
	some := *table
	some.Project = project
	for _, c := range []struct {
		table *format.Table
		want  []string
	}{{table, want}, {&some, Rows(part)}} {
		if f.NewEncoder != nil {
			if got := throughRecords(t, f, table, c.table, b); !slices.Equal(got, c.want) {
				t.Fatalf("%s: rows are\n%s\nwant\n%s", columns, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		}
		if f.NewFileEncoder != nil {
			if got := throughFile(t, f, table, c.table, b); !slices.Equal(got, c.want) {
				t.Fatalf("%s in a file: rows are\n%s\nwant\n%s", columns, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		}
	}
}

func throughRecords(t *testing.T, f format.Factory, from, to *format.Table, b *column.Batch) []string {
	t.Helper()
	newEncoder, err := f.NewEncoder(from)
	if err != nil {
		t.Fatal(err)
	}
	newDecoder, err := f.NewDecoder(to)
	if err != nil {
		t.Fatal(err)
	}
	e, d, got := newEncoder(), newDecoder(), Batch(f, to)
	for i := range b.N {
		record, err := e.Append(nil, b, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(record, got); err != nil {
			t.Fatalf("%q: %v", record, err)
		}
	}
	return Rows(got)
}

func throughFile(t *testing.T, f format.Factory, from, to *format.Table, b *column.Batch) []string {
	t.Helper()
	got, err := ReadFile(f, to, WriteFile(t, f, from, b))
	if err != nil {
		t.Fatal(err)
	}
	return Rows(got)
}

// WriteFile is a file that has the rows of some batches.
func WriteFile(t testing.TB, f format.Factory, table *format.Table, batches ...*column.Batch) []byte {
	t.Helper()
	open, err := f.NewFileEncoder(table)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	e, err := open(&file)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		places := make([]int32, b.N)
		for i := range places {
			places[i] = int32(i)
		}
		if err := e.Encode(b, places); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// ReadFile reads a file.
func ReadFile(f format.Factory, table *format.Table, file []byte) (*column.Batch, error) {
	newDecoder, err := f.NewFileDecoder(table)
	if err != nil {
		return nil, err
	}
	d, b := newDecoder(), Batch(f, table)
	err = d.Open(format.File{ReaderAt: bytes.NewReader(file), Name: "test", Size: int64(len(file)), To: int64(len(file))}, format.Position{})
	for err == nil {
		err = d.Decode(b, 7)
	}
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// Ranges reads a file in ranges of some length, and each of them anew from some thirty positions: each row
// comes once.
func Ranges(t *testing.T, f format.Factory, table *format.Table, file []byte, length int64) {
	t.Helper()
	whole, err := ReadFile(f, table, file)
	if err != nil {
		t.Fatal(err)
	}
	newDecoder, err := f.NewFileDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	step := whole.N/30 + 1
	size := int64(len(file))
	for from := int64(0); from < size; from += length {
		part := format.File{ReaderAt: bytes.NewReader(file), Name: "test", Size: size, From: from, To: min(from+length, size)}
		d := newDecoder()
		if err := d.Open(part, format.Position{}); err != nil {
			t.Fatal(err)
		}
		for {
			b := Batch(f, table)
			if err := d.Decode(b, step); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, Rows(b)...)
			at := d.Position()
			d = newDecoder()
			if err := d.Open(part, at); err != nil {
				t.Fatal(err)
			}
			if got := d.Position(); got != at {
				t.Fatalf("position %v is restored as %v", at, got)
			}
		}
	}
	want := Rows(whole)
	if !slices.Equal(rows, want) {
		t.Fatalf("ranges of %d bytes have %d rows, want %d", length, len(rows), len(want))
	}
}
