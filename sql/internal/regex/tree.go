package regex

// tree is a parsed pattern.
type tree interface{}

type (
	seq  []tree // one after the other
	alt  []tree // one of them, the first that can be
	text struct {
		r    rune
		fold func(rune) rune // compared after it, unless nil
	}
	class  struct{ has func(r rune) bool }
	assert struct {
		holds func(m *matcher, i int) bool
		begin bool // only at the begin of the text
	}
	capture struct {
		x     tree
		group int
	}
	repeat struct {
		x        tree
		min, max int // max < 0 is any number
		mode     byte
	}
	atomic struct{ x tree }
	look   struct {
		x           tree
		behind, not bool
	}
	backref struct {
		group int
		fold  func(rune) rune
	}
)

// The modes of repeat.
const (
	greedy     = byte(0)
	lazy       = byte('?')
	possessive = byte('+')
)

// lead is the text that each match begins with, and whether it begins at the begin of the text.
func lead(t tree) (prefix []byte, anchored bool) {
	switch t := t.(type) {
	case *text:
		if t.fold == nil {
			return []byte(string(t.r)), false
		}
	case *assert:
		return nil, t.begin
	case *capture:
		return lead(t.x)
	case seq:
		for i, x := range t {
			c, isText := x.(*text)
			if !isText || c.fold != nil {
				if i == 0 {
					return lead(x)
				}
				break
			}
			prefix = append(prefix, string(c.r)...)
		}
	}
	return prefix, false
}

// firstBytes adds the bytes that a match can begin with, and reports whether it can be empty, so that what comes
// after it counts too.
func firstBytes(t tree, set *[256]bool) (empty bool) {
	switch t := t.(type) {
	case seq:
		for _, x := range t {
			if !firstBytes(x, set) {
				return false
			}
		}
		return true
	case alt:
		for _, x := range t {
			empty = firstBytes(x, set) || empty
		}
		return empty
	case *text, *class:
		has := single(t)
		for c := range set {
			// The first bytes of characters outside ASCII are not told apart.
			set[c] = set[c] || c >= 0xc0 || c < 0x80 && has(rune(c))
		}
		return false
	case *capture:
		return firstBytes(t.x, set)
	case *atomic:
		return firstBytes(t.x, set)
	case *repeat:
		return firstBytes(t.x, set) || t.min == 0
	case *assert, *look:
		return true
	}
	for c := range set { // a reference
		set[c] = true
	}
	return true
}
