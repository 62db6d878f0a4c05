package agg

import "github.com/flott-dev/flott/row"

// Call is the call of an aggregate function.
type Call struct {
	Func     *Func
	Args     []int
	Distinct bool
	Filter   int // a BOOLEAN column, -1 without one
	T        *row.Type
	Name     string
}
