// Package exec is the operators of SQL, on columns.
//
// Each operator has a description, an Op, which a plan has and which makes the nodes of its subtasks. A description says
// all that the operator does: it has no names of tables and no options of a session.
//
// # Changes
//
// Rows are changes: +I, -U, +U, -D. An operator whose input has more than +I retracts what -U and -D take away. One that
// changes rows it has given sends -U before +U only where Before says that somebody needs it.
// Consumers accept +U without a +I before, and a -U and its +U in two batches.
//
// # Batch
//
// An operator with Final gives its result when its input has ended, once, as +I. Without it, it gives
// changes as rows come. What it has no room for in its Memory goes to disk: sorted (gather), or dealt out by
// keys to be worked on a file at a time (dealt). It takes no snapshots.
//
// Data flow: package physical makes the descriptions and their inputs; the engine makes nodes of them.
package exec
