package parse

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/sql/internal/ast"
)

type kind uint8

const (
	tokEnd    kind = iota // of the text
	tokWord               // a keyword or an identifier
	tokQuoted             // an identifier in backticks
	tokString
	tokBytes // X'…'
	tokNumber
	tokSymbol
	tokHint // /*+
	tokBad  // text is what is wrong
)

// token is a word of a statement.
type token struct {
	kind kind
	text string // of a string or a quoted identifier: what it stands for
	word string // text in upper case, of a word; text, of a symbol
	span ast.Span
}

// symbols are those of more than one character, longest first.
var symbols = []string{"=>", "<=", ">=", "<>", "!=", "||", "*/", "{-", "-}"}

// lex makes tokens of a text. The last one is tokEnd, or tokBad where the text ends in the middle of one.
func lex(text string) []token {
	l := lexer{text: text, tokens: make([]token, 0, len(text)/5+2)}
	for l.next() {
	}
	return l.tokens
}

type lexer struct {
	text   string
	at     int
	inHint bool
	tokens []token
}

func (l *lexer) add(k kind, from int, text, word string) {
	l.tokens = append(l.tokens, token{k, text, word, ast.Span{From: from, To: l.at}})
}

func (l *lexer) bad(from int, format string, args ...any) bool {
	l.at = len(l.text)
	l.add(tokBad, from, fmt.Sprintf(format, args...), "")
	return false
}

// next adds a token, and reports whether there may be more.
func (l *lexer) next() bool {
	if from, ok := l.skip(); !ok {
		return l.bad(from, "the comment does not end; write */")
	}
	from := l.at
	if from == len(l.text) {
		l.add(tokEnd, from, "", "")
		return false
	}
	rest := l.text[from:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "/*+"):
		l.at += 3
		l.inHint = true
		l.add(tokHint, from, "/*+", "/*+")
	case isLetter(c) || c >= utf8.RuneSelf:
		return l.wordOrString(from)
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number(from)
	case c == '\'':
		return l.quoted(from, '\'', tokString)
	case c == '`':
		return l.quoted(from, '`', tokQuoted)
	case c == '"':
		return l.bad(from, "double quotes do not quote here: write names in backticks, and texts in single quotes")
	default:
		l.symbol(from, rest)
	}
	return true
}

// skip passes blanks and comments. If a comment does not end it reports where that began.
func (l *lexer) skip() (from int, ok bool) {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r' || rest[0] == '\f':
			l.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.at += end
		case strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*+"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return l.at, false
			}
			l.at += 2 + end + 2
		case strings.HasPrefix(rest, "\u00a0"): // a space that does not break, from web pages
			l.at += len("\u00a0")
		default:
			return 0, true
		}
	}
	return 0, true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (l *lexer) wordOrString(from int) bool {
	for l.at < len(l.text) {
		c := l.text[l.at]
		if !isLetter(c) && !isDigit(c) && c != '$' && c < utf8.RuneSelf {
			break
		}
		l.at++
	}
	word := l.text[from:l.at]
	if l.at < len(l.text) {
		quote := l.text[l.at] == '\''
		switch upper := strings.ToUpper(word); {
		case quote && upper == "X":
			return l.binary(from)
		case quote && upper == "E":
			return l.escaped(from)
		case quote && (upper == "N" || word[0] == '_'): // national, or with its character set
			return l.quoted(from, '\'', tokString)
		case upper == "U" && strings.HasPrefix(l.text[l.at:], "&'"):
			l.at++
			return l.unicode(from)
		}
	}
	if !utf8.ValidString(word) {
		return l.bad(from, "the text is not UTF-8 here")
	}
	l.add(tokWord, from, word, strings.ToUpper(word))
	return true
}

// quoted reads what is between quotes, which are doubled inside.
func (l *lexer) quoted(from int, quote byte, k kind) bool {
	s, ok := l.body(quote)
	if !ok {
		if quote == '`' {
			return l.bad(from, "the name in backticks does not end")
		}
		return l.bad(from, "the text does not end; write ' at its end, and '' for a quote inside")
	}
	if k == tokQuoted && s == "" {
		return l.bad(from, "the name in backticks is empty")
	}
	if k == tokString && l.extend(s) {
		return true
	}
	l.add(k, from, s, "")
	return true
}

// body reads up to the quote that ends.
func (l *lexer) body(quote byte) (s string, ok bool) {
	l.at++
	begin, doubled := l.at, false
	for ; l.at < len(l.text); l.at++ {
		if l.text[l.at] != quote {
			continue
		}
		if l.at+1 < len(l.text) && l.text[l.at+1] == quote {
			doubled = true
			l.at++
			continue
		}
		s = l.text[begin:l.at]
		l.at++
		if doubled {
			q := string(quote)
			s = strings.ReplaceAll(s, q+q, q)
		}
		return s, true
	}
	return "", false
}

// extend adds a string to one that stands right before it: 'a' 'b' is 'ab'.
func (l *lexer) extend(s string) bool {
	n := len(l.tokens)
	if n == 0 || l.tokens[n-1].kind != tokString || l.inHint {
		return false
	}
	last := &l.tokens[n-1]
	last.text += s
	last.span.To = l.at
	return true
}

func (l *lexer) binary(from int) bool {
	s, ok := l.body('\'')
	if !ok {
		return l.bad(from, "the binary text does not end")
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return l.bad(from, "a binary text has an even number of hexadecimal digits, such as X'0aff'")
	}
	l.add(tokBytes, from, string(b), "")
	return true
}

// escaped reads a string with escapes as C has them.
func (l *lexer) escaped(from int) bool {
	l.at++
	var b strings.Builder
	for l.at < len(l.text) {
		c := l.text[l.at]
		l.at++
		switch {
		case c == '\'' && l.at < len(l.text) && l.text[l.at] == '\'':
			l.at++
			b.WriteByte('\'')
		case c == '\'':
			if !l.extend(b.String()) {
				l.add(tokString, from, b.String(), "")
			}
			return true
		case c == '\\':
			if !l.escape(&b) {
				return l.bad(l.at-1, `the escape is unknown; there are \b \f \n \r \t \\ \' \u0041 \U00000041 \x41 and \101`)
			}
		default:
			b.WriteByte(c)
		}
	}
	return l.bad(from, "the text does not end; write ' at its end")
}

var simpleEscapes = map[byte]byte{
	'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '\'': '\'', '"': '"',
}

// escape reads what stands behind a backslash.
func (l *lexer) escape(b *strings.Builder) bool {
	if l.at == len(l.text) {
		return false
	}
	c := l.text[l.at]
	if e, ok := simpleEscapes[c]; ok {
		l.at++
		b.WriteByte(e)
		return true
	}
	switch {
	case c == 'x':
		l.at++
		return l.code(b, 1, 2, 16)
	case c == 'u':
		l.at++
		return l.code(b, 4, 4, 16)
	case c == 'U':
		l.at++
		return l.code(b, 8, 8, 16)
	case c >= '0' && c <= '7':
		return l.code(b, 1, 3, 8)
	}
	return false
}

// code reads a code point of some digits.
func (l *lexer) code(b *strings.Builder, digitsMin, digitsMax int, base rune) bool {
	var r rune
	n := 0
	for ; n < digitsMax && l.at < len(l.text); n++ {
		d := digit(l.text[l.at])
		if d >= base {
			break
		}
		r = r*base + d
		l.at++
	}
	if n < digitsMin || !utf8.ValidRune(r) {
		return false
	}
	b.WriteRune(r)
	return true
}

// digit is the value of a digit, or more than any base.
func digit(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return 99
}

// unicode reads U&'…' with escapes of the form \0041.
func (l *lexer) unicode(from int) bool {
	s, ok := l.body('\'')
	if !ok {
		return l.bad(from, "the text does not end; write ' at its end")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\\' {
			b.WriteByte('\\')
			i++
			continue
		}
		e := lexer{text: s, at: i + 1}
		if !e.code(&b, 4, 4, 16) {
			return l.bad(from, `an escape in U&'…' is \ and four hexadecimal digits`)
		}
		i = e.at - 1
	}
	l.add(tokString, from, b.String(), "")
	return true
}

func (l *lexer) number(from int) bool {
	digits := func() {
		for l.at < len(l.text) && isDigit(l.text[l.at]) {
			l.at++
		}
	}
	digits()
	if l.at < len(l.text) && l.text[l.at] == '.' {
		l.at++
		digits()
	}
	if l.at < len(l.text) && l.text[l.at]|0x20 == 'e' {
		end := l.at + 1
		if end < len(l.text) && (l.text[end] == '+' || l.text[end] == '-') {
			end++
		}
		if end < len(l.text) && isDigit(l.text[end]) {
			l.at = end
			digits()
		}
	}
	if l.at < len(l.text) && isLetter(l.text[l.at]) {
		return l.bad(from, "%q is no number; put a blank behind it, or a name that begins with a digit in backticks",
			l.text[from:l.at+1])
	}
	text := l.text[from:l.at]
	l.add(tokNumber, from, text, text)
	return true
}

func (l *lexer) symbol(from int, rest string) {
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.at += len(s)
			if s == "*/" {
				l.inHint = false
			}
			if s == "!=" {
				s = "<>"
			}
			l.add(tokSymbol, from, s, s)
			return
		}
	}
	_, n := utf8.DecodeRuneInString(rest)
	l.at += n
	l.add(tokSymbol, from, rest[:n], rest[:n])
}
