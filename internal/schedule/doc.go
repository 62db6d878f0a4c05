// Package schedule has the protocols that decide where and when the parts of a job run.
//
// It is pure: no I/O, no clock, no goroutine. Times are in nanoseconds.
//
// Data flow: internal/job tells an Execution what has happened to a job, and carries out the actions it
// returns: deployments, cancellations, barriers, what is to be stored. The Execution asks a Strategy
// whether and when to restart what has failed, Regions which subtasks fail together, and a
// checkpoint.Coordinator what becomes of checkpoints.
//
// A job in batch mode can run in stages: its regions end at blocking exchanges, begin when what they read is complete,
// and need not run again after that (stage.go).
//
// A Pool is told of TaskManagers and of jobs' wishes, and says who gets
// which slots; an Adaptive, one for each job, with which parallelism it runs in those it holds;
// Place puts the subtasks into them.
// An Autoscaler is told what the vertices of a job have done, and sets their upper bounds.
//
//	Pool.Balance ─ slots ─▶ Adaptive.Slots ─ parallelism ─▶ Place ─ slots in use ─▶ Pool.Use, Pool.Return
//
// # Driving them
//
//  1. Tell the Pool of every event. After one or several call Balance, and again at Wake; carry out all
//     actions in their order.
//  2. After that tell the Adaptive of each job whose slots have changed: SlotLost if something ran in
//     one that is lost, and how many are Held and Asked of each group. Call its Tick at its Wake.
//  3. StartJob, RescaleJob: Place the subtasks into what is Held, tell the Pool to Use these slots, and
//     those in which something is still being stopped, and deploy. When the job runs, tell the Adaptive
//     that it is Deployed, the Autoscaler that it is Rescaled, the Pool which slots it uses now, and
//     Return what it is asked for and does not use any more.
//  4. SuspendJob: Use no slots when all is stopped. FailJob: End the job.
//  5. When an Autoscaler decides, or a user, give the Adaptive new Bounds and Submit its Demands to the
//     pool again.
//  6. A new leader makes a Pool that is recovering, registers TaskManagers, submits the jobs of the one
//     before, and says Recovered; then a job runs on with Adopt in the slots that it has adopted.
//
// # Non-obvious
//
//   - Reports of the past arrive: they carry the number of a deployment, which is never used again.
//   - While a checkpoint is being published nothing restarts: it may become the one to restart from.
//   - A failure before the last checkpoint, or of its commit, repeats from the checkpoint before, or
//     from that one; without checkpoints a failed commit fails the job, as nothing can be repeated.
//   - After a savepoint that ends the job nothing is repeated either: it lies outside of the job's storage.
//   - In stages, results that are discarded and results that are lost are the same: who needs them has them made
//     again, and everybody runs again who has read the ones before.
//   - In stages, coordinators that are gone are replaced when a source or a loop is to run. What a source has read by
//     an enumerator that is gone must be read again as a whole, or not at all.
//   - Requests have callbacks, which are called within a step. What follows from them is done at its end.
//   - A change of the parallelism stops tasks as a failure does, but is none: what has failed besides, and
//     only that, is the restart strategy's business. Places count anew after it; a late report carries the
//     number of a deployment that no region has any more, so that its place is never looked up.
//   - Before it a snapshot is taken, and none begins in between, so that sinks commit what is not repeated.
//   - A slot that is taken from a job is not free: it is being cleared until its TaskManager says
//     Freed. What a TaskManager that comes back still holds is cleared the same way. So no slot ever
//     has two owners, whatever order messages come in.
//   - Register begins a new connection. A TaskManager must not carry out grants and frees that came
//     by an older one: the pool already counts on what the offer says.
//   - Minimums are granted before anything beyond them. In one pass over the jobs, an earlier job's
//     wish takes a free slot that a later job's minimum was to have, which then waits for a slot that
//     another job may never give back.
//   - Slots wait for one another: Balance gives a job its minimum in one step or not at all.
//     Two jobs that each hold half of what they need would wait for ever.
//   - An Adaptive is told of slots after Balance, not after the loss of a TaskManager: spare slots are
//     granted first, and the job goes on with the same parallelism. Their number then does not show
//     that something is lost, so it must be said.
//   - A job that is asked for slots without which it cannot run goes on in them. It moves when Balance
//     has granted others, or loses them with their TaskManager.
//   - What an Autoscaler needs of rates is their ratios, and how long a vertex was busy: rates that are
//     seen behind a bottleneck are those of the bottleneck. Samples of the time in which a job starts,
//     when caches are cold and backlogs are worked off, do not count.
//   - A slot that a job does not give back within ReclaimTimeout stays asked for, but nobody's
//     minimum counts on it. Else one job that hangs keeps free slots from all that come later.
package schedule
