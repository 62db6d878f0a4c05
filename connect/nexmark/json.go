package nexmark

import "strconv"

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

// appendStringJSON appends s, which is UTF-8, in quotes. As in Jackson only what must be escaped
// is: quotes, backslashes and control characters, the latter by letter or in upper-case hex.
func appendStringJSON(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[done:]...), '"')
}
