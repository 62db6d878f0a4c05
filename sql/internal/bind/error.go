package bind

import (
	"fmt"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// Error is a mistake in a statement that its grammar does not show.
type Error struct {
	Span ast.Span
	Msg  string
	Hint string // what to do, may be empty
}

func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Msg + "; " + e.Hint
	}
	return e.Msg
}

// fail ends binding with an error; catch returns it.
func fail(s ast.Span, format string, args ...any) {
	panic(&Error{Span: s, Msg: fmt.Sprintf(format, args...)})
}

func failHint(s ast.Span, hint, format string, args ...any) {
	panic(&Error{Span: s, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}

// nearest is a hint with the name that was probably meant, empty where none is near.
func nearest(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return "did you mean " + n + "? Names are compared with case"
		}
	}
	if m := parse.Nearest(name, names); m != "" {
		return "did you mean " + m + "?"
	}
	return ""
}
