// Package metric has the kinds of metric that operators report: counters, gauges and accumulators.
//
// Metrics are updated at batch granularity and read at any time by others, so all of them are safe
// for concurrent use.
package metric

import (
	"sort"
	"sync"
	"sync/atomic"
)

// Counter is a number that is added to. The zero value is ready to use.
type Counter struct{ n atomic.Int64 }

// Add adds d.
func (c *Counter) Add(d int64) { c.n.Add(d) }

// Value is the sum so far.
func (c *Counter) Value() int64 { return c.n.Load() }

// Gauge is a number that is set. The zero value is ready to use.
type Gauge struct{ n atomic.Int64 }

// Set sets the value.
func (g *Gauge) Set(v int64) { g.n.Store(v) }

// Value is the value that was set last.
func (g *Gauge) Value() int64 { return g.n.Load() }

// Group is the set of metrics of one subtask of an operator. The zero value is ready to use.
type Group struct {
	mu struct {
		sync.Mutex
		counters map[string]*Counter
		gauges   map[string]*Gauge
	}
}

// Counter returns the counter of that name, made at the first call.
func (g *Group) Counter(name string) *Counter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.counters == nil {
		g.mu.counters = map[string]*Counter{}
	}
	c := g.mu.counters[name]
	if c == nil {
		c = &Counter{}
		g.mu.counters[name] = c
	}
	return c
}

// Gauge returns the gauge of that name, made at the first call.
func (g *Group) Gauge(name string) *Gauge {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.gauges == nil {
		g.mu.gauges = map[string]*Gauge{}
	}
	v := g.mu.gauges[name]
	if v == nil {
		v = &Gauge{}
		g.mu.gauges[name] = v
	}
	return v
}

// Sample is the value of a metric at one moment.
type Sample struct {
	Name    string
	Value   int64
	Counter bool // false: a gauge
}

// Samples returns all metrics, by name.
func (g *Group) Samples() []Sample {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Sample
	for n, c := range g.mu.counters {
		out = append(out, Sample{n, c.Value(), true})
	}
	for n, v := range g.mu.gauges {
		out = append(out, Sample{n, v.Value(), false})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// AccumulatorPrefix marks the counters whose sums over all subtasks are part of a job's result.
const AccumulatorPrefix = "accumulator."
