package suggest

import "testing"

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"abc", "", 3}, {"", "ab", 2}, {"abc", "abd", 1}, {"GRUOP", "GROUP", 1}, {"FORM", "FROM", 1}, {"kitten", "sitting", 3}} {
		if n := Edits(c.a, c.b); n != c.n {
			t.Errorf("%q to %q: %d edits, want %d", c.a, c.b, n, c.n)
		}
		if n := Edits(c.b, c.a); n != c.n {
			t.Errorf("%q to %q: %d edits, want %d", c.b, c.a, n, c.n)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"interval", "internal", "timeout"}
	for word, want := range map[string]string{"intervall": "interval", "timeuot": "timeout", "parallelism": ""} {
		if got := Nearest(word, names, 2); got != want {
			t.Errorf("%s is near %q, want %q", word, got, want)
		}
	}
}
