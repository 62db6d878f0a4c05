package regex

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// all is what Find and FindNext find, with the groups of each: abc(b,-)
func all(re *Regex, s string) string {
	var found []string
	for ok := re.Find([]byte(s), 0); ok; ok = re.FindNext() {
		var groups []string
		for k := range re.Groups() + 1 {
			from, to := re.Group(k)
			if from < 0 {
				groups = append(groups, "-")
				continue
			}
			groups = append(groups, s[from:to])
		}
		one := groups[0]
		if len(groups) > 1 {
			one += "(" + strings.Join(groups[1:], ",") + ")"
		}
		found = append(found, one)
	}
	return strings.Join(found, "|")
}

// TestFind has what java.util.regex finds.
func TestFind(t *testing.T) {
	for _, c := range []struct{ pattern, s, want string }{
		{"a*", "aaa", "aaa|"},
		{"x*", "foo", "|||"},
		{"", "ab", "||"},
		{"o+", "foo boo", "oo|oo"},
		{"(a|ab)(c|bcd)(d*)", "abcd", "abcd(a,bcd,)"},
		{"(x)?b", "abc", "b(-)"},
		{"foo(?=bar)", "foobar foo", "foo"},
		{"foo(?!bar)", "foobar foox", "foo"},
		{"(?<=a|ab)c", "abc ac bc", "c|c"},
		{"(?<!a)b", "ab cb", "b"},
		{`(a)\1`, "aab", "aa(a)"},
		{`(?<x>[ab])\k<x>`, "abb", "bb(b)"},
		{"a*+a", "aaa", ""},
		{"(?>a*)b", "aab", "aab"},
		{"a{2}?", "aaaa", "aa|aa"},
		{"a{2,3}", "aaaaa", "aaa|aa"},
		{".*?b", "aabab", "aab|ab"},
		{"(a|b)*c", "ababc", "ababc(b)"},
		{"(a*)*", "aa", "aa()|()"},
		{"(?:(a)|b)*", "ab", "ab(a)|(-)"},
		{"((a)|(b))+", "ab", "ab(b,a,b)"},
		{"a$", "a\n", "a"},
		{"a.", "a\r", ""},
		{"(?s)a.", "a\n", "a\n"},
		{"(?m)^b$", "a\nb\nc", "b"},
		{`a\Z`, "a\n", "a"},
		{`a\z`, "a\n", ""},
		{"(?i)ABC", "abc", "abc"},
		{"(?i)É", "é", ""},
		{"(?iu)É", "é", "é"},
		{"a(?i)b|c", "aB C", "aB|C"},
		{"(?i:a)b", "Ab AB", "Ab"},
		{"[a-z&&[^b]]+", "abc", "a|c"},
		{"[ab[cd]]+", "dcba", "dcba"},
		{"[^a-c]", "abcd", "d"},
		{`[\d\-x]+`, "1-x", "1-x"},
		{`[a\]b]+`, "a]b", "a]b"},
		{"[]a]+", "]a", "]a"},
		{`\p{IsHan}+`, "日本x", "日本"},
		{`\p{L}\P{L}`, "é1", "é1"},
		{`\pL`, "é", "é"},
		{`\w+`, "aé_1", "a|_1"},
		{`\bé\b`, "aé é", "é"},
		{`\Qa.b\E+`, "a.bb", "a.bb"},
		{`\x41\x{1F600}\u0042\0101`, "A😀BA", "A😀BA"},
		{`(?x)a b # c`, "ab", "ab"},
		{".", "日😀", "日|😀"},
		{"(\\d+)-(\\d+)", "100-200, 3-4", "100-200(100,200)|3-4(3,4)"},
		{"^a", "aaa", "a"},
		{"(a+)+b", "aaaaaaaaaaaaab", "aaaaaaaaaaaaab(aaaaaaaaaaaaa)"},
		{"((a|b){2}c){2}", "abcbac", "abcbac(bac,a)"},
		{"]", "a]", "]"},
	} {
		re, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := all(re, c.s); got != c.want {
			t.Errorf("%s in %q finds %q, want %q", c.pattern, c.s, got, c.want)
		}
	}
}

// TestWithin compares with searches that try every place.
func TestWithin(t *testing.T) {
	if re, err := Compile("(&|^)channel_id=([^&]*)"); err != nil || string(re.within.text) != "channel_id=" || re.within.max != 1 {
		t.Errorf("%v, %+v", err, re.within)
	}
	pieces := []string{"(&|^)", "(é|bc|)", "ab", "é", "[^a]", "c", "x*", "(?<=a)", "b?", "(?>a|ab)", "(a*|c)", "$", "(?i)b", "."}
	texts := []string{"a", "b", "c", "é", "&", "x", "ab", "日"}
	rnd := rand.New(rand.NewPCG(1, 2))
	some := func(from []string, n int) (s string) {
		for range rnd.IntN(n) {
			s += from[rnd.IntN(len(from))]
		}
		return s
	}
	for range 20_000 {
		pattern, s := some(pieces, 6), some(texts, 12)
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(pattern, err)
		}
		got := all(re, s)
		re.within = within{}
		if want := all(re, s); got != want {
			t.Fatalf("%s in %q finds %q, want %q", pattern, s, got, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"a|ab", "ab", true}, {"a*?", "aaa", true}, {"a", "ab", false}, {"", "", true}, {"(?>a|ab)", "ab", false},
	} {
		re, err := Compile(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := re.Matches([]byte(c.s)); got != c.want {
			t.Errorf("%s matches %q: %t, want %t", c.pattern, c.s, got, c.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, s := range []string{"[", "(", ")", "a**b(", "*", "{", "a{", "a{2,1}", `\`, `\p{Nope}`, "[b-a]", `\q`, "(?z)", `\k<x>`, "(?#c)", "[a"} {
		if _, err := Compile(s); err == nil {
			t.Errorf("%s is compiled", s)
		}
	}
}

// TestNoAllocations holds the search for a pattern without lookaround to no memory.
func TestNoAllocations(t *testing.T) {
	re, err := Compile(`([a-z]+)@(\w|\.)+`)
	if err != nil {
		t.Fatal(err)
	}
	s := []byte("to: someone@example.org, and others")
	if n := testing.AllocsPerRun(100, func() { re.Find(s, 0) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	for _, pattern := range []string{"channel=(\\w+)", "(&|^)channel_id=([^&]*)", "[a-z]+\\d"} {
		re, err := Compile(pattern)
		if err != nil {
			b.Fatal(err)
		}
		s := []byte("https://www.example.com/googl_ptsg/fwt_/_wyqr/item.htm?query=1&channel_id=216")
		b.Run(fmt.Sprint(pattern), func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				re.Find(s, 0)
			}
		})
	}
}

// FuzzCompile compiles and searches anything. Patterns are short, since matching can take exponential time.
func FuzzCompile(f *testing.F) {
	f.Add(`(?i)a(b|c)*?[^\d&&[x-z]]{1,2}(?<=x)\1$`, "abcx")
	f.Fuzz(func(_ *testing.T, pattern, s string) {
		if len(pattern) > 20 || len(s) > 10 {
			return
		}
		if re, err := Compile(pattern); err == nil {
			for ok := re.Find([]byte(s), 0); ok; ok = re.FindNext() {
				re.Group(re.Groups())
			}
		}
	})
}
