package nexmark

// bid draws the wanted columns of a bid. The draws, in order: whether the auction is hot, which if
// not, whether the bidder is hot, who if not, the price, whether the channel is hot, which, and
// the length and place of the filler.
//
// Half of the picks go either way, which no branch predictor can follow, so both outcomes are
// computed and one is masked out.
//
//flott:hot
func (t *Tables) bid(s uint64, cycle, millis int64, fields Fields, out *Bid) {
	const afterBidder = BidPrice | BidChannel | BidURL | BidExtra
	if fields&BidDateTime != 0 {
		out.DateTime = millis
	}
	if fields&^BidDateTime == 0 {
		return
	}
	s += gamma
	cold := coldMask(mix(s), t.hotAuction)
	if fields&BidAuction != 0 {
		last := uint64(cycle*cycleAuctions + cycleAuctions - 1)
		id := choose(cold, recent(mix(s+gamma), last, openAuctions), hotOf(last))
		out.Auction = firstID + int64(id)
	}
	s += cold & gamma
	if fields&(BidBidder|afterBidder) == 0 {
		return
	}
	s += gamma
	cold = coldMask(mix(s), t.hotBidder)
	if fields&BidBidder != 0 {
		last := uint64(cycle)
		id := choose(cold, recent(mix(s+gamma), last, activePeople), hotOf(last)+1)
		out.Bidder = firstID + int64(id)
	}
	s += cold & gamma
	if fields&afterBidder == 0 {
		return
	}
	s += gamma
	if fields&BidPrice != 0 {
		out.Price = t.drawPrice(s)
	}
	s += gamma
	if fields&(BidChannel|BidURL) != 0 {
		p := t.drawPlace(s)
		if fields&BidChannel != 0 {
			out.Channel = p.channel
		}
		if fields&BidURL != 0 {
			out.URL = p.url
		}
	}
	s += 2 * gamma & mask64
	if fields&BidExtra != 0 {
		out.Extra = t.drawFiller(s, 32, 100)
	}
}

// drawPlace takes the draws at s and after it for a place, a hot one or one of the others.
func (t *Tables) drawPlace(s uint64) *place {
	hot := uint64(len(t.places) - channelCount)
	cold := coldMask(mix(s), t.hotChannel)
	i := below(mix(s+gamma), choose(cold, channelCount, hot)) + cold&hot
	return &t.places[i]
}

// coldMask returns 0 if the draw x is hot, as are all but one in so many, and all ones if not.
func coldMask(x, hotRatio uint64) uint64 {
	return ^uint64(-int64(below(x, hotRatio)) >> 63)
}

// choose returns a where the mask is all ones and b where it is 0.
func choose(mask, a, b uint64) uint64 {
	return b ^ mask&(a^b)
}

// hotOf returns the hot person or auction while last is the newest.
func hotOf(last uint64) uint64 {
	return last / hotEvery * hotEvery
}

// recent maps the draw x to one of the last window persons or auctions, or one that is yet to
// come.
func recent(x, last, window uint64) uint64 {
	have := min(last+1, window)
	return last + 1 - have + below(x, have+lead)
}
