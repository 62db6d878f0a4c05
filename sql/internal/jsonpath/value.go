package jsonpath

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	False
	True
	Number
	String
	Array
	Object
)

// Value is a JSON value.
type Value struct {
	Kind Kind
	// Text is a string, or a number as Java's BigDecimal prints it: 1, 1.50, 1E+10.
	Text string
	// Exponent is whether a number was written with one.
	Exponent bool
	// Items are those of an array, or the values of an object, whose names are Names, in order.
	Items []*Value
	Names []string
}

// IsScalar reports whether the value is neither an array nor an object.
func (v *Value) IsScalar() bool { return v.Kind < Array }

// ScalarText is the text of a scalar: a string without quotes.
func (v *Value) ScalarText() string {
	switch v.Kind {
	case Null:
		return "null"
	case False:
		return "false"
	case True:
		return "true"
	}
	return v.Text
}

// Get is a member of an object, nil if it has none of that name.
func (v *Value) Get(name string) *Value {
	if v.Kind != Object {
		return nil
	}
	for i, n := range v.Names {
		if n == name {
			return v.Items[i]
		}
	}
	return nil
}

// set adds a member; the last of a name counts, in the place of the first.
func (v *Value) set(name string, x *Value) {
	for i, n := range v.Names {
		if n == name {
			v.Items[i] = x
			return
		}
	}
	v.Names, v.Items = append(v.Names, name), append(v.Items, x)
}

// Read reads the JSON value that a text begins with; what follows it is not looked at, as in Flink.
// With unique a name may come once in an object, else the last one counts.
func Read(s []byte, unique bool) (*Value, error) {
	r := reader{s: s, unique: unique}
	r.space()
	return r.value(0)
}

// reader reads JSON.
type reader struct {
	s      []byte
	i      int
	unique bool
	values []Value // that were made, and room for more
}

// make makes a value.
func (r *reader) make(v Value) *Value {
	n := len(r.values)
	if n == cap(r.values) {
		r.values = make([]Value, 0, min(max(4, 2*n), 64)) // the values before stay where they are
		n = 0
	}
	r.values = append(r.values, v)
	return &r.values[n]
}

func (r *reader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (r *reader) peek() byte {
	if r.i < len(r.s) {
		return r.s[r.i]
	}
	return 0
}

var errDepth = errors.New("the JSON value is nested deeper than 1000 levels")

func (r *reader) fail() error {
	if r.i >= len(r.s) {
		return errors.New("the JSON text ends too early")
	}
	return fmt.Errorf("unexpected %q in the JSON text, at byte %d", r.s[r.i], r.i)
}

func (r *reader) value(depth int) (*Value, error) {
	if depth > 1000 {
		return nil, errDepth
	}
	switch c := r.peek(); {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		s, err := r.text()
		return r.make(Value{Kind: String, Text: s}), err
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	kind, err := r.word()
	if err != nil {
		return nil, err
	}
	return r.make(Value{Kind: kind}), nil
}

// word reads null, false or true.
func (r *reader) word() (Kind, error) {
	for kind, word := range [...]string{"null", "false", "true"} {
		if end := r.i + len(word); end <= len(r.s) && string(r.s[r.i:end]) == word {
			r.i = end
			if c := r.peek(); c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' {
				return Null, r.fail()
			}
			return Kind(kind), nil
		}
	}
	return Null, r.fail()
}

func (r *reader) object(depth int) (*Value, error) {
	v := r.make(Value{Kind: Object})
	r.i++
	if r.space(); r.peek() == '}' {
		r.i++
		return v, nil
	}
	for {
		if r.space(); r.peek() != '"' {
			return nil, r.fail()
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if r.unique && v.Get(name) != nil {
			return nil, fmt.Errorf("the name %q is in a JSON object twice", name)
		}
		if r.space(); r.peek() != ':' {
			return nil, r.fail()
		}
		r.i++
		r.space()
		x, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.set(name, x)
		if more, err := r.more('}'); !more {
			return v, err
		}
	}
}

func (r *reader) array(depth int) (*Value, error) {
	v := r.make(Value{Kind: Array})
	r.i++
	if r.space(); r.peek() == ']' {
		r.i++
		return v, nil
	}
	for {
		r.space()
		x, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.Items = append(v.Items, x)
		if more, err := r.more(']'); !more {
			return v, err
		}
	}
}

// more reads a comma, or the end.
func (r *reader) more(end byte) (bool, error) {
	r.space()
	switch r.peek() {
	case ',':
		r.i++
		return true, nil
	case end:
		r.i++
		return false, nil
	}
	return false, r.fail()
}

// text reads a string.
func (r *reader) text() (string, error) {
	raw, escaped, err := r.raw()
	if err != nil || !escaped {
		return string(raw), err
	}
	b, _ := AppendUnescaped(nil, raw)
	return string(b), nil
}

// raw reads a string and returns what stands between its quotes, and whether escapes are in there, which are correct.
func (r *reader) raw() (raw []byte, escaped bool, err error) {
	from := r.i + 1
	for i := from; i < len(r.s); i++ {
		switch c := r.s[i]; {
		case c == '"':
			r.i = i + 1
			return r.s[from:i], escaped, nil
		case c < ' ':
			r.i = i
			return nil, false, r.fail()
		case c == '\\':
			escaped = true
			r.i = i
			if !r.isEscape() {
				return nil, false, r.fail()
			}
			i = r.i
		}
	}
	r.i = len(r.s)
	return nil, false, r.fail()
}

// isEscape passes over an escape up to its last byte.
func (r *reader) isEscape() bool {
	r.i++
	switch r.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		if _, ok := r.hex(r.i + 1); !ok {
			return false
		}
		r.i += 4
		return true
	}
	return false
}

// escape reads an escape up to its last byte.
func (r *reader) escape(b []byte) ([]byte, bool) {
	r.i++
	switch c := r.peek(); c {
	case '"', '\\', '/':
		return append(b, c), true
	case 'b':
		return append(b, '\b'), true
	case 'f':
		return append(b, '\f'), true
	case 'n':
		return append(b, '\n'), true
	case 'r':
		return append(b, '\r'), true
	case 't':
		return append(b, '\t'), true
	case 'u':
		x, ok := r.hex(r.i + 1)
		if !ok {
			return b, false
		}
		r.i += 4
		if utf16.IsSurrogate(x) && r.i+6 < len(r.s) && r.s[r.i+1] == '\\' && r.s[r.i+2] == 'u' {
			if y, ok := r.hex(r.i + 3); ok && utf16.DecodeRune(x, y) != utf8.RuneError {
				x = utf16.DecodeRune(x, y)
				r.i += 6
			}
		}
		return utf8.AppendRune(b, x), true
	}
	return b, false
}

func (r *reader) hex(from int) (rune, bool) {
	if from+4 > len(r.s) {
		return 0, false
	}
	x, err := strconv.ParseUint(string(r.s[from:from+4]), 16, 32)
	return rune(x), err == nil && r.s[from] != '+'
}

func (r *reader) number() (*Value, error) {
	from := r.i
	float, exponent, err := r.skipNumber()
	if err != nil {
		return nil, err
	}
	s := string(r.s[from:r.i])
	if float {
		s = DecimalText(s)
	} else if s == "-0" {
		s = "0"
	}
	return r.make(Value{Kind: Number, Text: s, Exponent: exponent}), nil
}

// skipNumber says whether a number has a point or an exponent, and whether an exponent.
func (r *reader) skipNumber() (float, exponent bool, err error) {
	if r.peek() == '-' {
		r.i++
	}
	whole := r.i
	if !r.digits() || r.s[whole] == '0' && r.i > whole+1 {
		return false, false, r.fail()
	}
	if r.peek() == '.' {
		float = true
		r.i++
		if !r.digits() {
			return false, false, r.fail()
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		float, exponent = true, true
		r.i++
		if c := r.peek(); c == '+' || c == '-' {
			r.i++
		}
		if !r.digits() {
			return false, false, r.fail()
		}
	}
	if c := r.peek(); c == '_' || c == '.' || c|0x20 >= 'a' && c|0x20 <= 'z' {
		return false, false, r.fail()
	}
	return float, exponent, nil
}

func (r *reader) digits() bool {
	from := r.i
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.i++
	}
	return r.i > from
}

// AppendUnescaped appends the text of what stands between the quotes of a JSON string; ok is false if an escape is
// not correct.
func AppendUnescaped(dst, s []byte) (_ []byte, ok bool) {
	r := reader{s: s}
	for ; r.i < len(s); r.i++ {
		if s[r.i] != '\\' {
			dst = append(dst, s[r.i])
			continue
		}
		if dst, ok = r.escape(dst); !ok {
			return dst, false
		}
	}
	return dst, true
}
