package nexmark

import "strconv"

// CSVHeader names the columns that AppendCSV writes, in order.
const CSVHeader = "event_type," +
	"person_id,person_name,person_emailAddress,person_creditCard,person_city,person_state," +
	"person_dateTime,person_extra," +
	"auction_id,auction_itemName,auction_description,auction_initialBid,auction_reserve," +
	"auction_dateTime,auction_expires,auction_seller,auction_category,auction_extra," +
	"bid_auction,bid_bidder,bid_price,bid_channel,bid_url,bid_dateTime,bid_extra"

// AppendCSV appends e to dst as one line without a line feed. The layout is flat, one column for
// each leaf of the schema, as CSVHeader names them:
//
//	event_type, 8 columns of the person, 10 of the auction, 7 of the bid
//
// The columns of the other kinds are NULL and so empty. Times are text as in AppendJSON. A string
// that is empty or has a comma, a quote or a line break in it is quoted as RFC 4180 says.
//
//flott:hot
func AppendCSV(dst []byte, e *Event) []byte {
	dst = append(dst, '0'+byte(e.Kind), ',')
	switch e.Kind {
	case KindPerson:
		dst = appendPersonCSV(dst, &e.Person)
		return append(dst, ",,,,,,,,,,,,,,,,,"...)
	case KindAuction:
		dst = appendAuctionCSV(append(dst, ",,,,,,,,"...), &e.Auction)
		return append(dst, ",,,,,,,"...)
	default:
		return appendBidCSV(append(dst, ",,,,,,,,,,,,,,,,,,"...), &e.Bid)
	}
}

func appendPersonCSV(dst []byte, p *Person) []byte {
	dst = append(strconv.AppendInt(dst, p.ID, 10), ',')
	dst = append(appendStringCSV(dst, p.Name), ',')
	dst = append(appendStringCSV(dst, p.EmailAddress), ',')
	dst = append(appendStringCSV(dst, p.CreditCard), ',')
	dst = append(appendStringCSV(dst, p.City), ',')
	dst = append(appendStringCSV(dst, p.State), ',')
	dst = append(appendTimestamp(dst, p.DateTime), ',')
	return appendStringCSV(dst, p.Extra)
}

func appendAuctionCSV(dst []byte, a *Auction) []byte {
	dst = append(strconv.AppendInt(dst, a.ID, 10), ',')
	dst = append(appendStringCSV(dst, a.ItemName), ',')
	dst = append(appendStringCSV(dst, a.Description), ',')
	dst = append(strconv.AppendInt(dst, a.InitialBid, 10), ',')
	dst = append(strconv.AppendInt(dst, a.Reserve, 10), ',')
	dst = append(appendTimestamp(dst, a.DateTime), ',')
	dst = append(appendTimestamp(dst, a.Expires), ',')
	dst = append(strconv.AppendInt(dst, a.Seller, 10), ',')
	dst = append(strconv.AppendInt(dst, a.Category, 10), ',')
	return appendStringCSV(dst, a.Extra)
}

func appendBidCSV(dst []byte, b *Bid) []byte {
	dst = append(strconv.AppendInt(dst, b.Auction, 10), ',')
	dst = append(strconv.AppendInt(dst, b.Bidder, 10), ',')
	dst = append(strconv.AppendInt(dst, b.Price, 10), ',')
	dst = append(appendStringCSV(dst, b.Channel), ',')
	dst = append(appendStringCSV(dst, b.URL), ',')
	dst = append(appendTimestamp(dst, b.DateTime), ',')
	return appendStringCSV(dst, b.Extra)
}

// csvQuoted says for each byte whether a string with it is quoted.
var csvQuoted = [256]bool{',': true, '"': true, '\r': true, '\n': true}

func appendStringCSV(dst []byte, s string) []byte {
	quoted := s == ""
	for i := range len(s) {
		quoted = quoted || csvQuoted[s[i]]
	}
	if !quoted {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
