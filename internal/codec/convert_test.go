//lint:file-ignore U1000 fields are here to be looked at by reflection

package codec_test

import (
	"bytes"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/codec"
)

// Types as they were, and what has become of them.

type oldPart struct {
	X uint8
	Y string
}

type newPart struct {
	Y string
	Z [2]bool
	X int32
}

type oldNode struct {
	V    int16
	Gone map[string][]bool
	Next *oldNode
	Kids []oldNode
}

type newNode struct {
	Kids []newNode
	Next *newNode
	V    int64
	Note *string
}

type oldAll struct {
	A     int8
	B     int16
	C     uint32
	D     uint8
	E     float32
	F     int32
	Fs    uint16
	Drop  map[string]map[int16]bool
	S     string
	Bs    []byte
	P     *oldPart
	V     oldPart
	L     []oldPart
	Arr   [3]oldPart
	M     map[int16]oldPart
	Sets  map[string]struct{}
	Was   string
	Other int64
	Ps    []*int8
}

type newAll struct {
	Ps    []*int64
	Big   big.Int
	Rat   big.Rat
	Flt   big.Float
	At    time.Time
	A     int64
	B     float32
	C     float64
	D     uint64
	E     float64
	F     float64
	Fs    int32
	Bs    []byte
	P     newPart
	V     *newPart
	L     []newPart
	Arr   [3]newPart
	M     map[int64]newPart
	Sets  map[string]struct{}
	Is    string `flott:",was=Never,was=Was"`
	Other time.Duration
	S     string
	Tail  [2]newPart
}

// become does by reflection, on values, what a conversion does on bytes.
func become(dst, src reflect.Value) {
	switch {
	case dst.Kind() == reflect.Pointer && src.Kind() != reflect.Pointer:
		dst.Set(reflect.New(dst.Type().Elem()))
		become(dst.Elem(), src)
	case src.Kind() == reflect.Pointer:
		switch {
		case src.IsNil():
			dst.SetZero()
		case dst.Kind() == reflect.Pointer:
			dst.Set(reflect.New(dst.Type().Elem()))
			become(dst.Elem(), src.Elem())
		default:
			become(dst, src.Elem())
		}
	case src.Kind() == reflect.Struct:
		for i := range dst.NumField() {
			f := dst.Type().Field(i)
			name := f.Name
			if strings.Contains(f.Tag.Get("flott"), "was=Was") {
				name = "Was"
			}
			if from := src.FieldByName(name); from.IsValid() {
				become(dst.Field(i), from)
			}
		}
	case src.Kind() == reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(dst.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				become(dst.Index(i), src.Index(i))
			}
		}
	case src.Kind() == reflect.Array:
		for i := range src.Len() {
			become(dst.Index(i), src.Index(i))
		}
	case src.Kind() == reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMap(dst.Type()))
			for _, k := range src.MapKeys() {
				key, v := reflect.New(dst.Type().Key()).Elem(), reflect.New(dst.Type().Elem()).Elem()
				become(key, k)
				become(v, src.MapIndex(k))
				dst.SetMapIndex(key, v)
			}
		}
	default:
		dst.Set(src.Convert(dst.Type()))
	}
}

func mustConvert(t tester, from, to codec.Schema) *codec.Conversion {
	t.Helper()
	c, err := codec.Convert(from, to)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// checkConversion compares the conversion of v with what become makes of it.
func checkConversion[A, B any](t tester, from *codec.Codec[A], to *codec.Codec[B], c *codec.Conversion, v A) {
	t.Helper()
	var want B
	become(reflect.ValueOf(&want).Elem(), reflect.ValueOf(&v).Elem())
	src := from.Append(nil, &v)
	got, rest, err := c.Append([]byte("head"), append(src, "rest"...))
	if err != nil || string(rest) != "rest" {
		t.Fatalf("%+v: rest %q, error %v", v, rest, err)
	}
	if wanted := to.Append([]byte("head"), &want); !bytes.Equal(got, wanted) {
		t.Fatalf("%+v\nbecomes %x\nwant    %x", v, got, wanted)
	}
	for n := range len(src) { // and never more than there is
		if _, _, err := c.Append(nil, src[:n]); err == nil {
			t.Fatalf("%d of %d bytes are converted", n, len(src))
		}
	}
}

func TestPropertyConvert(t *testing.T) {
	from, to := mustCodec[oldAll](t, nil), mustCodec[newAll](t, nil)
	c := mustConvert(t, from.Schema(), to.Schema())
	gen := rapid.Make[oldAll]()
	rapid.Check(t, func(t *rapid.T) { checkConversion(t, from, to, c, gen.Draw(t, "value")) })
}

func TestPropertyConvertRecursive(t *testing.T) {
	from, to := mustCodec[oldNode](t, nil), mustCodec[newNode](t, nil)
	c := mustConvert(t, from.Schema(), to.Schema())
	rapid.Check(t, func(t *rapid.T) { checkConversion(t, from, to, c, drawNode(t, 4)) })
}

func drawNode(t *rapid.T, depth int) oldNode {
	n := oldNode{
		V:    rapid.Int16().Draw(t, "v"),
		Gone: rapid.MapOfN(rapid.String(), rapid.SliceOfN(rapid.Bool(), 0, 2), 0, 2).Draw(t, "gone"),
	}
	if depth > 0 && rapid.Bool().Draw(t, "next") {
		next := drawNode(t, depth-1)
		n.Next = &next
	}
	for range rapid.IntRange(0, min(max(depth, 0), 2)).Draw(t, "kids") {
		n.Kids = append(n.Kids, drawNode(t, depth-2))
	}
	return n
}

func TestConvertComplex(t *testing.T) {
	from, to := mustCodec[[]complex64](t, nil), mustCodec[[]complex128](t, nil)
	checkConversion(t, from, to, mustConvert(t, from.Schema(), to.Schema()), []complex64{1 - 2i, 0.5i})
}

func FuzzConvert(f *testing.F) {
	from, to := mustCodec[oldAll](f, nil), mustCodec[newAll](f, nil)
	c := mustConvert(f, from.Schema(), to.Schema())
	f.Add(from.Append(nil, &oldAll{P: &oldPart{1, "p"}, L: []oldPart{{2, "l"}}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		var v oldAll
		rest, err := from.Decode(src, &v)
		got, gotRest, convErr := c.Append(nil, src)
		if err != nil {
			return // a conversion need not find out
		}
		if convErr != nil || len(gotRest) != len(rest) {
			t.Fatalf("decoding leaves %d bytes, converting %d: %v", len(rest), len(gotRest), convErr)
		}
		var w newAll
		if rest, err := to.Decode(got, &w); err != nil || len(rest) > 0 {
			t.Fatalf("the conversion leaves %d bytes: %v", len(rest), err)
		}
	})
}

func TestConvertIdentity(t *testing.T) {
	type renamed struct {
		X uint8
		Y string
	}
	same := mustConvert(t, mustCodec[map[string][]oldPart](t, nil).Schema(),
		mustCodec[map[string][]renamed](t, nil).Schema())
	if !same.Identity() {
		t.Error("another name of a type makes another encoding")
	}
	node := mustCodec[oldNode](t, nil).Schema()
	if !mustConvert(t, node, node).Identity() {
		t.Error("a recursive schema is not converted to itself as it is")
	}
	if mustConvert(t, node, mustCodec[newNode](t, nil).Schema()).Identity() {
		t.Error("a changed recursive schema is taken to be the same")
	}
}

func convertError[A, B any](t *testing.T) string {
	t.Helper()
	_, err := codec.Convert(mustCodec[A](t, nil).Schema(), mustCodec[B](t, nil).Schema())
	var e *codec.ConvertError
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	return err.Error()
}

func TestConvertRefuses(t *testing.T) {
	type priced[P any] struct {
		ID    string
		Items []struct{ Price P }
	}
	long := convertError[priced[string], priced[int64]](t)
	for _, part := range []string{".Items[].Price", "string", "int64", "different kinds"} {
		if !strings.Contains(long, part) {
			t.Errorf("%q does not name %s", long, part)
		}
	}
	for name, text := range map[string]string{
		"narrower":        convertError[int64, int32](t),
		"sign is lost":    convertError[int8, uint64](t),
		"unsigned":        convertError[uint64, int64](t),
		"inexact":         convertError[int64, float64](t),
		"inexact 32":      convertError[int32, float32](t),
		"float to int":    convertError[float32, int64](t),
		"text to bytes":   convertError[string, []byte](t),
		"array length":    convertError[[2]int8, [3]int8](t),
		"slice to array":  convertError[[]int8, [3]int8](t),
		"map key":         convertError[map[string]int, map[int]int](t),
		"map key's field": convertError[map[oldPart]int, map[newPart]int](t),
		"float key":       convertError[map[int8]int, map[float64]int](t),
		"marshalers":      convertError[marshaled, appended](t),
		"new marshaler": convertError[oldPart, struct {
			X uint8
			M marshaled
		}](t),
		"nothing common": convertError[oldPart, struct{ Q int }](t),
		"no encoding":    convertError[[]oldPart, []struct{}](t),
		"bool":           convertError[bool, int8](t),
	} {
		if !strings.Contains(text, "cannot change from") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestFieldTags(t *testing.T) {
	type twice struct {
		A int `flott:"b,was=a,was=c"`
	}
	s := mustCodec[twice](t, nil).Schema()
	if f := s.Fields[0]; f.Name != "b" || !reflect.DeepEqual(f.Was, []string{"a", "c"}) {
		t.Errorf("the field is %+v", f)
	}
	type plain struct {
		A int `flott:"b"`
	}
	other := s
	other.Name = mustCodec[plain](t, nil).Schema().Name
	if !mustCodec[plain](t, nil).Schema().Equal(other) {
		t.Error("an old name makes another schema")
	}
	for _, err := range []error{
		typeError[struct {
			A int `flott:"b,is=c"`
		}](), typeError[struct {
			A int `flott:"b,was="`
		}](),
	} {
		if err == nil {
			t.Error("a malformed tag is accepted")
		}
	}
}

func typeError[T any]() error {
	_, err := codec.For[T](nil)
	return err
}
