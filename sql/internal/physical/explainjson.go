package physical

import (
	"encoding/json"
	"strings"
)

// planNode is an operator as JSON shows it.
type planNode struct {
	ID           int         `json:"id"`
	UID          string      `json:"uid"`
	Type         string      `json:"type"`
	Contents     string      `json:"contents"`
	Changes      string      `json:"changelog_mode"`
	Parallelism  int         `json:"parallelism,omitempty"`
	Predecessors []planInput `json:"predecessors,omitempty"`
}

type planInput struct {
	ID           int    `json:"id"`
	Distribution string `json:"distribution"`
}

// ExplainJSON is the plan as JSON: its operators, inputs first.
func ExplainJSON(rels []*Rel) (string, error) {
	var nodes []planNode
	ids := map[*Rel]int{}
	var add func(r *Rel) int
	add = func(r *Rel) int {
		if id := ids[r]; id > 0 {
			return id
		}
		var inputs []planInput
		for i, in := range r.Ins {
			d := distText(r.Dist[i], in)
			if d == "" {
				d = "forward"
			}
			inputs = append(inputs, planInput{add(in), d})
		}
		ids[r] = len(nodes) + 1
		nodes = append(nodes, planNode{ids[r], r.UID, r.Name, label(r), kindsText(r.Kinds), r.Parallelism, inputs})
		return ids[r]
	}
	for _, r := range rels {
		add(r)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(map[string]any{"nodes": nodes})
	return b.String(), err
}
