package nexmark

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"sync"
	"testing"
)

// tables0 are the tables of the zero Config, which most tests share.
var tables0 = sync.OnceValue(func() *Tables { return NewTables(Config{}) })

// allocsMax bounds the allocations for one event with all columns. What there is are the chunks
// that the e-mail addresses and credit cards of persons go to, one in 100,000 events.
const allocsMax = 0.01

// flinkEvents returns the JSON lines of the first 10,000 events as Flink wrote them.
func flinkEvents(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open("testdata/events-10000.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n"))
}

func TestEventsAreThoseOfFlink(t *testing.T) {
	want := flinkEvents(t)
	if len(want) != 10_000 {
		t.Fatalf("%d lines, want 10000", len(want))
	}
	events := make([]Event, len(want))
	tables0().Generator().GenerateBatch(0, 1, AllFields, events)
	for i := range events {
		if got := AppendJSON(nil, &events[i]); !bytes.Equal(got, want[i]) {
			t.Fatalf("event %d:\n got %s\nwant %s", i, got, want[i])
		}
	}
}

// project returns what is left of e when only some columns are wanted.
func project(e Event, fields Fields) Event {
	bit := Fields(1)
	for _, part := range []any{&e.Person, &e.Auction, &e.Bid} {
		v := reflect.ValueOf(part).Elem()
		for i := range v.NumField() {
			if fields&bit == 0 {
				v.Field(i).SetZero()
			}
			bit <<= 1
		}
	}
	return e
}

func TestProjection(t *testing.T) {
	projections := []Fields{NoFields, AllPerson, AllAuction, AllBid, AllFields, AllDateTime}
	for bit := Fields(1); bit < fieldsEnd; bit <<= 1 {
		projections = append(projections, bit, AllFields&^bit)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		projections = append(projections, Fields(rnd.Uint32())&AllFields)
	}
	for _, variant := range []int{0, 1, 2} {
		g := NewGenerator(Config{Variant: variant})
		full := make([]Event, 7*len(projections)+1000)
		g.GenerateBatch(100_000, 1, AllFields, full)
		// The batch is reused at odd offsets, so that every slot sees other kinds and projections.
		got := make([]Event, 977)
		for i, fields := range projections {
			at := i * 7
			g.GenerateBatch(100_000+int64(at), 1, fields, got)
			for j := range got {
				if want := project(full[at+j], fields); got[j] != want {
					t.Fatalf("variant %d, fields %b, event %d:\n got %+v\nwant %+v",
						variant, fields, at+j, got[j], want)
				}
			}
		}
	}
}

func TestProjectionSetsAreComplete(t *testing.T) {
	sum := AllPerson | AllAuction | AllBid
	if sum != AllFields || AllPerson&AllAuction|AllAuction&AllBid|AllPerson&AllBid != 0 {
		t.Fatalf("person %b, auction %b, bid %b, all %b", AllPerson, AllAuction, AllBid, AllFields)
	}
}

func TestSplitsAndSeeksMakeTheSameEvents(t *testing.T) {
	const from, events = 1_234_567, 3000
	for _, cfg := range []Config{
		{},
		{RatePerSecond: 7},
		{RatePerSecond: 3_000_001, Seed: -5, BaseMillis: -1},
		{Variant: 3},
		{Variant: 4, Events: from + events},
	} {
		tables := NewTables(cfg)
		want := make([]Event, events)
		tables.Generator().GenerateBatch(from, 1, AllFields, want)
		var one Event
		single := tables.Generator()
		for i := range want {
			n := (i*1009 + 5) % events
			single.Event(from+int64(n), AllFields, &one)
			if one != want[n] {
				t.Fatalf("%+v: event %d alone:\n got %+v\nwant %+v", cfg, n, one, want[n])
			}
			if tables.Millis(from+int64(n)) != one.Millis() {
				t.Fatalf("%+v: event %d: Millis disagrees with the event", cfg, n)
			}
		}
		for _, splits := range []int{2, 3, 50, 128} {
			g := tables.Generator()
			for split := range splits {
				out := make([]Event, (events-split+splits-1)/splits)
				g.GenerateBatch(int64(from+split), int64(splits), AllFields, out)
				for j := range out {
					if w := want[split+j*splits]; out[j] != w {
						t.Fatalf("%+v: split %d of %d, event %d:\n got %+v\nwant %+v",
							cfg, split, splits, j, out[j], w)
					}
				}
			}
		}
	}
}

func TestPricesAreThoseOfTheFormula(t *testing.T) {
	p := &tables0().prices
	for i := range 1 << 16 {
		v := priceAt(i)
		if got, want := p.at(uint16(i)), int64(math.Floor(v+0.5)); got != want {
			t.Errorf("price %d is %d, want %d", i, got, want)
		}
		if d := math.Abs(v - math.Floor(v) - 0.5); d < 1e-6 {
			t.Errorf("price %d, %v, is %g from a tie", i, v, d)
		}
	}
}

func TestGenerateBatchDoesNotAllocate(t *testing.T) {
	g := tables0().Generator()
	out := make([]Event, 1024)
	next := int64(0)
	perBatch := testing.AllocsPerRun(1000, func() {
		g.GenerateBatch(next, 1, AllFields, out)
		next += int64(len(out))
	})
	if perEvent := perBatch / float64(len(out)); perEvent > allocsMax {
		t.Errorf("%g allocations for an event, want at most %g", perEvent, allocsMax)
	}
	const composed = PersonEmailAddress | PersonCreditCard
	if n := testing.AllocsPerRun(100, func() {
		g.GenerateBatch(next, 1, AllFields&^composed, out)
	}); n != 0 {
		t.Errorf("%v allocations for a batch without composed strings, want none", n)
	}
}

func TestConfigValidate(t *testing.T) {
	err := Config{RatePerSecond: -1, Variant: -2, Events: -3}.Validate()
	const want = "nexmark: RatePerSecond is -1, want 0 or more\n" +
		"nexmark: Variant is -2, want 0 or more\n" +
		"nexmark: Events is -3, want 0 or more"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("zero Config: %v", err)
	}
}

func benchmarkBatch(b *testing.B, cfg Config, fields Fields) {
	g := NewGenerator(cfg)
	out := make([]Event, 1024)
	next := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		g.GenerateBatch(next, 1, fields, out)
		next += int64(len(out))
	}
	reportEvents(b, len(out))
}

// reportEvents adds the figures for one event, of which an iteration handles perLoop.
func reportEvents(b *testing.B, perLoop int) {
	events := float64(b.N) * float64(perLoop)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
}

func BenchmarkGenerateBatch(b *testing.B) {
	for _, c := range []struct {
		name   string
		cfg    Config
		fields Fields
	}{
		{"all", Config{}, AllFields},
		{"bid", Config{}, AllBid | AllDateTime},
		{"q0", Config{}, BidAuction | BidBidder | BidPrice | BidExtra | AllDateTime},
		{"q2", Config{}, BidAuction | BidPrice | AllDateTime},
		{"kind", Config{}, NoFields},
		{"variant", Config{Variant: 1}, AllFields},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkBatch(b, c.cfg, c.fields) })
	}
}
