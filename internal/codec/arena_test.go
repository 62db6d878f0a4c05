package codec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
)

// Values of one arena share its memory, but neither that of the input nor that of each other.
func TestArenaKeepsValuesApart(t *testing.T) {
	type value struct {
		S  string
		B  []byte
		Ss []string
		M  map[string]string
	}
	c := mustCodec[value](t, nil)
	var arena codec.Arena
	var got []value
	valueOf := func(i int) value {
		s := strings.Repeat(fmt.Sprint(i, ","), i%300)
		return value{s, []byte(s + "b"), []string{s, "x"}, map[string]string{s: "y"}}
	}
	for i := range 1000 {
		v := valueOf(i)
		src := c.Append(nil, &v)
		var in value
		if _, err := c.DecodeIn(&arena, src, &in); err != nil {
			t.Fatal(err)
		}
		clear(src)
		got = append(got, in)
	}
	for i := range got { // what is appended to one goes nowhere else
		got[i].B = append(got[i].B, "!!!!!!!!"...)
	}
	for i := range got {
		v := valueOf(i)
		v.B = append(v.B, "!!!!!!!!"...)
		if !bytes.Equal(c.Append(nil, &got[i]), c.Append(nil, &v)) {
			t.Fatalf("value %d is %+v", i, got[i])
		}
	}
}

func TestArenaAllocatesInPieces(t *testing.T) {
	c := mustCodec[bid](t, nil)
	v := newBid()
	src := c.Append(nil, &v)
	var arena codec.Arena
	if n := testing.AllocsPerRun(100, func() {
		for range 100 {
			if _, err := c.DecodeIn(&arena, src, &v); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 8 {
		t.Errorf("%.0f allocations for 100 values of three strings, 104 bytes together", n)
	}
}
