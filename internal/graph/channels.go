package graph

import (
	"fmt"
	"math"
)

// Targets is the range of consumers that a producer has channels to.
func (s Strategy) Targets(from, producers, consumers int) (first, last int) {
	switch s {
	case Forward, Feedback:
		return from, from
	case Rescale:
		if producers >= consumers {
			to := from * consumers / producers
			return to, to
		}
		first = (from*consumers + producers - 1) / producers
		return first, ((from+1)*consumers - 1) / producers
	default:
		return 0, consumers - 1
	}
}

// channels is how many channels an edge has.
func (s Strategy) channels(producers, consumers int) int {
	switch s {
	case Forward, Feedback:
		return producers
	case Rescale:
		return max(producers, consumers)
	default:
		return producers * consumers
	}
}

// place is the number of the channel from one subtask to another among those of their edge: they are
// counted producer by producer, in the order of Targets.
func (s Strategy) place(from, to, producers, consumers int) int {
	switch s {
	case Forward, Feedback:
		return from
	case Rescale:
		if producers >= consumers {
			return from // each producer has one
		}
		return to // each consumer has one
	default:
		return from*consumers + to
	}
}

// Channels numbers the channels of a plan, so that both ends of a channel, in two processes, know its
// number without telling each other.
type Channels struct {
	before map[*Edge]int // channels of the edges before it
}

// NumberChannels numbers the channels between the chains of a plan. The error says that there are more
// than numbers.
func NumberChannels(p *Plan) (*Channels, error) {
	c, n := &Channels{before: map[*Edge]int{}}, 0
	for _, chain := range p.Chains {
		for _, e := range chain.Head().In {
			c.before[e] = n
			n += e.Strategy.channels(e.From.Parallelism, e.To.Parallelism)
			if n > math.MaxUint32 {
				return nil, fmt.Errorf("the job has more than %d channels: lower its parallelism",
					uint32(math.MaxUint32))
			}
		}
	}
	return c, nil
}

// Number is the number of the channel of e from a producing subtask to one of its Targets.
func (c *Channels) Number(e *Edge, from, to int) uint32 {
	return uint32(c.before[e] + e.Strategy.place(from, to, e.From.Parallelism, e.To.Parallelism))
}
