package raw

import (
	"strings"
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

func TestAsFlink(t *testing.T) { formattest.Cases(t, Factory, "testdata/flink.txt") }

// TestThereAndBack writes what is read from a record and gets the record.
func TestThereAndBack(t *testing.T) {
	for _, c := range []struct{ columns, options, record, row string }{
		{"a BOOLEAN", "", "\x01", "[true]"},
		{"a TINYINT", "", "\xff", "[-1]"},
		{"a SMALLINT", `endianness="little-endian"`, "\xfe\xff", "[-2]"},
		{"a INT", "", "\xff\xff\xff\xfd", "[-3]"},
		{"a BIGINT", `endianness="little-endian"`, "\x04\x00\x00\x00\x00\x00\x00\x00", "[4]"},
		{"a FLOAT", "", "\x3f\xc0\x00\x00", "[1.5]"},
		{"a DOUBLE", "", "\x3f\xf8\x00\x00\x00\x00\x00\x00", "[1.5]"},
		{"a BYTES", "", "\x00\xff", `["0x00ff"]`},
		{"a STRING", "", "é😀", `["é😀"]`},
		{"a STRING", `charset="iso-8859-1"`, "\xe9", `["é"]`},
		{"a STRING", `charset="US-ASCII"`, "e", `["e"]`},
		{"a STRING", `charset="UTF-16"`, "\xfe\xff\x00e\xd8\x3d\xde\x00", `["e😀"]`},
		{"a STRING", `charset="UTF-16LE"`, "e\x00", `["e"]`},
		{"a STRING", `charset="UTF-16BE"`, "\x00e", `["e"]`},
	} {
		table, err := formattest.Table(Factory, formattest.Schema(c.columns), c.options)
		if err != nil {
			t.Fatal(err)
		}
		formattest.Projections(t, Factory, table, c.record)
		newDecoder, err := Factory.NewDecoder(table)
		if err != nil {
			t.Fatal(err)
		}
		newEncoder, err := Factory.NewEncoder(table)
		if err != nil {
			t.Fatal(err)
		}
		b := formattest.Batch(Factory, table)
		if err := newDecoder().Decode([]byte(c.record), b); err != nil {
			t.Fatal(err)
		}
		if got := formattest.Rows(b)[0]; got != c.row {
			t.Errorf("%s (%s): %s, want %s", c.columns, c.options, got, c.row)
		}
		if got, err := newEncoder().Append(nil, b, 0); err != nil || string(got) != c.record {
			t.Errorf("%s (%s): %q (%v), want %q", c.columns, c.options, got, err, c.record)
		}
		b.Cols[0].AppendNull()
		if _, err := newEncoder().Append(nil, b, 1); err == nil {
			t.Errorf("%s: NULL is written", c.columns)
		}
	}
}

// FuzzDecode writes what it can read: the record, but for text, in which there may be a mark of the order of bytes or what has no character.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "\x01", "\xff\xfe", "\x00\x00\x00\x01", "\x00\x01\x02\x03\x04\x05\x06\x07", "\xfe\xff\x00e\xd8\x3d\xde\x00", "é😀", "\xd8\x3d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, record string) {
		for _, typ := range []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "BYTES", "STRING"} {
			for _, options := range []string{"", `endianness="little-endian"`, `charset="UTF-16"`, `charset="UTF-16LE"`, `charset="iso-8859-1"`, `charset="US-ASCII"`} {
				table, err := formattest.Table(Factory, formattest.Schema("a "+typ), options)
				if err != nil {
					t.Fatal(err)
				}
				formattest.Projections(t, Factory, table, record)
				newDecoder, err := Factory.NewDecoder(table)
				if err != nil {
					t.Fatal(err)
				}
				b := formattest.Batch(Factory, table)
				if newDecoder().Decode([]byte(record), b) != nil || b.N == 0 || b.Cols[0].IsNull(0) {
					continue
				}
				newEncoder, err := Factory.NewEncoder(table)
				if err != nil {
					t.Fatal(err)
				}
				got, err := newEncoder().Append(nil, b, 0)
				if isExact := typ != "STRING" && typ != "BOOLEAN"; err != nil || isExact && string(got) != record {
					t.Errorf("%s (%s): %q is read, and %q written, %v", typ, options, record, got, err)
				}
			}
		}
	})
}

func TestRefused(t *testing.T) {
	for columns, want := range map[string]string{
		"a STRING, b INT": "the format raw has one column, but the table has 2: a, b",
		"a TIMESTAMP(3)":  "column a: the format raw has no values of type TIMESTAMP(3)",
	} {
		if _, err := Factory.NewDecoder(&format.Table{Schema: formattest.Schema(columns)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", columns, err, want)
		}
	}
}
