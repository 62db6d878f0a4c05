package datagen

import (
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

func TestScanParallelism(t *testing.T) {
	for _, c := range []struct {
		options map[string]string
		want    int
	}{
		{nil, 4},
		{map[string]string{"scan.parallelism": "1"}, 1},
		{map[string]string{"scan.parallelism": "6"}, 6},
	} {
		table, err := newTable(&connect.TableSpec{
			Name: "t", Schema: &row.Schema{Fields: []row.Field{{Name: "n", Type: row.Of(row.Int)}}}, Options: c.options,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := table.Readers(4); err != nil || got != c.want {
			t.Errorf("%v: %d readers (%v), want %d", c.options, got, err, c.want)
		}
	}
}
