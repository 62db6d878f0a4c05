package graph

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Explained is a plan as data: what Explain prints as JSON.
type Explained struct {
	Chains []ExplainedChain `json:"chains"`
	Edges  []ExplainedEdge  `json:"edges"`
}

// ExplainedChain is a chain: one task.
type ExplainedChain struct {
	ID             int                 `json:"id"`
	Parallelism    int                 `json:"parallelism"`
	MaxParallelism int                 `json:"max_parallelism"`
	SlotGroup      string              `json:"slot_sharing_group,omitempty"`
	Operators      []ExplainedOperator `json:"operators"`
}

// ExplainedOperator is an operator of a chain.
type ExplainedOperator struct {
	ID     int      `json:"id"`
	Kind   string   `json:"kind"`
	Name   string   `json:"name"`
	UID    string   `json:"uid"`
	Key    string   `json:"key,omitempty"`
	States []string `json:"states,omitempty"`
	Output string   `json:"output,omitempty"`
}

// ExplainedEdge is an exchange between two chains.
type ExplainedEdge struct {
	From     int    `json:"from"` // operator
	To       int    `json:"to"`
	Input    int    `json:"input"`
	Tag      string `json:"side_output,omitempty"`
	Strategy string `json:"strategy"`
}

// Explain is the plan as data.
func (p *Plan) Explain() Explained {
	var x Explained
	for _, c := range p.Chains {
		h := c.Head()
		ec := ExplainedChain{
			ID: c.ID + 1, Parallelism: h.Parallelism, MaxParallelism: h.MaxParallelism,
			SlotGroup: h.SlotGroup,
		}
		for _, n := range c.Nodes {
			ec.Operators = append(ec.Operators, ExplainedOperator{
				n.ID, n.Kind, n.Name, n.UID, n.KeySchema, n.States, n.OutSchema,
			})
		}
		x.Chains = append(x.Chains, ec)
		for _, n := range c.Nodes {
			for _, e := range n.Out {
				if !e.Chainable() {
					x.Edges = append(x.Edges, ExplainedEdge{
						e.From.ID, e.To.ID, e.Input, e.Tag, e.Strategy.String(),
					})
				}
			}
		}
	}
	return x
}

// JSON is the plan as indented JSON.
func (x Explained) JSON() string {
	b, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(b) + "\n"
}

// Text is the plan for people: each chain with its operators, and where its records go.
func (x Explained) Text() string {
	var b strings.Builder
	chainOf := map[int]int{}
	for _, c := range x.Chains {
		for _, o := range c.Operators {
			chainOf[o.ID] = c.ID
		}
	}
	for _, c := range x.Chains {
		fmt.Fprintf(&b, "task %d, parallelism %d", c.ID, c.Parallelism)
		if c.SlotGroup != "" {
			fmt.Fprintf(&b, ", slot group %s", c.SlotGroup)
		}
		b.WriteByte('\n')
		for i, o := range c.Operators {
			branch := "├─"
			if i == len(c.Operators)-1 {
				branch = "└─"
			}
			fmt.Fprintf(&b, "  %s %s", branch, o.Name)
			if o.Name != o.Kind {
				fmt.Fprintf(&b, " (%s)", o.Kind)
			}
			fmt.Fprintf(&b, "  uid %s", o.UID)
			if o.Key != "" {
				fmt.Fprintf(&b, "  key %s", o.Key)
			}
			b.WriteByte('\n')
			for _, e := range x.Edges {
				if e.From == o.ID {
					fmt.Fprintf(&b, "       ──%s──▶ task %d%s\n", e.Strategy, chainOf[e.To], edgeNote(e))
				}
			}
		}
	}
	return b.String()
}

func edgeNote(e ExplainedEdge) string {
	var note string
	if e.Input > 0 {
		note += fmt.Sprintf(", input %d", e.Input+1)
	}
	if e.Tag != "" {
		note += ", side output " + e.Tag
	}
	return note
}
