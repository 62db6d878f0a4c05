package postgres

import (
	"encoding/binary"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// numericOf is a numeric in binary by arithmetic of any length.
func numericOf(unscaled *big.Int, scale int) []byte {
	v := new(big.Int).Abs(unscaled)
	for scale%4 != 0 {
		v.Mul(v, big.NewInt(10))
		scale++
	}
	var digits []uint16 // the lowest first
	for v.Sign() > 0 {
		digit := new(big.Int)
		v.DivMod(v, big.NewInt(10000), digit)
		digits = append(digits, uint16(digit.Uint64()))
	}
	sign := uint16(positive)
	if unscaled.Sign() < 0 {
		sign = negative
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(digits)))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(len(digits)-1-scale/4)))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale))
	for i := len(digits) - 1; i >= 0; i-- {
		b = binary.BigEndian.AppendUint16(b, digits[i])
	}
	return b
}

// TestDecimals compares numbers of all scales, read with all scales, with arithmetic of any length.
func TestDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{1,45}`).Draw(t, "unscaled")
		scale := rapid.IntRange(0, 40).Draw(t, "scale")
		to := rapid.IntRange(0, 38).Draw(t, "to")
		unscaled, _ := new(big.Int).SetString(text, 10)
		got, err := decimal(numericOf(unscaled, scale), row.MaxPrecision, to)
		want := new(big.Int).Abs(unscaled)
		if to >= scale {
			want.Mul(want, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(to-scale)), nil))
		} else {
			cut := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-to)), nil)
			want.Add(want, new(big.Int).Div(cut, big.NewInt(2))).Div(want, cut)
		}
		if unscaled.Sign() < 0 {
			want.Neg(want)
		}
		x, fits := column.Int128FromBig(want)
		if fits = fits && x.Digits() <= row.MaxPrecision; fits != (err == nil) {
			t.Fatalf("%s: %v", want, err)
		}
		if !fits {
			return
		}
		if got != x {
			t.Fatalf("%s, want %s", got, want)
		}
		back, err := decimal(appendDecimal(nil, x, to), row.MaxPrecision, to)
		if err != nil || back != x {
			t.Fatalf("%s written and read is %s, %v", x, back, err)
		}
	})
}

// FuzzDecoder: no bytes make a decoder panic, or leave something behind after an error.
func FuzzDecoder(f *testing.F) {
	types := []*row.Type{
		row.Of(row.Boolean), row.Of(row.TinyInt), row.Of(row.Int), row.Of(row.BigInt), row.DecimalOf(20, 4), row.Of(row.Float), row.Of(row.Double),
		row.Of(row.Date), row.TimeOf(3), row.TimestampOf(6), row.TimestampLTZOf(3), row.StringType(), row.BytesType(), row.ArrayOf(row.Of(row.Int)),
		row.ArrayOf(row.DecimalOf(38, 2)),
	}
	oids := []uint32{16, 17, 20, 21, 23, 25, 26, 700, 701, 1042, 1082, 1083, 1114, 1184, 1700, 1007, 1231}
	f.Add(byte(4), byte(14), numericOf(big.NewInt(-12345), 2))
	f.Add(byte(13), byte(15), []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, kind, oid byte, b []byte) {
		typ := types[int(kind)%len(types)]
		d, ok := NewDecoder(oids[int(oid)%len(oids)], typ)
		if !ok {
			return
		}
		v := column.New(typ)
		err := d.Append(v, b)
		if want := 1; err != nil {
			if v.N != 0 {
				t.Errorf("%v, and there are %d values", err, v.N)
			}
		} else if v.N != want {
			t.Errorf("there are %d values", v.N)
		}
	})
}

// TestDecodersDoNotAllocate: a value costs no memory but that of the vector.
func TestDecodersDoNotAllocate(t *testing.T) {
	for oid, typ := range map[uint32]*row.Type{
		int8OID: row.Of(row.BigInt), numericOID: row.DecimalOf(38, 4), textOID: row.StringType(), timestampOID: row.TimestampOf(6),
	} {
		b := []byte{0, 0, 0, 0, 0, 0, 0, 9}
		if oid == numericOID {
			b = numericOf(big.NewInt(123456789), 3)
		}
		d, ok := NewDecoder(oid, typ)
		if !ok {
			t.Fatal(typ)
		}
		v := column.New(typ)
		if n := testing.AllocsPerRun(100, func() {
			v.Reset()
			if err := d.Append(v, b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", typ, n)
		}
	}
}
