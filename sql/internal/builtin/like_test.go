package builtin

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestLikeMatchers compares the quick ways of patterns with the one for all.
func TestLikeMatchers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what, of string) []byte {
			return rapid.SliceOfN(rapid.SampledFrom([]byte(of)), 0, 8).Draw(t, what)
		}
		s := draw("text", "aab")
		p := bytes.ReplaceAll(draw("pattern", "ab%"), []byte("%"), []byte{anyText})
		if got, want := likeMatcher(p)(s), like(s, p); got != want {
			t.Fatalf("%q LIKE %q is %v, want %v", s, p, got, want)
		}
	})
}
