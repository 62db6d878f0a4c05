package hot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config makes fifty seconds of events.
var config = nexmark.Config{Events: 5000, RatePerSecond: 100}

func build(env *stream.Env, sink *collect.Sink[string]) {
	stream.Map(Job(stream.From(env, nexmark.Source(config))), text).To(sink)
}

func text(t Top) string { return fmt.Sprint(t.Until.Format(time.TimeOnly), t.Auctions) }

// want counts without an engine.
func want() []string {
	bids := map[int64]map[int64]int64{} // by end of the window and auction
	g := nexmark.NewGenerator(config)
	for n := range config.Events {
		var e nexmark.Event
		g.Event(n, nexmark.AllFields, &e)
		if e.Kind != nexmark.KindBid {
			continue
		}
		slide := Slide.Milliseconds()
		for end := e.Millis()/slide*slide + slide; end <= e.Millis()+Size.Milliseconds(); end += slide {
			if bids[end] == nil {
				bids[end] = map[int64]int64{}
			}
			bids[end][e.Bid.Auction]++
		}
	}
	var lines []string
	for end, counts := range bids {
		top := Top{Until: time.UnixMilli(end).UTC()}
		auctions := slices.SortedFunc(maps.Keys(counts), func(a, b int64) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
		for _, a := range auctions[:min(N, len(auctions))] {
			top.Auctions = append(top.Auctions, Auction{a, counts[a]})
		}
		lines = append(lines, text(top))
	}
	slices.Sort(lines)
	return lines
}

func TestTop(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(3))
	var got []string
	for _, top := range flotttest.Collect(t, env, Job(stream.From(env, nexmark.Source(config)))) {
		got = append(got, text(top))
	}
	if slices.Sort(got); !slices.Equal(got, want()) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want())
	}
}

func TestRestore(t *testing.T) {
	flotttest.CheckRestore(t, build, flotttest.RestoreOptions{Seeds: 5, BatchRows: 50})
}

func TestUnalignedRestore(t *testing.T) {
	flotttest.CheckRestore(t, build, flotttest.RestoreOptions{Unaligned: true, Seeds: 5, BatchRows: 50})
}

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, build, flotttest.BatchOptions{}) }
