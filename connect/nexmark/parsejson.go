package nexmark

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseJSON reads one event, as AppendJSON writes it, into out, whatever out held before. It is
// strict: every column of the event's kind must be there once, none that is not in the schema may
// be, and the other kinds are absent or null. White space and the order of the columns are free.
// The strings of out share one copy of line. If it returns an error, out is an empty event.
func ParseJSON(line []byte, out *Event) error {
	*out = Event{}
	p := parser{s: string(line)}
	p.event(out)
	p.space()
	if p.err == nil && p.at < len(p.s) {
		p.fail("end of line")
	}
	if p.err != nil {
		*out = Event{}
	}
	return p.err
}

// parser reads s from at on. After the first error all its methods do nothing, so that the caller
// asks for it once, at the end.
type parser struct {
	s   string
	at  int
	err error
}

// column says where the value of a key goes: exactly one of the pointers is set.
type column struct {
	name   string
	number *int64
	text   *string
	millis *int64
}

// event reads the object that is a line.
func (p *parser) event(out *Event) {
	kind, seen := int64(-1), Kind(0)
	parts, seenType := 0, false
	p.object(func(key string) {
		switch {
		case key == "event_type" && !seenType:
			kind, seenType = p.number(), true
		case key == "person":
			parts, seen = p.part(parts, seen, KindPerson, personColumns(&out.Person))
		case key == "auction":
			parts, seen = p.part(parts, seen, KindAuction, auctionColumns(&out.Auction))
		case key == "bid":
			parts, seen = p.part(parts, seen, KindBid, bidColumns(&out.Bid))
		default:
			p.fail("a column that is not yet set")
		}
	})
	if p.err == nil && (parts != 1 || kind != int64(seen)) {
		p.err = fmt.Errorf("nexmark: parse event: type %d with %d parts, last of kind %d",
			kind, parts, seen)
	}
	out.Kind = seen
}

// part reads one of person, auction and bid, and returns how many were not null, and the last
// of them.
func (p *parser) part(parts int, seen, kind Kind, columns []column) (int, Kind) {
	if p.word("null") {
		return parts, seen
	}
	var done uint32
	next := 0
	p.object(func(key string) {
		// The columns come in order as a rule, so the search begins where the last one ended.
		for range columns {
			if columns[next].name == key && done>>next&1 == 0 {
				break
			}
			next = (next + 1) % len(columns)
		}
		if columns[next].name != key || done>>next&1 != 0 {
			p.fail("a column that is not yet set")
			return
		}
		p.value(columns[next])
		done |= 1 << next
		next = (next + 1) % len(columns)
	})
	if p.err == nil && done != 1<<len(columns)-1 {
		p.fail("every column to be set")
	}
	return parts + 1, kind
}

func (p *parser) value(c column) {
	switch {
	case c.number != nil:
		*c.number = p.number()
	case c.text != nil:
		*c.text = p.text()
	default:
		at := p.at
		millis, ok := parseTimestamp(p.text())
		if p.err == nil && !ok {
			p.at = at
			p.fail("a timestamp")
		}
		*c.millis = millis
	}
}

// object reads an object and calls value after each key.
func (p *parser) object(value func(key string)) {
	if !p.byte('{') {
		p.fail("{")
	}
	for first := true; p.err == nil && !p.byte('}'); first = false {
		if !first && !p.byte(',') {
			p.fail(", or }")
			return
		}
		key := p.text()
		if p.err == nil && !p.byte(':') {
			p.fail(":")
		}
		if p.err == nil {
			value(key)
		}
	}
}

func (p *parser) fail(want string) {
	if p.err == nil {
		rest := p.s[p.at:]
		if len(rest) > 20 {
			rest = rest[:20]
		}
		p.err = fmt.Errorf("nexmark: parse event: byte %d: want %s, got %q", p.at, want, rest)
	}
}

func (p *parser) space() {
	for p.at < len(p.s) {
		switch p.s[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// byte skips c, after white space, and says whether it was there.
func (p *parser) byte(c byte) bool {
	p.space()
	if p.at < len(p.s) && p.s[p.at] == c {
		p.at++
		return true
	}
	return false
}

// word skips w, after white space, and says whether it was there.
func (p *parser) word(w string) bool {
	p.space()
	if len(p.s)-p.at >= len(w) && p.s[p.at:p.at+len(w)] == w {
		p.at += len(w)
		return true
	}
	return false
}

// number reads a whole number of 64 bits.
func (p *parser) number() int64 {
	p.space()
	end := p.at
	if end < len(p.s) && p.s[end] == '-' {
		end++
	}
	digits := end
	for end < len(p.s) && p.s[end] >= '0' && p.s[end] <= '9' {
		end++
	}
	v, err := strconv.ParseInt(p.s[p.at:end], 10, 64)
	if err != nil || end-digits > 1 && p.s[digits] == '0' {
		p.fail("a whole number")
		return 0
	}
	p.at = end
	return v
}

// text reads a string. Without an escape in it, it is a slice of the line.
func (p *parser) text() string {
	if p.err != nil || !p.byte('"') {
		p.fail("a string")
		return ""
	}
	rest := p.s[p.at:]
	for i := range len(rest) {
		c := rest[i]
		if !jsonEscaped[c] {
			continue
		}
		switch {
		case c == '"':
			p.at += i + 1
			return rest[:i]
		case c == '\\':
			return p.escapedText()
		case c < ' ':
			p.at += i
			p.fail("no control character")
			return ""
		}
	}
	p.fail("the end of the string")
	return ""
}

// escapedText reads the rest of a string that has an escape in it.
func (p *parser) escapedText() string {
	var b []byte
	for p.at < len(p.s) {
		c := p.s[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b)
		case c == '\\':
			if b = p.escape(b); p.err != nil {
				return ""
			}
		case c < ' ':
			p.fail("no control character")
			return ""
		default:
			b = append(b, c)
			p.at++
		}
	}
	p.fail("the end of the string")
	return ""
}

// escape reads the escape that begins at p.at and appends what it stands for.
func (p *parser) escape(b []byte) []byte {
	if p.at+1 == len(p.s) {
		p.fail("an escape")
		return b
	}
	c := p.s[p.at+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 't':
		c = '\t'
	case 'n':
		c = '\n'
	case 'f':
		c = '\f'
	case 'r':
		c = '\r'
	case 'u':
		return p.unicode(b)
	default:
		p.fail("an escape")
		return b
	}
	p.at += 2
	return append(b, c)
}

// unicode reads \uXXXX, or two of them that are a pair of surrogates.
func (p *parser) unicode(b []byte) []byte {
	r := p.hex(p.at)
	if r < 0 {
		p.fail("an escape")
		return b
	}
	if !utf16.IsSurrogate(r) {
		p.at += 6
		return utf8.AppendRune(b, r)
	}
	r = utf16.DecodeRune(r, p.hex(p.at+6))
	if r == utf8.RuneError {
		p.fail("a pair of surrogates")
		return b
	}
	p.at += 12
	return utf8.AppendRune(b, r)
}

// hex returns the number of the \uXXXX at a place, or -1 if there is none.
func (p *parser) hex(at int) rune {
	if at+6 > len(p.s) || p.s[at:at+2] != `\u` {
		return -1
	}
	v, err := strconv.ParseUint(p.s[at+2:at+6], 16, 16)
	if err != nil {
		return -1
	}
	return rune(v)
}

func personColumns(p *Person) []column {
	return []column{
		{name: "id", number: &p.ID},
		{name: "name", text: &p.Name},
		{name: "emailAddress", text: &p.EmailAddress},
		{name: "creditCard", text: &p.CreditCard},
		{name: "city", text: &p.City},
		{name: "state", text: &p.State},
		{name: "dateTime", millis: &p.DateTime},
		{name: "extra", text: &p.Extra},
	}
}

func auctionColumns(a *Auction) []column {
	return []column{
		{name: "id", number: &a.ID},
		{name: "itemName", text: &a.ItemName},
		{name: "description", text: &a.Description},
		{name: "initialBid", number: &a.InitialBid},
		{name: "reserve", number: &a.Reserve},
		{name: "dateTime", millis: &a.DateTime},
		{name: "expires", millis: &a.Expires},
		{name: "seller", number: &a.Seller},
		{name: "category", number: &a.Category},
		{name: "extra", text: &a.Extra},
	}
}

func bidColumns(b *Bid) []column {
	return []column{
		{name: "auction", number: &b.Auction},
		{name: "bidder", number: &b.Bidder},
		{name: "price", number: &b.Price},
		{name: "channel", text: &b.Channel},
		{name: "url", text: &b.URL},
		{name: "dateTime", millis: &b.DateTime},
		{name: "extra", text: &b.Extra},
	}
}
