package nexmark_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSourceConformance(t *testing.T) {
	for _, variant := range []int{0, 3} {
		cfg := nexmark.Config{Events: 120, Variant: variant}
		want := make([]nexmark.Event, cfg.Events)
		nexmark.NewGenerator(cfg).GenerateBatch(0, 1, nexmark.AllFields, want)
		for _, options := range [][]nexmark.SourceOption{nil, {nexmark.Paced()}} {
			t.Run(fmt.Sprintf("variant %d paced %v", variant, options != nil), func(t *testing.T) {
				// One source for all runs: its tables take a while to make.
				src := nexmark.Source(cfg, options...)
				connecttest.Source(t, func() connect.Source[nexmark.Event] { return src },
					connecttest.Options[nexmark.Event]{Want: want})
			})
		}
	}
}

func TestSourceIsPacedByEventTime(t *testing.T) {
	base := connecttest.NewDriver(t, nexmark.Source(nexmark.Config{}), 1, nil).Now().UnixMilli()
	src := nexmark.Source(nexmark.Config{BaseMillis: base, RatePerSecond: 100}, nexmark.Paced())
	d := connecttest.NewDriver(t, src, 2, nil)
	events, err := d.Read(200)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for i := range events {
		last = max(last, events[i].Millis())
	}
	if now := d.Now().UnixMilli(); last > now || last < now-20 {
		t.Errorf("the last event is of %d ms, read at %d ms", last-base, now-base)
	}
}

func TestSourceReportsBadConfig(t *testing.T) {
	env := stream.NewEnv()
	stream.From(env, nexmark.Source(nexmark.Config{Variant: -1})).To(collect.To[nexmark.Event]())
	err := launch.Run(context.Background(), env, "bad")
	if err == nil || !strings.Contains(err.Error(), "Variant is -1") {
		t.Errorf("the error is %v", err)
	}
}

// TestSourceSurvivesChangedSlots runs the source before a filter that compacts batches and a
// function that scribbles over what it is given.
func TestSourceSurvivesChangedSlots(t *testing.T) {
	cfg := nexmark.Config{Events: 20_000}
	env := stream.NewEnv(stream.Parallelism(2))
	out := collect.To[int64]()
	events := stream.From(env, nexmark.Source(cfg)).Filter(func(e nexmark.Event) bool {
		return e.Kind == nexmark.KindBid && e.Bid.Auction%3 == 0
	})
	stream.Select(events, func(in *nexmark.Event, out *int64) bool {
		*out = in.Bid.Price
		clean := in.Person == nexmark.Person{} && in.Auction == nexmark.Auction{}
		*in = nexmark.Event{Kind: nexmark.KindPerson, Auction: nexmark.Auction{ID: 7}}
		in.Bid.Extra = "scribble"
		return clean
	}).To(out)
	if err := launch.Run(context.Background(), env, "scribble"); err != nil {
		t.Fatal(err)
	}
	want, sum := 0, int64(0)
	g := nexmark.NewGenerator(cfg)
	for n := range cfg.Events {
		var e nexmark.Event
		g.Event(n, nexmark.AllFields, &e)
		if e.Kind == nexmark.KindBid && e.Bid.Auction%3 == 0 {
			want++
			sum += e.Bid.Price
		}
	}
	for _, p := range out.Results() {
		sum -= p
	}
	if got := len(out.Results()); got != want || sum != 0 {
		t.Errorf("%d bids, want %d; the prices differ by %d", got, want, sum)
	}
}

func ExampleSource() {
	env := stream.NewEnv(stream.Parallelism(2))
	events := stream.From(env, nexmark.Source(nexmark.Config{Events: 1000},
		nexmark.Project(nexmark.BidPrice)))
	high := collect.To[int64]()
	stream.Select(events, func(in *nexmark.Event, out *int64) bool {
		*out = in.Bid.Price
		return in.Bid.Price > 9_900_000
	}).To(high)
	if err := launch.Run(context.Background(), env, "high bids"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(high.Results()), "bids above 99,000")
	// Output:
	// 146 bids above 99,000
}

func BenchmarkSource(b *testing.B) {
	sets := []struct {
		name   string
		fields nexmark.Fields
	}{
		{"none", nexmark.NoFields},
		{"q1", nexmark.AllBid &^ (nexmark.BidChannel | nexmark.BidURL)},
		{"all", nexmark.AllFields},
	}
	for _, p := range []int{1, 2} {
		for _, set := range sets {
			b.Run(fmt.Sprintf("%s/parallelism=%d", set.name, p), func(b *testing.B) {
				b.ReportAllocs()
				env := stream.NewEnv(stream.Parallelism(p))
				out := collect.To[int64]()
				src := nexmark.Source(nexmark.Config{Events: int64(b.N)}, nexmark.Project(set.fields))
				// The first reader makes the tables, which is not to be measured.
				if _, err := src.Reader(connect.ReaderContext{}); err != nil {
					b.Fatal(err)
				}
				cpu := cputime.Process()
				b.ResetTimer()
				events := stream.From(env, src)
				stream.Select(events, func(in *nexmark.Event, _ *int64) bool {
					return in.Kind > nexmark.KindBid
				}).To(out)
				if err := launch.Run(context.Background(), env, "none"); err != nil {
					b.Fatal(err)
				}
				cpu = cputime.Process() - cpu
				b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/event")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}
