package nexmark_test

import (
	"fmt"

	"github.com/flott-dev/flott/connect/nexmark"
)

func ExampleGenerator_GenerateBatch() {
	g := nexmark.NewGenerator(nexmark.Config{})
	// Split 1 of 2 makes the events 1, 3, 5, …; only these columns are produced.
	const fields = nexmark.AuctionID | nexmark.AuctionSeller | nexmark.BidAuction | nexmark.BidPrice
	batch := make([]nexmark.Event, 4)
	g.GenerateBatch(1, 2, fields, batch)
	for _, e := range batch {
		switch e.Kind {
		case nexmark.KindAuction:
			fmt.Println("auction", e.Auction.ID, "by", e.Auction.Seller)
		case nexmark.KindBid:
			fmt.Println("bid of", e.Bid.Price, "on", e.Bid.Auction)
		}
	}
	// Output:
	// auction 1000 by 1000
	// auction 1002 by 1000
	// bid of 84963 on 1000
	// bid of 194263 on 1006
}

func ExampleHash() {
	var h nexmark.Hash
	h.AppendInt(1000)
	h.AppendDecimal(90800, 3)
	h.AppendNull()
	h.Insert() // the hash of the text 1000|90.800|\N
	fmt.Println(h.Rows(), &h)
	// Output:
	// 1 8466da618ae29c03
}
