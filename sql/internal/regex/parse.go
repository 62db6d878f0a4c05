package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// flags are those of (?imsux).
type flags struct {
	fold, multiline, dotAll, unicode, comments, unixLines bool
}

type parser struct {
	s      string
	i      int
	flags  flags
	groups int // with the whole match
	names  map[string]int
	depth  int
}

// mistake is what parsing fails with, by panic.
type mistake string

func (p *parser) fail(format string, args ...any) {
	panic(mistake(fmt.Sprintf("the regular expression %q ", p.s) + fmt.Sprintf(format, args...)))
}

func (p *parser) parse() (t tree, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case mistake:
			err = fmt.Errorf("%s", string(r))
		default:
			panic(r)
		}
	}()
	if !utf8.ValidString(p.s) {
		p.fail("is not UTF-8")
	}
	t = p.alternatives()
	if p.i < len(p.s) {
		p.fail("closes a parenthesis that it does not open, at byte %d", p.i)
	}
	return t, nil
}

func (p *parser) more() bool { return p.i < len(p.s) }

// peek is the next character, 0 at the end.
func (p *parser) peek() rune {
	if !p.more() {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return r
}

func (p *parser) next() rune {
	if !p.more() {
		p.fail("ends too early")
	}
	r, n := utf8.DecodeRuneInString(p.s[p.i:])
	p.i += n
	return r
}

func (p *parser) accept(s string) bool {
	if !strings.HasPrefix(p.s[p.i:], s) {
		return false
	}
	p.i += len(s)
	return true
}

func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.fail("has no %s at byte %d", s, p.i)
	}
}

func (p *parser) alternatives() tree {
	if p.depth++; p.depth > 500 {
		p.fail("is nested deeper than 500 levels")
	}
	defer func(f flags) { p.flags = f; p.depth-- }(p.flags)
	ways := alt{p.sequence()}
	for p.accept("|") {
		ways = append(ways, p.sequence())
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return ways
}

func (p *parser) sequence() tree {
	s := seq{}
	for p.skip(); p.more() && p.peek() != '|' && p.peek() != ')'; p.skip() {
		if t := p.atom(); t != nil {
			s = append(s, p.quantified(t))
		}
	}
	return s
}

// skip skips blanks and comments under the flag x.
func (p *parser) skip() {
	for p.flags.comments && p.more() {
		switch c := p.s[p.i]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.i++
		case c == '#':
			for p.more() && p.s[p.i] != '\n' {
				p.i++
			}
		default:
			return
		}
	}
}

func (p *parser) quantified(t tree) tree {
	for p.skip(); p.more(); p.skip() {
		r := &repeat{x: t, max: -1}
		switch p.peek() {
		case '*':
		case '+':
			r.min = 1
		case '?':
			r.max = 1
		case '{':
			p.i++
			p.bounds(r)
			p.i--
		default:
			return t
		}
		p.i++
		if c := p.peek(); c == '?' || c == '+' {
			p.i++
			r.mode = byte(c)
		}
		t = r
	}
	return t
}

// bounds reads 2}, 2,} or 2,3}.
func (p *parser) bounds(r *repeat) {
	r.min = p.number()
	r.max = r.min
	if p.accept(",") {
		r.max = -1
		if p.peek() != '}' {
			r.max = p.number()
		}
	}
	p.expect("}")
	if r.max >= 0 && r.max < r.min {
		p.fail("repeats from %d to %d times", r.min, r.max)
	}
}

func (p *parser) number() int {
	from := p.i
	for p.more() && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	n, err := strconv.Atoi(p.s[from:p.i])
	if err != nil || n > 1<<31-1 {
		p.fail("has no number at byte %d", from)
	}
	return n
}

// atom reads what a quantifier can stand behind; nil if it only sets flags.
func (p *parser) atom() tree {
	switch c := p.next(); c {
	case '(':
		return p.group()
	case '[':
		return &class{quick(p.set())}
	case '.':
		return &class{p.dot()}
	case '^':
		return p.caret()
	case '$':
		return &assert{holds: p.dollar(true)}
	case '*', '+', '?':
		p.fail("repeats nothing, at byte %d", p.i-1)
	case '{':
		p.fail("repeats nothing, at byte %d", p.i-1)
	case '\\':
		return p.escape()
	default:
		return p.char(c)
	}
	return nil
}

func (p *parser) char(r rune) tree { return &text{r, p.foldOf(r)} }

// foldOf is how characters are compared with one without regard to case; nil if case counts.
func (p *parser) foldOf(r rune) func(rune) rune {
	f := p.folding()
	if f == nil || r < utf8.RuneSelf && !unicode.IsLetter(r) {
		return nil
	}
	return f
}

func (p *parser) folding() func(rune) rune {
	switch {
	case !p.flags.fold:
		return nil
	case p.flags.unicode:
		return func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }
	}
	return func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
}

func (p *parser) group() tree {
	var t tree
	switch {
	case !p.accept("?"):
		k := p.groups
		p.groups++
		t = &capture{p.alternatives(), k}
	case p.accept(":"):
		t = p.alternatives()
	case p.accept("="):
		t = &look{x: p.alternatives()}
	case p.accept("!"):
		t = &look{x: p.alternatives(), not: true}
	case p.accept(">"):
		t = &atomic{p.alternatives()}
	case p.accept("<="):
		t = &look{x: p.alternatives(), behind: true}
	case p.accept("<!"):
		t = &look{x: p.alternatives(), behind: true, not: true}
	case p.accept("<"):
		name := p.name('>')
		if p.names[name] != 0 {
			p.fail("has two groups %s", name)
		}
		p.names[name] = p.groups
		k := p.groups
		p.groups++
		t = &capture{p.alternatives(), k}
	default:
		return p.inline()
	}
	p.expect(")")
	return t
}

func (p *parser) name(end rune) string {
	from := p.i
	for c := p.next(); c != end; c = p.next() {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' && p.i > from+1) {
			p.fail("has no name of a group at byte %d", from)
		}
	}
	if p.i == from+1 {
		p.fail("has no name of a group at byte %d", from)
	}
	return p.s[from : p.i-1]
}

// inline reads flags: (?i) for the rest of the group, or (?i:x).
func (p *parser) inline() tree {
	f, on := p.flags, true
	for {
		switch c := p.next(); c {
		case '-':
			on = false
		case 'i':
			f.fold = on
		case 'm':
			f.multiline = on
		case 's':
			f.dotAll = on
		case 'u':
			f.unicode = on
		case 'x':
			f.comments = on
		case 'd':
			f.unixLines = on
		case ')':
			p.flags = f
			return nil
		case ':':
			old := p.flags
			p.flags = f
			t := p.alternatives()
			p.flags = old
			p.expect(")")
			return t
		default:
			p.fail("has an unknown flag %c", c)
		}
	}
}

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

func (p *parser) dot() func(r rune) bool {
	switch {
	case p.flags.dotAll:
		return func(rune) bool { return true }
	case p.flags.unixLines:
		return func(r rune) bool { return r != '\n' }
	}
	return func(r rune) bool { return !isLineEnd(r) }
}

func (p *parser) caret() tree {
	if !p.flags.multiline {
		return &assert{holds: atBegin, begin: true}
	}
	return &assert{holds: func(m *matcher, i int) bool {
		if i == 0 {
			return true
		}
		r, _ := utf8.DecodeLastRune(m.s[:i])
		return i < len(m.s) && isLineEnd(r) && !(r == '\r' && m.s[i] == '\n')
	}}
}

func atBegin(_ *matcher, i int) bool { return i == 0 }

// dollar is the end of the text, or what is before a line end that ends it; of each line under the flag m.
func (p *parser) dollar(lines bool) func(m *matcher, i int) bool {
	lines = lines && p.flags.multiline
	return func(m *matcher, i int) bool {
		if i == len(m.s) {
			return true
		}
		r, n := utf8.DecodeRune(m.s[i:])
		if !isLineEnd(r) || r == '\n' && i > 0 && m.s[i-1] == '\r' {
			return false
		}
		return lines || i+n == len(m.s) || r == '\r' && i+2 == len(m.s) && m.s[i+1] == '\n'
	}
}

// escape reads what is behind a backslash.
func (p *parser) escape() tree {
	switch c := p.next(); c {
	case 'b', 'B':
		return &assert{holds: func(m *matcher, i int) bool {
			before, _ := utf8.DecodeLastRune(m.s[:i])
			after, _ := utf8.DecodeRune(m.s[i:])
			edge := (i > 0 && isWord(before)) != (i < len(m.s) && isWord(after))
			return edge == (c == 'b')
		}}
	case 'A':
		return &assert{holds: atBegin, begin: true}
	case 'z':
		return &assert{holds: func(m *matcher, i int) bool { return i == len(m.s) }}
	case 'Z':
		return &assert{holds: p.dollar(false)}
	case 'G':
		return &assert{holds: func(m *matcher, i int) bool { return i == m.from }}
	case 'R':
		return alt{seq{&text{r: '\r'}, &text{r: '\n'}}, &class{func(r rune) bool { return r >= '\n' && r <= '\r' || isLineEnd(r) }}}
	case 'Q':
		return p.quoted()
	case 'k':
		p.expect("<")
		name := p.name('>')
		if p.names[name] == 0 {
			p.fail("refers to a group %s that it does not have", name)
		}
		return &backref{p.names[name], p.folding()}
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.reference(int(c - '0'))
	default:
		p.i -= utf8.RuneLen(c)
		if has := p.classEscape(); has != nil {
			return &class{quick(has)}
		}
		return p.char(p.charEscape())
	}
}

// reference reads as many digits as there are groups.
func (p *parser) reference(k int) tree {
	for p.more() && p.s[p.i] >= '0' && p.s[p.i] <= '9' && k*10+int(p.s[p.i]-'0') < p.groups {
		k = k*10 + int(p.s[p.i]-'0')
		p.i++
	}
	if k >= p.groups {
		return &class{func(rune) bool { return false }}
	}
	return &backref{k, p.folding()}
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// quoted reads what is quoted, up to \E. The last character is what a quantifier is about.
func (p *parser) quoted() tree {
	q, _, found := strings.Cut(p.s[p.i:], `\E`)
	p.i += len(q)
	if found {
		p.i += 2
	}
	s := seq{}
	for _, r := range q {
		s = append(s, p.char(r))
	}
	if n := len(s); n > 0 {
		s[n-1] = p.quantified(s[n-1])
	}
	return s
}

// charEscape reads an escape that stands for a character.
func (p *parser) charEscape() rune {
	switch c := p.next(); c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'a':
		return '\a'
	case 'e':
		return 0x1b
	case 'c':
		return p.next() ^ 64
	case '0':
		return p.octal()
	case 'x':
		if p.accept("{") {
			from := p.i
			for p.next() != '}' {
			}
			return p.hex(p.s[from : p.i-1])
		}
		return p.hexDigits(2)
	case 'u':
		return p.surrogates(p.hexDigits(4))
	default:
		if c|0x20 >= 'a' && c|0x20 <= 'z' {
			p.fail(`has an unknown escape \%c`, c)
		}
		return c
	}
}

func (p *parser) surrogates(high rune) rune {
	if high >= 0xd800 && high < 0xdc00 && p.accept(`\u`) {
		return 0x10000 + (high-0xd800)<<10 + (p.hexDigits(4) - 0xdc00)
	}
	return high
}

func (p *parser) octal() rune {
	from := p.i
	for p.i < from+3 && p.more() && p.s[p.i] >= '0' && p.s[p.i] <= '7' && (p.i < from+2 || p.s[from] <= '3') {
		p.i++
	}
	n, err := strconv.ParseUint(p.s[from:p.i], 8, 32)
	if err != nil {
		p.fail("has no octal number at byte %d", from)
	}
	return rune(n)
}

func (p *parser) hexDigits(n int) rune {
	if p.i+n > len(p.s) {
		p.fail("ends too early")
	}
	p.i += n
	return p.hex(p.s[p.i-n : p.i])
}

func (p *parser) hex(s string) rune {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || n > unicode.MaxRune {
		p.fail("has no code of a character in %q", s)
	}
	return rune(n)
}
