// Package queries has the Nexmark queries as jobs of the typed API, and runs them for measurement.
//
// Data flow: Run builds a job from connect/nexmark's source, a query and a Probe sink, runs it by
// launch, and reports what it cost and what came out.
package queries

import (
	"slices"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// Query is one of the queries.
type Query struct {
	Name  string
	Title string
	// ProcessingTime says that the rows depend on when the job runs.
	ProcessingTime bool
	build          func(events *stream.Stream[nexmark.Event], p *Probe)
}

// All is the queries in order.
var All = []Query{
	{Name: "gen", Title: "every event made and filtered out", build: gen},
	{Name: "q0", Title: "every bid, unchanged", build: q0},
	{Name: "q1", Title: "every bid with its price converted", build: q1},
	{Name: "q2", Title: "bids on one auction in 123", build: q2},
	{Name: "q3", Title: "who in three states sells in category 10", build: q3},
	{Name: "q4", Title: "mean winning price by category", build: q4},
	{Name: "q5", Title: "auctions with the most bids, 10 s by 2 s", build: q5},
	{Name: "q7", Title: "the highest bids of every 10 s", build: q7},
	{Name: "q8", Title: "people who registered and sold in one window", build: q8},
	{Name: "q11", Title: "bids for each session of a bidder", build: q11},
	{
		Name: "q12", Title: "bids for each bidder and 10 s of processing time", build: q12,
		ProcessingTime: true,
	},
}

// Find is the query of that name.
func Find(name string) (Query, bool) {
	i := slices.IndexFunc(All, func(q Query) bool { return q.Name == name })
	if i < 0 {
		return Query{}, false
	}
	return All[i], true
}

const windowSize = 10 * time.Second

func gen(events *stream.Stream[nexmark.Event], p *Probe) {
	none := stream.Select(events, func(e *nexmark.Event, out *int64) bool { return e.Kind > 9 })
	sink(none, p, rowOf[int64]{
		hash: func(h *nexmark.Hash, r *int64) { h.AppendInt(*r) },
		sum:  func(r *int64) uint64 { return uint64(*r) },
	})
}

// bidRow is a bid without its channel.
type bidRow struct {
	Auction, Bidder, Price, DateTime int64
	Extra                            string
}

func bidRows(events *stream.Stream[nexmark.Event]) *stream.Stream[bidRow] {
	return stream.Select(events, func(e *nexmark.Event, out *bidRow) bool {
		if e.Kind != nexmark.KindBid {
			return false
		}
		b := &e.Bid
		*out = bidRow{b.Auction, b.Bidder, b.Price, b.DateTime, b.Extra}
		return true
	})
}

func q0(events *stream.Stream[nexmark.Event], p *Probe) {
	sink(bidRows(events), p, rowOf[bidRow]{
		hash: func(h *nexmark.Hash, r *bidRow) {
			h.AppendInt(r.Auction)
			h.AppendInt(r.Bidder)
			h.AppendInt(r.Price)
			h.AppendInt(r.DateTime)
			h.AppendString(r.Extra)
		},
		sum: sumBid,
	})
}

func sumBid(r *bidRow) uint64 {
	return mix(mix(mix(mix(textSum(r.Extra), r.Auction), r.Bidder), r.Price), r.DateTime)
}

func q1(events *stream.Stream[nexmark.Event], p *Probe) {
	// The price becomes a DECIMAL(23, 3): thousandths.
	euros := stream.Map(bidRows(events), func(r bidRow) bidRow {
		r.Price *= 908
		return r
	})
	sink(euros, p, rowOf[bidRow]{
		hash: func(h *nexmark.Hash, r *bidRow) {
			h.AppendInt(r.Auction)
			h.AppendInt(r.Bidder)
			h.AppendDecimal(r.Price, 3)
			h.AppendInt(r.DateTime)
			h.AppendString(r.Extra)
		},
		sum: sumBid,
	})
}

type pair struct{ A, B int64 }

var pairRow = rowOf[pair]{
	hash: func(h *nexmark.Hash, r *pair) {
		h.AppendInt(r.A)
		h.AppendInt(r.B)
	},
	sum: func(r *pair) uint64 { return mix(mix(0, r.A), r.B) },
}

func q2(events *stream.Stream[nexmark.Event], p *Probe) {
	some := stream.Select(events, func(e *nexmark.Event, out *pair) bool {
		*out = pair{e.Bid.Auction, e.Bid.Price}
		return e.Kind == nexmark.KindBid && e.Bid.Auction%123 == 0
	})
	sink(some, p, pairRow)
}

// seller is a person as q3 needs it.
type seller struct {
	ID                int64
	Name, City, State string
}

type sale struct{ Auction, Seller int64 }

// offers is the state of a seller: the person, or the auctions that wait for one.
type offers struct {
	Known   bool
	Person  seller
	Waiting []int64
}

type offer struct {
	Name, City, State string
	Auction           int64
}

func q3(events *stream.Stream[nexmark.Event], p *Probe) {
	persons := stream.Select(events, func(e *nexmark.Event, out *seller) bool {
		if e.Kind != nexmark.KindPerson {
			return false
		}
		v := &e.Person
		*out = seller{v.ID, v.Name, v.City, v.State}
		return v.State == "OR" || v.State == "ID" || v.State == "CA"
	})
	auctions := stream.Select(events, func(e *nexmark.Event, out *sale) bool {
		*out = sale{e.Auction.ID, e.Auction.Seller}
		return e.Kind == nexmark.KindAuction && e.Auction.Category == 10
	})
	emit := func(c *stream.Ctx[int64, offer], p *seller, auction int64) {
		c.Emit(offer{p.Name, p.City, p.State, auction})
	}
	joined := stream.ScanBoth(stream.ConnectKeyed(
		stream.KeyByRef(persons, func(v *seller) int64 { return v.ID }),
		stream.KeyByRef(auctions, func(v *sale) int64 { return v.Seller })),
		func(c *stream.Ctx[int64, offer], s *offers, v *seller) error {
			s.Known, s.Person = true, *v
			for _, auction := range s.Waiting {
				emit(c, v, auction)
			}
			s.Waiting = nil
			return nil
		},
		func(c *stream.Ctx[int64, offer], s *offers, v *sale) error {
			if s.Known {
				emit(c, &s.Person, v.Auction)
			} else {
				s.Waiting = append(s.Waiting, v.Auction)
			}
			return nil
		})
	sink(joined, p, rowOf[offer]{
		hash: func(h *nexmark.Hash, r *offer) {
			h.AppendString(r.Name)
			h.AppendString(r.City)
			h.AppendString(r.State)
			h.AppendInt(r.Auction)
		},
		sum: func(r *offer) uint64 {
			return mix(textSum(r.Name)^textSum(r.City)*3^textSum(r.State)*5, r.Auction)
		},
	})
}

// lot is an auction as q4 needs it.
type lot struct{ ID, Category, From, To int64 }

type price struct{ Auction, Price, At int64 }

// best is the state of an auction: its highest valid bid, and bids that came before it.
type best struct {
	Known     bool
	Lot       lot
	Max       int64
	Early     []price
	HasWinner bool
}

// change says that the winning price of an auction rose; Old is -1 for its first.
type change struct{ Category, Old, New int64 }

func q4(events *stream.Stream[nexmark.Event], p *Probe) {
	auctions := stream.Select(events, func(e *nexmark.Event, out *lot) bool {
		a := &e.Auction
		*out = lot{a.ID, a.Category, a.DateTime, a.Expires}
		return e.Kind == nexmark.KindAuction
	})
	bids := stream.Select(events, func(e *nexmark.Event, out *price) bool {
		*out = price{e.Bid.Auction, e.Bid.Price, e.Bid.DateTime}
		return e.Kind == nexmark.KindBid
	})
	changes := stream.ScanBoth(stream.ConnectKeyed(
		stream.KeyByRef(auctions, func(v *lot) int64 { return v.ID }),
		stream.KeyByRef(bids, func(v *price) int64 { return v.Auction })),
		func(c *stream.Ctx[int64, change], s *best, v *lot) error {
			s.Known, s.Lot = true, *v
			for i := range s.Early {
				s.offer(c, &s.Early[i])
			}
			s.Early = nil
			return nil
		},
		func(c *stream.Ctx[int64, change], s *best, v *price) error {
			if s.Known {
				s.offer(c, v)
			} else {
				s.Early = append(s.Early, *v)
			}
			return nil
		})
	type mean struct{ Sum, N int64 }
	means := stream.ScanRef(stream.KeyByRef(changes, func(v *change) int64 { return v.Category }),
		func(c *stream.Ctx[int64, pair], s *mean, v *change) error {
			if v.Old < 0 {
				s.N++
				v.Old = 0
			}
			s.Sum += v.New - v.Old
			c.Emit(pair{v.Category, s.Sum / s.N})
			return nil
		})
	row := pairRow
	row.key = func(r *pair) int64 { return r.A }
	sink(means, p, row)
}

// offer notes a bid on a known auction.
func (s *best) offer(c *stream.Ctx[int64, change], v *price) {
	if v.At < s.Lot.From || v.At > s.Lot.To || s.HasWinner && v.Price <= s.Max {
		return
	}
	old := int64(-1)
	if s.HasWinner {
		old = s.Max
	}
	s.Max, s.HasWinner = v.Price, true
	c.Emit(change{s.Lot.Category, old, v.Price})
}

// auctionOf is the key of windows over bids.
func auctionIDs(events *stream.Stream[nexmark.Event]) *stream.Stream[int64] {
	return stream.Select(events, func(e *nexmark.Event, out *int64) bool {
		*out = e.Bid.Auction
		return e.Kind == nexmark.KindBid
	})
}

func bidderIDs(events *stream.Stream[nexmark.Event]) *stream.Stream[int64] {
	return stream.Select(events, func(e *nexmark.Event, out *int64) bool {
		*out = e.Bid.Bidder
		return e.Kind == nexmark.KindBid
	})
}

func same(v *int64) int64 { return *v }

// tops is the accumulator of q5: the auctions that share the largest count.
type tops struct {
	Count    int64
	Auctions []int64
}

type auctionCount = stream.Result[int64, int64]

func (t *tops) offer(count int64, auctions ...int64) {
	switch {
	case count > t.Count:
		t.Count = count
		t.Auctions = append(t.Auctions[:0:0], auctions...)
	case count == t.Count:
		t.Auctions = append(t.Auctions, auctions...)
	}
}

func q5(events *stream.Stream[nexmark.Event], p *Probe) {
	counts := stream.Aggregate(
		stream.KeyByRef(auctionIDs(events), same).Window(window.Sliding(windowSize, 2*time.Second)),
		agg.Count[int64]())
	hottest := agg.Aggregate[auctionCount, tops, tops]{
		Add:    func(acc *tops, v *auctionCount) { acc.offer(v.Value, v.Key) },
		Merge:  func(into, from *tops) { into.offer(from.Count, from.Auctions...) },
		Result: func(acc *tops) tops { return *acc },
	}
	perWindow := stream.Aggregate(
		stream.KeyByRef(counts, func(r *auctionCount) int64 { return r.Window.End }).
			Window(window.Tumbling(2*time.Second)), hottest)
	rows := stream.FlatMap(perWindow, func(r stream.Result[int64, tops], emit func(pair)) {
		for _, auction := range r.Value.Auctions {
			emit(pair{auction, r.Value.Count})
		}
	})
	sink(rows, p, pairRow)
}

// candidate is a bid in q7. An echo is a bid in the first millisecond of a window, seen from the
// window before, whose last bound is inclusive in the query: it may match but does not count.
type candidate struct {
	bidRow
	Echo bool
}

type highest struct {
	Top  int64
	Some bool
	Bids []candidate
}

func (h *highest) offer(c *candidate) {
	if c.Echo {
		h.Bids = append(h.Bids, *c)
		return
	}
	if !h.Some || c.Price > h.Top {
		h.Top, h.Some = c.Price, true
		h.Bids = slices.DeleteFunc(h.Bids, func(o candidate) bool { return o.Price < c.Price })
	}
	if c.Price == h.Top {
		h.Bids = append(h.Bids, *c)
	}
}

func q7(events *stream.Stream[nexmark.Event], p *Probe) {
	bids := bidRows(events)
	size := windowSize.Milliseconds()
	candidates := stream.ProcessEach(bids,
		func(*stream.Task) (func(*stream.Emitter[candidate], bidRow) error, error) {
			return func(c *stream.Emitter[candidate], b bidRow) error {
				c.Emit(candidate{b, false})
				if b.DateTime%size == 0 {
					c.EmitAt(candidate{b, true}, time.UnixMilli(b.DateTime-1))
				}
				return nil
			}, nil
		})
	top := agg.Aggregate[candidate, highest, []bidRow]{
		Add: func(acc *highest, c *candidate) { acc.offer(c) },
		Merge: func(into, from *highest) {
			for i := range from.Bids {
				into.offer(&from.Bids[i])
			}
		},
		Result: func(acc *highest) (rows []bidRow) {
			for i := range acc.Bids {
				if acc.Some && acc.Bids[i].Price == acc.Top {
					rows = append(rows, acc.Bids[i].bidRow)
				}
			}
			return rows
		},
	}
	perWindow := stream.Aggregate(candidates.WindowAll(window.Tumbling(windowSize)), top)
	rows := stream.FlatMap(perWindow, func(r stream.Result[stream.All, []bidRow], emit func(bidRow)) {
		for _, b := range r.Value {
			emit(b)
		}
	})
	sink(rows, p, rowOf[bidRow]{
		hash: func(h *nexmark.Hash, r *bidRow) {
			h.AppendInt(r.Auction)
			h.AppendInt(r.Price)
			h.AppendInt(r.Bidder)
			h.AppendInt(r.DateTime)
			h.AppendString(r.Extra)
		},
		sum: sumBid,
	})
}

type spanCount struct{ Key, N, Start, End int64 }

var spanRow = rowOf[spanCount]{
	hash: func(h *nexmark.Hash, r *spanCount) {
		h.AppendInt(r.Key)
		h.AppendInt(r.N)
		h.AppendInt(r.Start)
		h.AppendInt(r.End)
	},
	sum: func(r *spanCount) uint64 { return mix(mix(mix(mix(0, r.Key), r.N), r.Start), r.End) },
}

func spans(s *stream.Stream[stream.Result[int64, int64]]) *stream.Stream[spanCount] {
	return stream.Map(s, func(r stream.Result[int64, int64]) spanCount {
		return spanCount{r.Key, r.Value, r.Window.Start, r.Window.End}
	})
}

func q11(events *stream.Stream[nexmark.Event], p *Probe) {
	bidders := stream.KeyByRef(bidderIDs(events), same)
	sink(spans(stream.Aggregate(bidders.Window(window.Session(windowSize)), agg.Count[int64]())),
		p, spanRow)
}

func q12(events *stream.Stream[nexmark.Event], p *Probe) {
	bidders := stream.KeyByRef(bidderIDs(events), same)
	tumbling := window.Tumbling(windowSize).ProcessingTime()
	row := spanRow
	row.count = func(r *spanCount) int64 { return r.N }
	sink(spans(stream.Aggregate(bidders.Window(tumbling), agg.Count[int64]())), p, row)
}
