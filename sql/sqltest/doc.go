// Package sqltest reads files of SQL cases, and compares results with what they expect.
//
// The format is that of the golden cases; sql/testdata/golden/README.md describes it.
//
// Data flow: flott test and the tests of SQL run the cases.
package sqltest
