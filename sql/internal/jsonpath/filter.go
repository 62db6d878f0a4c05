package jsonpath

import (
	"math/big"
	"strings"

	"github.com/flott-dev/flott/sql/internal/regex"
)

// filter decides about a value; root is what $ is.
type filter func(root, v *Value) bool

// or reads conditions with || between them.
func (p *pathReader) or() (filter, error) { return p.joined("||", p.and) }

func (p *pathReader) and() (filter, error) { return p.joined("&&", p.not) }

func (p *pathReader) joined(op string, operand func() (filter, error)) (filter, error) {
	f, err := operand()
	for err == nil {
		p.space()
		if !strings.HasPrefix(p.s[p.i:], op) {
			break
		}
		p.i += 2
		a := f
		var b filter
		if b, err = operand(); op == "||" {
			f = func(root, v *Value) bool { return a(root, v) || b(root, v) }
		} else {
			f = func(root, v *Value) bool { return a(root, v) && b(root, v) }
		}
	}
	return f, err
}

func (p *pathReader) not() (filter, error) {
	p.space()
	if p.accept('!') {
		f, err := p.not()
		return func(root, v *Value) bool { return !f(root, v) }, err
	}
	if p.accept('(') {
		f, err := p.or()
		if p.space(); err == nil && !p.accept(')') {
			err = p.fail()
		}
		return f, err
	}
	return p.comparison()
}

// operand is a side of a comparison; nil is what a path does not lead to.
type operand func(root, v *Value) *Value

func (p *pathReader) operand() (operand, error) {
	p.space()
	c := p.peek()
	if c != '@' && c != '$' {
		x, err := p.literal()
		return func(_, _ *Value) *Value { return x }, err
	}
	p.i++
	path, err := p.path(true)
	return func(root, v *Value) *Value {
		if c == '$' {
			v = root
		}
		x, err := path.Find(v)
		if err != nil {
			return nil
		}
		return x
	}, err
}

// operators are those of comparisons, the longer of two that begin alike first.
var operators = []string{
	"==", "!=", "<=", ">=", "=~", "<", ">", "nin ", "in ", "subsetof ", "anyof ", "noneof ", "contains ", "size ", "empty ",
}

func (p *pathReader) comparison() (filter, error) {
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.space()
	op := ""
	for _, o := range operators {
		if strings.HasPrefix(strings.ToLower(p.s[p.i:]), o) {
			op = o
			break
		}
	}
	p.i += len(op)
	switch op {
	case "":
		return func(root, v *Value) bool { return a(root, v) != nil }, nil
	case "=~":
		return p.like(a)
	}
	b, err := p.operand()
	if err != nil {
		return nil, err
	}
	compare := comparisons[strings.TrimSpace(op)]
	return func(root, v *Value) bool { return compare(a(root, v), b(root, v)) }, nil
}

// like reads a regular expression: /a.*/i.
func (p *pathReader) like(a operand) (filter, error) {
	p.space()
	if !p.accept('/') {
		return nil, p.fail()
	}
	from := p.i
	for ; p.peek() != '/'; p.i++ {
		if p.peek() == '\\' {
			p.i++
		}
		if p.i >= len(p.s) {
			return nil, p.fail()
		}
	}
	pattern := p.s[from:p.i]
	for p.i++; p.peek() != 0 && strings.IndexByte("imsxud", p.peek()) >= 0; p.i++ {
		pattern = "(?" + p.s[p.i:p.i+1] + ")" + pattern
	}
	re, err := regex.Compile(pattern)
	return func(root, v *Value) bool {
		x := a(root, v)
		return x != nil && x.Kind == String && re.Matches([]byte(x.Text))
	}, err
}

var comparisons = map[string]func(a, b *Value) bool{
	"==": same,
	"!=": func(a, b *Value) bool { return !same(a, b) },
	"<":  func(a, b *Value) bool { c, ok := order(a, b); return ok && c < 0 },
	"<=": func(a, b *Value) bool { c, ok := order(a, b); return ok && c <= 0 },
	">":  func(a, b *Value) bool { c, ok := order(a, b); return ok && c > 0 },
	">=": func(a, b *Value) bool { c, ok := order(a, b); return ok && c >= 0 },
	"in": func(a, b *Value) bool { return b != nil && b.Kind == Array && has(b, a) },
	"nin": func(a, b *Value) bool {
		return b != nil && b.Kind == Array && !has(b, a)
	},
	"subsetof": func(a, b *Value) bool { return areArrays(a, b) && count(a, b) == len(a.Items) },
	"anyof":    func(a, b *Value) bool { return areArrays(a, b) && count(a, b) > 0 },
	"noneof":   func(a, b *Value) bool { return areArrays(a, b) && count(a, b) == 0 },
	"contains": func(a, b *Value) bool {
		switch {
		case a == nil || b == nil:
			return false
		case a.Kind == String && b.Kind == String:
			return strings.Contains(a.Text, b.Text)
		}
		return a.Kind == Array && has(a, b)
	},
	"size": func(a, b *Value) bool {
		n := length(a)
		return b != nil && b.Kind == Number && n != nil && n.Text == b.Text
	},
	"empty": func(a, b *Value) bool {
		if a == nil || b == nil || a.Kind < String {
			return false
		}
		isEmpty := a.Kind == String && a.Text == "" || a.Kind > String && len(a.Items) == 0
		return isEmpty == (b.Kind == True)
	},
}

func areArrays(a, b *Value) bool {
	return a != nil && b != nil && a.Kind == Array && b.Kind == Array
}

// count is how many items of an array are in another.
func count(a, b *Value) (n int) {
	for _, x := range a.Items {
		if has(b, x) {
			n++
		}
	}
	return n
}

func has(list, x *Value) bool {
	for _, y := range list.Items {
		if same(x, y) {
			return true
		}
	}
	return false
}

// same reports whether two values are equal; a text and a number are if the text is the number's.
func same(a, b *Value) bool {
	switch {
	case a == nil || b == nil:
		return a == b
	case a.Kind == Number && b.Kind == Number:
		c, ok := order(a, b)
		return ok && c == 0
	case a.Kind == Number && b.Kind == String, a.Kind == String && b.Kind == Number:
		return a.Text == b.Text
	case a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items):
		return false
	}
	for i, x := range a.Items {
		y := b.Items[i]
		if a.Kind == Object {
			y = b.Get(a.Names[i])
		}
		if !same(x, y) {
			return false
		}
	}
	return true
}

// order compares two numbers or two texts.
func order(a, b *Value) (c int, ok bool) {
	switch {
	case a == nil || b == nil || a.Kind != b.Kind:
		return 0, false
	case a.Kind == String:
		return strings.Compare(a.Text, b.Text), true
	case a.Kind == Number:
		x, okX := new(big.Float).SetPrec(256).SetString(a.Text)
		y, okY := new(big.Float).SetPrec(256).SetString(b.Text)
		return compare(x, y, okX && okY), okX && okY
	}
	return 0, false
}

func compare(x, y *big.Float, ok bool) int {
	if !ok {
		return 0
	}
	return x.Cmp(y)
}
