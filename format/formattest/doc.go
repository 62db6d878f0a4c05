// Package formattest has what tests of formats share: schemas from text, batches as text, and the
// conformance of projections.
//
// Data flow: tests of formats hand it factories and records; it decodes them in several ways and
// compares.
package formattest
