package jsonpath

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// jsonText draws JSON in which names come again.
func jsonText(t *rapid.T, depth int) string {
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space") }
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return "null"
	case 1:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
	case 2:
		return rapid.SampledFrom([]string{"0", "-1", "12.50", "1e3", "-0", "1E-2"}).Draw(t, "number")
	case 3, 4, 5, 6:
		return rapid.SampledFrom([]string{`""`, `"x"`, `"\u00e9\n"`, `"\ud83d\ude00"`, `"\ud83d\"\\"`, `"é"`}).Draw(t, "text")
	}
	var items []string
	isObject := rapid.Bool().Draw(t, "object")
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		item := space() + jsonText(t, depth-1) + space()
		if isObject {
			item = space() + rapid.SampledFrom([]string{`"a"`, `"b"`, `"\u0061"`}).Draw(t, "name") + space() + ":" + item
		}
		items = append(items, item)
	}
	if isObject {
		return "{" + space() + strings.Join(items, ",") + "}"
	}
	return "[" + space() + strings.Join(items, ",") + "]"
}

// TestFinder compares with what reads all of a text, also of damaged ones.
func TestFinder(t *testing.T) {
	var f Finder
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(jsonText(t, 4))
		if rapid.IntRange(0, 3).Draw(t, "damaged") == 0 {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[at] = rapid.SampledFrom([]byte("\"\\{}[],:01eu. \x01")).Draw(t, "byte")
		}
		path := "$" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{".a", ".b", "[0]", "[1]", "[-1]", ".*"}), 0, 4).Draw(t, "path"), "")
		p, err := Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, wrong := Read(text, false)
		kind, checked := Check(text)
		if (wrong == nil) != (checked == nil) || wrong != nil && wrong.Error() != checked.Error() || wrong == nil && v.Kind != kind {
			t.Fatalf("%q: kind %d, %v; want %v, %v", text, kind, checked, v, wrong)
		}
		var want *Value
		if wrong == nil {
			want, wrong = p.Find(v)
		}
		got, err := f.Find(p, text)
		if (err == nil) != (wrong == nil) || err != nil && err.Error() != wrong.Error() {
			t.Fatalf("%s in %q: %v, want %v", path, text, err, wrong)
		}
		if err == nil && string(Append(nil, got)) != string(Append(nil, want)) {
			t.Fatalf("%s in %q is %s, want %s", path, text, Append(nil, got), Append(nil, want))
		}
	})
}
