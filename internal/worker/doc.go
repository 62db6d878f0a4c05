// Package worker runs subtasks of one job in this process.
//
// A Host makes the tasks of a deployment, connects them by exchanges, and runs each on a goroutine. It
// runs the coordinators of sources and loops as well. What becomes of the job is decided elsewhere: the
// Host does what it is told, and a Listener hears what has happened.
//
// Data flow: internal/job tells a Host what internal/schedule has decided; tasks report to their
// Subtask, which passes it on to the Listener.
//
// In a job that runs in stages (stages.go) tasks write what crosses a blocking exchange into files of the TaskManager,
// and read what earlier deployments have written, here or from other TaskManagers.
//
// # Non-obvious
//
//   - Events of the past arrive: each attempt of a task is a Subtask of its own, and what it reports
//     carries the number of its deployment.
//   - A task that was cancelled ends with the cause of that. The Listener hears of no failure then.
//   - A coordinator's snapshot and the barriers of its source's subtasks are sent from the
//     coordinator's actor one after the other, so that no assignment slips in between.
package worker
