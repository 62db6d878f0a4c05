package physical

import (
	"fmt"
	"strings"
)

// Explain writes plans, an operator a line, each above its inputs; what is computed once for several is written once. With
// changes it says which kinds of changes the rows are.
func Explain(b *strings.Builder, rels []*Rel, changes bool) {
	e := &explainer{b: b, changes: changes, uses: map[*Rel]int{}, numbers: map[*Rel]int{}}
	for _, r := range rels {
		e.count(r)
	}
	for _, r := range rels {
		e.write(r, "", "")
	}
}

type explainer struct {
	b       *strings.Builder
	changes bool
	uses    map[*Rel]int
	numbers map[*Rel]int // of what is used several times, when it was written
}

func (e *explainer) count(r *Rel) {
	if e.uses[r]++; e.uses[r] > 1 {
		return
	}
	for _, in := range r.Ins {
		e.count(in)
	}
}

// write writes an operator behind first, and what follows it behind rest.
func (e *explainer) write(r *Rel, first, rest string) {
	if n := e.numbers[r]; n > 0 {
		fmt.Fprintf(e.b, "%sReused(reference_id=[%d])\n", first, n)
		return
	}
	e.b.WriteString(first + label(r))
	if e.uses[r] > 1 {
		e.numbers[r] = len(e.numbers) + 1
		fmt.Fprintf(e.b, " (reuse_id=[%d])", e.numbers[r])
	}
	if e.changes {
		e.b.WriteString(" changelogMode=" + kindsText(r.Kinds))
	}
	e.b.WriteString("\n")
	for i, in := range r.Ins {
		begin, next := rest+"├─ ", rest+"│  "
		if i == len(r.Ins)-1 {
			begin, next = rest+"└─ ", rest+"   "
		}
		if d := distText(r.Dist[i], in); d != "" {
			e.b.WriteString(begin + "Exchange(" + d + ")\n")
			e.write(in, next+"└─ ", next+"   ")
			continue
		}
		e.write(in, begin, next)
	}
}

func label(r *Rel) string {
	if r.Detail == "" {
		return r.Name
	}
	if r.TTL != "" {
		return r.Name + "(" + r.Detail + ", stateTtl=[" + r.TTL + "])"
	}
	return r.Name + "(" + r.Detail + ")"
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

// Warnings are about operators whose state grows for ever, and hints without effect.
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
		for _, h := range r.Ignored {
			out = append(out, fmt.Sprintf("%s(%s): the hint %s", r.Name, r.Detail, h))
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
