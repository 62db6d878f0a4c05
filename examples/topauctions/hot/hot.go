// Package hot is the job of the topauctions example: the auctions with the most bids of the last ten
// seconds, every two seconds.
//
// Data flow: bids are counted by auction in sliding windows, which share slices of two seconds; the
// counts of each window are gathered by its end, and the largest kept.
package hot

import (
	"cmp"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// Size is the length of a window, Slide the time between two, N how many auctions are kept.
const (
	Size  = 10 * time.Second
	Slide = 2 * time.Second
	N     = 5
)

// Auction is an auction and its bids in a window.
type Auction struct{ Auction, Bids int64 }

// Top is the hottest auctions of a window, the hottest first.
type Top struct {
	Until    time.Time
	Auctions []Auction
}

// Job adds the job to the environment of events.
func Job(events *stream.Stream[nexmark.Event]) *stream.Stream[Top] {
	timed := events.Watermarks(watermark.BoundedMillis(time.Second, (*nexmark.Event).Millis))
	bids := stream.Select(timed, func(e *nexmark.Event, auction *int64) bool {
		*auction = e.Bid.Auction
		return e.Kind == nexmark.KindBid
	}).Name("bids")

	perAuction := stream.Aggregate(
		stream.KeyBy(bids, func(auction int64) int64 { return auction }).
			Window(window.Sliding(Size, Slide)),
		agg.Count[int64]()).Name("bids per auction")

	type count = stream.Result[int64, int64]
	top := stream.Aggregate(
		stream.KeyBy(perAuction, func(r count) int64 { return r.Window.End }).
			Window(window.Tumbling(Slide)),
		agg.TopN(N, func(a, b count) int {
			return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Key, b.Key))
		})).Name("hottest").Parallelism(1)

	return stream.Map(top, func(r stream.Result[int64, []count]) Top {
		t := Top{Until: time.UnixMilli(r.Key).UTC()}
		for _, c := range r.Value {
			t.Auctions = append(t.Auctions, Auction{c.Key, c.Value})
		}
		return t
	})
}
