// Package job runs a compiled graph in this process.
//
// It makes the tasks of all chains, connects them by exchanges, runs each on a goroutine, runs the
// coordinators of sources, collects snapshots, and ends the job: committed when all tasks have
// ended, cancelled with the first error otherwise.
//
// Data flow: launch compiles a graph and calls Start; tasks report to the Job as their listener.
//
// # Non-obvious
//
//   - A task's report is handled on the task's goroutine under the job's lock; nothing under that
//     lock blocks. Lock order: job, then a task's mailbox.
//   - A coordinator's snapshot and the barriers of its source's subtasks are sent from the
//     coordinator's goroutine one after the other, so that no assignment slips in between.
package job
