package hotkey

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// add adds a row as a writer does.
func add(s *Sketch, key uint64) {
	if s.Add(key) {
		s.Describe(key, fmt.Sprint(key), int(key%4))
	}
}

// TestBounds: for any keys, what a hot key is said to have at least and at most is so, and each with more than a twenty-fifth of the
// rows is told of.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		rows, keys := rapid.IntRange(200, 20_000).Draw(t, "rows"), rapid.IntRange(1, 5000).Draw(t, "keys")
		zipf := rand.NewZipf(rng, rapid.Float64Range(1.01, 3).Draw(t, "skew"), 1, uint64(keys))
		var s Sketch
		real := map[string]int64{}
		for range rows {
			k := zipf.Uint64()
			real[fmt.Sprint(k)]++
			add(&s, k)
		}
		top, total := s.Top(time.Unix(0, 0))
		if total != int64(rows) {
			t.Fatalf("%d rows of %d", total, rows)
		}
		told := map[string]bool{}
		for i, k := range top {
			told[k.Text] = true
			if n := real[k.Text]; n > k.Count || n < k.Count-k.Error {
				t.Fatalf("key %s has %d rows, not %d to %d", k.Text, n, k.Count-k.Error, k.Count)
			}
			if i > 0 && top[i-1].Count < k.Count || fmt.Sprint(k.Subtask) != fmt.Sprint(atoi(k.Text)%4) {
				t.Fatalf("key %d is %+v", i, k)
			}
		}
		for text, n := range real {
			if n > int64(rows)/25+surest && !told[text] {
				t.Fatalf("key %s with %d of %d rows is not told of: %v", text, n, rows, top)
			}
		}
	})
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// TestEvenKeysAreNotHot: of many keys that are even none is told of, or asked for how it looks, and nothing is allocated.
func TestEvenKeysAreNotHot(t *testing.T) {
	var s Sketch
	for i := range uint64(100_000) {
		if s.Add(i * 2654435761 % 10_007) {
			t.Fatal("a key is asked for")
		}
	}
	if top, _ := s.Top(time.Unix(0, 0)); len(top) > 0 {
		t.Error(top)
	}
	if n := testing.AllocsPerRun(1000, func() { s.Add(5) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestForgets: what was hot is not for ever.
func TestForgets(t *testing.T) {
	var s Sketch
	now := time.Unix(100, 0)
	for range 1000 {
		add(&s, 1)
	}
	texts := func() (all []string) {
		top, _ := s.Top(now)
		for _, k := range top {
			all = append(all, k.Text)
		}
		return all
	}
	if got := texts(); !slices.Equal(got, []string{"1"}) {
		t.Fatal(got)
	}
	for range 8 {
		now = now.Add(halfLife)
		for range 100 {
			add(&s, 2)
		}
		texts()
	}
	if got := texts(); !slices.Equal(got, []string{"2"}) {
		t.Errorf("it is still %q", got)
	}
}

// TestTexts: long keys are cut between characters, and empty ones are seen.
func TestTexts(t *testing.T) {
	for text, want := range map[string]string{
		"": `""`, strings.Repeat("é", 150): strings.Repeat("é", 100) + "…", strings.Repeat("x", 199) + "é": strings.Repeat("x", 199) + "…",
	} {
		var s Sketch
		for range surest {
			if s.Add(7) {
				s.Describe(7, text, 0)
			}
		}
		top, _ := s.Top(time.Now())
		if len(top) != 1 || top[0].Text != want || !utf8.ValidString(top[0].Text) {
			t.Errorf("%.10q… is shown as %+v", text, top)
		}
	}
}

// TestMerge: keys of several subtasks are counted together, and at most ten are kept.
func TestMerge(t *testing.T) {
	got := Merge([]Key{{"a", 1, 10, 1}, {"b", 0, 5, 0}}, nil, []Key{{"b", 0, 20, 2}, {"c", 2, 1, 0}})
	if want := []Key{{"b", 0, 25, 2}, {"a", 1, 10, 1}, {"c", 2, 1, 0}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var many []Key
	for i := range 100 {
		many = append(many, Key{fmt.Sprint(i), 0, int64(i), 0})
	}
	if got := Merge(many); len(got) != Most || got[0].Text != "99" {
		t.Error(got)
	}
}

// BenchmarkAdd adds keys that are even, which is the dearest, and skewed ones.
func BenchmarkAdd(b *testing.B) {
	for name, mod := range map[string]uint64{"even": 1 << 40, "skewed": 40} {
		b.Run(name, func(b *testing.B) {
			var s Sketch
			k := uint64(1)
			for b.Loop() {
				k = k*6364136223846793005 + 1442695040888963407
				s.Add(k >> 20 % mod)
			}
		})
	}
}
