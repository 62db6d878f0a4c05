package config

import (
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	rows := Int(Doc{Key: "rows", Default: "5"}, 0, 10)
	kind := Enum(Doc{Key: "fields.#.kind", Default: "random"}, nil, "random", "sequence")
	path := Text(Doc{Key: "path", Text: "Where it is.", Required: true})
	mark := Char(Doc{Key: "mark"})
	empty := AnyText(Doc{Key: "null-literal"})
	s := Set{rows, kind, path, mark, empty}

	c, err := s.Parse(map[string]string{
		"path": "/x", "fields.a.b.kind": "sequence", "mark": "é", "null-literal": "",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, set := empty.Lookup(c)
	if rows.Get(c) != 5 || path.Get(c) != "/x" || mark.Get(c) != 'é' || !set ||
		kind.At("a.b").Get(c) != "sequence" || kind.At("z").Get(c) != "random" {
		t.Errorf("values are %+v", c.values)
	}

	_, err = s.Parse(map[string]string{"rosw": "1", "mark": "ab", "fields.a.kin": "x", "rows": "11"}, "p.")
	want := []string{
		"there is no option 'p.rosw'; did you mean 'p.rows'?", `p.mark: "ab" is not one character`,
		`p.rows: "11" is not a whole number from 0 to 10`, "did you mean 'p.fields.#.kind'?",
		"the option 'p.path' is missing: Where it is.",
	}
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("the error is %v, without %s", err, w)
		}
	}
}
