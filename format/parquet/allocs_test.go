//go:build !race

package parquet

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

// TestDecodingDoesNotAllocate decodes rows of pages that are there into a batch whose memory is there.
func TestDecodingDoesNotAllocate(t *testing.T) {
	table := table(t, "a BIGINT NOT NULL, s STRING NOT NULL, t TIMESTAMP(3) NOT NULL, de DECIMAL(10, 2) NOT NULL, d DOUBLE NOT NULL, by1 BYTES NOT NULL, "+
		"ar ARRAY<INT NOT NULL> NOT NULL, m MAP<STRING NOT NULL, INT NOT NULL> NOT NULL, r ROW<x INT NOT NULL, y STRING NOT NULL> NOT NULL", "")
	file := formattest.WriteFile(t, Factory, table, formattest.RandomBatch(rand.New(rand.NewPCG(1, 2)), table.Schema, 5000))
	newDecoder, err := Factory.NewFileDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	d, b := newDecoder(), formattest.Batch(Factory, table)
	f := format.File{ReaderAt: bytes.NewReader(file), Name: "test", Size: int64(len(file)), To: int64(len(file))}
	if err := d.Open(f, format.Position{}); err != nil {
		t.Fatal(err)
	}
	decode := func(n int) {
		b.Reset()
		if err := d.Decode(b, n); err != nil {
			t.Fatal(err)
		}
	}
	decode(1000)
	if n := testing.AllocsPerRun(100, func() { decode(20) }); n > 0 {
		t.Errorf("%v allocations for twenty rows", n)
	}
}
