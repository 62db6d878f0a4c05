// Package opjson writes the descriptions of operators as JSON and reads them: those of package exec, with their expressions
// and types.
//
//	{"type": "calc_1", "in": [{"name": "k", "type": "INT"}], "exprs": [
//	  {"call": "+", "args": [{"column": 0, "name": "k", "type": "INT"}, {"literal": 1, "type": "INT NOT NULL"}], "type": "INT"}
//	], "out": […]}
//
// The fields of a description are those of its Go type. A field with its zero value is left out, so that a later release can
// add fields whose zero value is what was before; a field that is not known is an error. An operator has the name and the
// version of Types: where a release changes what the fields mean, or what an operator keeps as its state, it adds a type and
// keeps the old one. Functions are written by name: those of the program are found in its session again.
//
// Canonical is the same without names of columns: what an operator computes, however its columns are called. The uids of
// operators are digests of it.
//
// Data flow: package physical takes the canonical form of operators; package plan writes and reads whole plans.
package opjson
