// Package flotttest has what tests of jobs need: runs that are stopped and restored, and, in other
// files, a harness for single operators.
//
// Data flow: a test builds its job as a program does; the functions here run it in the test's
// process and compare what its collecting sink holds.
package flotttest
