// Package jsonpath reads JSON texts and finds values in them by paths.
//
// Paths are those that Flink takes, which are Jayway's: $.a['b'][0], $..c, $.d[?(@.e > 1)], $.f.length(). Path.Find
// says for a definite path what it leads to, and gathers what any other finds in an array.
//
// Data flow: the functions of JSON in package builtin.
package jsonpath
