package nexmark

import "testing"

func TestShuffleIsAPermutationWithinThreeSeconds(t *testing.T) {
	for _, rate := range []int64{1, 2, 7, 100, 100_000} {
		for _, events := range []int64{1, 2, 3, 50, 65_536, 500_001} {
			s := newShuffle(42, rate, events)
			seen := make([]bool, events)
			moved := 0
			for n := range events {
				to := s.at(n)
				if to < 0 || to >= events || seen[to] {
					t.Fatalf("rate %d, %d events: position %d has event %d", rate, events, n, to)
				}
				seen[to] = true
				if d := max(to-n, n-to); d*1000 > shuffleMillisMax*rate {
					t.Fatalf("rate %d, %d events: event %d moved by %d", rate, events, to, d)
				}
				if to != n {
					moved++
				}
			}
			if events >= 50 && moved < int(events)/10 {
				t.Errorf("rate %d, %d events: only %d moved", rate, events, moved)
			}
		}
	}
}

func TestShuffleOfUnboundedStreamStaysInItsBlocks(t *testing.T) {
	s := newShuffle(7, 100, 0)
	block := int64(1) << s.blockBits
	const blocks = 5
	seen := make([]bool, blocks*block)
	far := int64(1) << 40
	for n := range blocks * block {
		to := s.at(far+n) - far
		if to/block != n/block || seen[to] {
			t.Fatalf("position %d has event %d", n, to)
		}
		seen[to] = true
	}
	if s.at(0) == s.at(block)-block && s.at(1) == s.at(block+1)-block {
		t.Error("blocks are shuffled alike")
	}
}

func TestVariantsDiffer(t *testing.T) {
	seen := map[Event]int{}
	for variant := range 6 {
		g := NewGenerator(Config{Variant: variant, Events: 100_000})
		out := make([]Event, 1000)
		g.GenerateBatch(0, 1, AllFields, out)
		late, kinds, latest := 0, [3]int{}, int64(0)
		for i := range out {
			kinds[out[i].Kind]++
			if other, ok := seen[out[i]]; ok {
				t.Fatalf("variants %d and %d share the event %+v", variant, other, out[i])
			}
			seen[out[i]] = variant
			if out[i].Millis() < latest {
				late++
			}
			latest = max(latest, out[i].Millis())
		}
		if variant > 0 != (late > 0) {
			t.Errorf("variant %d: %d of %d events are out of order", variant, late, len(out))
		}
		if kinds[KindBid] < 850 {
			t.Errorf("variant %d: kinds %v, want about 20, 60, 920", variant, kinds)
		}
	}
}

func TestVocabularyIsThatOfTheEvents(t *testing.T) {
	for variant := range 4 {
		g := NewGenerator(Config{Variant: variant})
		v := g.Tables().Vocabulary()
		states, channels, categories := map[string]bool{}, map[string]bool{}, map[int64]bool{}
		out := make([]Event, 20_000)
		g.GenerateBatch(0, 1, PersonState|AuctionCategory|BidChannel, out)
		for i := range out {
			switch e := &out[i]; e.Kind {
			case KindPerson:
				states[e.Person.State] = true
			case KindAuction:
				categories[e.Auction.Category] = true
			default:
				channels[e.Bid.Channel] = true
			}
		}
		for _, s := range v.States {
			if !states[s] {
				t.Errorf("variant %d: nobody lives in %s", variant, s)
			}
		}
		for _, c := range v.HotChannels {
			if !channels[c] {
				t.Errorf("variant %d: no bid through %s", variant, c)
			}
		}
		for i := range v.Categories {
			if !categories[v.FirstCategory+i] {
				t.Errorf("variant %d: no auction in category %d", variant, v.FirstCategory+i)
			}
		}
		if len(states) != len(v.States) || int64(len(categories)) != v.Categories {
			t.Errorf("variant %d: states %v, categories %v, want %+v",
				variant, states, categories, v)
		}
	}
}
