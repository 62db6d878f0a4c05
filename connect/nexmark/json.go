package nexmark

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendJSON appends e to dst as one JSON object without a line feed: the very bytes that Flink's
// json format writes for the schema (event_type, person, auction, bid) when it leaves out NULL
// fields.
//
//flott:hot
func AppendJSON(dst []byte, e *Event) []byte {
	switch e.Kind {
	case KindPerson:
		dst = appendPersonJSON(append(dst, `{"event_type":0,"person":{`...), &e.Person)
	case KindAuction:
		dst = appendAuctionJSON(append(dst, `{"event_type":1,"auction":{`...), &e.Auction)
	default:
		dst = appendBidJSON(append(dst, `{"event_type":2,"bid":{`...), &e.Bid)
	}
	return append(dst, '}', '}')
}

func appendPersonJSON(dst []byte, p *Person) []byte {
	dst = strconv.AppendInt(append(dst, `"id":`...), p.ID, 10)
	dst = appendStringJSON(append(dst, `,"name":`...), p.Name)
	dst = appendStringJSON(append(dst, `,"emailAddress":`...), p.EmailAddress)
	dst = appendStringJSON(append(dst, `,"creditCard":`...), p.CreditCard)
	dst = appendStringJSON(append(dst, `,"city":`...), p.City)
	dst = appendStringJSON(append(dst, `,"state":`...), p.State)
	dst = appendTimestamp(append(dst, `,"dateTime":"`...), p.DateTime)
	return appendStringJSON(append(dst, `","extra":`...), p.Extra)
}

func appendAuctionJSON(dst []byte, a *Auction) []byte {
	dst = strconv.AppendInt(append(dst, `"id":`...), a.ID, 10)
	dst = appendStringJSON(append(dst, `,"itemName":`...), a.ItemName)
	dst = appendStringJSON(append(dst, `,"description":`...), a.Description)
	dst = strconv.AppendInt(append(dst, `,"initialBid":`...), a.InitialBid, 10)
	dst = strconv.AppendInt(append(dst, `,"reserve":`...), a.Reserve, 10)
	dst = appendTimestamp(append(dst, `,"dateTime":"`...), a.DateTime)
	dst = appendTimestamp(append(dst, `","expires":"`...), a.Expires)
	dst = strconv.AppendInt(append(dst, `","seller":`...), a.Seller, 10)
	dst = strconv.AppendInt(append(dst, `,"category":`...), a.Category, 10)
	return appendStringJSON(append(dst, `,"extra":`...), a.Extra)
}

func appendBidJSON(dst []byte, b *Bid) []byte {
	dst = strconv.AppendInt(append(dst, `"auction":`...), b.Auction, 10)
	dst = strconv.AppendInt(append(dst, `,"bidder":`...), b.Bidder, 10)
	dst = strconv.AppendInt(append(dst, `,"price":`...), b.Price, 10)
	dst = appendStringJSON(append(dst, `,"channel":`...), b.Channel)
	dst = appendStringJSON(append(dst, `,"url":`...), b.URL)
	dst = appendTimestamp(append(dst, `,"dateTime":"`...), b.DateTime)
	return appendStringJSON(append(dst, `","extra":`...), b.Extra)
}

// jsonEscaped says for each byte whether an escape begins with it.
var jsonEscaped = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c == '"' || c == '\\' || c >= 0xF0
	}
	return t
}()

// appendStringJSON appends s, which is UTF-8, in quotes. As in Jackson only what must be escaped
// is: quotes, backslashes and control characters; and, as a pair of surrogates, what lies outside
// the basic plane.
func appendStringJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		if !jsonEscaped[s[i]] {
			continue
		}
		dst = append(dst, s[done:i]...)
		var size int
		dst, size = appendEscape(dst, s[i:])
		i += size - 1
		done = i + 1
	}
	return append(append(dst, s[done:]...), '"')
}

// appendEscape appends the escape for the first character of s and returns its size in s.
func appendEscape(dst []byte, s string) ([]byte, int) {
	switch c := s[0]; {
	case c >= 0xF0:
		r, size := utf8.DecodeRuneInString(s)
		if size == 1 {
			return append(dst, c), size
		}
		high, low := utf16.EncodeRune(r)
		return appendHex(appendHex(dst, high), low), size
	case c == '\b':
		dst = append(dst, '\\', 'b')
	case c == '\t':
		dst = append(dst, '\\', 't')
	case c == '\n':
		dst = append(dst, '\\', 'n')
	case c == '\f':
		dst = append(dst, '\\', 'f')
	case c == '\r':
		dst = append(dst, '\\', 'r')
	case c < ' ':
		dst = appendHex(dst, rune(c))
	default:
		dst = append(dst, '\\', c)
	}
	return dst, 1
}

// appendHex appends \uXXXX.
func appendHex(dst []byte, r rune) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
