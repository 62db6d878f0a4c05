// Package jobmanager is the process that accepts jobs, gives them slots of TaskManagers, has workers run
// their tasks, and watches over them.
//
//	client ── Submit ─▶ Manager ─ schedule.Pool: who gets which slots
//	                       │
//	                       ├─ job.Job and schedule.Execution: what becomes of a job
//	                       └─ fleet: its workers ── control.ToWorker ─▶ worker.Serve in their processes
//
// Recover takes over what an earlier leader has left (recover.go), which workers and TaskManagers tell, and the
// records of internal/ha (store.go). What a job has left when it has ended is its view (archive.go), in those records and in
// archives (history.go), which Recover reads, too.
//
//	pool: slots held and asked for ─▶ schedule.Adaptive ─ parallelism ─▶ job.BeginRescale ─▶ Execution
//	                                        ▲                                                   │ Deploy
//	                    bounds: SetBounds, Rescale                             fleet: seats, workers
//
// A record stands between the master and the fleet and notes what becomes of tasks, for views.
//
// A job in batch mode runs in stages (stages.go): its fleet gives seats to tasks as they come, and knows which
// TaskManagers have what they have made.
//
// Data flow: TaskManagers and workers connect; what they say is posted to the Manager's actor, which owns
// the pool and the fleets. A job has a master of its own (internal/job), which tells its fleet what to do
// and hears from it.
//
// # Non-obvious
//
//   - That a job has ended is decided, and recorded, before or after its last worker has gone. Its archive is made when both
//     have happened, with the last figures of the workers.
//   - A fleet does what it is told in order, and its first deployment waits for slots and workers; what
//     comes behind it, such as a cancellation, looks at what waits first.
//   - Slots of a job are numbered, and a subtask belongs to a number. When a slot is lost, the one that is
//     granted in its place takes its number: what runs in the others stays where it is.
//   - In stages a task has its number only while it processes its input. A sink that waits for the commit has none,
//     but its worker lives on: so later slots must be of use to workers that run (SetMemory).
//   - The end of a worker is told in three ways: by its connection, by its TaskManager, by the end of the
//     TaskManager's connection. By the first one it is given up, and its tasks with it. But a worker whose
//     connection is lost may run on: its TaskManager is told to kill it, and until that says that the
//     process has ended no other worker of the job starts there, and its slots are not given back.
//   - With its connection a TaskManager is given up, its slots and workers. When it registers again it says
//     what it has of before, which is stopped and cleared. Its workers may be in slots whose grants were lost with
//     the connection: what it says is free is granted when they have ended.
//   - A worker that ends before anything was deployed to it fails the deployment that waits for it. Else
//     one that cannot start would be started again and again, and no restart strategy would be asked.
//   - A job's parallelism is decided by its schedule.Adaptive, which sees slots, and carried out by its
//     Execution, which takes a checkpoint first: in between slots may go. Seats are numbered anew when the
//     deployment comes that has all of the job, and nothing of it runs.
//   - A worker whose TaskManager keeps none of the job's seats, or another number of them, ends then: its limit
//     of memory is that of its slots. Until its process has ended the pool counts them as used.
//   - A slot that the job does not use may be taken from it while its worker runs on in others.
//   - A record has a lock of its own, since both the actor and the master write it. A view is of one moment
//     for each part, not for all: a job can be RUNNING in it with tasks that have just been closed.
package jobmanager
