package physical

import (
	"fmt"
	"strings"

	"github.com/flott-dev/flott/sql/internal/catalog"
)

// Details are what Explain shows beside the operators.
type Details struct {
	// Changes are the kinds of changes that rows are.
	Changes bool
	// Costs are estimates, see Cost. Rows is how many rows a table has, if that is known.
	Costs bool
	Rows  func(t *catalog.Table, options map[string]string) (rows float64, ok bool)
	// Advice is what could be better, in lines behind the plan.
	Advice bool
}

// Explain writes plans, an operator a line, each above its inputs; what is computed once for several is written once.
func Explain(b *strings.Builder, rels []*Rel, d Details) {
	e := &explainer{
		b: b, details: d, uses: map[*Rel]int{}, numbers: map[*Rel]int{},
		costs: &estimator{size: d.Rows, rows: map[*Rel]float64{}, costs: map[*Rel]Cost{}},
	}
	for _, r := range rels {
		e.count(r)
	}
	for _, r := range rels {
		e.write(r, "", "")
	}
	if !d.Advice {
		return
	}
	b.WriteString("\n")
	for i, a := range e.advice {
		fmt.Fprintf(b, "advice[%d]: %s\n", i+1, a)
	}
	if len(e.advice) == 0 {
		b.WriteString("No available advice...\n")
	}
}

type explainer struct {
	b       *strings.Builder
	details Details
	uses    map[*Rel]int
	numbers map[*Rel]int // of what is used several times, when it was written
	costs   *estimator
	advice  []Advice
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
	e.advise(r)
	if e.uses[r] > 1 {
		e.numbers[r] = len(e.numbers) + 1
		fmt.Fprintf(e.b, " (reuse_id=[%d])", e.numbers[r])
	}
	if e.details.Changes {
		e.b.WriteString(" changelogMode=" + kindsText(r.Kinds))
	}
	if e.details.Costs {
		e.b.WriteString(e.costs.text(r))
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

// advise writes the numbers of what there is to say about an operator.
func (e *explainer) advise(r *Rel) {
	if !e.details.Advice {
		return
	}
	for i, a := range r.advice() {
		e.advice = append(e.advice, a)
		e.b.WriteString(map[bool]string{true: " advice=[", false: ", "}[i == 0] + fmt.Sprint(len(e.advice)))
		if i == len(r.advice())-1 {
			e.b.WriteString("]")
		}
	}
}

func label(r *Rel) string {
	if r.Detail == "" {
		return r.Name
	}
	if r.Parallelism > 0 {
		return fmt.Sprintf("%s(%s, parallelism=[%d])", r.Name, r.Detail, r.Parallelism)
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
