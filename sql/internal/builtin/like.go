package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/regex"
)

func init() {
	args := []Arg{{"s", Text, false}, {"pattern", Text, false}, {"escape", Text, true}}
	add("comparison",
		&Def{
			Func:  expr.Func{Name: "LIKE", Strict: true, Compile: patterns(likePattern)},
			Doc:   "Whether a pattern, in which % is any text and _ any character but a line end, is the whole text; an escape character makes them plain.",
			Typed: true, Args: args, Result: isBool, Check: checkPattern(likePattern),
		},
		&Def{
			Func:  expr.Func{Name: "SIMILAR TO", Strict: true, Compile: patterns(similarPattern)},
			Doc:   "Whether a pattern, in which % is any text, _ any character but a line end, and | * + ? {2,3} ( ) [a-z] are as in regular expressions, is the whole text.",
			Typed: true, Args: args, Result: isBool, Check: checkPattern(similarPattern),
		},
	)
}

// matcher reports whether a text is as a pattern says.
type matcher func(s []byte) bool

// checkPattern looks at patterns that are constants.
func checkPattern(compile func(pattern, escape string) (matcher, error)) func(args []expr.Expr) error {
	return func(args []expr.Expr) error {
		pattern, ok := constantText(args[1])
		escape := ""
		if ok && len(args) > 2 {
			escape, ok = constantText(args[2])
		}
		if !ok {
			return nil
		}
		_, err := compile(pattern, escape)
		var soft *runtimeError
		if errors.As(err, &soft) {
			return nil
		}
		return err
	}
}

// runtimeError is a mistake in a pattern that Flink finds when it runs.
type runtimeError struct{ error }

func patterns(compile func(pattern, escape string) (matcher, error)) func(*expr.Call) expr.Kernel {
	return func(*expr.Call) expr.Kernel {
		type compiled struct {
			match matcher
			err   error
		}
		escape := ""
		prepare := func() func(pattern []byte) compiled {
			return remember(func(pattern []byte) compiled {
				m, err := compile(string(pattern), escape)
				return compiled{m, err}
			})
		}
		find := prepare()
		return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
			if len(args) > 2 && string(args[2].Bytes(i)) != escape {
				escape = string(args[2].Bytes(i))
				find = prepare()
			}
			c := find(args[1].Bytes(i))
			if c.err != nil {
				expr.Fail(i, "%v", c.err)
			}
			out.Bools[i] = c.match(args[0].Bytes(i))
			return true
		})(nil)
	}
}

// escapeOf is the escape character, -1 if there is none.
func escapeOf(s string) (rune, error) {
	if s == "" {
		return -1, nil
	}
	r, n := utf8.DecodeRuneInString(s)
	if n < len(s) {
		return 0, fmt.Errorf("the escape %q must be one character", s)
	}
	return r, nil
}

// The special characters of a LIKE pattern, which no text has: they are no UTF-8.
const (
	anyText = 0xff
	anyRune = 0xfe
)

// likePattern compiles a LIKE pattern to bytes, of which anyText and anyRune stand for % and _.
func likePattern(pattern, escape string) (matcher, error) {
	esc, err := escapeOf(escape)
	if err != nil {
		return nil, err
	}
	var p []byte
	escaped := false
	for i, r := range pattern {
		switch {
		case escaped:
			if r != '%' && r != '_' && r != esc {
				return nil, fmt.Errorf("the escape in the pattern %q, at character %d, must be before %%, _ or itself", pattern, i)
			}
			p = utf8.AppendRune(p, r)
			escaped = false
		case r == esc:
			escaped = true
		case r == '%':
			if len(p) == 0 || p[len(p)-1] != anyText {
				p = append(p, anyText)
			}
		case r == '_':
			p = append(p, anyRune)
		default:
			p = utf8.AppendRune(p, r)
		}
	}
	if escaped {
		return nil, fmt.Errorf("the pattern %q ends with its escape character", pattern)
	}
	return likeMatcher(p), nil
}

// likeMatcher chooses the quickest way for a pattern.
func likeMatcher(p []byte) matcher {
	inner, begin := bytes.CutSuffix(p, []byte{anyText})
	inner, end := bytes.CutPrefix(inner, []byte{anyText})
	switch {
	case bytes.IndexByte(inner, anyRune) >= 0:
		return func(s []byte) bool { return like(s, p) }
	case bytes.IndexByte(inner, anyText) >= 0:
		parts := bytes.Split(p, []byte{anyText})
		return func(s []byte) bool { return hasParts(s, parts) }
	case begin && end:
		return func(s []byte) bool { return bytes.Contains(s, inner) }
	case begin:
		return func(s []byte) bool { return bytes.HasPrefix(s, inner) }
	case end:
		return func(s []byte) bool { return bytes.HasSuffix(s, inner) }
	}
	return func(s []byte) bool { return bytes.Equal(s, inner) }
}

// hasParts reports whether a text begins with the first of at least two parts, ends with the last, and has the others between,
// one behind the other.
func hasParts(s []byte, parts [][]byte) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !bytes.HasPrefix(s, first) || !bytes.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		i := bytes.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return true
}

// like matches a pattern. It goes back to the last % only: what an earlier one has taken can stay.
func like(s, p []byte) bool {
	i, j := 0, 0
	restart, at := -1, 0
	for i < len(s) || j < len(p) {
		if j < len(p) {
			switch c := p[j]; {
			case c == anyText:
				restart, at = j+1, i
				j++
				continue
			case i == len(s):
			case c == anyRune:
				if r, n := utf8.DecodeRune(s[i:]); !endsLine(r) {
					i, j = i+n, j+1
					continue
				}
			case c == s[i]:
				i, j = i+1, j+1
				continue
			}
		}
		if restart < 0 || at >= len(s) {
			return false
		}
		_, n := utf8.DecodeRune(s[at:])
		at += n
		i, j = at, restart
	}
	return true
}

func endsLine(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

const (
	regexSpecials   = `[]()|^-+*?{}$\.`
	similarSpecials = `[]()|^-+*_%?{}`
)

// similarPattern compiles a pattern of SIMILAR TO to a regular expression.
func similarPattern(pattern, escape string) (matcher, error) {
	esc, err := escapeOf(escape)
	if err != nil {
		return nil, &runtimeError{err}
	}
	t := similar{in: []rune(pattern), esc: esc}
	if err := t.translate(); err != nil {
		return nil, &runtimeError{err}
	}
	re, err := regex.Compile(t.out.String())
	if err != nil {
		return nil, &runtimeError{err}
	}
	return re.Matches, nil
}

// similar translates a pattern.
type similar struct {
	in  []rune
	i   int
	esc rune
	out strings.Builder
}

func (t *similar) fail() error {
	return fmt.Errorf("the pattern %q of SIMILAR TO is not correct at character %d", string(t.in), t.i+1)
}

func (t *similar) translate() error {
	for ; t.i < len(t.in); t.i++ {
		switch c := t.in[t.i]; {
		case c == t.esc:
			if err := t.escaped(); err != nil {
				return err
			}
		case c == '_':
			t.out.WriteByte('.')
		case c == '%':
			t.out.WriteString("(?s:.*)")
		case c == '[':
			if err := t.set(); err != nil {
				return err
			}
		case c == ']':
			return t.fail()
		case c == '\\' || c == '$':
			t.out.WriteString(`\` + string(c))
		default:
			t.out.WriteRune(c)
		}
	}
	return nil
}

// escaped translates an escape character and what it is before.
func (t *similar) escaped() error {
	t.i++
	if t.i == len(t.in) {
		return t.fail()
	}
	c := t.in[t.i]
	if c != t.esc && !strings.ContainsRune(similarSpecials, c) {
		return t.fail()
	}
	if strings.ContainsRune(regexSpecials, c) {
		t.out.WriteByte('\\')
	}
	t.out.WriteRune(c)
	return nil
}

// similarClasses are the named classes of characters.
var similarClasses = map[string]string{
	"ALPHA": `\p{Alpha}`, "UPPER": `\p{Upper}`, "LOWER": `\p{Lower}`, "DIGIT": `\d`, "SPACE": ` `, "WHITESPACE": `\s`, "ALNUM": `\p{Alnum}`,
}

// set translates a class of characters.
func (t *similar) set() error {
	t.out.WriteByte('[')
	for t.i++; t.i < len(t.in); t.i++ {
		switch c := t.in[t.i]; {
		case c == ']':
			t.out.WriteByte(']')
			return nil
		case c == t.esc:
			if err := t.escaped(); err != nil {
				return err
			}
		case c == '-' || c == '^':
			t.out.WriteRune(c)
		case c == '[':
			name, _, ok := strings.Cut(strings.TrimPrefix(string(t.in[t.i:]), "[:"), ":]")
			class := similarClasses[strings.ToUpper(name)]
			if !ok || class == "" {
				return t.fail()
			}
			t.out.WriteString(class)
			t.i += len([]rune(name)) + 3
		case strings.ContainsRune(similarSpecials, c):
			return t.fail()
		case c == '\\' || c == '&':
			t.out.WriteString(`\` + string(c))
		default:
			t.out.WriteRune(c)
		}
	}
	return t.fail()
}

// Like reports whether a text is like a pattern, without an escape character: for statements that list names.
func Like(s, pattern string) bool {
	m, err := likePattern(pattern, "")
	return err == nil && m([]byte(s))
}
