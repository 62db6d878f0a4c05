// Package bind resolves the names and types of syntax trees.
//
// Expressions become those of package expr: columns are found in a Scope, functions and operators in package builtin, which
// also says what their arguments are cast to. Mistakes are an *Error, with the place in the text, and the nearest name
// where one is not known.
//
// Data flow: package parse makes the trees; the planner takes what is bound.
package bind
