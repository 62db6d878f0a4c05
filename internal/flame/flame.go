// Package flame sums up profiles of CPU time to a flame graph: a tree of functions, each below those that have called it.
//
// Data flow: package rest gives it the profiles of workers, as package probe has taken them, and answers with the tree.
package flame

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/pprof/profile"
)

// Graph is a sum of profiles. The zero value has none.
type Graph struct {
	// Period is the CPU time that a sample stands for, in nanoseconds; 0 as long as that is not known.
	Period int64
	root   frame
}

// frame is a function, called from where it stands in the tree.
type frame struct {
	samples int64
	callees map[string]*frame
}

// Add adds the samples of a CPU profile that have all of some labels.
func (g *Graph) Add(data []byte, labels map[string]string) error {
	p, err := profile.ParseData(data)
	if err != nil {
		return fmt.Errorf("read a CPU profile: %w", err)
	}
	if len(p.SampleType) == 0 || p.SampleType[0].Type != "samples" {
		return fmt.Errorf("read a CPU profile: it has no numbers of samples")
	}
	g.Period = p.Period
	for _, s := range p.Sample {
		if has(s, labels) {
			g.add(s)
		}
	}
	return nil
}

func has(s *profile.Sample, labels map[string]string) bool {
	for name, value := range labels {
		if !slices.Contains(s.Label[name], value) {
			return false
		}
	}
	return true
}

// add adds a sample. A location has several functions where some were inlined, the innermost first.
func (g *Graph) add(s *profile.Sample) {
	n := s.Value[0]
	at := &g.root
	at.samples += n
	for _, l := range slices.Backward(s.Location) {
		for _, line := range slices.Backward(l.Line) {
			name := "unknown"
			if line.Function != nil {
				name = line.Function.Name
			}
			at = at.callee(name)
			at.samples += n
		}
	}
}

func (f *frame) callee(name string) *frame {
	if f.callees == nil {
		f.callees = map[string]*frame{}
	}
	c := f.callees[name]
	if c == nil {
		c = &frame{}
		f.callees[name] = c
	}
	return c
}

// Node is a function with the samples in it and in what it has called. Callees are in the order of their names.
type Node struct {
	Name    string
	Samples int64
	Callees []Node
}

// Tree is the graph below a node called root. Functions with less than a share of all samples are left out.
func (g *Graph) Tree(share float64) Node {
	return g.root.node("root", int64(share*float64(g.root.samples)))
}

func (f *frame) node(name string, least int64) Node {
	n := Node{Name: name, Samples: f.samples}
	for callee, c := range f.callees {
		if c.samples >= least {
			n.Callees = append(n.Callees, c.node(callee, least))
		}
	}
	slices.SortFunc(n.Callees, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return n
}
