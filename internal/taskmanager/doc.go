// Package taskmanager is the process that offers slots of a machine, and starts a worker for each job that
// has any of them.
//
// Data flow: Run connects to the JobManager and registers. What that says is posted to an actor: it notes
// which job has which slot, and starts and stops workers by package process. A worker gets its job in a
// file, and talks to the JobManager itself.
//
// It owns the results of stages, which outlive the workers that write them, and serves them to workers
// elsewhere: see internal/result.
//
// # Non-obvious
//
//   - When the connection is lost it is made again, for ever, and the JobManager told what is held here. A
//     worker lives on without it.
//   - A slot is cleared, and Freed said, when the last worker of its job has ended here: until then it may
//     still use its memory.
//   - Results stay when the connection is lost, and when the job has no slot here any more. They are removed when
//     the JobManager says so: it forgets them when it takes this TaskManager to be lost, and says so when
//     that registers again.
package taskmanager
