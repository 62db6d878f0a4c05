package regex

import (
	"bytes"
	"unicode/utf8"
)

// within is a text that each match has in it, not less than min and not more than max bytes behind its begin: so places that
// are farther before it than that need not be tried.
type within struct {
	text     []byte
	min, max int
}

// skip is the first place from i on where a match can begin, -1 if there is none.
func (w *within) skip(s []byte, i int) int {
	if i+w.min > len(s) {
		return -1
	}
	k := bytes.Index(s[i+w.min:], w.text)
	if k < 0 {
		return -1
	}
	i = max(i, i+w.min+k-w.max)
	for i < len(s) && !utf8.RuneStart(s[i]) {
		i++
	}
	return i
}

// inside is the longest text in a sequence that what is before it does not put too far away.
func inside(t seq) (w within) {
	low, high := 0, 0
	for i := 0; i < len(t) && high >= 0; {
		run := []byte(nil)
		for ; i < len(t); i++ {
			if !isPlain(t[i]) {
				break
			}
			run = append(run, string(t[i].(*text).r)...)
		}
		if len(run) > len(w.text) {
			w = within{run, low, high}
		}
		low, high = low+len(run), high+len(run)
		if i < len(t) {
			least, most := width(t[i])
			low, high = low+least, plus(high, most)
			i++
		}
	}
	return w
}

// width is how many bytes a tree matches at least and at most, which is -1 if there is no bound.
func width(t tree) (least, most int) {
	switch t := t.(type) {
	case *text:
		if t.fold == nil {
			n := utf8.RuneLen(t.r)
			return n, n
		}
		return 1, utf8.UTFMax
	case *class:
		return 1, utf8.UTFMax
	case *assert, *look:
		return 0, 0
	case *capture:
		return width(t.x)
	case *atomic:
		return width(t.x)
	case seq:
		for _, x := range t {
			a, b := width(x)
			least, most = least+a, plus(most, b)
		}
		return least, most
	case alt:
		for i, x := range t {
			a, b := width(x)
			if i == 0 {
				least, most = a, b
				continue
			}
			least = min(least, a)
			if most >= 0 && b >= 0 {
				most = max(most, b)
			} else {
				most = -1
			}
		}
		return least, most
	}
	return 0, -1 // repetitions and references
}

// plus adds bounds.
func plus(a, b int) int {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}
