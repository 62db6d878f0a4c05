//go:build !race

package avro

import (
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
)

// TestDecodingDoesNotAllocate decodes and encodes records with a batch whose memory is there.
func TestDecodingDoesNotAllocate(t *testing.T) {
	schema := formattest.Schema("a BIGINT NOT NULL, s STRING, t TIMESTAMP(3), de DECIMAL(10, 2), d DOUBLE, by1 BYTES, ar ARRAY<INT>, m MAP<STRING, INT>, r ROW<x INT, y STRING>")
	row := `{"a":1,"s":"ab","t":"2024-01-01 00:00:00","de":1.255,"d":1.5,"by1":"Cv8=","ar":[1,2],"m":{"k":1,"l":2},"r":{"x":5,"y":"z"}}`
	for _, project := range [][]int{nil, {2, 0}} {
		table := &format.Table{Schema: schema, Project: project}
		rows := formattest.DecodeBatch(t, json.Factory, &format.Table{Schema: schema}, row)
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
