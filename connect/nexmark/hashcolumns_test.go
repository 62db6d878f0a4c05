package nexmark

import (
	"math/big"
	"strings"
	"testing"

	vectors "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// decimals is a column of DECIMAL(38, 4), where NULL is "".
func decimals(t *testing.T, texts ...string) *vectors.Vector {
	t.Helper()
	v := vectors.New(row.DecimalOf(38, 4))
	for _, s := range texts {
		if s == "" {
			v.AppendNull()
			continue
		}
		x, ok := new(big.Int).SetString(strings.Replace(s, ".", "", 1), 10)
		d, fits := vectors.Int128FromBig(x)
		if !ok || !fits {
			t.Fatal(s)
		}
		v.AppendDecimal(d)
	}
	return v
}

// hashOf is the hash of texts of rows that are there in the end.
func hashOf(rows ...string) uint64 {
	var h Hash
	for _, r := range rows {
		h.AppendString(r)
		h.Insert()
	}
	return h.Sum()
}

func TestHashOfColumns(t *testing.T) {
	yes, days, longs, texts := vectors.New(row.Of(row.Boolean)), vectors.New(row.Of(row.Date)), vectors.New(row.Of(row.BigInt)), vectors.New(row.StringType())
	times := vectors.New(row.TimestampOf(3))
	for i := range 4 {
		yes.AppendBool(i%2 == 0)
		days.AppendI32(int32(i) + 19000)
		longs.AppendI64(int64(i) - 2)
		texts.AppendString(strings.Repeat("x", i))
		times.AppendTimestamp(int64(i)*1_000_000+5000, 0)
	}
	wide := decimals(t, "1234567890123456789012345678901234.5678", "-0.0005", "", "-9223372036854775809.0000")
	b := &vectors.Batch{Cols: []*vectors.Vector{yes, days, longs, wide, texts, times}, N: 4}
	rows := []string{
		"true|19000|-2|1234567890123456789012345678901234.5678||5", "false|19001|-1|-0.0005|x|1005", `true|19002|0|\N|xx|2005`,
		"false|19003|1|-9223372036854775809.0000|xxx|3005",
	}
	var h Hash
	h.AppendBatch(b)
	if h.Sum() != hashOf(rows...) || h.Rows() != 4 {
		t.Errorf("%d rows, hash %v, want %x", h.Rows(), &h, hashOf(rows...))
	}
	b.Kinds = []row.ChangeKind{row.Insert, row.UpdateBefore, row.UpdateAfter, row.Delete}
	b.Sel = []int32{1, 3}
	h.AppendBatch(b)
	if h.Sum() != hashOf(rows[0], rows[2]) {
		t.Errorf("hash %v after rows were taken away, want %x", &h, hashOf(rows[0], rows[2]))
	}
}

// TestChecksumReadsAllOfDecimals: those that differ in their high halves only have different checksums.
func TestChecksumReadsAllOfDecimals(t *testing.T) {
	one := &vectors.Batch{Cols: []*vectors.Vector{decimals(t, "0.0001")}, N: 1}
	other := &vectors.Batch{Cols: []*vectors.Vector{decimals(t, "1844674407370955.1617")}, N: 1} // 2^64 + 1
	if one.Cols[0].I64[0] != other.Cols[0].I64[0] || Checksum(one) == Checksum(other) {
		t.Errorf("the checksums are %x and %x", Checksum(one), Checksum(other))
	}
}

func TestCheckColumns(t *testing.T) {
	s := &row.Schema{Fields: []row.Field{{Name: "a", Type: row.DecimalOf(38, 4)}, {Name: "b", Type: row.Of(row.Double)}}}
	if err := CheckColumns(s); err == nil || err.Error() != "column b: results are hashed without values of type DOUBLE" {
		t.Error(err)
	}
	if err := CheckColumns(&row.Schema{Fields: s.Fields[:1]}); err != nil {
		t.Error(err)
	}
}
