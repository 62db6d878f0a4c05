package builtin

import (
	"math/rand/v2"
	"testing"
)

// TestFormattedTextsAreReused formats times that come in order, with all letters and some whole patterns.
func TestFormattedTextsAreReused(t *testing.T) {
	patterns := []string{"yyyy-MM-dd", "HH:mm", "yyyy-MM-dd HH:mm:ss", "'T'", "dd[HH]", "ss.SSS", "hh a"}
	for c := byte('A'); c <= 'z'; c++ {
		patterns = append(patterns, string(c), string(c)+string(c)+string(c))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, text := range patterns {
		for _, lenient := range []bool{false, true} {
			p, err := parsePattern(text, lenient)
			if err != nil {
				continue
			}
			if _, err := p.appendTo(nil, &localDate{}); err != nil {
				continue // it wants a zone
			}
			reused := 0
			for _, most := range []int64{2e6, 2e9, 60e9, 3600e9, 2 * nanosOfDay} {
				var last formatted
				at := rng.Int64N(1000 * nanosOfDay)
				for range 100 {
					at += rng.Int64N(most)
					d := localDate{days: at / nanosOfDay, nanos: at % nanosOfDay}
					want, err := p.appendTo(nil, &d)
					if err != nil {
						t.Fatal(err)
					}
					if last.is(p, &d) {
						if reused++; string(last.text) != string(want) {
							t.Fatalf("%q of %v is %q again, want %q", text, d, last.text, want)
						}
					}
					last.set(p, &d, want)
				}
			}
			if reused == 0 && p.step > 1 {
				t.Errorf("no text of %q was used twice", text)
			}
		}
	}
}
