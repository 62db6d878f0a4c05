package parquet

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

// order compares values of vectors of one type.
func order(a *column.Vector, i int, b *column.Vector, j int) int {
	switch column.FormOf(a.Type) {
	case column.FormI32:
		return cmp.Compare(a.I32[i], b.I32[j])
	case column.FormI64:
		return cmp.Compare(a.I64[i], b.I64[j])
	case column.FormBytes:
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	case column.FormDecimal:
		return a.Decimal(i).Cmp(b.Decimal(j))
	}
	if c := cmp.Compare(a.I64[i], b.I64[j]); c != 0 || a.Type.Precision <= 6 {
		return c
	}
	return cmp.Compare(a.Nanos[i], b.Nanos[j])
}

// checkBounds wants the values of each group of rows to be within what conditions are asked about, and returns how many bounds
// there are for each type.
func checkBounds(t *testing.T, table *format.Table, file []byte, seen map[string]int) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for at := range table.Schema.Fields {
		asked := *table
		var bounds []*column.Vector
		asked.Conditions = []format.Condition{{Column: at, May: func(b *column.Vector) bool {
			bounds = append(bounds, b)
			return true
		}}}
		newDecoder, err := newDecoder(&asked)
		if err != nil {
			t.Fatal(err)
		}
		d := newDecoder()
		if err := d.Open(format.File{ReaderAt: bytes.NewReader(file), Size: int64(len(file)), To: int64(len(file))}, format.Position{}); err != nil {
			t.Fatal(err)
		}
		// A group without any value is left out, and others may have no bounds: one answer is that of the next group with values.
		for next := 0; next < len(bounds) || len(bounds) == 0; next++ {
			b := formattest.Batch(Factory, &asked)
			if err := d.Decode(b, 1<<20); err != nil {
				break
			}
			if len(bounds) == 0 {
				continue
			}
			v := b.Cols[at]
			for i := range b.N {
				if !v.IsNull(i) && (order(v, i, bounds[next], 0) < 0 || order(v, i, bounds[next], 1) > 0) {
					t.Fatalf("column %s: row %d of a group is not within %s", table.Schema.Fields[at].Name, i, formattest.Value(nil, bounds[next], 0))
				}
			}
		}
		if len(bounds) > 0 {
			if len(bounds) > len(f.RowGroups()) {
				t.Fatalf("%d bounds of %d groups", len(bounds), len(f.RowGroups()))
			}
			seen[table.Schema.Fields[at].Type.Plain().Nullable(true).String()] += len(bounds)
		}
	}
}

// TestBounds compares what files say of columns with what is in there, for files of ours and of pyarrow.
func TestBounds(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 3))
		columns := "a TINYINT, b SMALLINT, c INT, d BIGINT, e STRING, f DATE, g TIME, h TIMESTAMP(3), i TIMESTAMP_LTZ(9), j DECIMAL(5, 2), k BYTES, l DOUBLE, m BOOLEAN, n ARRAY<INT>"
		table := table(t, columns, []string{`block.size="2kb"`, `block.size="2kb" write.int64.timestamp="true" timestamp.time.unit="nanos"`, `block.size="2kb" enable.dictionary="false"`}[seed%3])
		var batches []*column.Batch
		for range 4 {
			batches = append(batches, formattest.RandomBatch(rng, table.Schema, 20))
		}
		checkBounds(t, table, formattest.WriteFile(t, Factory, table, batches...), seen)
	}
	for _, name := range []string{"snappy", "v2", "int96"} {
		file, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		checkBounds(t, table(t, arrowColumns, ""), file, seen)
	}
	for _, of := range []string{"TINYINT", "SMALLINT", "INT", "BIGINT", "STRING", "DATE", "TIME(0)", "TIMESTAMP(3)", "TIMESTAMP_LTZ(9)"} {
		if seen[of] == 0 {
			t.Errorf("there are no bounds of %s; there are %v", of, seen)
		}
	}
	for _, of := range []string{"BYTES", "DOUBLE", "BOOLEAN"} {
		if seen[of] != 0 {
			t.Errorf("there are bounds of %s, whose order writers do not agree on", of)
		}
	}
}

// TestPrune passes over groups of rows that have nothing that is wanted, and reads the others; a group in which a reader stands is read on.
func TestPrune(t *testing.T) {
	table := table(t, "n BIGINT, s STRING", `block.size="1kb"`)
	b := column.NewBatch(table.Schema)
	for i := range 300 {
		if i >= 100 && i < 200 {
			b.Cols[0].AppendNull()
		} else {
			b.Cols[0].AppendI64(int64(i))
		}
		b.Cols[1].AppendString(strings.Repeat("x", 20))
		b.N++
	}
	var batches []*column.Batch
	for i := 0; i < 300; i += 20 { // groups end between batches
		part := column.NewBatch(table.Schema)
		for k := i; k < i+20; k++ {
			part.Cols[0].AppendFrom(b.Cols[0], k)
			part.Cols[1].AppendFrom(b.Cols[1], k)
			part.N++
		}
		batches = append(batches, part)
	}
	file := formattest.WriteFile(t, Factory, table, batches...)
	asked := *table
	asked.Project = []int{1, 0}
	asked.Conditions = []format.Condition{{Column: 0, May: func(b *column.Vector) bool { return b.I64[1] >= 250 }}}
	got, err := formattest.ReadFile(Factory, &asked, file)
	if err != nil {
		t.Fatal(err)
	}
	if got.N > 100 || !slices.Contains(formattest.Rows(got), `["`+strings.Repeat("x", 20)+`",250]`) || got.Cols[1].I64[got.N-1] != 299 {
		t.Errorf("%d rows are read, of which 50 are wanted", got.N)
	}
	formattest.Ranges(t, Factory, &asked, file, 500)

	newDecoder, err := newDecoder(&asked)
	if err != nil {
		t.Fatal(err)
	}
	d, first := newDecoder(), formattest.Batch(Factory, &asked)
	whole := format.File{ReaderAt: bytes.NewReader(file), Size: int64(len(file)), To: int64(len(file))}
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	begin := f.Metadata().RowGroups[0].Columns[0].MetaData
	at := format.Position{Block: max(begin.DictionaryPageOffset, 4), Rows: 3}
	if err := d.Open(whole, at); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(first, 1); err != nil || first.Cols[1].I64[0] != 3 {
		t.Errorf("row %v (%v), want 3", first.Cols[1].I64, err)
	}
}
