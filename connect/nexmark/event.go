package nexmark

// Event is one event of any kind, as a flat union: only the part that Kind names is set, the
// other two are zero. Bids come first because they are 46 of 50: so what is read and written of one
// lies in two cache lines.
type Event struct {
	Kind    Kind
	Bid     Bid
	Person  Person
	Auction Auction
}

// Kind says which part of an Event is set; its number is the column event_type.
type Kind uint8

// The kinds of events.
const (
	KindPerson Kind = iota
	KindAuction
	KindBid
)

// Person is somebody who registers at the site.
type Person struct {
	ID           int64
	Name         string
	EmailAddress string
	CreditCard   string
	City         string
	State        string
	DateTime     int64 // milliseconds since 1970, UTC
	Extra        string
}

// Auction is one item up for sale.
type Auction struct {
	ID          int64
	ItemName    string
	Description string
	InitialBid  int64 // cents
	Reserve     int64 // cents
	DateTime    int64 // milliseconds since 1970, UTC
	Expires     int64 // milliseconds since 1970, UTC
	Seller      int64
	Category    int64
	Extra       string
}

// Bid is an offer for an auction.
type Bid struct {
	Auction  int64
	Bidder   int64
	Price    int64 // cents
	Channel  string
	URL      string
	DateTime int64 // milliseconds since 1970, UTC
	Extra    string
}

// Millis returns the event time in milliseconds since 1970, UTC, if the projection has it.
func (e *Event) Millis() int64 {
	switch e.Kind {
	case KindPerson:
		return e.Person.DateTime
	case KindAuction:
		return e.Auction.DateTime
	default:
		return e.Bid.DateTime
	}
}

// reset zeroes the part that is set and makes e an empty event of the given kind. The other parts
// are zero already: that is the invariant of Event, and what makes this cheap.
func (e *Event) reset(kind Kind) {
	switch e.Kind {
	case KindPerson:
		e.Person = Person{}
	case KindAuction:
		e.Auction = Auction{}
	default:
		e.Bid = Bid{}
	}
	e.Kind = kind
}
