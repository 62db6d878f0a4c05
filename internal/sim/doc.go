// Package sim runs whole jobs on one goroutine, with faults at random moments.
//
// Everything that decides is the code of production: the steps of tasks, the master of the job, the
// coordinators of checkpoints and sources, the exchange, the state tables, the storage. Only the clock,
// the disk and what runs when are replaced: a World picks the next thing to happen by a seed.
//
//	          ┌───────────── World ─────────────┐
//	tasks ───▶│ which of all that could happen  │──▶ one step of it
//	actors ──▶│ next does? Is it time for a     │
//	uploads ─▶│ fault?                          │
//	clock ───▶└─────────────────────────────────┘
//
// A run draws a schedule of faults, runs a job to its end, through restarts and through deaths of the
// whole process after which another begins at another parallelism, and compares what was committed with
// what a run without faults commits, record for record. Jobs are rescaled at random moments, too.
// One run in four keeps keyed state in trees on disk in most of its processes, with nothing in the
// tables between batches; the snapshot of such a process may be restored in memory by the next, and
// the other way round. Half of these processes take native checkpoints, of the files of the trees.
//
// Data flow: Run takes a Program and a seed, and returns what happened; the test prints how often each
// fault has hit each phase of a checkpoint.
package sim
