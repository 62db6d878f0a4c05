package nexmark

// auction draws the wanted columns of event number n, an auction. The draws, in order: whether the
// seller is hot, who if not, the category, the initial bid, the duration, length and place of the
// name and of the description, the reserve, and length and place of the filler.
//
//flott:hot
func (t *Tables) auction(s uint64, n, millis int64, fields Fields, out *Auction) {
	cycle := n / cycleEvents
	if fields&AuctionID != 0 {
		out.ID = firstID + cycle*cycleAuctions + n%cycleEvents - cyclePersons
	}
	if fields&AuctionDateTime != 0 {
		out.DateTime = millis
	}
	if fields&^(AuctionID|AuctionDateTime) == 0 {
		return
	}
	s += gamma
	cold := coldMask(mix(s), t.hotSeller)
	if fields&AuctionSeller != 0 {
		last := uint64(cycle)
		id := choose(cold, recent(mix(s+gamma), last, activePeople), hotOf(last))
		out.Seller = firstID + int64(id)
	}
	s += cold&gamma + gamma
	if fields&AuctionCategory != 0 {
		out.Category = int64(t.firstCategory + below(mix(s), categories))
	}
	s += gamma
	if fields&(AuctionInitialBid|AuctionReserve) != 0 {
		t.auctionPrices(s, fields, out)
	}
	s += gamma
	if fields&AuctionExpires != 0 {
		out.Expires = millis + 1 + int64(below(mix(s), t.durationMillisMax(n, millis)))
	}
	s += gamma
	if fields&AuctionItemName != 0 {
		out.ItemName = t.drawText(s, 3, 20)
	}
	s += 2 * gamma & mask64
	if fields&AuctionDescription != 0 {
		out.Description = t.drawText(s, 3, 100)
	}
	s += 3 * gamma & mask64
	if fields&AuctionExtra != 0 {
		out.Extra = t.drawFiller(s, 110, 500)
	}
}

// auctionPrices takes the draw at s for the initial bid and the sixth after it for the reserve,
// which is above.
func (t *Tables) auctionPrices(s uint64, fields Fields, out *Auction) {
	initial := t.drawPrice(s)
	if fields&AuctionInitialBid != 0 {
		out.InitialBid = initial
	}
	if fields&AuctionReserve != 0 {
		out.Reserve = initial + t.drawPrice(s+6*gamma&mask64)
	}
}

// durationMillisMax returns how long auction n may last: twice the time in which as many auctions
// as are open at a time begin.
func (t *Tables) durationMillisMax(n, millis int64) uint64 {
	const ahead = openAuctions * cycleEvents / cycleAuctions
	horizon := max(t.millis(n+ahead)-millis, 1)
	return uint64(min(2*horizon, 1<<31-1))
}

// drawPrice takes the draw at s for a price.
func (t *Tables) drawPrice(s uint64) int64 {
	return t.prices.at(uint16(mix(s) >> 48))
}

// drawText takes the draws at s and after it for a text of lengthMin to lengthMax-1 bytes.
func (t *Tables) drawText(s, lengthMin, lengthMax uint64) string {
	length := lengthMin + below(mix(s), lengthMax-lengthMin)
	at := below(mix(s+gamma), poolBytes-length)
	return t.pool[at : at+length]
}

// drawFiller draws the text that pads an event, whose other columns have usedBytes, to averageBytes
// give or take a fifth of itself.
func (t *Tables) drawFiller(s, usedBytes, averageBytes uint64) string {
	want := averageBytes - usedBytes
	return t.drawText(s, want-want/5, want+want/5)
}
