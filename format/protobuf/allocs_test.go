//go:build !race

package protobuf

import (
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
)

// TestDecodingDoesNotAllocate decodes and encodes messages with a batch whose memory is there.
func TestDecodingDoesNotAllocate(t *testing.T) {
	for _, project := range [][]int{nil, {2, 0}} {
		table := table(t, bidColumns, orders)
		table.Project = project
		rows := formattest.DecodeBatch(t, json.Factory, &format.Table{Schema: table.Schema}, bidRow)
		newEncoder, err := Factory.NewEncoder(table)
		if err != nil {
			t.Fatal(err)
		}
		newDecoder, err := Factory.NewDecoder(table)
		if err != nil {
			t.Fatal(err)
		}
		e, d, b := newEncoder(), newDecoder(), formattest.Batch(Factory, table)
		var record []byte
		n := testing.AllocsPerRun(100, func() {
			b.Reset()
			for range 10 {
				if record, err = e.Append(record[:0], rows, 0); err != nil {
					t.Fatal(err)
				}
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
