// Package client talks to a JobManager: it submits jobs, looks at them, and tells them what to do.
//
//	c, err := client.New("http://localhost:8081", client.Options{})
//	jobs, err := c.Jobs(ctx)
//	path, err := c.Stop(ctx, jobs[0].ID, client.StopOptions{Drain: true})
//
// A Go program that is a job submits itself, by package launch; this package is for what else there is to
// do, and for programs that watch over jobs. It links nothing of the engine.
//
// Data flow: a Client sends requests to the REST interface that docs/rest.md describes, and makes of the
// answers what Go has for them: times are time.Time, zero where there is none yet.
//
// # Non-obvious
//
//   - A context ends the waiting, not what was begun: a savepoint goes on in the JobManager.
//   - Savepoint, Stop and Checkpoint name what they begin themselves, so that an answer that was lost does
//     not begin it twice.
package client
