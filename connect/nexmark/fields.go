package nexmark

// Fields is a projection: the set of columns that are wanted. The kind of an event is always set.
type Fields uint32

// One bit for each column.
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
	// EventTime is the time of every kind of event, which the watermark needs.
	EventTime = PersonDateTime | AuctionDateTime | BidDateTime
)
