package accesslog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseError tells where a line is wrong.
type ParseError struct {
	Line   string
	Column int    // byte, from 1
	Want   string // what should be there
}

// Error shows the place.
func (e *ParseError) Error() string {
	const shown = 40
	rest := e.Line[min(e.Column-1, len(e.Line)):]
	if len(rest) > shown {
		rest = rest[:shown] + " …"
	}
	return fmt.Sprintf("column %d of an access log line: want %s, have %q", e.Column, e.Want, rest)
}

// Parse reads a line of the combined log format, or of the common one, which has neither referer
// nor user agent. The strings of the entry are parts of line.
func Parse(line string) (Entry, error) {
	p := parser{line: line}
	e := Entry{Host: p.word("the client's host"), Ident: p.word("an identity or -")}
	e.User = p.word("a user or -")
	e.Time = p.time()
	request := p.quoted(`a request like "GET / HTTP/1.1"`)
	e.Status = int(p.number("a status like 200", 3))
	e.Bytes = p.number("the number of bytes or -", 18)
	if p.at < len(line) {
		e.Referer = p.quoted("a referer in quotes")
		e.Agent = p.quoted("a user agent in quotes")
	}
	if p.err == nil && p.at < len(line) {
		p.fail(p.at, "the end of the line")
	}
	if p.err != nil {
		return Entry{}, p.err
	}
	e.request(request)
	return e, nil
}

// request cuts a request into its words.
func (e *Entry) request(s string) {
	first, last := strings.IndexByte(s, ' '), strings.LastIndexByte(s, ' ')
	if first <= 0 || last <= first || !strings.HasPrefix(s[last+1:], "HTTP/") {
		e.Path = s
		return
	}
	e.Method, e.Path, e.Protocol = s[:first], s[first+1:last], s[last+1:]
}

// parser takes a line apart from left to right. After an error it takes nothing more.
type parser struct {
	line string
	at   int
	err  error
}

func (p *parser) fail(at int, want string) {
	if p.err == nil {
		p.err = &ParseError{p.line, at + 1, want}
	}
}

// raw takes what comes up to a space, and the space.
func (p *parser) raw(want string) string {
	if p.err != nil {
		return ""
	}
	rest := p.line[p.at:]
	n := strings.IndexByte(rest, ' ')
	end := n + 1
	if n < 0 {
		n, end = len(rest), len(rest)
	}
	if n == 0 {
		p.fail(p.at, want)
		return ""
	}
	p.at += end
	return rest[:n]
}

func (p *parser) word(want string) string {
	w := p.raw(want)
	if w == "-" {
		return ""
	}
	return w
}

// number takes up to digitsMax digits; - is 0.
func (p *parser) number(want string, digitsMax int) (n int64) {
	at := p.at
	w := p.raw(want)
	if w == "-" || p.err != nil {
		return 0
	}
	for _, c := range []byte(w) {
		if c < '0' || c > '9' || len(w) > digitsMax {
			p.fail(at, want)
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// quoted takes a text in quotes, and the space behind it.
func (p *parser) quoted(want string) string {
	if p.err != nil {
		return ""
	}
	rest := p.line[p.at:]
	if len(rest) == 0 || rest[0] != '"' {
		p.fail(p.at, want)
		return ""
	}
	escaped := false
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if i+1 < len(rest) && rest[i+1] != ' ' {
				p.fail(p.at+i+1, "a space")
				return ""
			}
			p.at += min(i+2, len(rest))
			return unquote(rest[1:i], escaped)
		}
	}
	p.fail(len(p.line), "a quote that ends "+want)
	return ""
}

func unquote(s string, escaped bool) string {
	if s == "-" {
		return ""
	}
	if !escaped {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch c := s[i]; {
		case c == 'n':
			b = append(b, '\n')
		case c == 'r':
			b = append(b, '\r')
		case c == 't':
			b = append(b, '\t')
		case c == 'x' && i+2 < len(s):
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(v))
				i += 2
				continue
			}
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// time takes a time in brackets. With time.Parse, BenchmarkParse takes 420 ns
// a line, with this 310 ns.
func (p *parser) time() time.Time {
	const want = "a time like [" + timeLayout + "]"
	if p.err != nil {
		return time.Time{}
	}
	size := len(timeLayout) + 2
	rest := p.line[p.at:]
	if len(rest) < size || rest[0] != '[' || rest[size-1] != ']' ||
		len(rest) > size && rest[size] != ' ' {
		p.fail(p.at, want)
		return time.Time{}
	}
	t, ok := parseTime(rest[1 : size-1])
	if !ok {
		p.fail(p.at, want)
	}
	p.at += min(size+1, len(rest))
	return t
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

func parseTime(s string) (t time.Time, ok bool) {
	month := strings.Index(months, s[3:6])
	if month < 0 || month%3 != 0 || s[2] != '/' || s[6] != '/' || s[11] != ':' || s[14] != ':' ||
		s[17] != ':' || s[20] != ' ' || s[21] != '+' && s[21] != '-' {
		return t, false
	}
	ok = true
	digits := func(from, to int) (n int) {
		for _, c := range []byte(s[from:to]) {
			ok = ok && c >= '0' && c <= '9'
			n = n*10 + int(c-'0')
		}
		return n
	}
	day, year := digits(0, 2), digits(7, 11)
	hour, minute, second := digits(12, 14), digits(15, 17), digits(18, 20)
	zone := (digits(22, 24)*60 + digits(24, 26)) * 60
	if !ok || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || zone >= 24*3600 {
		return t, false
	}
	where := time.UTC
	if s[21] == '-' {
		zone = -zone
	}
	if zone != 0 {
		where = time.FixedZone("", zone)
	}
	t = time.Date(year, time.Month(month/3+1), day, hour, minute, second, 0, where)
	return t, second == 60 || t.Day() == day
}
