package graph

import (
	"strings"
	"testing"
)

// planOf is a chain for each edge, with its consumer alone in it.
func planOf(edges ...*Edge) *Plan {
	p := &Plan{Graph: &Graph{}}
	for _, e := range edges {
		e.To.In = append(e.To.In, e)
		p.Chains = append(p.Chains, &Chain{Nodes: []*Node{e.To}})
	}
	return p
}

func edgeBetween(s Strategy, producers, consumers int) *Edge {
	return &Edge{
		Strategy: s, From: &Node{Parallelism: producers}, To: &Node{Parallelism: consumers},
	}
}

// TestChannelsAreNumberedInOrder counts all channels of edges of all strategies, one by one.
func TestChannelsAreNumberedInOrder(t *testing.T) {
	var edges []*Edge
	for s := Forward; s <= Feedback; s++ {
		for producers := 1; producers <= 7; producers++ {
			for consumers := 1; consumers <= 7; consumers++ {
				if (s == Forward || s == Feedback) && producers != consumers {
					continue
				}
				edges = append(edges, edgeBetween(s, producers, consumers))
			}
		}
	}
	c, err := NumberChannels(planOf(edges...))
	if err != nil {
		t.Fatal(err)
	}
	n := uint32(0)
	for _, e := range edges {
		reached := map[int]bool{}
		for from := range e.From.Parallelism {
			first, last := e.Strategy.Targets(from, e.From.Parallelism, e.To.Parallelism)
			for to := first; to <= last; to++ {
				if got := c.Number(e, from, to); got != n {
					t.Fatalf("%v from %d of %d to %d of %d: number %d, want %d", e.Strategy, from,
						e.From.Parallelism, to, e.To.Parallelism, got, n)
				}
				reached[to] = true
				n++
			}
		}
		if len(reached) != e.To.Parallelism {
			t.Errorf("%v from %d reaches %d of %d consumers", e.Strategy, e.From.Parallelism,
				len(reached), e.To.Parallelism)
		}
	}
}

func TestChannelsOfAVeryWideJob(t *testing.T) {
	_, err := NumberChannels(planOf(edgeBetween(Keyed, 32768, 32768), edgeBetween(Keyed, 65535, 65535)))
	if err == nil || !strings.Contains(err.Error(), "more than 4294967295 channels") {
		t.Errorf("got %v", err)
	}
}
