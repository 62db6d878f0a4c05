package colcodec

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/row"
)

const runs = 400

func eachSeed(t *testing.T, f func(t *testing.T, rng *rand.Rand)) {
	for seed := range uint64(runs) {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { f(t, rand.New(rand.NewPCG(seed, 1))) }) {
			return
		}
	}
}

func emptyLike(types []*row.Type) (cols []*column.Vector) {
	for _, t := range types {
		cols = append(cols, column.New(t))
	}
	return cols
}

func rowText(types []*row.Type, cols []*column.Vector, place int) string {
	var values []any
	for _, c := range cols {
		values = append(values, modelOf(c, place))
	}
	return texts(types, values)
}

func TestBatchesComeBack(t *testing.T) {
	eachSeed(t, func(t *testing.T, rng *rand.Rand) {
		types := randomTypes(rng, rng.IntN(4))
		tab := randomTable(rng, types, pick(rng, []int{0, 1, 2, 7, 64, 65, 200}), rng.IntN(2) == 0)
		if rng.IntN(2) == 0 {
			for range tab.b.N {
				tab.b.Kinds = append(tab.b.Kinds, row.ChangeKind(rng.IntN(4)))
			}
		}
		src := Append([]byte("before"), &tab.b)
		src = append(src, "after"...)
		out := column.Batch{Cols: emptyLike(types)}
		rest, err := Decode(&out, src[len("before"):])
		if err != nil || string(rest) != "after" || out.N != len(tab.rows) || out.Sel != nil {
			t.Fatalf("%d of %d rows, rest %q, %v", out.N, len(tab.rows), rest, err)
		}
		for i, want := range tab.rows {
			if got := rowText(types, out.Cols, i); got != texts(types, want) {
				t.Fatalf("row %d of %v: got %s, want %s", i, types, got, texts(types, want))
			}
			if got, want := out.Kind(i), tab.b.Kind(tab.b.Row(i)); got != want {
				t.Fatalf("row %d: got %v, want %v", i, got, want)
			}
		}
		for _, c := range out.Cols { // they go on like others
			c.AppendNull()
			if c.N != out.N+1 || !c.IsNull(out.N) {
				t.Fatalf("after a NULL a vector of %s has %d values", c.Type, c.N)
			}
		}
		encoded := src[len("before") : len(src)-len("after")]
		cut := rng.IntN(len(encoded))
		if _, err := Decode(&column.Batch{Cols: emptyLike(types)}, encoded[:cut]); err == nil {
			t.Errorf("%d of %d bytes are decoded without an error", cut, len(encoded))
		}
	})
}

func TestRowsComeBackAndAreEqualAsValuesAre(t *testing.T) {
	eachSeed(t, func(t *testing.T, rng *rand.Rand) {
		types := randomTypes(rng, rng.IntN(4))
		tab := randomTable(rng, types, 30, true)
		l := NewLayout(types)
		seen := map[string]string{} // by bytes
		var all []byte
		for i, want := range tab.rows {
			at := len(all)
			all = l.Append(all, tab.b.Cols, tab.b.Row(i))
			was, ok := seen[string(all[at:])]
			if is := texts(types, want); ok && was != is {
				t.Fatalf("%v: %s and %s have the bytes %x", types, was, is, all[at:])
			} else {
				seen[string(all[at:])] = is
			}
		}
		distinct := map[string]bool{}
		for _, s := range seen {
			distinct[s] = true
		}
		if len(distinct) != len(seen) {
			t.Fatalf("%v: %d rows have %d encodings", types, len(distinct), len(seen))
		}
		tab.lay(rng, rng.IntN(2) == 0)
		var again []byte
		for i := range tab.rows {
			again = l.Append(again, tab.b.Cols, tab.b.Row(i))
		}
		if !bytes.Equal(all, again) {
			t.Fatalf("%v: the bytes depend on how the values lie", types)
		}
		cols := emptyLike(types)
		rest := all
		for i, want := range tab.rows {
			var err error
			if rest, err = l.Decode(rest, cols); err != nil {
				t.Fatal(err)
			}
			if got := rowText(types, cols, i); got != texts(types, want) {
				t.Fatalf("row %d of %v: got %s, want %s", i, types, got, texts(types, want))
			}
		}
		if len(rest) > 0 {
			t.Fatalf("%d bytes are left", len(rest))
		}
	})
}

func TestHashesAreThoseOfTheValues(t *testing.T) {
	eachSeed(t, func(t *testing.T, rng *rand.Rand) {
		types := randomTypes(rng, rng.IntN(3))
		tab := randomTable(rng, types, 30, true)
		k := NewKey(types)
		hashes := make([]uint64, tab.b.N)
		k.Hashes(hashes, tab.b.Cols)
		byText := map[string]uint64{}
		byHash := map[uint64]string{}
		for i, values := range tab.rows {
			h, s := hashes[tab.b.Row(i)], texts(types, values)
			if was, ok := byText[s]; ok && was != h {
				t.Fatalf("%s has two hashes", s)
			}
			if was, ok := byHash[h]; ok && was != s {
				t.Fatalf("%s and %s have one hash", s, was)
			}
			byText[s], byHash[h] = h, s
			if k.IsWord() {
				continue
			}
			if got := k.HashOf(k.Append(nil, tab.b.Cols, tab.b.Row(i))); got != h {
				t.Fatalf("%v %s: the hash of the bytes is %x, that of the columns %x", types, s, got, h)
			}
		}
		tab.lay(rng, false)
		again := make([]uint64, tab.b.N)
		k.Hashes(again, tab.b.Cols)
		for i := range again {
			if again[i] != byText[texts(types, tab.rows[i])] {
				t.Fatalf("%v: the hash depends on how the values lie", types)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for _, typ := range []*row.Type{
		row.Of(row.Boolean), row.Of(row.Int), row.Of(row.BigInt), row.Of(row.Date), row.TimestampOf(6),
	} {
		typ = typ.Nullable(false)
		rng := rand.New(rand.NewPCG(1, 2))
		tab := randomTable(rng, []*row.Type{typ}, 20, false)
		k := NewKey(tab.types)
		if !k.IsWord() {
			t.Fatalf("%s is no word", typ)
		}
		words, hashes := make([]uint64, 20), make([]uint64, 20)
		k.Words(words, tab.b.Cols[0])
		k.Hashes(hashes, tab.b.Cols)
		out := column.New(typ)
		for i := range words {
			if hashes[i] != codec.HashWord(words[i]) {
				t.Fatalf("%s: the hash is not that of the word", typ)
			}
			k.AppendWord(out, words[i])
			if got := modelOf(out, i); got != tab.rows[i][0] {
				t.Fatalf("%s: got %v, want %v", typ, got, tab.rows[i][0])
			}
		}
	}
	for _, types := range [][]*row.Type{
		nil,
		{row.Of(row.Int)},
		{row.StringType().Nullable(false)},
		{row.TimestampOf(9).Nullable(false)},
		{row.Of(row.Double).Nullable(false)},
		{row.Of(row.Int).Nullable(false), row.Of(row.Int).Nullable(false)},
	} {
		if NewKey(types).IsWord() {
			t.Errorf("%v is a word", types)
		}
	}
}

func TestOrder(t *testing.T) {
	eachSeed(t, func(t *testing.T, rng *rand.Rand) {
		var cols []SortColumn
		var types []*row.Type
		for range 1 + rng.IntN(3) {
			typ := randomType(rng, 2)
			for sortable(typ) != nil {
				typ = randomType(rng, 2)
			}
			types = append(types, typ)
			cols = append(cols, SortColumn{typ, rng.IntN(2) == 0, rng.IntN(2) == 0})
		}
		o, err := NewOrder(cols)
		if err != nil {
			t.Fatal(err)
		}
		tab := randomTable(rng, types, 30, true)
		for i, a := range tab.rows {
			x := o.Append(nil, tab.b.Cols, tab.b.Row(i))
			for j, b := range tab.rows {
				y := o.Append(nil, tab.b.Cols, tab.b.Row(j))
				if got, want := bytes.Compare(x, y), compareRows(cols, a, b); got != want {
					t.Fatalf("%v: %s to %s: got %d, want %d", cols, texts(types, a), texts(types, b), got, want)
				} else if want != 0 && bytes.HasPrefix(y, x) {
					t.Fatalf("%v: %x is a prefix of %x", cols, x, y)
				}
			}
		}
	})
	if _, err := NewOrder([]SortColumn{{Type: row.ArrayOf(row.MapOf(row.Of(row.Int), row.Of(row.Int)))}}); err == nil {
		t.Error("maps are ordered")
	}
}

func compareRows(cols []SortColumn, a, b []any) int {
	for i, c := range cols {
		d := compareModels(a[i], b[i])
		switch null := a[i] == nil || b[i] == nil; {
		case d == 0:
			continue
		case null && c.NullsLast, !null && c.Desc:
			return cmp.Compare(0, d)
		}
		return d
	}
	return 0
}

// TestForm holds the bytes that snapshots have: what changes them changes the version.
func TestForm(t *testing.T) {
	types := []*row.Type{
		row.Of(row.Int), row.StringType(), row.DecimalOf(38, 0), row.ArrayOf(row.Of(row.BigInt)), row.Of(row.Boolean),
	}
	tab := &table{types: types, rows: [][]any{
		{int64(7), "red", column.Int128{Hi: 1, Lo: 2}, []any{int64(1000), nil}, true},
		{nil, "", column.Int128From(-1), []any{}, false},
	}}
	tab.lay(nil, false)
	tab.b.Kinds = []row.ChangeKind{row.Insert, row.Delete}
	got := hex.EncodeToString(Append(nil, &tab.b))
	if got != formOfBatch {
		t.Errorf("a batch is %s", got)
	}
	l := NewLayout(types)
	if got := hex.EncodeToString(l.Append(l.Append(nil, tab.b.Cols, 0), tab.b.Cols, 1)); got != formOfRows {
		t.Errorf("rows are %s", got)
	}
	k := NewKey(types[:2])
	h := make([]uint64, 2)
	k.Hashes(h, tab.b.Cols[:2])
	if got := fmt.Sprintf("%x", h); got != formOfHashes {
		t.Errorf("hashes are %s", got)
	}
}

var fuzzTypes = [][]*row.Type{
	{row.Of(row.Int), row.StringType()},
	{row.DecimalOf(38, 2), row.TimestampOf(9), row.Of(row.Boolean)},
	{row.ArrayOf(row.RowOf(row.Field{Name: "a", Type: row.Of(row.BigInt)}, row.Field{Name: "b", Type: row.StringType()}))},
	{row.MapOf(row.StringType(), row.ArrayOf(row.Of(row.Null))), row.MultisetOf(row.Of(row.Double)), row.RowOf()},
	nil,
}

func FuzzDecode(f *testing.F) {
	for i, types := range fuzzTypes {
		tab := randomTable(rand.New(rand.NewPCG(uint64(i), 3)), types, 5, false)
		f.Add(uint8(i), Append(nil, &tab.b))
	}
	f.Fuzz(func(t *testing.T, which uint8, src []byte) {
		types := fuzzTypes[int(which)%len(fuzzTypes)]
		b := column.Batch{Cols: emptyLike(types)}
		if _, err := Decode(&b, src); err == nil {
			for _, c := range b.Cols {
				for i := range min(c.N, 1000) {
					modelOf(c, i)
				}
				if c.Size() > 64*(len(src)+16) {
					t.Errorf("%d bytes make %d", len(src), c.Size())
				}
			}
		}
		l := NewLayout(types)
		cols := emptyLike(types)
		if _, err := l.Decode(src, cols); err == nil {
			rowText(types, cols, 0)
		}
		NewKey(types).HashOf(src)
	})
}

const (
	formOfBatch = "01020501000301fd010007000001000300726564020101030001010200000100020001fd0200e8030000" +
		"0001"
	formOfRows   = "1f0e0372656401020000000000000001000000000000000201d00f00011e0000010000"
	formOfHashes = "[a92d2f4bbc1e163e 32aecd4858922311]"
)
