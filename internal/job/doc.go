// Package job runs a compiled graph in this process.
//
// It makes the tasks of all chains, connects them by exchanges, runs each on a goroutine, runs the
// coordinators of sources, takes checkpoints, restarts what fails, and ends the job: committed when
// all tasks have ended, else with the error that the restart strategy does not forgive.
//
// Data flow: launch compiles a graph and calls Start; tasks report to their Subtask, which posts what
// they say to the job's master; the master is an actor, as is the coordinator of each source.
//
// # Non-obvious
//
//   - Events of the past arrive: each attempt of a task is a Subtask of its own, and what a former
//     one reports is told by its identity.
//   - While a checkpoint is being published nothing restarts: it may become the one to restart from.
//   - A failure before the last checkpoint, or of its commit, repeats from the checkpoint before, or
//     from that one; without checkpoints a failed commit fails the job, as nothing can be repeated.
//   - A coordinator's snapshot and the barriers of its source's subtasks are sent from the
//     coordinator's actor one after the other, so that no assignment slips in between.
package job
