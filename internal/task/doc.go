// Package task runs one subtask: a chain of operators behind a gate, on one goroutine.
//
// Task.Step is a step function: it runs the mail, continues pending work, delivers control elements
// and processes at most one batch. It never blocks and starts no goroutine. Task.Run calls it on
// one goroutine and parks while there is nothing to do; a simulator can call it by itself.
//
// Data flow: a Task polls its exchange.Gate (or its source), pushes batches into the first operator
// of its chain, whose last operators push to exchange writers; snapshots go to the Listener.
//
// # Non-obvious
//
//   - Mail runs before input, also while the chain is blocked. So mail may change what an operator
//     will do, but what needs an unblocked chain is queued as a control element.
//   - A control element is delivered node by node; between two nodes the chain is drained, so that
//     what one node emits from Control is processed before the next sees the element.
//   - The head of a loop takes the end of its outside input by itself and sends it on when the loop
//     is empty. From then on a checkpoint begins at the head, as at a source. The task reports its
//     snapshot when the barrier has been through the loop.
//   - An unaligned barrier waits for the batches at work, not for room: meanwhile writers overdraw
//     (overtake.go). The report of its snapshot waits for the barrier on the other channels.
//   - A barrier whose turn comes while the snapshot before is being written has been passed on already;
//     what is behind it waits, and the state is taken when that is written. Nothing is polled meanwhile,
//     nor is the gate asked for urgent barriers.
//   - A task that has reached its end stays until its job says how it ended, so that it can still
//     take part in checkpoints and commit.
package task
