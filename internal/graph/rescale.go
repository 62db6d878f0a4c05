package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Parallelism is that of each vertex.
func (g *JobGraph) Parallelism() (all []int) {
	for i := range g.Vertices {
		all = append(all, g.Vertices[i].Parallelism)
	}
	return all
}

// MaxParallelism is the largest parallelism that all operators of the vertex can have: the smallest number
// of their key groups, and the parallelism that it has if that is fixed.
func (v *Vertex) MaxParallelism() int {
	most := v.Operators[0].MaxParallelism
	for _, o := range v.Operators[1:] {
		most = min(most, o.MaxParallelism)
	}
	if v.Fixed {
		most = min(most, v.Parallelism)
	}
	return most
}

// Alike has the same number for vertices that must have the same parallelism: those that forward edges
// and loops connect.
func (g *JobGraph) Alike() []int {
	alike := make([]int, len(g.Vertices))
	for i := range alike {
		alike[i] = i
	}
	for to := range g.Vertices {
		for _, in := range g.Vertices[to].In {
			if in.Strategy != Forward && in.Strategy != Feedback {
				continue
			}
			old, same := alike[to], alike[in.From]
			for i := range alike {
				if alike[i] == old {
					alike[i] = same
				}
			}
		}
	}
	return alike
}

// Rescaled returns the graph with another parallelism of each vertex. The error names every vertex that
// cannot have it.
func (g *JobGraph) Rescaled(parallelism []int) (*JobGraph, error) {
	if len(parallelism) != len(g.Vertices) {
		return nil, fmt.Errorf("a parallelism for %d vertices, the job has %d", len(parallelism), len(g.Vertices))
	}
	r := *g
	r.Vertices = slices.Clone(g.Vertices)
	var errs []error
	alike, first := g.Alike(), map[int]int{}
	for i := range r.Vertices {
		v, p := &r.Vertices[i], parallelism[i]
		most := v.MaxParallelism()
		switch {
		case p < 1:
			errs = append(errs, fmt.Errorf("vertex %q: parallelism %d is below 1", v.Name, p))
		case v.Fixed && p != v.Parallelism:
			errs = append(errs, fmt.Errorf("vertex %q: its parallelism is %d and cannot be changed",
				v.Name, v.Parallelism))
		case p > most:
			errs = append(errs, fmt.Errorf("vertex %q: parallelism %d is above its maximum parallelism %d", v.Name, p, most))
		}
		if o, ok := first[alike[i]]; !ok {
			first[alike[i]] = i
		} else if parallelism[o] != p {
			errs = append(errs, fmt.Errorf("vertices %q and %q are connected one to one and have the same parallelism, "+
				"not %d and %d", r.Vertices[o].Name, v.Name, parallelism[o], p))
		}
		v.Parallelism = p
	}
	return &r, errors.Join(errs...)
}

// Uniform is a parallelism of n for each vertex, or the nearest to it that the vertex can have. Those for
// which the program sets a parallelism of their own keep theirs.
func (g *JobGraph) Uniform(n int) []int {
	alike := g.Alike()
	most, fixed := map[int]int{}, map[int]int{}
	for i := range g.Vertices {
		v := &g.Vertices[i]
		if m, ok := most[alike[i]]; !ok || v.MaxParallelism() < m {
			most[alike[i]] = v.MaxParallelism()
		}
		if v.Own || v.Fixed {
			fixed[alike[i]] = v.Parallelism
		}
	}
	p := make([]int, len(g.Vertices))
	for i := range p {
		if p[i] = fixed[alike[i]]; p[i] == 0 {
			p[i] = max(1, min(n, most[alike[i]]))
		}
	}
	return p
}

// Named changes the parallelism of single vertices, which are named by their own names or by that of one of
// their operators, and with them of those that must have the same.
func (g *JobGraph) Named(named map[string]int) ([]int, error) {
	p, alike := g.Parallelism(), g.Alike()
	set := map[int]int{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(named)) {
		i, err := g.find(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if n, ok := set[alike[i]]; ok && n != named[name] {
			errs = append(errs, fmt.Errorf("vertex %q: another one that must have the same parallelism is to have %d", name, n))
		}
		set[alike[i]] = named[name]
	}
	for i := range p {
		if n, ok := set[alike[i]]; ok {
			p[i] = n
		}
	}
	return p, errors.Join(errs...)
}

func (g *JobGraph) find(name string) (int, error) {
	var found []int
	var names []string
	for i := range g.Vertices {
		v := &g.Vertices[i]
		if v.Name == name {
			return i, nil
		}
		if slices.ContainsFunc(v.Operators, func(o Operator) bool { return o.Name == name }) {
			found = append(found, i)
		}
		names = append(names, strconv.Quote(v.Name))
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, fmt.Errorf("the job has no vertex %q; it has %s", name, strings.Join(names, ", "))
	}
	return 0, fmt.Errorf("%d vertices have an operator %q; name one of %s", len(found), name, strings.Join(names, ", "))
}

// Rescaled returns the plan with another parallelism of each chain: its nodes, edges and chains are new,
// what they stand for is shared.
func (p *Plan) Rescaled(parallelism []int) (*Plan, error) {
	if _, err := p.JobGraph().Rescaled(parallelism); err != nil {
		return nil, err
	}
	g := *p.Graph
	r := &Plan{Graph: &g}
	nodes := map[*Node]*Node{}
	edges := map[*Edge]*Edge{}
	edge := func(e *Edge) *Edge {
		if edges[e] == nil {
			c := *e
			c.From, c.To = nodes[e.From], nodes[e.To]
			edges[e] = &c
		}
		return edges[e]
	}
	for _, n := range p.Nodes {
		c := *n
		nodes[n] = &c
	}
	g.Nodes = nil
	for _, n := range p.Nodes {
		c := nodes[n]
		c.In, c.Out = nil, nil
		for _, e := range n.In {
			c.In = append(c.In, edge(e))
		}
		for _, e := range n.Out {
			c.Out = append(c.Out, edge(e))
		}
		g.Nodes = append(g.Nodes, c)
	}
	for _, n := range p.Order {
		r.Order = append(r.Order, nodes[n])
	}
	for i, c := range p.Chains {
		chain := &Chain{ID: c.ID}
		for _, n := range c.Nodes {
			nodes[n].Parallelism = parallelism[i]
			chain.Nodes = append(chain.Nodes, nodes[n])
		}
		r.Chains = append(r.Chains, chain)
	}
	return r, nil
}
