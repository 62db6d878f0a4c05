package physical

import (
	"fmt"
	"strings"
)

// Explain writes the plan, an operator a line, each above its inputs. With changes it says which kinds of changes the
// rows are.
func (r *Rel) Explain(b *strings.Builder, changes bool) { r.explain(b, "", "", changes) }

func (r *Rel) explain(b *strings.Builder, first, rest string, changes bool) {
	b.WriteString(first + r.Name)
	if r.Detail != "" {
		b.WriteString("(" + r.Detail + ")")
	}
	if changes {
		b.WriteString(" changelogMode=" + kindsText(r.Kinds))
	}
	b.WriteString("\n")
	for i, in := range r.Ins {
		begin, go_on := rest+"├─ ", rest+"│  "
		if i == len(r.Ins)-1 {
			begin, go_on = rest+"└─ ", rest+"   "
		}
		if d := distText(r.Dist[i], in); d != "" {
			b.WriteString(begin + "Exchange(" + d + ")\n")
			in.explain(b, go_on+"└─ ", go_on+"   ", changes)
			continue
		}
		in.explain(b, begin, go_on, changes)
	}
}

func distText(d Distribution, in *Rel) string {
	switch d.Kind {
	case Hash:
		return "distribution=[hash[" + columnNames(in.Cols, d.Keys) + "]]"
	case Singleton:
		return "distribution=[single]"
	case Broadcast:
		return "distribution=[broadcast]"
	}
	return ""
}

// Warnings are about operators whose state grows for ever.
func Warnings(rels []*Rel) []string {
	var out []string
	seen := map[*Rel]bool{}
	var visit func(r *Rel)
	visit = func(r *Rel) {
		if seen[r] {
			return
		}
		seen[r] = true
		if r.Grows != "" {
			out = append(out, fmt.Sprintf("%s(%s): %s", r.Name, r.Detail, r.Grows))
		}
		for _, in := range r.Ins {
			visit(in)
		}
	}
	for _, r := range rels {
		visit(r)
	}
	return out
}
