package regex

import (
	"bytes"
	"unicode/utf8"
)

// Regex is a compiled pattern. It belongs to one goroutine, since it holds what it last found.
type Regex struct {
	start    node
	prefix   []byte     // what each match begins with
	anchored bool       // each match begins at the begin of the text
	within   within     // what each match has in it
	first    *[256]bool // the bytes that matches begin with, nil if they can be empty
	m        matcher
}

// matcher is the state of a match.
type matcher struct {
	s      []byte
	groups []int // begin and end of each, -1 if it took no part
	count  []int // of the iterations of each loop
	begin  []int // where the iteration of each loop began
	end    int   // of what accept has accepted
	from   int   // where the search began
	whole  bool  // the match must be all of the text
}

// node is a step of a match: it matches at a place of the text, and calls the node behind it.
type node interface {
	match(m *matcher, i int) bool
}

// Compile compiles a pattern.
func Compile(pattern string) (*Regex, error) {
	p := &parser{s: pattern, names: map[string]int{}, groups: 1}
	t, err := p.parse()
	if err != nil {
		return nil, err
	}
	l := &linker{}
	re := &Regex{start: l.link(t, finish{})}
	re.prefix, re.anchored = lead(t)
	if s, ok := t.(seq); ok && len(re.prefix) == 0 {
		re.within = inside(s)
	}
	first := [256]bool{}
	if !firstBytes(t, &first) {
		re.first = &first
	}
	re.m.groups = make([]int, 2*p.groups)
	re.m.count, re.m.begin = make([]int, l.loops), make([]int, l.loops)
	return re, nil
}

// Groups is the number of groups, without the whole match.
func (re *Regex) Groups() int { return len(re.m.groups)/2 - 1 }

// Find looks for the first match that begins at a place of the text or behind it.
func (re *Regex) Find(s []byte, from int) bool {
	m := &re.m
	m.s, m.from = s, from
	for i := from; i <= len(s); {
		if len(re.prefix) > 0 {
			k := bytes.Index(s[i:], re.prefix)
			if k < 0 {
				return false
			}
			i += k
		}
		if len(re.within.text) > 0 {
			if i = re.within.skip(s, i); i < 0 {
				return false
			}
		}
		if re.anchored && i > 0 {
			return false
		}
		if re.first != nil {
			for i < len(s) && !re.first[s[i]] {
				i++
			}
		}
		if re.at(i) {
			return true
		}
		if i == len(s) {
			return false
		}
		_, n := utf8.DecodeRune(s[i:])
		i += n
	}
	return false
}

// FindNext looks for the match behind the last one: where that was empty, a character further.
func (re *Regex) FindNext() bool {
	from, to := re.Group(0)
	if from < to {
		return re.Find(re.m.s, to)
	}
	if to == len(re.m.s) {
		return false
	}
	_, n := utf8.DecodeRune(re.m.s[to:])
	return re.Find(re.m.s, to+n)
}

// Matches reports whether the whole text matches.
func (re *Regex) Matches(s []byte) bool {
	re.m.s, re.m.from, re.m.whole = s, 0, true
	ok := re.at(0)
	re.m.whole = false
	return ok
}

// at matches at a place.
func (re *Regex) at(i int) bool {
	for k := range re.m.groups {
		re.m.groups[k] = -1
	}
	if !re.start.match(&re.m, i) {
		return false
	}
	re.m.groups[0], re.m.groups[1] = i, re.m.end
	return true
}

// Group is where a group of the last match is in the text; -1 if it took no part in it.
func (re *Regex) Group(k int) (from, to int) { return re.m.groups[2*k], re.m.groups[2*k+1] }
