package web_test

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/stream"
)

// chained has n vertices: as many branches as width, each with its steps one after the other, which come together in the
// last one.
func chained(n, width int) func(env *stream.Env) {
	return func(env *stream.Env) {
		source := numbers(env)
		if n == 1 {
			stream.Map(source, func(v int64) int64 { return v }).Name("parse").To(collect.To[int64]()).Name("write")
			return
		}
		source.DisableChaining()
		var ends []*stream.Stream[int64]
		rest := n - 2
		for branch := range width {
			s := source
			for step := range rest/width + min(1, rest%width/(branch+1)) {
				s = stream.Map(s, func(v int64) int64 { return v }).Name(fmt.Sprintf("branch %d step %d", branch+1, step+1)).DisableChaining()
			}
			ends = append(ends, s)
		}
		all := ends[0]
		if len(ends) > 1 {
			all = ends[0].Union(ends[1:]...)
		}
		all.To(collect.To[int64]()).Name("write").DisableChaining()
	}
}

// TestGraph draws graphs of 1, 10 and 50 vertices, in wide and in small windows: no vertex covers another, nothing is wider
// than the window, and nothing moves when figures change.
func TestGraph(t *testing.T) {
	for _, of := range []struct{ vertices, width, parallelism int }{{1, 1, 2}, {10, 1, 2}, {50, 6, 1}} {
		t.Run(fmt.Sprint(of.vertices), func(t *testing.T) {
			s := resttest.New(t, fast, chained(of.vertices, of.width), append(options(t), stream.Parallelism(of.parallelism))...)
			s.Join("tm-1", 4)
			id := running(t, s, "orders enriched and counted")
			b := newBrowser(t)
			b.open(s.URL + "/#/jobs/" + id)
			for _, size := range []struct{ width, height int64 }{{1440, 900}, {390, 844}} {
				b.resize(size.width, size.height)
				b.until("document.querySelectorAll('.node').length > 0")
				n := eval[int](b, "document.querySelectorAll('.node').length")
				if n < of.vertices-1 || n > of.vertices+1 {
					t.Errorf("%d vertices are drawn", n)
				}
				for _, theme := range []string{"light", "dark"} {
					b.media("prefers-color-scheme", theme)
					b.until("[...document.querySelectorAll('.node .big b')].some((e) => /^[1-9].*\\/s$/.test(e.textContent))")
					b.picture(fmt.Sprintf("graph-%d-%d-%s", of.vertices, size.width, theme))
				}
				b.laidOut(t)
				b.still(t)
			}
			b.resize(1440, 900)
			b.do(click(".node"))
			b.until("document.querySelectorAll('.panel table.subtasks tbody tr').length > 0")
			b.until("document.querySelectorAll('.panel canvas').length === 2")
			for _, theme := range []string{"light", "dark"} {
				b.media("prefers-color-scheme", theme)
				b.picture(fmt.Sprintf("vertex-%d-1440-%s", of.vertices, theme))
			}
			b.resize(390, 844)
			b.picture(fmt.Sprintf("vertex-%d-390-dark", of.vertices))
			b.laidOut(t)
			b.key("\x1b")
			for _, tab := range []string{"checkpoints", "scaling", "config"} {
				for _, width := range []int64{390, 1440} {
					b.resize(width, 900)
					b.open(s.URL + "/#/jobs/" + id + "/" + tab)
					b.until("document.querySelector('.tabs [aria-current]')?.getAttribute('href').endsWith(" + quoted(tab) + ")")
					b.until("document.querySelector('main table') !== null")
					b.picture(fmt.Sprintf("%s-%d-%d", tab, of.vertices, width))
					b.laidOut(t)
				}
			}
			b.clean(s.URL)
		})
	}
}

// laidOut wants vertices side by side, edges that end in them, and a page that is not wider than its window.
func (b *browser) laidOut(t *testing.T) {
	t.Helper()
	b.until("document.documentElement.scrollWidth <= innerWidth") // charts follow a new size when they are told
	for _, fault := range eval[[]string](b, `(() => {
		const all = [...document.querySelectorAll('.node')], faults = []
		const rects = all.map((e) => e.getBoundingClientRect())
		rects.forEach((r, i) => rects.slice(i + 1).forEach((q, k) => {
			if (r.left < q.right && q.left < r.right && r.top < q.bottom && q.top < r.bottom) faults.push(all[i].textContent + ' covers ' + all[i + 1 + k].textContent)
		}))
		for (const e of all) for (const part of e.querySelectorAll('.row:not(:empty), .row > *, .loads, .shares')) {
			const r = part.getBoundingClientRect(), q = e.getBoundingClientRect()
			if (r.height > 0 && (r.bottom > q.bottom || r.right > q.right + 1)) faults.push(part.className + ' of ' + e.textContent + ' is cut off')
			if (part.scrollWidth > part.clientWidth + 1) faults.push(part.textContent + ' does not fit')
		}
		return faults
	})()`) {
		t.Error(fault)
	}
}

// still wants every element of the graph and the table to stay where it is, and the same element, while figures change.
func (b *browser) still(t *testing.T) {
	t.Helper()
	const parts = "[...document.querySelectorAll('.node, .node .row > *, .node .shares, .figure > *, table.vertices td, .head *')]"
	const taken = "[...document.querySelectorAll('table.vertices tbody tr')].map((r) => r.cells[10].title).join()"
	was := eval[string](b, "window.parts = "+parts+"; window.places = window.parts.map((e) => { const r = e.getBoundingClientRect(); return [r.x, r.y].join() }); "+taken)
	for range 3 {
		b.until(taken + " !== " + quoted(was))
		was = eval[string](b, taken)
	}
	moved := eval[[]string](b, "(() => { const now = "+parts+`; return now.length !== window.parts.length ? ['there are ' + now.length + ' parts, not ' + window.parts.length]
		: now.flatMap((e, i) => { const r = e.getBoundingClientRect(); return e !== window.parts[i] ? [e.outerHTML + ' is another element'] : [r.x, r.y].join() !== window.places[i] ? [e.outerHTML + ' was at ' + window.places[i] + ', is at ' + [r.x, r.y].join()] : [] }) })()`)
	for _, what := range moved[:min(len(moved), 5)] {
		t.Error(what)
	}
}
