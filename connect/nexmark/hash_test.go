package nexmark

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// TestHashesAreThoseOfFlink computes the queries that need no engine in plain Go over the first
// 2,000,000 events and compares the checksums with those of Flink 2.2.1 on the same events. That
// proves the generator for every column these queries read, far beyond the first 10,000 events,
// and Hash itself.
func TestHashesAreThoseOfFlink(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds, with the race detector more than a minute")
	}
	const events = 2_000_000
	r := newReference(tables0().places)
	forEachEvent(events, AllPerson|AllAuction, func(e *Event) {
		switch e.Kind {
		case KindPerson:
			r.persons[e.Person.ID] = e.Person
		case KindAuction:
			r.auctions[e.Auction.ID] = e.Auction
		}
	})
	for _, a := range r.auctions {
		r.auction(&a)
	}
	forEachEvent(events, AllBid, func(e *Event) {
		if e.Kind == KindBid {
			r.bid(&e.Bid)
		}
	})
	for _, c := range []struct {
		query string
		got   *Hash
		rows  int64
		want  string
	}{
		{"q0", &r.q0, 1840000, "17a151267cf14bda"},
		{"q1", &r.q1, 1840000, "49c95cdff3e3150f"},
		{"q2", &r.q2, 14412, "19a5144d2f45b566"},
		{"q3", &r.q3, 11996, "3c92e4f2da0dc5dd"},
		{"q13", &r.q13, 1840000, "cfb714ccc457415c"},
		{"q14", &r.q14, 520734, "b4754a3b73cb5b24"},
		{"q20", &r.q20, 359921, "64cf49539a4487ce"},
		{"q21", &r.q21, 1746899, "5f891d063c62d209"},
		{"q22", &r.q22, 1840000, "94c676cdfc10ba97"},
	} {
		if c.got.Rows() != c.rows || c.got.String() != c.want {
			t.Errorf("%s: %d rows, hash %v; Flink has %d, %s",
				c.query, c.got.Rows(), c.got, c.rows, c.want)
		}
	}
}

// forEachEvent calls do with each of the first events, which it must not keep.
func forEachEvent(events int64, fields Fields, do func(*Event)) {
	g := tables0().Generator()
	out := make([]Event, 1000)
	for n := int64(0); n < events; n += int64(len(out)) {
		g.GenerateBatch(n, 1, fields, out)
		for i := range out {
			do(&out[i])
		}
	}
}

// reference computes queries over auctions and bids one by one, with all persons and auctions at
// hand.
type reference struct {
	persons  map[int64]Person
	auctions map[int64]Auction
	channels map[string]string // channel ids by name, where there is one

	q0, q1, q2, q3, q13, q14, q20, q21, q22 Hash
}

func newReference(places []place) *reference {
	r := &reference{
		persons:  map[int64]Person{},
		auctions: map[int64]Auction{},
		channels: map[string]string{"Apple": "0", "Google": "1", "Facebook": "2", "Baidu": "3"},
	}
	for _, p := range places {
		if _, id, ok := strings.Cut(p.url, "&channel_id="); ok {
			r.channels[p.channel] = id
		}
	}
	return r
}

func (r *reference) bid(b *Bid) {
	appendInts(&r.q0, b.Auction, b.Bidder, b.Price, b.DateTime)
	r.q0.AppendString(b.Extra)
	r.q0.Insert()

	appendInts(&r.q1, b.Auction, b.Bidder)
	r.q1.AppendDecimal(b.Price*908, 3)
	r.q1.AppendInt(b.DateTime)
	r.q1.AppendString(b.Extra)
	r.q1.Insert()

	if b.Auction%123 == 0 {
		appendInts(&r.q2, b.Auction, b.Price)
		r.q2.Insert()
	}

	appendInts(&r.q13, b.Auction, b.Bidder, b.Price, b.DateTime)
	r.q13.AppendString(strconv.FormatInt(b.Auction%10_000, 10))
	r.q13.Insert()

	// All 2,000,000 events lie in the first 20 seconds after midnight.
	if b.Price*908 > 1_000_000_000 && b.Price*908 < 50_000_000_000 {
		appendInts(&r.q14, b.Auction, b.Bidder)
		r.q14.AppendDecimal(b.Price*908, 3)
		r.q14.AppendString("nightTime")
		r.q14.AppendInt(b.DateTime)
		r.q14.AppendString(b.Extra)
		r.q14.AppendInt(int64(strings.Count(b.Extra, "c")))
		r.q14.Insert()
	}

	if id, ok := r.channels[b.Channel]; ok {
		appendInts(&r.q21, b.Auction, b.Bidder, b.Price)
		r.q21.AppendString(b.Channel)
		r.q21.AppendString(id)
		r.q21.Insert()
	}

	appendInts(&r.q22, b.Auction, b.Bidder, b.Price)
	r.q22.AppendString(b.Channel)
	for _, dir := range strings.Split(b.URL, "/")[3:6] {
		r.q22.AppendString(dir)
	}
	r.q22.Insert()

	r.join(b)
}

func (r *reference) auction(a *Auction) {
	p, ok := r.persons[a.Seller]
	if !ok || a.Category != 10 || !strings.Contains("OR ID CA", p.State) {
		return
	}
	r.q3.AppendString(p.Name)
	r.q3.AppendString(p.City)
	r.q3.AppendString(p.State)
	r.q3.AppendInt(a.ID)
	r.q3.Insert()
}

// join is the part of bid that needs the auction.
func (r *reference) join(b *Bid) {
	a, ok := r.auctions[b.Auction]
	if !ok || a.Category != 10 {
		return
	}
	appendInts(&r.q20, b.Auction, b.Bidder, b.Price)
	r.q20.AppendString(b.Channel)
	r.q20.AppendString(b.URL)
	r.q20.AppendInt(b.DateTime)
	r.q20.AppendString(b.Extra)
	r.q20.AppendString(a.ItemName)
	r.q20.AppendString(a.Description)
	appendInts(&r.q20, a.InitialBid, a.Reserve, a.DateTime, a.Expires, a.Seller, a.Category)
	r.q20.AppendString(a.Extra)
	r.q20.Insert()
}

func appendInts(h *Hash, values ...int64) {
	for _, v := range values {
		h.AppendInt(v)
	}
}

func TestHashTakesBackWhatWasInserted(t *testing.T) {
	row := func(h *Hash, n int64) {
		h.AppendInt(n)
		h.AppendNull()
		h.AppendString("ü|")
	}
	var kept, changed, other Hash
	row(&kept, 2)
	kept.Insert()
	row(&changed, 1)
	changed.Insert()
	row(&other, 1)
	other.Retract()
	row(&other, 2)
	other.Insert()
	changed.Merge(&other)
	if changed.Sum() != kept.Sum() || changed.Rows() != 3 {
		t.Errorf("sum %v with %d rows, want %v with 3", &changed, changed.Rows(), &kept)
	}
	var none Hash
	none.Insert()
	if none.String() != "cbf29ce484222325" {
		t.Errorf("a row without fields hashes to %v", &none)
	}
}

func TestAppendDecimal(t *testing.T) {
	for _, c := range []struct {
		unscaled int64
		scale    int
		want     string
	}{
		{0, 0, "0"},
		{0, 3, "0.000"},
		{-5, 3, "-0.005"},
		{90800, 3, "90.800"},
		{999, 3, "0.999"},
		{-1000, 3, "-1.000"},
		{math.MinInt64, 0, "-9223372036854775808"},
		{math.MinInt64, 19, "-0.9223372036854775808"},
		{math.MaxInt64, 18, "9.223372036854775807"},
	} {
		var got, want Hash
		got.AppendDecimal(c.unscaled, c.scale)
		got.Insert()
		want.AppendString(c.want)
		want.Insert()
		if got.Sum() != want.Sum() {
			t.Errorf("%d / 10^%d is not %s", c.unscaled, c.scale, c.want)
		}
	}
}

func TestHashDoesNotAllocate(t *testing.T) {
	var h Hash
	if n := testing.AllocsPerRun(100, func() {
		h.AppendInt(-1)
		h.AppendString("a string that is too long for the small buffer of a conversion")
		h.AppendDecimal(math.MinInt64, 38)
		h.AppendNull()
		h.Insert()
	}); n != 0 {
		t.Errorf("%v allocations for a row, want none", n)
	}
}
