package json

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flott-dev/flott/format/formattest"
)

// TestOrderOfFields reads records whose fields are in the order of the columns, as far as they are, and the same with a space in front,
// which keeps them from being read as such: names of all lengths, fields that are twice there, are missing or unknown, values that need
// care, and records that are cut off at each byte.
func TestOrderOfFields(t *testing.T) {
	names := []string{
		"a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg", "hhhhhhhh", "iiiiiiiii", "n23456789012", "n2345678901234", "o23456789012345",
		"p234567890123456", "q2345678901234567890", "q2345678901234567891", "r234567890123456789012345",
	}
	values := []string{"1", "-2", `"x"`, `"é\n"`, "null", "3.5", `[1]`, "4 ", "12345678901"}
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var columns, fields []string
		for _, n := range names {
			if rng.IntN(2) == 0 {
				columns = append(columns, n+" "+[]string{"INT", "STRING", "BIGINT"}[rng.IntN(3)])
			}
			switch rng.IntN(12) {
			case 0:
				continue
			case 1:
				n += "x"
			case 2:
				n = names[rng.IntN(len(names))]
			}
			v := values[0]
			if rng.IntN(8) == 0 {
				v = values[rng.IntN(len(values))]
			}
			fields = append(fields, fmt.Sprintf("%q:%s", n, v))
		}
		if len(columns) == 0 {
			continue
		}
		table, err := formattest.Table(Factory, formattest.Schema(strings.Join(columns, ", ")), "")
		if err != nil {
			t.Fatal(err)
		}
		record := "{" + strings.Join(fields, ",") + "}"
		if rng.IntN(4) == 0 {
			record = record[:rng.IntN(len(record))]
		}
		slow := strings.Replace(record, "{", "{ ", 1)
		got, err := formattest.Decode(Factory, table, record)
		want, wantErr := formattest.Decode(Factory, table, slow)
		if fmt.Sprint(got) != fmt.Sprint(want) || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s of %s\nis   %v, %v\nwant %v, %v", columns, record, got, err, want, wantErr)
		}
	}
}
