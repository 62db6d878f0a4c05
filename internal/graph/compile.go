package graph

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"
)

// MaxMaxParallelism is the largest number of key groups.
const MaxMaxParallelism = 32768

// Plan is a compiled graph: everything is resolved and valid.
type Plan struct {
	*Graph
	Chains []*Chain
	// Order is all nodes in topological order.
	Order []*Node
}

// Compile resolves defaults, validates the graph and cuts it into chains. It reports every mistake
// it finds.
func (g *Graph) Compile() (*Plan, error) {
	g.defaults()
	var errs []error
	if len(g.Nodes) == 0 {
		return nil, errors.New("the job is empty: add a source and a sink before it is run")
	}
	for _, n := range g.Nodes {
		for _, err := range n.errs {
			errs = append(errs, fmt.Errorf("operator %q: %w", n.Name, err))
		}
		errs = append(errs, n.validate()...)
	}
	order, err := g.order()
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	for _, n := range order {
		g.deriveUID(n)
	}
	errs = append(errs, g.duplicateUIDs()...)
	for _, n := range g.Nodes {
		for _, e := range n.Out {
			errs = append(errs, e.resolve()...)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Plan{Graph: g, Order: order, Chains: cut(order)}, nil
}

func (g *Graph) defaults() {
	largest := 0
	for _, n := range g.Nodes {
		if n.Parallelism == 0 {
			n.Parallelism, n.shared = g.Parallelism, true
		}
		n.Own = !n.shared
		largest = max(largest, n.Parallelism)
	}
	if g.MaxParallelism == 0 {
		g.MaxParallelism = DefaultMaxParallelism(largest)
	}
	for _, n := range g.Nodes {
		if n.MaxParallelism == 0 {
			n.MaxParallelism = g.MaxParallelism
		}
	}
}

// DefaultMaxParallelism is the next power of two of one and a half times the parallelism, between
// 128 and 32768.
func DefaultMaxParallelism(parallelism int) int {
	p := parallelism + parallelism/2
	if p <= 128 {
		return 128
	}
	return min(MaxMaxParallelism, 1<<bits.Len(uint(p-1)))
}

func (n *Node) validate() (errs []error) {
	if n.Parallelism < 1 {
		errs = append(errs, fmt.Errorf("operator %q: parallelism %d is below 1", n.Name, n.Parallelism))
	}
	if n.MaxParallelism < 1 || n.MaxParallelism > MaxMaxParallelism {
		errs = append(errs, fmt.Errorf("operator %q: maximum parallelism %d is not in 1 … %d",
			n.Name, n.MaxParallelism, MaxMaxParallelism))
	} else if n.Parallelism > n.MaxParallelism {
		errs = append(errs, fmt.Errorf(
			"operator %q: parallelism %d is above its maximum parallelism %d; raise MaxParallelism",
			n.Name, n.Parallelism, n.MaxParallelism))
	}
	if n.KeySchema != "" {
		for _, e := range n.In {
			if e.Strategy != Keyed && e.Strategy != Broadcast {
				errs = append(errs, fmt.Errorf(
					"operator %q is keyed, but its input from %q is not partitioned by the key; use KeyBy",
					n.Name, e.From.Name))
			}
		}
	}
	return errs
}

// resolve turns Auto into a strategy and checks what the strategy needs.
func (e *Edge) resolve() (errs []error) {
	if e.Strategy == Auto {
		e.Strategy = Rebalance
		if e.From.Parallelism == e.To.Parallelism {
			e.Strategy = Forward
		}
	}
	if (e.Strategy == Forward || e.Strategy == Feedback) && e.From.Parallelism != e.To.Parallelism {
		errs = append(errs, fmt.Errorf(
			"the %v edge from %q (parallelism %d) to %q (parallelism %d) needs equal parallelism",
			e.Strategy, e.From.Name, e.From.Parallelism, e.To.Name, e.To.Parallelism))
	}
	return errs
}

// order sorts the nodes topologically, feedback edges left out.
func (g *Graph) order() ([]*Node, error) {
	missing := map[*Node]int{}
	var ready, order []*Node
	for _, n := range g.Nodes {
		for _, e := range n.In {
			if e.Strategy != Feedback {
				missing[n]++
			}
		}
		if missing[n] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[0]
		ready = ready[1:]
		order = append(order, n)
		for _, e := range n.Out {
			if e.Strategy == Feedback {
				continue
			}
			if missing[e.To]--; missing[e.To] == 0 {
				ready = append(ready, e.To)
			}
		}
	}
	if len(order) < len(g.Nodes) {
		var names []string
		for _, n := range g.Nodes {
			if missing[n] > 0 {
				names = append(names, fmt.Sprintf("%q", n.Name))
			}
		}
		return nil, fmt.Errorf("the graph has a cycle through %v; use Iterate for loops", names)
	}
	return order, nil
}

// deriveUID gives a node without UID one that depends on what it does and on where its input comes
// from, so that it stays the same as long as the job's shape does.
func (g *Graph) deriveUID(n *Node) {
	if n.UID != "" {
		return
	}
	text := n.Kind + "|" + n.Name
	for _, e := range n.In {
		if e.Strategy != Feedback {
			text += fmt.Sprintf("|%d %s %s %v", e.Input, e.From.UID, e.Tag, e.Strategy)
		}
	}
	uid := fmt.Sprintf("%016x", xxh3.HashString(text))
	for k := 2; g.hasUID(uid); k++ {
		uid = fmt.Sprintf("%016x-%d", xxh3.HashString(text), k)
	}
	n.UID = uid
}

func (g *Graph) hasUID(uid string) bool {
	return slices.ContainsFunc(g.Nodes, func(n *Node) bool { return n.UID == uid })
}

func (g *Graph) duplicateUIDs() (errs []error) {
	seen := map[string]*Node{}
	for _, n := range g.Nodes {
		if o := seen[n.UID]; o != nil {
			errs = append(errs, fmt.Errorf("operators %q and %q have the same uid %q",
				o.Name, n.Name, n.UID))
		}
		seen[n.UID] = n
	}
	return errs
}

// cut groups the nodes into chains along chainable edges.
func cut(order []*Node) []*Chain {
	of := map[*Node]*Chain{}
	var chains []*Chain
	for _, n := range order {
		if len(n.In) == 1 && n.In[0].Chainable() {
			c := of[n.In[0].From]
			c.Nodes = append(c.Nodes, n)
			of[n] = c
			continue
		}
		c := &Chain{ID: len(chains), Nodes: []*Node{n}}
		chains = append(chains, c)
		of[n] = c
	}
	return chains
}
