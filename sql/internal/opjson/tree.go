package opjson

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Object is a JSON object whose members have an order.
type Object []Member

// Member is a member of an Object.
type Member struct {
	Key   string
	Value any
}

// Print writes a tree of Objects, []any and scalar values. What has no objects or lists with something in them inside is in
// one line.
func Print(tree any) []byte {
	var b bytes.Buffer
	printer{&b}.value(tree, "\n")
	b.WriteByte('\n')
	return b.Bytes()
}

type printer struct{ *bytes.Buffer }

// value writes a value whose inner lines begin with line.
func (p printer) value(x any, line string) {
	inner := line + " "
	switch x := x.(type) {
	case Object:
		if isFlat(x) {
			inner = ""
		}
		p.list('{', '}', len(x), inner, line, func(i int) {
			p.scalar(x[i].Key)
			p.WriteString(": ")
			p.value(x[i].Value, inner)
		})
	case []any:
		if isFlat(x) {
			inner = ""
		}
		p.list('[', ']', len(x), inner, line, func(i int) { p.value(x[i], inner) })
	default:
		p.scalar(x)
	}
}

func (p printer) list(open, end byte, n int, inner, line string, each func(i int)) {
	p.WriteByte(open)
	for i := range n {
		switch {
		case i > 0 && inner == "":
			p.WriteString(", ")
		case i > 0:
			p.WriteString("," + inner)
		default:
			p.WriteString(inner)
		}
		each(i)
	}
	if n > 0 && inner != "" {
		p.WriteString(line)
	}
	p.WriteByte(end)
}

func (p printer) scalar(x any) {
	e := json.NewEncoder(p.Buffer)
	e.SetEscapeHTML(false)
	if err := e.Encode(x); err != nil {
		panic(err) // trees have scalars only
	}
	p.Truncate(p.Len() - 1) // the end of the line
}

// isFlat reports whether a value fits on a line: it is short, and there is not too much inside.
func isFlat(x any) bool {
	return depth(x) <= 3 && width(x) <= 140
}

func depth(x any) int {
	deepest := -1
	switch x := x.(type) {
	case Object:
		for _, m := range x {
			deepest = max(deepest, depth(m.Value))
		}
	case []any:
		for _, y := range x {
			deepest = max(deepest, depth(y))
		}
	default:
		return 0
	}
	return deepest + 1
}

func width(x any) int {
	n := 0
	switch x := x.(type) {
	case Object:
		for _, m := range x {
			n += len(m.Key) + 6 + width(m.Value)
		}
	case []any:
		for _, y := range x {
			n += 2 + width(y)
		}
	case string:
		return len(x) + 2 + strings.Count(x, `"`)
	default:
		return 5
	}
	return n
}
