package nexmark

// Fields is a projection: the set of columns that are wanted. The kind of an event is always set.
type Fields uint32

// One bit for each column, in the order of the schema's leaves, from the lowest up.
const (
	PersonID Fields = 1 << iota
	PersonName
	PersonEmailAddress
	PersonCreditCard
	PersonCity
	PersonState
	PersonDateTime
	PersonExtra

	AuctionID
	AuctionItemName
	AuctionDescription
	AuctionInitialBid
	AuctionReserve
	AuctionDateTime
	AuctionExpires
	AuctionSeller
	AuctionCategory
	AuctionExtra

	BidAuction
	BidBidder
	BidPrice
	BidChannel
	BidURL
	BidDateTime
	BidExtra

	fieldsEnd
)

// Sets of columns.
const (
	NoFields   Fields = 0
	AllPerson         = AuctionID - PersonID
	AllAuction        = BidAuction - AuctionID
	AllBid            = fieldsEnd - BidAuction
	AllFields         = fieldsEnd - 1
	// AllDateTime is the event time of all kinds, which Event.Millis and so the watermark need.
	AllDateTime = PersonDateTime | AuctionDateTime | BidDateTime
)
