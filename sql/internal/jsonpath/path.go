package jsonpath

import (
	"errors"
	"fmt"
	"strings"
)

// Path is a compiled path.
type Path struct {
	steps []*step
	// definite paths lead to one value; what others find is put in an array.
	definite bool
	// plain paths are read by Finder without what they do not lead to.
	plain bool
}

// step is a part of a path.
type step struct {
	kind    stepKind
	names   []string // of members
	indexes []int    // of items
	from    *int     // of a slice
	to      *int
	where   filter
	call    string // of a function
	args    []*arg
	// definite: it and those before it lead to one value.
	definite bool
}

// arg is an argument of a function: a path or a value.
type arg struct {
	path  *Path
	value *Value
}

type stepKind uint8

const (
	member   stepKind = iota // .a, ['a'], ['a','b']
	index                    // [0], [0,2]
	slice                    // [1:3]
	wildcard                 // .*, [*]
	scan                     // ..
	where                    // [?(@.a > 1)]
	function                 // .length()
)

// ErrNone is that a definite path leads nowhere.
var ErrNone = errors.New("the path leads to nothing")

// Find is what a path leads to in a value: nil or Null where that is null. A definite path that leads to nothing
// is ErrNone, as is one that asks a value of another kind for a member or an item.
func (p *Path) Find(root *Value) (*Value, error) {
	f := &finder{root: root}
	if err := f.walk(p.steps, root); err != nil {
		return nil, err
	}
	if !p.definite {
		if f.found == nil {
			f.found = []*Value{}
		}
		return &Value{Kind: Array, Items: f.found}, nil
	}
	if len(f.found) == 0 {
		return nil, ErrNone
	}
	return f.found[len(f.found)-1], nil
}

type finder struct {
	root  *Value
	found []*Value
}

// walk takes the steps from a value on, and collects what they lead to.
func (f *finder) walk(steps []*step, v *Value) error {
	if len(steps) == 0 {
		f.found = append(f.found, v)
		return nil
	}
	s, rest := steps[0], steps[1:]
	// mismatch is what to do where a step does not apply: those that many values are tried for pass it over.
	mismatch := func() error {
		if !s.definite {
			return nil
		}
		return ErrNone
	}
	switch s.kind {
	case member:
		if v.Kind != Object {
			return mismatch()
		}
		return f.members(s, rest, v)
	case index:
		if v.Kind != Array {
			return mismatch()
		}
		for _, i := range s.indexes {
			if i < 0 {
				i += len(v.Items)
			}
			if i >= 0 && i < len(v.Items) {
				if err := f.walk(rest, v.Items[i]); err != nil {
					return err
				}
			}
		}
	case slice:
		if v.Kind != Array {
			return mismatch()
		}
		from, to := s.bounds(len(v.Items))
		for i := from; i < to; i++ {
			if err := f.walk(rest, v.Items[i]); err != nil {
				return err
			}
		}
	case wildcard:
		for _, x := range v.Items {
			if err := f.walk(rest, x); err != nil && err != ErrNone {
				return err
			}
		}
	case scan:
		return f.scan(rest, v)
	case where:
		return f.filter(s, rest, v)
	case function:
		x, err := f.call(s, v)
		if err != nil {
			return err
		}
		return f.walk(rest, x)
	}
	return nil
}

func (f *finder) members(s *step, rest []*step, v *Value) error {
	if len(s.names) > 1 && len(rest) == 0 {
		merged := &Value{Kind: Object}
		for _, n := range s.names {
			if x := v.Get(n); x != nil {
				merged.set(n, x)
			}
		}
		f.found = append(f.found, merged)
		return nil
	}
	for _, n := range s.names {
		x := v.Get(n)
		if x == nil {
			if len(rest) > 0 && s.definite && len(s.names) == 1 {
				return ErrNone
			}
			continue
		}
		if err := f.walk(rest, x); err != nil {
			return err
		}
	}
	return nil
}

// bounds are the items of a slice. As in Jayway's library an end that is counted from behind gives none where
// there is a begin.
func (s *step) bounds(n int) (from, to int) {
	to = n
	if s.from != nil {
		from = *s.from
		if from < 0 && s.to == nil {
			from = max(from+n, 0)
		}
	}
	if s.to != nil {
		to = *s.to
		if to < 0 && s.from == nil {
			to += n
		}
	}
	return max(from, 0), min(to, n)
}

// scan takes steps from a value and from all that are in it, where they apply.
func (f *finder) scan(rest []*step, v *Value) error {
	applies := true
	switch s := rest[0]; s.kind {
	case member:
		applies = v.Kind == Object
		for _, n := range s.names {
			applies = applies && v.Get(n) != nil
		}
	case index, slice:
		applies = v.Kind == Array
	}
	if applies && !v.IsScalar() {
		if err := f.walk(rest, v); err != nil && err != ErrNone {
			return err
		}
	}
	for _, x := range v.Items {
		if err := f.scan(rest, x); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) filter(s *step, rest []*step, v *Value) error {
	switch v.Kind {
	case Object:
		if s.where(f.root, v) {
			return f.walk(rest, v)
		}
	case Array:
		for _, x := range v.Items {
			if s.where(f.root, x) {
				if err := f.walk(rest, x); err != nil {
					return err
				}
			}
		}
	default:
		if s.definite {
			return ErrNone
		}
	}
	return nil
}

// finish finds out which steps are definite.
func finish(steps []*step) *Path {
	p := &Path{steps: steps, definite: true, plain: isPlain(steps)}
	for _, s := range steps {
		s.definite = p.definite
		switch s.kind {
		case member:
			p.definite = p.definite && (len(s.names) == 1 || s == steps[len(steps)-1])
		case index:
			p.definite = p.definite && len(s.indexes) == 1
		case slice, wildcard, scan, where:
			p.definite = false
		}
	}
	return p
}

// Compile compiles a path. A $ at its begin may be left out.
func Compile(s string) (*Path, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, errors.New("the JSON path is empty")
	}
	if s[0] != '$' && s[0] != '@' {
		s = "$." + s
	}
	p := &pathReader{s: s, i: 1}
	path, err := p.path(false)
	if err == nil && p.i < len(s) {
		err = p.fail()
	}
	return path, err
}

// pathReader reads a path.
type pathReader struct {
	s string
	i int
}

func (p *pathReader) fail() error {
	return fmt.Errorf("the JSON path %s is not correct at byte %d", p.s, p.i)
}

func (p *pathReader) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *pathReader) space() {
	for p.peek() == ' ' {
		p.i++
	}
}

func (p *pathReader) accept(c byte) bool {
	if p.peek() == c {
		p.i++
		return true
	}
	return false
}

// path reads steps; inner is in a filter or among arguments, where other characters end it.
func (p *pathReader) path(inner bool) (*Path, error) {
	var steps []*step
	for p.i < len(p.s) {
		switch p.peek() {
		case '.':
			p.i++
			if p.accept('.') {
				steps = append(steps, &step{kind: scan})
			}
			if p.peek() == '[' && len(steps) > 0 && steps[len(steps)-1].kind != scan {
				continue // $.['a']
			}
			if p.peek() == '[' {
				continue
			}
			s, err := p.dotted(inner)
			if err != nil {
				return nil, err
			}
			steps = append(steps, s)
		case '[':
			p.i++
			s, err := p.bracket()
			if err != nil {
				return nil, err
			}
			steps = append(steps, s)
		default:
			if inner {
				return finish(steps), nil
			}
			return nil, p.fail()
		}
	}
	if n := len(steps); n > 0 && steps[n-1].kind == scan {
		return nil, p.fail()
	}
	return finish(steps), nil
}

// dotted reads a name, a star or a function behind a point.
func (p *pathReader) dotted(inner bool) (*step, error) {
	if p.accept('*') {
		return &step{kind: wildcard}, nil
	}
	ends := ".[("
	if inner {
		ends = ".[( )=<>!&|,~"
	}
	from := p.i
	for p.i < len(p.s) && !strings.ContainsRune(ends, rune(p.s[p.i])) {
		p.i++
	}
	name := p.s[from:p.i]
	if name == "" {
		return nil, p.fail()
	}
	if !p.accept('(') {
		if strings.Contains(name, " ") {
			return nil, p.fail() // it must be in brackets
		}
		return &step{kind: member, names: []string{name}}, nil
	}
	args, err := p.arguments()
	if err == nil && !isFunction(name) {
		err = fmt.Errorf("the JSON path %s has an unknown function %s", p.s, name)
	}
	return &step{kind: function, call: name, args: args}, err
}

// arguments reads those of a function behind its parenthesis.
func (p *pathReader) arguments() (args []*arg, err error) {
	for {
		p.space()
		switch c := p.peek(); {
		case c == ')':
			p.i++
			return args, nil
		case c == ',' && len(args) > 0:
			p.i++
		case c == '$' || c == '@':
			p.i++
			path, err := p.path(true)
			if err != nil {
				return nil, err
			}
			args = append(args, &arg{path: path})
		default:
			v, err := p.literal()
			if err != nil {
				return nil, err
			}
			args = append(args, &arg{value: v})
		}
	}
}

// bracket reads what stands in brackets, behind the first.
func (p *pathReader) bracket() (s *step, err error) {
	p.space()
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		s = &step{kind: member}
		for more := true; more; more = p.accept(',') {
			p.space()
			name, err := p.quoted()
			if err != nil {
				return nil, err
			}
			s.names = append(s.names, name)
			p.space()
		}
	case c == '*':
		p.i++
		s = &step{kind: wildcard}
	case c == '?':
		p.i++
		p.space()
		if !p.accept('(') {
			return nil, p.fail()
		}
		f, err := p.or()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.accept(')') {
			return nil, p.fail()
		}
		s = &step{kind: where, where: f}
	default:
		if s, err = p.items(); err != nil {
			return nil, err
		}
	}
	p.space()
	if !p.accept(']') {
		return nil, p.fail()
	}
	return s, nil
}

// items reads indexes or a slice.
func (p *pathReader) items() (*step, error) {
	first, err := p.int()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.accept(':') {
		p.space()
		to, err := p.int()
		if err == nil && first == nil && to == nil {
			err = p.fail()
		}
		return &step{kind: slice, from: first, to: to}, err
	}
	if first == nil {
		return nil, p.fail()
	}
	s := &step{kind: index, indexes: []int{*first}}
	for p.accept(',') {
		p.space()
		next, err := p.int()
		if err != nil || next == nil {
			return nil, p.fail()
		}
		s.indexes = append(s.indexes, *next)
		p.space()
	}
	return s, nil
}

// int reads a number, nil if there is none.
func (p *pathReader) int() (*int, error) {
	from := p.i
	p.accept('-')
	n := 0
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		n = n*10 + int(c-'0')
		if p.i++; n > 1<<31 {
			return nil, p.fail()
		}
	}
	switch {
	case p.i == from:
		return nil, nil
	case p.s[p.i-1] == '-':
		return nil, p.fail()
	case p.s[from] == '-':
		n = -n
	}
	return &n, nil
}

// quoted reads a text in single or double quotes.
func (p *pathReader) quoted() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.fail()
	}
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		c := p.s[p.i]
		switch {
		case c == quote:
			p.i++
			return b.String(), nil
		case c == '\\' && p.i+1 < len(p.s):
			r := reader{s: []byte(p.s), i: p.i}
			if x, ok := r.escape(nil); ok {
				b.Write(x)
				p.i = r.i
				continue
			}
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail()
}

// literal reads a value in a filter or an argument.
func (p *pathReader) literal() (*Value, error) {
	if p.peek() == '\'' {
		s, err := p.quoted()
		return &Value{Kind: String, Text: s}, err
	}
	if p.peek() == '[' {
		return p.list()
	}
	r := reader{s: []byte(p.s), i: p.i}
	v, err := r.value(0)
	if err != nil {
		return nil, p.fail()
	}
	p.i = r.i
	return v, nil
}

// list reads an array whose texts may have single quotes.
func (p *pathReader) list() (*Value, error) {
	v := &Value{Kind: Array}
	p.i++
	for p.space(); !p.accept(']'); p.space() {
		if len(v.Items) > 0 && !p.accept(',') {
			return nil, p.fail()
		}
		p.space()
		x, err := p.literal()
		if err != nil {
			return nil, err
		}
		v.Items = append(v.Items, x)
	}
	return v, nil
}
