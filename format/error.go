package format

import (
	"fmt"
	"strconv"
)

// Error says what is wrong with a record. The connector adds where the record is.
type Error struct {
	// Column is the place in the record, in bytes from 1; 0 where it is not known.
	Column int
	// Field is the path of the column or field; "" where the record as a whole is wrong.
	Field string
	// Value is the text that is wrong, or its beginning; "" where there is none.
	Value string
	// Err says what is wrong with it.
	Err error
}

// valueMax is how much of a value an error shows, in bytes.
const valueMax = 80

// Error names the place, the field and the value.
func (e *Error) Error() string {
	s := ""
	if e.Column > 0 {
		s = "column " + strconv.Itoa(e.Column) + ": "
	}
	if e.Field != "" {
		s += "field " + e.Field + ": "
	}
	if e.Value != "" {
		v, more := e.Value, ""
		if len(v) > valueMax {
			v, more = v[:valueMax], "…"
		}
		s += fmt.Sprintf("%q%s ", v, more)
	}
	return s + e.Err.Error()
}

// Unwrap is what is wrong.
func (e *Error) Unwrap() error { return e.Err }
