// Package agg is the aggregate functions of SQL: their names and types, and how they are computed.
//
// Data flow: package bind looks functions up and finds the types of their results; the operators of package exec
// add rows to accumulators and take values out of them.
package agg
