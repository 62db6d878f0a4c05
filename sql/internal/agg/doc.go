// Package agg is the aggregate functions of SQL: their names and types, and how they are computed.
//
// Data flow: package bind looks functions up and finds the types of their results; the operators of package exec
// add rows to accumulators and take values out of them.
//
// # Accumulators
//
// A Set computes a list of calls. What it knows of a group is in two parts:
//
//	Acc    a fixed number of words, Set.Words: they stand in the slots of a keyed state
//	       ┌──────┬──────┬──────────────┬────────┬───
//	       │ rows │ time │ SUM: sum, n  │ MAX: … │
//	       └──────┴──────┴──────────────┴────────┴───
//	Side   what has no fixed size, where Set.HasSide: entries of one ordered state, by the number of the call
//
// An Acc of zeros is that of a group without rows. Its first word is the number of rows, added less retracted;
// the second one belongs to the operator, which may keep a time there. Rows are added and taken away by Update, a batch
// at once:
//
//	places   rows of a batch of columns      accs   the accumulator of each      minus   which are taken away
//
// Append appends the values of all calls for a number of groups. Merge adds one group to another: that of a slice of
// time to that of a window, or those of two sessions.
//
// The entries of a Side are for the current key of its backend, and for the namespace that Side.Namespace sets: an
// operator of windows names a window by it. The callbacks Rows.Current and those of Append have to
// make the group of a row current. A Set without side never calls them.
//
// Entries are, behind the namespace and two bytes for the call:
//
//	'c'   value                 the only value of the call, or the state of a user's function
//	'd'   row of arguments      of DISTINCT calls in windows or with a time to live: how often it is there
//	'o'   order, value, length  the values in order: MIN and MAX with retractions, PERCENTILE, COLLECT
//	's'   number, value         the values as they came, numbered
//	'v'   value, number         the same by value, with retractions
//	'h'   register              APPROX_COUNT_DISTINCT
package agg
