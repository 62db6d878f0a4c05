package nexmark

// Generator makes events. It belongs to one goroutine; others get their own from the same Tables.
type Generator struct {
	t     *Tables
	arena arena
}

// NewGenerator returns a generator with tables of its own. It panics if cfg is not valid; see
// [Config.Validate].
func NewGenerator(cfg Config) *Generator {
	return NewTables(cfg).Generator()
}

// Tables returns what the generator draws from.
func (g *Generator) Tables() *Tables {
	return g.t
}

// GenerateBatch makes the events at positions first, first+step, first+2·step, … into all of out,
// overwriting what is there, with the columns in fields set and all others zero. Positions are not
// negative; step is the number of splits.
//
//flott:hot
func (g *Generator) GenerateBatch(first, step int64, fields Fields, out []Event) {
	if g.t.shuffled {
		for i := range out {
			g.Event(first+int64(i)*step, fields, &out[i])
		}
		return
	}
	c := newClock(first, step, g.t.rate)
	n := first
	for i := range out {
		g.event(n, g.t.baseMillis+c.millis, fields, &out[i])
		n += step
		c.advance()
	}
}

// Event makes the event at position n, which is not negative, into out, with the columns in fields
// set and all others zero. Out is a zero Event or one that was made before.
//
//flott:hot
func (g *Generator) Event(n int64, fields Fields, out *Event) {
	if g.t.shuffled {
		n = g.t.shuffle.at(n)
	}
	g.event(n, g.t.millis(n), fields, out)
}

// event makes event number n of the unshuffled stream.
func (g *Generator) event(n, millis int64, fields Fields, out *Event) {
	s := g.t.seed ^ uint64(n)*eventStep
	cycle := n / cycleEvents
	switch off := n % cycleEvents; {
	case off >= cyclePersons+cycleAuctions:
		if out.Kind != KindBid || fields&AllBid != AllBid {
			out.reset(KindBid)
		}
		if fields&AllBid != 0 {
			g.t.bid(s, cycle, millis, fields, &out.Bid)
		}
	case off >= cyclePersons:
		if out.Kind != KindAuction || fields&AllAuction != AllAuction {
			out.reset(KindAuction)
		}
		if fields&AllAuction != 0 {
			g.t.auction(s, n, millis, fields, &out.Auction)
		}
	default:
		if out.Kind != KindPerson || fields&AllPerson != AllPerson {
			out.reset(KindPerson)
		}
		if fields&AllPerson != 0 {
			g.person(s, cycle, millis, fields, &out.Person)
		}
	}
}

// clock follows n*1000/rate for n = first, first+step, … without dividing for each event.
type clock struct {
	millis, rest         int64
	stepMillis, stepRest int64
	rate                 int64
}

func newClock(first, step, rate int64) clock {
	return clock{
		millis: first * 1000 / rate, rest: first * 1000 % rate,
		stepMillis: step * 1000 / rate, stepRest: step * 1000 % rate,
		rate: rate,
	}
}

func (c *clock) advance() {
	c.millis += c.stepMillis
	c.rest += c.stepRest
	if c.rest >= c.rate {
		c.rest -= c.rate
		c.millis++
	}
}
