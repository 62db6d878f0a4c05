package codec_test

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
)

func schema[T any](t testing.TB) codec.Schema { return mustCodec[T](t, nil).Schema() }

type (
	nodeA struct {
		B, C *nodeB
		A    []nodeA
	}
	nodeB struct {
		A nodeMap
		B *nodeB
	}
	nodeMap map[string]nodeA
)

func TestSchemaString(t *testing.T) {
	for _, tt := range []struct {
		schema codec.Schema
		want   string
	}{
		{schema[int](t), "int64"},
		{schema[uint](t), "uint64"},
		{schema[level](t), "int16"},
		{schema[title](t), "string"},
		{schema[blob](t), "bytes"},
		{schema[[]int8](t), "[]int8"},
		{schema[time.Time](t), "time"},
		{schema[time.Duration](t), "duration"},
		{schema[bigs](t), "codec_test.bigs{I bigint; P *bigint; R bigrat; F *bigfloat; Is []bigint}"},
		{schema[marshaled](t), `binary("codec_test.marshaled")`},
		{schema[struct{ A, B bool }](t), "struct{A bool; B bool}"},
		{schema[stamped](t), "codec_test.stamped{Time time; Name string}"},
		{schema[skipper](t), "codec_test.skipper{Kept int32}"},
		{schema[order](t), "codec_test.order{" +
			"base codec_test.base{ID int64; created time}; " +
			"extra *codec_test.extra{Weight float64}; " +
			"Total codec_test.money{cents int64}; " +
			"Items []codec_test.item{SKU string; Price bigrat; Gift bool}; " +
			"ByName map[string]*codec_test.item{SKU string; Price bigrat; Gift bool}; " +
			"Tags map[string][]int16; Note *string; Pixels [3][2]uint8; Blob bytes; label_text string}"},
		{
			schema[tree](t),
			"codec_test.tree{Value int32; Left *^codec_test.tree@0; Right ^*codec_test.tree@2}",
		},
		{schema[nest](t), "[]^codec_test.nest@0"},
		{schema[nodeA](t), "codec_test.nodeA{B *codec_test.nodeB{" +
			"A map[string]^codec_test.nodeA@0; B ^*codec_test.nodeB@1}; " +
			"C ^*codec_test.nodeB@1; A []^codec_test.nodeA@0}"},
		{mustKey[pairOf[string, uint8]](t, nil).Schema(), "codec_test.pairOf[string,uint8]{First string; Second uint8}"},
	} {
		if got := tt.schema.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		b := codec.AppendSchema([]byte("head"), tt.schema)
		back, rest, err := codec.DecodeSchema(append(b[4:], "tail"...))
		if err != nil || string(rest) != "tail" || !back.Equal(tt.schema) ||
			back.Fingerprint() != tt.schema.Fingerprint() || back.String() != tt.want {
			t.Errorf("got %s, rest %q, error %v", back, rest, err)
		}
	}
}

func TestSchemaDiffers(t *testing.T) {
	type (
		plain   struct{ A, B int32 }
		renamed struct {
			A int32
			B int32 `flott:"b"`
		}
		swapped struct{ B, A int32 }
		widened struct {
			A int32
			B int64
		}
	)
	all := []codec.Schema{
		schema[plain](t), schema[renamed](t), schema[swapped](t), schema[widened](t),
		schema[[2]int32](t), schema[[3]int32](t), schema[[]int32](t), schema[*int32](t),
		schema[map[int32]int32](t), schema[map[int32]int64](t), schema[map[int64]int32](t),
		schema[int64](t), schema[time.Duration](t), schema[big.Int](t), schema[tree](t),
	}
	for i, a := range all {
		for j, b := range all {
			if same := i == j; a.Equal(b) != same || (a.Fingerprint() == b.Fingerprint()) != same {
				t.Errorf("%s and %s: equal %t", a, b, a.Equal(b))
			}
		}
	}
}

// Types that all refer to each other have a number of paths that is exponential in the number of
// types.
func TestSchemaOfManyRecursiveTypesIsSmall(t *testing.T) {
	type (
		a struct{ X *nodeA }
		b struct{ X, Y, Z *a }
		c struct{ X, Y, Z *b }
	)
	if got := len(schema[c](t).String()); got > 1500 {
		t.Errorf("%d bytes", got)
	}
	if got := len(schema[nodeA](t).String()); got > 200 {
		t.Errorf("%d bytes", got)
	}
}

func TestSchemaResolve(t *testing.T) {
	s := schema[nodeA](t)
	b := s.Fields[0].Schema.Elem
	if got := s.Resolve(b.Fields[0].Schema.Elem); got.Name != "codec_test.nodeA" || got.Kind != codec.KindStruct {
		t.Errorf("got %s", got)
	}
	if got := s.Resolve(&b.Fields[1].Schema); got != &s.Fields[0].Schema {
		t.Errorf("got %s", got)
	}
	if got := s.Resolve(b); got != b {
		t.Errorf("got %s", got)
	}
	for _, n := range []int{5, 99} { // another reference, and none
		if got := s.Resolve(&codec.Schema{Kind: codec.KindRef, Len: n}); got != nil {
			t.Errorf("got %s", got)
		}
	}
}

func TestDecodeSchemaErrors(t *testing.T) {
	good := codec.AppendSchema(nil, schema[order](t))
	for n := range good {
		if _, _, err := codec.DecodeSchema(good[:n]); err == nil {
			t.Errorf("decoded from %d bytes", n)
		}
	}
	for _, bad := range []codec.Schema{
		{},
		{Kind: codec.KindRef + 1},
		{Kind: codec.KindSlice},
		{Kind: codec.KindMap, Elem: &codec.Schema{Kind: codec.KindBool}},
		{Kind: codec.KindBool, Elem: &codec.Schema{Kind: codec.KindBool}},
		{Kind: codec.KindBool, Fields: make([]codec.Field, 1)},
		{Kind: codec.KindStruct, Fields: make([]codec.Field, 1)},
		{Kind: codec.KindPointer, Elem: &codec.Schema{}},
		{Kind: codec.KindArray, Len: -1, Elem: &codec.Schema{Kind: codec.KindBool}},
	} {
		if _, _, err := codec.DecodeSchema(codec.AppendSchema(nil, bad)); err == nil ||
			!strings.HasSuffix(err.Error(), "malformed schema") {
			t.Errorf("%v: got %v", bad, err)
		}
	}
	if _, _, err := codec.DecodeSchema(append([]byte{99}, good[1:]...)); err == nil ||
		err.Error() != "codec: decode schema: unknown version 99" {
		t.Errorf("got %v", err)
	}
}

func TestSchemaEncodingIsStable(t *testing.T) {
	b := codec.AppendSchema(nil, schema[pairOf[string, *int8]](t))
	back, err := hex.DecodeString(strings.TrimSpace(string(golden(t, "schema.hex", hex.EncodeToString(b)+"\n"))))
	if err != nil || !bytes.Equal(back, b) {
		t.Errorf("got %x, want %x", b, back)
	}
}

func TestKindString(t *testing.T) {
	for k := codec.KindInvalid; k <= codec.KindRef; k++ {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
	if codec.KindRef.String() != "ref" || (codec.KindRef+1).String() != "kind29" {
		t.Errorf("got %s, %s", codec.KindRef, codec.KindRef+1)
	}
}
