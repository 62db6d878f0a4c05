//go:build !race

package json

import (
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

// TestDecodingDoesNotAllocate decodes records into a batch whose memory is there. (The bitmaps of columns
// with NULLs are not kept by a batch that is reset.)
func TestDecodingDoesNotAllocate(t *testing.T) {
	schema := formattest.Schema("a BIGINT, s STRING, t TIMESTAMP(3), de DECIMAL(10, 2), d DOUBLE, by1 BYTES, ar ARRAY<INT>, m MAP<STRING, INT>, r ROW<x INT, y STRING>")
	rows := `{"a":1,"s":"a\"b","t":"2024-01-01 00:00:00","de":1.255,"d":1.5,"by1":"Cv8=","ar":[1,2],"m":{"k":1,"l":2},"r":{"x":"5","y":"\u00e9"},"other":[1]}`
	for _, c := range []struct {
		f      format.Factory
		record string
	}{{Factory, rows}, {Debezium, `{"before":` + rows + `,"after":` + rows + `,"op":"u"}`}} {
		for _, project := range [][]int{nil, {2, 0}} {
			table := &format.Table{Schema: schema, Project: project}
			newDecoder, err := c.f.NewDecoder(table)
			if err != nil {
				t.Fatal(err)
			}
			d, b := newDecoder(), formattest.Batch(c.f, table)
			record := []byte(c.record)
			n := testing.AllocsPerRun(100, func() {
				kinds := b.Kinds
				b.Reset()
				b.Kinds = kinds[:0]
				if kinds == nil {
					b.Kinds = nil
				}
				for range 10 {
					if err := d.Decode(record, b); err != nil {
						t.Fatal(err)
					}
				}
			})
			if n > 0 {
				t.Errorf("%s, columns %v: %v allocations for ten records", c.f.Name, project, n)
			}
		}
	}
}
