package regex

import (
	"unicode/utf8"
)

// linker makes nodes of a tree.
type linker struct{ loops int }

// link makes nodes of a tree; next comes after them.
func (l *linker) link(t tree, next node) node {
	switch t := t.(type) {
	case seq:
		for i := len(t) - 1; i >= 0; i-- {
			from := i
			for from > 0 && isPlain(t[from]) && isPlain(t[from-1]) {
				from--
			}
			if from == i {
				next = l.link(t[i], next)
				continue
			}
			var run []rune
			for _, x := range t[from : i+1] {
				run = append(run, x.(*text).r)
			}
			next = &literal{string(run), next}
			i = from
		}
		return next
	case alt:
		n := &branch{}
		for _, x := range t {
			n.ways = append(n.ways, l.link(x, next))
		}
		return n
	case *text:
		if t.fold == nil {
			return &literal{string(t.r), next}
		}
		return &one{single(t), next}
	case *class:
		return &one{single(t), next}
	case *assert:
		return &check{t.holds, next}
	case *capture:
		return &open{2 * t.group, l.link(t.x, &shut{2*t.group + 1, next})}
	case *repeat:
		return l.repeat(t, next)
	case *atomic:
		return &atom{l.link(t.x, accept{}), next}
	case *look:
		if t.behind {
			return &around{l.link(t.x, stop{}), true, t.not, next}
		}
		return &around{l.link(t.x, accept{}), false, t.not, next}
	case *backref:
		return &again{2 * t.group, t.fold, next}
	}
	panic("regex: unknown tree")
}

// isPlain reports whether a tree is a character that is compared as it is.
func isPlain(t tree) bool {
	c, ok := t.(*text)
	return ok && c.fold == nil
}

func (l *linker) repeat(t *repeat, next node) node {
	if t.mode == possessive {
		greedily := *t
		greedily.mode = greedy
		return &atom{l.repeat(&greedily, accept{}), next}
	}
	if has := single(t.x); has != nil {
		return &run{has, t.min, t.max, t.mode == lazy, next}
	}
	n := &loop{id: l.loops, min: t.min, max: t.max, lazy: t.mode == lazy, next: next}
	l.loops++
	n.body = l.link(t.x, n)
	return &enter{n}
}

// single is the set of what a tree of one character matches, nil if it is another.
func single(t tree) func(r rune) bool {
	switch t := t.(type) {
	case *text:
		if t.fold == nil {
			return func(r rune) bool { return r == t.r }
		}
		want := t.fold(t.r)
		return func(r rune) bool { return t.fold(r) == want }
	case *class:
		return t.has
	}
	return nil
}

// accept is the end of a part of a pattern that is matched alone.
type accept struct{}

func (accept) match(m *matcher, i int) bool {
	m.end = i
	return true
}

// stop is accept at the end of the text only.
type stop struct{}

func (stop) match(m *matcher, i int) bool { return i == len(m.s) }

// finish is the end of the whole pattern.
type finish struct{}

func (finish) match(m *matcher, i int) bool {
	m.end = i
	return !m.whole || i == len(m.s)
}

type literal struct {
	s    string
	next node
}

func (n *literal) match(m *matcher, i int) bool {
	end := i + len(n.s)
	return end <= len(m.s) && string(m.s[i:end]) == n.s && n.next.match(m, end)
}

type one struct {
	has  func(r rune) bool
	next node
}

func (n *one) match(m *matcher, i int) bool {
	if i == len(m.s) {
		return false
	}
	r, size := utf8.DecodeRune(m.s[i:])
	return n.has(r) && n.next.match(m, i+size)
}

type check struct {
	holds func(m *matcher, i int) bool
	next  node
}

func (n *check) match(m *matcher, i int) bool { return n.holds(m, i) && n.next.match(m, i) }

type branch struct{ ways []node }

func (n *branch) match(m *matcher, i int) bool {
	for _, w := range n.ways {
		if w.match(m, i) {
			return true
		}
	}
	return false
}

// open notes where a group begins, shut where it ends.
type open struct {
	slot int
	next node
}

func (n *open) match(m *matcher, i int) bool {
	old := m.groups[n.slot]
	m.groups[n.slot] = i
	if n.next.match(m, i) {
		return true
	}
	m.groups[n.slot] = old
	return false
}

type shut struct {
	slot int
	next node
}

func (n *shut) match(m *matcher, i int) bool {
	old := m.groups[n.slot]
	m.groups[n.slot] = i
	if n.next.match(m, i) {
		return true
	}
	m.groups[n.slot] = old
	return false
}

// run is a repeated character.
type run struct {
	has      func(r rune) bool
	min, max int
	lazy     bool
	next     node
}

func (n *run) match(m *matcher, i int) bool {
	count := 0
	step := func() bool {
		if i == len(m.s) || count == n.max {
			return false
		}
		r, size := utf8.DecodeRune(m.s[i:])
		if !n.has(r) {
			return false
		}
		i += size
		count++
		return true
	}
	for count < n.min {
		if !step() {
			return false
		}
	}
	if n.lazy {
		for !n.next.match(m, i) {
			if !step() {
				return false
			}
		}
		return true
	}
	least := i
	for step() {
	}
	for {
		if n.next.match(m, i) {
			return true
		}
		if i == least {
			return false
		}
		_, size := utf8.DecodeLastRune(m.s[:i])
		i -= size
	}
}

// enter begins a loop.
type enter struct{ loop *loop }

func (n *enter) match(m *matcher, i int) bool {
	id := n.loop.id
	count, begin := m.count[id], m.begin[id]
	m.count[id], m.begin[id] = 0, -1
	if n.loop.match(m, i) {
		return true
	}
	m.count[id], m.begin[id] = count, begin
	return false
}

// loop is what is repeated, behind each iteration.
type loop struct {
	id, min, max int
	lazy         bool
	body, next   node
}

func (n *loop) match(m *matcher, i int) bool {
	count, begin := m.count[n.id], m.begin[n.id]
	more := func() bool {
		m.count[n.id], m.begin[n.id] = count+1, i
		if n.body.match(m, i) {
			return true
		}
		m.count[n.id], m.begin[n.id] = count, begin
		return false
	}
	switch {
	case count < n.min:
		return more()
	case i == begin, count == n.max: // an empty iteration is the last
		return n.leave(m, i)
	case n.lazy:
		return n.leave(m, i) || more()
	}
	return more() || n.leave(m, i)
}

// leave goes on behind the loop, which may be entered again there.
func (n *loop) leave(m *matcher, i int) bool {
	count, begin := m.count[n.id], m.begin[n.id]
	if n.next.match(m, i) {
		return true
	}
	m.count[n.id], m.begin[n.id] = count, begin
	return false
}

// atom does not go back into what it has matched.
type atom struct{ x, next node }

func (n *atom) match(m *matcher, i int) bool {
	groups := append([]int(nil), m.groups...)
	if n.x.match(m, i) && n.next.match(m, m.end) {
		return true
	}
	copy(m.groups, groups)
	return false
}

// around looks ahead or behind.
type around struct {
	x           node
	behind, not bool
	next        node
}

func (n *around) match(m *matcher, i int) bool {
	groups := append([]int(nil), m.groups...)
	found := false
	if n.behind {
		whole := m.s
		m.s = whole[:i]
		for j := i; j >= 0 && !found; j-- {
			found = (j == i || utf8.RuneStart(whole[j])) && n.x.match(m, j)
		}
		m.s = whole
	} else {
		found = n.x.match(m, i)
	}
	if found == n.not || !n.next.match(m, i) {
		copy(m.groups, groups)
		return false
	}
	return true
}

// again is a reference to a group.
type again struct {
	slot int
	fold func(rune) rune
	next node
}

func (n *again) match(m *matcher, i int) bool {
	from, to := m.groups[n.slot], m.groups[n.slot+1]
	if from < 0 || to < from {
		return false
	}
	want := m.s[from:to]
	if n.fold == nil {
		end := i + len(want)
		return end <= len(m.s) && string(m.s[i:end]) == string(want) && n.next.match(m, end)
	}
	for len(want) > 0 {
		r, size := utf8.DecodeRune(want)
		q, step := utf8.DecodeRune(m.s[i:])
		if step == 0 || n.fold(r) != n.fold(q) {
			return false
		}
		want, i = want[size:], i+step
	}
	return n.next.match(m, i)
}
