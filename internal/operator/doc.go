// Package operator is the contract between operators and the task that runs them.
//
// An operator is a Node in a chain. Its task calls it on one goroutine only, and it never blocks:
// when its Output has no room it keeps a cursor into its pending input, reports false, and goes on
// when Resume is called. Rows arrive through typed receivers (batch.Receiver); control elements
// arrive through Control, after all rows before them were processed and flushed.
//
//	exchange ─▶ OneInput.Push ─▶ Worker.Rows / Worker.Watermark ─▶ Output ─▶ next Push … ─▶ writer
//
// ColumnInput, ColumnWorker and ColumnOutput are the same for batches of columns.
//
// Data flow: internal/task pushes batches and control elements in; an operator emits to its
// Outputs, which push to the next operator of the chain or to an exchange writer.
//
// # Non-obvious
//
//   - Push takes ownership of the batch even when it returns false.
//   - After a false, nothing may be pushed until Resume returned true: a node holds at most one
//     pending batch, so what a chain buffers is bounded by one batch for each node, plus the output
//     of one record for a function that emits without end (Output's overflow).
//   - Control is called in topological order with nothing pending anywhere in the chain, and the
//     task drains what a node emitted from it before it calls the next node's Control.
//   - Errors of user functions are raised by Context.Fail, a panic that the task recovers; so no
//     error value is checked per record.
//
// # Optional abilities
//
// A Node may also implement: Poller (a source), Preparer (work before a barrier is passed on),
// CheckpointListener, TimeListener (processing time), KeyEnder (batch mode) and EpochListener
// (iterations).
package operator
