package codec_test

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files; breaks all existing checkpoints")

// golden returns the content of a golden file, after writing got to it if asked to.
func golden(t *testing.T, name, got string) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenLines compares lines, so that a failure names the values that changed.
func goldenLines(t *testing.T, name string, got []string) {
	t.Helper()
	want := strings.Split(strings.TrimSpace(string(golden(t, name, strings.Join(got, "\n")+"\n"))), "\n")
	if len(got) != len(want) {
		t.Fatalf("%s has %d lines, got %d", name, len(want), len(got))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s:%d:\ngot  %s\nwant %s", name, i+1, got[i], want[i])
		}
	}
}

func valueLine[T any](t *testing.T, v T) string {
	c := mustCodec[T](t, nil)
	return fmt.Sprintf("%s %016x %x", c.Schema(), c.Schema().Fingerprint(), c.Append(nil, &v))
}

func TestGoldenValues(t *testing.T) {
	goldenLines(t, "values.txt", []string{
		valueLine(t, true),
		valueLine(t, int8(-2)),
		valueLine(t, uint16(0x1234)),
		valueLine(t, int32(-3)),
		valueLine(t, 0x0102030405060708),
		valueLine(t, float32(1.5)),
		valueLine(t, -2.5),
		valueLine(t, 1-2i),
		valueLine(t, "string"),
		valueLine(t, strings.Repeat("x", 130)),
		valueLine(t, []byte("bytes")),
		valueLine(t, []byte(nil)),
		valueLine(t, []string{"a", ""}),
		valueLine(t, []int16{1, -1}),
		valueLine(t, []int16{}),
		valueLine(t, [2]bool{true, false}),
		valueLine(t, map[string]int8{"b": 2, "a": 1}),
		valueLine(t, map[string]int8(nil)),
		valueLine(t, ptr(int8(5))),
		valueLine(t, (*int8)(nil)),
		valueLine(t, time.Unix(1_700_000_000, 123).UTC()),
		valueLine(t, time.Minute),
		valueLine(t, *big.NewInt(-300)),
		valueLine(t, *big.NewRat(1, -3)),
		valueLine(t, *big.NewFloat(0.1)),
		valueLine(t, marshaled{n: 7}),
		valueLine(t, []allSkipped{{}, {}}),
		valueLine(t, newBid()),
		valueLine(t, newOrder()),
		valueLine(t, padded{true, -2, true, 3, -4, true, 5, 6, 7.5}),
		valueLine(t, tree{1, &tree{Value: 2}, nil}),
	})
}

func keyLine[K any](t *testing.T, v K) string {
	k := mustKey[K](t, nil)
	h := k.Hash(&v)
	return fmt.Sprintf("%s %s %x hash %016x group %d of 128", k.Kind(), k.Schema(), k.AppendKey(nil, &v), h,
		codec.KeyGroup(h, 128))
}

func TestGoldenKeys(t *testing.T) {
	goldenLines(t, "keys.txt", []string{
		keyLine(t, false),
		keyLine(t, true),
		keyLine(t, int8(-2)),
		keyLine(t, int16(-2)),
		keyLine(t, int32(-2)),
		keyLine(t, int64(-2)),
		keyLine(t, 0),
		keyLine(t, 1),
		keyLine(t, uint8(200)),
		keyLine(t, uint16(200)),
		keyLine(t, uint32(200)),
		keyLine(t, uint64(200)),
		keyLine(t, time.Second),
		keyLine(t, float32(-1.5)),
		keyLine(t, 1.5),
		keyLine(t, 0.0),
		keyLine(t, math.Copysign(0, -1)),
		keyLine(t, math.NaN()),
		keyLine(t, ""),
		keyLine(t, "key"),
		keyLine(t, "k\x00y"),
		keyLine(t, strings.Repeat("long key ", 40)),
		keyLine(t, []byte("bytes\x00")),
		keyLine(t, []uint16{1, 2}),
		keyLine(t, [3]uint8{1, 2, 3}),
		keyLine(t, time.Unix(-1, 5)),
		keyLine(t, *big.NewInt(300)),
		keyLine(t, *big.NewInt(-300)),
		keyLine(t, *big.NewRat(2, 3)),
		keyLine(t, 1+2i),
		keyLine(t, marshaled2{0}),
		keyLine(t, struct{}{}),
		keyLine(t, pairOf[int64, int64]{1, 2}),
		keyLine(t, pairOf[string, []string]{"a", []string{"b", ""}}),
		keyLine(t, padded{true, -2, true, 3, -4, true, 5, 6, 7.5}),
		fmt.Sprintf("HashWord %016x %016x %016x", codec.HashWord(0), codec.HashWord(1), codec.HashWord(1<<63)),
		fmt.Sprintf("HashString %016x HashBytes %016x", codec.HashString("key"), codec.HashBytes([]byte("key"))),
	})
}
