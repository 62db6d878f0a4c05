package exec

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// TestKeyText: keys are shown with the names of their columns, as SQL shows values.
func TestKeyText(t *testing.T) {
	fields := []row.Field{{Name: "n", Type: row.Of(row.BigInt)}, {Name: "city", Type: row.StringType()}, {Name: "at", Type: row.TimestampOf(3)}}
	b := column.NewBatch(&row.Schema{Fields: fields})
	b.Cols[0].AppendI64(7)
	b.Cols[1].AppendString("Bremen")
	b.Cols[2].AppendTimestamp(1_000_000, 0)
	b.Cols[0].AppendI64(8)
	b.Cols[1].AppendNull()
	b.Cols[2].AppendTimestamp(0, 0)
	for keys, want := range map[string][2]string{
		"city":    {"city: Bremen", "city: NULL"},
		"at, n":   {"at: 1970-01-01 00:00:01.000, n: 7", "at: 1970-01-01 00:00:00.000, n: 8"},
		"nothing": {"", ""},
	} {
		at := map[string][]int{"city": {1}, "at, n": {2, 0}}[keys]
		text := KeyText(fields, at, time.UTC)
		for place, want := range want {
			if got := text(b, place); got != want {
				t.Errorf("%s of row %d: %q, want %q", keys, place, got, want)
			}
		}
	}
}
