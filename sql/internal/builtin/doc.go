// Package builtin has the functions of Flink SQL: their names, arguments, results and kernels.
//
// Each family of functions has a file, which adds its Defs to the list of all. The binder finds them by Lookup,
// checks the arguments against them, and makes calls.
//
// Data flow: package bind makes calls of these functions; package expr runs their kernels.
package builtin
