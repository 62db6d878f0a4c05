package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// JobGraph is a compiled graph without the code of its operators: what those need to know who deploy a
// job and watch over it, in a process that does not have its program. It is plain data.
type JobGraph struct {
	// Vertices are the chains, numbered as in Plan.Chains.
	Vertices []Vertex
	// Final is that of Graph.
	Final bool
}

// Vertex is a chain, run by Parallelism subtasks.
type Vertex struct {
	Name        string // those of the operators
	Parallelism int
	SlotGroup   string
	Operators   []Operator // the head first
	In          []Input    // of the head, those that come from other vertices or back from a loop
	Source      bool       // the head is one
	Loop        bool       // the head is that of a loop: its subtasks agree on rounds
	Sink        bool       // an operator of it has no outputs: what it writes is committed at the job's end
	Own         bool       `json:",omitempty"` // the program sets the parallelism, not the job
	Fixed       bool       `json:",omitempty"` // the parallelism cannot be changed
}

// Operator is what a JobGraph tells of a node.
type Operator struct {
	UID, Name, Kind string
	MaxParallelism  int
	Source          bool
}

// Input is an edge between two vertices.
type Input struct {
	From     int // vertex
	Input    int // of the vertex's head
	Strategy Strategy
	// Pipelined says that the edge is no blocking exchange in batch mode either: it leads into a loop.
	Pipelined bool
}

// IDOf is the id by which Flink's interfaces know a thing of some kind, such as a vertex: 32 hexadecimal digits.
func IDOf(kind, name string) string {
	h := sha256.Sum256([]byte(kind + "\x00" + name))
	return hex.EncodeToString(h[:16])
}

// ID is that of the vertex, made of the uid of its head.
func (v *Vertex) ID() string { return VertexID(v.Operators[0].UID) }

// VertexID is the id of the vertex whose head has a uid.
func VertexID(uid string) string { return IDOf("vertex", uid) }

// JobGraph describes the plan.
func (p *Plan) JobGraph() *JobGraph {
	g := &JobGraph{Final: p.Final}
	of := map[*Node]int{}
	for _, c := range p.Chains {
		for _, n := range c.Nodes {
			of[n] = c.ID
		}
	}
	for _, c := range p.Chains {
		head := c.Head()
		v := Vertex{
			Name: c.Name(), Parallelism: head.Parallelism, SlotGroup: head.SlotGroup,
			Source: head.Source != nil, Loop: head.Loop != nil,
		}
		for _, n := range c.Nodes {
			v.Own, v.Fixed = v.Own || n.Own, v.Fixed || n.Fixed
			v.Operators = append(v.Operators, Operator{
				UID: n.UID, Name: n.Name, Kind: n.Kind, MaxParallelism: n.MaxParallelism, Source: n.Source != nil,
			})
			v.Sink = v.Sink || len(n.Out) == 0
		}
		for _, e := range head.In {
			v.In = append(v.In, Input{
				From: of[e.From], Input: e.Input, Strategy: e.Strategy, Pipelined: head.InLoop != 0,
			})
		}
		g.Vertices = append(g.Vertices, v)
	}
	return g
}

// Difference says where g differs from another graph but for parallelism, "" if it does not.
func (g *JobGraph) Difference(other *JobGraph) string {
	if a, b := len(g.Vertices), len(other.Vertices); a != b {
		return fmt.Sprintf("%d tasks, not %d", b, a)
	}
	for i := range g.Vertices {
		if d := g.Vertices[i].difference(&other.Vertices[i]); d != "" {
			return fmt.Sprintf("task %q: %s", g.Vertices[i].Name, d)
		}
	}
	if g.Final != other.Final {
		return "operators that give their results at the end, or not"
	}
	return ""
}

func (v *Vertex) difference(o *Vertex) string {
	if len(v.Operators) != len(o.Operators) {
		return fmt.Sprintf("its operators are %q", o.Name)
	}
	for i, a := range v.Operators {
		b := o.Operators[i]
		switch {
		case a.UID != b.UID:
			return fmt.Sprintf("operator %q has the uid %q, not %q", b.Name, b.UID, a.UID)
		case a != b:
			return fmt.Sprintf("operator %q is %+v, not %+v", b.Name, b, a)
		}
	}
	if !slices.Equal(v.In, o.In) || v.Source != o.Source || v.Loop != o.Loop || v.Sink != o.Sink {
		return fmt.Sprintf("its inputs are %+v, not %+v", o.In, v.In)
	}
	if v.SlotGroup != o.SlotGroup {
		return fmt.Sprintf("its slot-sharing group is %q, not %q", o.SlotGroup, v.SlotGroup)
	}
	return ""
}

// Operators iterates over the operators of all vertices.
func (g *JobGraph) Operators() func(yield func(Operator) bool) {
	return func(yield func(Operator) bool) {
		for _, v := range g.Vertices {
			for _, o := range v.Operators {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// Sources are the uids of the operators that have a coordinator, in the order of the vertices.
func (g *JobGraph) Sources() (uids []string) {
	for o := range g.Operators() {
		if o.Source {
			uids = append(uids, o.UID)
		}
	}
	return uids
}
