package stream_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/flott-dev/flott/window"
)

// windowModel does what Apache Flink's window operator does, record by record, over plain maps.
type windowModel struct {
	assign     func(v *rec, t int64) []window.Window
	merging    bool
	global     bool
	processing bool
	lateness   int64
	trigger    window.Trigger[rec]
	evictor    window.Evictor[rec]
	show       func(key int64, w window.Window, vs []rec) string

	mark, clock int64
	panes       map[scope]*modelPane
	open        map[int64][]window.Window
	timers      map[modelTimer]bool
	memory      map[any]map[scope]any
	out, late   []string
}

type rec struct {
	Key int64
	V   int
}

type scope struct {
	key int64
	w   window.Window
}

type modelTimer struct {
	scope
	at         int64
	processing bool
}

type modelPane struct{ elements []window.Element[rec] }

func (m *windowModel) reset() {
	m.mark, m.clock = math.MinInt64, 0
	m.panes, m.open = map[scope]*modelPane{}, map[int64][]window.Window{}
	m.timers, m.memory = map[modelTimer]bool{}, map[any]map[scope]any{}
}

// modelContext is a window.MergeContext of the model.
type modelContext struct {
	m   *windowModel
	s   scope
	old []window.Window
}

func (c modelContext) Watermark() int64 { return c.m.mark }
func (c modelContext) Now() int64       { return c.m.clock }
func (c modelContext) set(t int64, processing, on bool) {
	timer := modelTimer{c.s, t, processing}
	switch {
	case on:
		c.m.timers[timer] = true
	case processing != c.m.processing || t != c.m.end(c.s.w):
		delete(c.m.timers, timer)
	}
}
func (c modelContext) SetEventTimer(t int64)         { c.set(t, false, true) }
func (c modelContext) DeleteEventTimer(t int64)      { c.set(t, false, false) }
func (c modelContext) SetProcessingTimer(t int64)    { c.set(t, true, true) }
func (c modelContext) DeleteProcessingTimer(t int64) { c.set(t, true, false) }

func (c modelContext) Merged(f func(c window.TriggerContext, old window.Window)) {
	for _, w := range c.old {
		f(modelContext{m: c.m, s: scope{c.s.key, w}}, w)
	}
}

func (c modelContext) StateOf(handle any) any {
	if c.m.memory[handle] == nil {
		c.m.memory[handle] = map[scope]any{}
	}
	switch handle.(type) {
	case *window.Memory[int64]:
		return modelCell[int64]{c.m.memory[handle], c.s}
	case *window.Memory[rec]:
		return modelCell[rec]{c.m.memory[handle], c.s}
	}
	panic("unknown handle")
}

type modelCell[V any] struct {
	m map[scope]any
	s scope
}

func (c modelCell[V]) Lookup() *V {
	v, _ := c.m[c.s].(*V)
	return v
}

func (c modelCell[V]) Current() (v *V, fresh bool) {
	if v := c.Lookup(); v != nil {
		return v, false
	}
	c.m[c.s] = new(V)
	return c.Lookup(), true
}
func (c modelCell[V]) Drop() { delete(c.m, c.s) }

func (m *windowModel) end(w window.Window) int64 {
	switch {
	case w.Max() == math.MaxInt64:
		return math.MaxInt64
	case m.processing:
		return w.Max()
	}
	return w.Max() + m.lateness
}

func (m *windowModel) isLate(w window.Window) bool {
	return !m.processing && !m.global && m.end(w) <= m.mark
}

func (m *windowModel) push(v rec, t int64) {
	if m.processing {
		t = m.clock
	}
	skipped := true
	for _, w := range m.assign(&v, t) {
		if m.merging {
			w = m.merge(v.Key, w)
		}
		if m.isLate(w) {
			m.retire(scope{v.Key, w})
			continue
		}
		skipped = false
		s := scope{v.Key, w}
		p := m.panes[s]
		if p == nil {
			p = &modelPane{}
			m.panes[s] = p
		}
		p.elements = append(p.elements, window.Element[rec]{Value: v, Time: t})
		m.decide(m.trigger.Element(modelContext{m: m, s: s}, &v, t, w), s)
		if at := m.end(w); at != math.MaxInt64 {
			m.timers[modelTimer{s, at, m.processing}] = true
		}
	}
	if skipped && !m.processing && !m.global && t+m.lateness <= m.mark {
		m.late = append(m.late, fmt.Sprint(v))
	}
}

func (m *windowModel) merge(key int64, w window.Window) window.Window {
	into := w
	var old, rest []window.Window
	for _, e := range m.open[key] {
		if e.Start <= w.End && w.Start <= e.End {
			old = append(old, e)
			into.Start, into.End = min(into.Start, e.Start), max(into.End, e.End)
		} else {
			rest = append(rest, e)
		}
	}
	m.open[key] = append(rest, into)
	if len(old) == 0 || len(old) == 1 && old[0] == into {
		return into
	}
	slices.SortFunc(old, func(a, b window.Window) int { return cmp.Compare(a.Start, b.Start) })
	m.trigger.(window.Merger).Merge(modelContext{m, scope{key, into}, old}, into)
	sum := &modelPane{}
	for _, e := range old {
		s := scope{key, e}
		m.forget(s)
		delete(m.timers, modelTimer{s, m.end(e), m.processing})
		if p := m.panes[s]; p != nil {
			sum.elements = append(sum.elements, p.elements...)
			m.panes[scope{key, into}] = sum
			delete(m.panes, s)
		}
	}
	return into
}

func (m *windowModel) retire(s scope) {
	m.open[s.key] = slices.DeleteFunc(m.open[s.key], func(w window.Window) bool { return w == s.w })
}

func (m *windowModel) forget(s scope) {
	m.trigger.Clear(modelContext{m: m, s: s}, s.w)
	for _, all := range m.memory {
		delete(all, s)
	}
}

func (m *windowModel) decide(d window.Decision, s scope) {
	p := m.panes[s]
	if d&window.Fire != 0 && p != nil {
		if m.evictor != nil {
			p.elements = m.evictor.Before(p.elements, s.w, m.mark)
		}
		var vs []rec
		for _, e := range p.elements {
			vs = append(vs, e.Value)
		}
		if text := m.show(s.key, s.w, vs); text != "" {
			m.out = append(m.out, text)
		}
		if m.evictor != nil {
			if p.elements = m.evictor.After(p.elements, s.w, m.mark); len(p.elements) == 0 {
				delete(m.panes, s)
			}
		}
	}
	if d&window.Purge != 0 {
		delete(m.panes, s)
	}
}

// fire fires the timers of one kind up to t, the earliest first.
func (m *windowModel) fire(t int64, processing bool) {
	for {
		var first *modelTimer
		for timer := range m.timers {
			if timer.processing == processing && timer.at <= t && (first == nil || timer.at < first.at) {
				first = &timer
			}
		}
		if first == nil {
			return
		}
		delete(m.timers, *first)
		if processing {
			m.clock = max(m.clock, first.at+1)
		}
		s := first.scope
		if m.merging && !slices.Contains(m.open[s.key], s.w) {
			continue
		}
		c := modelContext{m: m, s: s}
		if processing {
			m.decide(m.trigger.ProcessingTime(c, first.at, s.w), s)
		} else {
			m.decide(m.trigger.EventTime(c, first.at, s.w), s)
		}
		if processing == m.processing && first.at == m.end(s.w) {
			delete(m.panes, s)
			m.forget(s)
			m.retire(s)
		}
	}
}

func (m *windowModel) watermark(t int64) {
	m.mark = t
	m.fire(t, false)
}

func (m *windowModel) advance(t int64) {
	m.fire(t-1, true)
	m.clock = t
}

// take is what was emitted since the last call, sorted.
func (m *windowModel) take() (out, late string) {
	out, late = sortedLines(m.out), sortedLines(m.late)
	m.out, m.late = nil, nil
	return out, late
}

func sortedLines(lines []string) string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
