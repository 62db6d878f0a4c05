//go:build !race

package csv

import (
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

// TestDecodingDoesNotAllocate decodes lines into a batch whose memory is there.
func TestDecodingDoesNotAllocate(t *testing.T) {
	schema := formattest.Schema("a BIGINT, s STRING, t TIMESTAMP(3), de DECIMAL(10, 2), d DOUBLE, by1 BYTES, ar ARRAY<INT>, r ROW<x INT, y STRING>")
	record := []byte(`1,"a""b",2024-01-01 00:00:00,1.255,1.5,Cv8=,1;2,5;é`)
	for _, project := range [][]int{nil, {2, 0}} {
		table := &format.Table{Schema: schema, Project: project}
		newDecoder, err := Factory.NewDecoder(table)
		if err != nil {
			t.Fatal(err)
		}
		d, b := newDecoder(), formattest.Batch(Factory, table)
		n := testing.AllocsPerRun(100, func() {
			b.Reset()
			for range 10 {
				if err := d.Decode(record, b); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n > 0 {
			t.Errorf("columns %v: %v allocations for ten records", project, n)
		}
	}
}
