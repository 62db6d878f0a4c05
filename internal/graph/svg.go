package graph

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// Measures of the drawing, in pixels.
const (
	boxWidth   = 220
	lineHeight = 20
	gapX       = 110
	gapY       = 28
	margin     = 24
	labelMax   = 30
)

type box struct {
	chain      ExplainedChain
	column     int
	x, y, h    int
	inputs     []int // chains
	rowOfInput float64
}

// SVG draws the plan: a box for each task with its operators, from the sources on the left to the
// sinks on the right, and an arrow for each exchange with its strategy.
func (x Explained) SVG(title string) string {
	boxes, chainOf := x.place()
	width, height := margin, margin
	for _, b := range boxes {
		width, height = max(width, b.x+boxWidth), max(height, b.y+b.h)
	}
	if slices.ContainsFunc(x.Edges, func(e ExplainedEdge) bool { return e.Strategy == Feedback.String() }) {
		height += 2 * gapY // they run below the boxes
	}
	top := 0
	if title != "" {
		top = 30
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">`+"\n",
		width+margin, height+margin+top, width+margin, height+margin+top)
	s.WriteString(`<style>
text { font: 13px system-ui, sans-serif; fill: #1c2733 }
.title { font-size: 16px; font-weight: 600 }
.head { font-size: 12px; fill: #5b6b7b }
.box { fill: #f4f8fb; stroke: #2f6f9f; stroke-width: 1.5 }
.edge { fill: none; stroke: #6b7c8c; stroke-width: 1.5 }
.label { font-size: 11px; fill: #2f6f9f; paint-order: stroke; stroke: #fff; stroke-width: 4px }
@media (prefers-color-scheme: dark) { svg { background: #fff } }
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 L8 4 L0 8 z" fill="#6b7c8c"/></marker></defs>
`)
	if title != "" {
		fmt.Fprintf(&s, `<text class="title" x="%d" y="28">%s</text>`+"\n", margin, html.EscapeString(title))
	}
	fmt.Fprintf(&s, `<g transform="translate(0 %d)">`+"\n", top)
	for _, e := range x.Edges {
		drawEdge(&s, boxes[chainOf[e.From]], boxes[chainOf[e.To]], e)
	}
	for _, c := range x.Chains {
		drawBox(&s, boxes[c.ID])
	}
	s.WriteString("</g>\n</svg>\n")
	return s.String()
}

// place puts every chain in the column after its last input, and in a column from top to bottom in
// the order of the rows of its inputs.
func (x Explained) place() (map[int]*box, map[int]int) {
	chainOf, boxes := map[int]int{}, map[int]*box{}
	for _, c := range x.Chains {
		boxes[c.ID] = &box{chain: c, h: lineHeight*(len(c.Operators)+1) + 16}
		for _, o := range c.Operators {
			chainOf[o.ID] = c.ID
		}
	}
	for _, e := range x.Edges {
		b := boxes[chainOf[e.To]]
		b.h = max(b.h, lineHeight*(e.Input+2)+16)
		if e.Strategy != Feedback.String() {
			b.inputs = append(b.inputs, chainOf[e.From])
		}
	}
	var columns [][]*box
	for _, c := range x.Chains { // in topological order
		b := boxes[c.ID]
		for _, in := range b.inputs {
			b.column = max(b.column, boxes[in].column+1)
		}
		for len(columns) <= b.column {
			columns = append(columns, nil)
		}
		columns[b.column] = append(columns[b.column], b)
	}
	for i, column := range columns {
		for _, b := range column {
			for _, in := range b.inputs {
				b.rowOfInput += float64(boxes[in].y) / float64(len(b.inputs))
			}
		}
		slices.SortStableFunc(column, func(a, b *box) int {
			switch {
			case a.rowOfInput < b.rowOfInput:
				return -1
			case a.rowOfInput > b.rowOfInput:
				return 1
			}
			return 0
		})
		y := margin
		for _, b := range column {
			b.x, b.y = margin+i*(boxWidth+gapX), y
			y += b.h + gapY
		}
	}
	return boxes, chainOf
}

func drawBox(s *strings.Builder, b *box) {
	fmt.Fprintf(s, `<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="8"/>`+"\n",
		b.x, b.y, boxWidth, b.h)
	fmt.Fprintf(s, `<text class="head" x="%d" y="%d">task %d · parallelism %d</text>`+"\n",
		b.x+12, b.y+20, b.chain.ID, b.chain.Parallelism)
	for i, o := range b.chain.Operators {
		fmt.Fprintf(s, `<text x="%d" y="%d"><title>%s, uid %s</title>%s</text>`+"\n",
			b.x+12, b.y+20+lineHeight*(i+1), html.EscapeString(o.Kind), html.EscapeString(o.UID),
			html.EscapeString(shorten(o.Name)))
	}
}

func shorten(name string) string {
	if r := []rune(name); len(r) > labelMax {
		return string(r[:labelMax-1]) + "…"
	}
	return name
}

func drawEdge(s *strings.Builder, from, to *box, e ExplainedEdge) {
	row := slices.IndexFunc(from.chain.Operators, func(o ExplainedOperator) bool { return o.ID == e.From })
	x1, y1 := from.x+boxWidth, from.y+16+lineHeight*(row+1) // beside the operator
	x2, y2 := to.x, to.y+16+lineHeight*(e.Input+1)          // one line for each input
	path := fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x1, y1, x1+gapX/2, y1, x2-gapX/2, y2, x2, y2)
	lx, ly := (x1+x2)/2, (y1+y2)/2-6
	if e.Strategy == Feedback.String() {
		low := max(from.y+from.h, to.y+to.h) + gapY/2
		path = fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x1, y1, x1+gapX, low+gapY, x2-gapX, low+gapY, x2, y2)
		lx, ly = (x1+x2)/2, low+gapY/2
	}
	fmt.Fprintf(s, `<path class="edge" d="%s" marker-end="url(#arrow)"/>`+"\n", path)
	label := e.Strategy
	if e.Tag != "" {
		label += " · " + e.Tag
	}
	fmt.Fprintf(s, `<text class="label" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
		lx, ly, html.EscapeString(label))
}
