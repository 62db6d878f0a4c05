package format

import "github.com/flott-dev/flott/column"

// Condition is what rows must meet to be wanted: others need not be given, but may be.
type Condition struct {
	// Column is a place in the schema. A row that has NULL there does not meet the condition.
	Column int
	// May reports whether a value of the column may meet it that is not less than value 0 of bounds, and not
	// greater than value 1. bounds is of the column's type. Several goroutines may call it.
	May func(bounds *column.Vector) bool
}
