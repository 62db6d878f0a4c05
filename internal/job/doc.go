// Package job drives the execution of one job.
//
// It resumes the job from its storage, tells a worker.Host to run its tasks, carries out what the
// schedule.Execution decides, and keeps what can be seen of the job.
//
// Data flow: launch compiles a graph and calls Start; the Host reports to a listener, which posts what
// has happened to the job's master, an actor; that tells the Execution, and carries out the actions it
// returns: by the Host, by the storage, by the clock.
//
// # Non-obvious
//
//   - All decisions are in internal/schedule, which knows neither clock nor storage. Here is what blocks.
//   - The first tasks are made within Start, so that a job that cannot be built is an error of Start.
package job
