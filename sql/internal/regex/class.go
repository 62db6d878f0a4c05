package regex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// quick is a set that looks ASCII up in a table.
func quick(has func(r rune) bool) func(r rune) bool {
	var ascii [utf8.RuneSelf]bool
	for r := range ascii {
		ascii[r] = has(rune(r))
	}
	return func(r rune) bool {
		if r < utf8.RuneSelf {
			return ascii[r]
		}
		return has(r)
	}
}

// set reads a character class behind its bracket.
func (p *parser) set() func(r rune) bool {
	not := p.accept("^")
	var all func(r rune) bool // the intersection so far
	var sets []func(r rune) bool
	union := func() func(r rune) bool {
		parts := sets
		sets = nil
		return func(r rune) bool {
			for _, has := range parts {
				if has(r) {
					return true
				}
			}
			return false
		}
	}
	for first := true; ; first = false {
		p.skip()
		switch {
		case !p.more():
			p.fail("opens a bracket that it does not close")
		case p.peek() == ']' && !first:
			p.i++
			has := intersect(all, union())
			if not {
				return func(r rune) bool { return !has(r) }
			}
			return has
		case p.accept("["):
			sets = append(sets, p.set())
		case p.accept("&&"):
			if len(sets) > 0 {
				all = intersect(all, union())
			}
			if p.peek() == ']' {
				has := all
				p.i++
				if has == nil {
					p.fail("has an empty intersection")
				}
				return func(r rune) bool { return has(r) != not }
			}
		default:
			sets = append(sets, p.member())
		}
	}
}

func intersect(a, b func(r rune) bool) func(r rune) bool {
	if a == nil {
		return b
	}
	return func(r rune) bool { return a(r) && b(r) }
}

// member reads a character, a range or an escape in a class.
func (p *parser) member() func(r rune) bool {
	if strings.HasPrefix(p.s[p.i:], `\Q`) {
		p.i += 2
		q, _, found := strings.Cut(p.s[p.i:], `\E`)
		p.i += len(q)
		if found {
			p.i += 2
		}
		return func(r rune) bool { return strings.ContainsRune(q, r) }
	}
	low, has := p.memberChar()
	if has != nil {
		return has
	}
	high := low
	if rest := p.s[p.i:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' && rest[1] != '[' {
		p.i++
		if high, has = p.memberChar(); has != nil {
			p.fail("has a range that ends with a class, at byte %d", p.i)
		}
		if high < low {
			p.fail("has a range from %c down to %c", low, high)
		}
	}
	if !p.flags.fold {
		return func(r rune) bool { return r >= low && r <= high }
	}
	fold := p.flags.unicode
	return func(r rune) bool {
		if r >= low && r <= high {
			return true
		}
		if !fold && r >= utf8.RuneSelf {
			return false
		}
		u, l := unicode.ToUpper(r), unicode.ToLower(r)
		return u >= low && u <= high || l >= low && l <= high
	}
}

func (p *parser) memberChar() (rune, func(r rune) bool) {
	c := p.next()
	if c != '\\' {
		return c, nil
	}
	if has := p.classEscape(); has != nil {
		return 0, has
	}
	return p.charEscape(), nil
}

// classEscape reads \d and others like it; nil, without reading, if there is none.
func (p *parser) classEscape() func(r rune) bool {
	c := p.next()
	var has func(r rune) bool
	switch c | 0x20 {
	case 'd':
		has = isDigit
	case 'w':
		has = func(r rune) bool { return r == '_' || isAlnum(r) }
	case 's':
		has = isSpace
	case 'h':
		has = func(r rune) bool {
			return r == ' ' || r == '\t' || r == 0xa0 || r == 0x1680 || r == 0x180e || r >= 0x2000 && r <= 0x200a ||
				r == 0x202f || r == 0x205f || r == 0x3000
		}
	case 'v':
		has = func(r rune) bool { return r >= '\n' && r <= '\r' || isLineEnd(r) }
	case 'p':
		has = p.property()
	}
	if has == nil || c >= utf8.RuneSelf || c&^0x20 < 'A' || c&^0x20 > 'Z' {
		p.i -= utf8.RuneLen(c)
		return nil
	}
	if c < 'a' {
		return func(r rune) bool { return !has(r) }
	}
	return has
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
func isLower(r rune) bool { return r >= 'a' && r <= 'z' }
func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }
func isAlpha(r rune) bool { return isLower(r) || isUpper(r) }
func isAlnum(r rune) bool { return isAlpha(r) || isDigit(r) }
func isSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }
func isPunct(r rune) bool { return r > ' ' && r < 0x7f && !isAlnum(r) }

// properties are those of POSIX and of Java, which are about ASCII, and the binary ones of Unicode.
var properties = map[string]func(r rune) bool{
	"Lower": isLower, "Upper": isUpper, "Alpha": isAlpha, "Digit": isDigit, "Alnum": isAlnum, "Punct": isPunct,
	"Space": isSpace, "ASCII": func(r rune) bool { return r < utf8.RuneSelf },
	"Graph":  func(r rune) bool { return r > ' ' && r < 0x7f },
	"Print":  func(r rune) bool { return r >= ' ' && r < 0x7f },
	"Blank":  func(r rune) bool { return r == ' ' || r == '\t' },
	"Cntrl":  func(r rune) bool { return r < ' ' || r == 0x7f },
	"XDigit": func(r rune) bool { return isDigit(r) || r|0x20 >= 'a' && r|0x20 <= 'f' },

	"javaLowerCase": unicode.IsLower, "javaUpperCase": unicode.IsUpper, "javaTitleCase": unicode.IsTitle,
	"javaAlphabetic": unicode.IsLetter, "javaLetter": unicode.IsLetter, "javaDigit": unicode.IsDigit,
	"javaLetterOrDigit": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) },
	"javaWhitespace": func(r rune) bool {
		return r >= '\t' && r <= '\r' || r >= 0x1c && r <= 0x1f ||
			unicode.Is(unicode.Z, r) && r != 0xa0 && r != 0x2007 && r != 0x202f
	},
	"javaSpaceChar": func(r rune) bool { return unicode.Is(unicode.Z, r) },

	"IsAlphabetic": func(r rune) bool {
		return unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_Alphabetic, r)
	},
	"IsIdeographic": func(r rune) bool { return unicode.Is(unicode.Ideographic, r) },
	"IsLetter":      unicode.IsLetter, "IsDigit": unicode.IsDigit, "IsLowercase": unicode.IsLower, "IsUppercase": unicode.IsUpper,
	"IsTitlecase": unicode.IsTitle, "IsPunctuation": func(r rune) bool { return unicode.Is(unicode.P, r) },
	"IsControl": func(r rune) bool { return unicode.Is(unicode.Cc, r) }, "IsWhite_Space": unicode.IsSpace,
	"L1": func(r rune) bool { return r < 0x100 }, "all": func(rune) bool { return true },
}

// property reads the name of a property.
func (p *parser) property() func(r rune) bool {
	name := string(p.next())
	if name == "{" {
		from := p.i
		for p.next() != '}' {
		}
		name = p.s[from : p.i-1]
	}
	if has := properties[name]; has != nil {
		if p.flags.fold && (name == "Lower" || name == "Upper") {
			return isAlpha
		}
		return has
	}
	key, value, ok := strings.Cut(name, "=")
	switch key = strings.ToLower(key); {
	case ok && (key == "sc" || key == "script"):
		name = "Is" + value
	case ok && (key == "gc" || key == "general_category"):
		name = value
	}
	script, isScript := strings.CutPrefix(name, "Is")
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts} {
		for n, t := range tables {
			if n == name || isScript && strings.EqualFold(n, script) {
				return func(r rune) bool { return unicode.Is(t, r) }
			}
		}
	}
	p.fail("has an unknown property %s", name)
	return nil
}
