//go:build linux

// Command chaos runs a job on a cluster of processes on this machine and breaks things: it kills and freezes workers and
// TaskManagers, cuts the network between them, and fills and blocks the disk. In the end the job's files must have the same
// records as those of a run in which nothing went wrong, and nothing may be left of the cluster: no process, file, port or cgroup.
//
//	go run ./bench/chaos -hits 15                                     kills of workers and TaskManagers
//	go run ./bench/chaos -faults partition-jobmanager -hits 3 -seed 7
//	make chaos                                                        everything, for minutes; writes docs/fault-report.md
//
// The job counts bids, joins newcomers with what they sell, and finds the bids of each session, of the auction benchmark's events,
// by event time, and writes to files exactly once. Its source makes a fixed number of events slowly until all faults have struck,
// and the rest at once: so the job lasts as long as the faults do, and its output is always the same.
//
// Data flow: main.go makes a cluster (cluster.go), has it run the job (job.go) and strike the faults (fault.go), each of which says
// what it hits and how it is undone; watch.go tells when the job runs again, check.go what was wrong in the end, report.go prints.
//
// # Non-obvious
//
//   - The seed decides which fault hits which process, and how long nothing happens before. At what point of the job's work that is,
//     the machine decides: a run with the same seed does the same things at other instants. What a failure
//     needs to come again exactly is a schedule of internal/jobmanager's simulation.
//   - Networks and disks that are broken are the command's own: it starts itself again in namespaces for network and mounts, in which
//     it is root. Nothing of the machine changes, and nothing is left when it is killed.
//   - A network has a router between all nodes. A partition is a rule there that drops packets, as a broken switch does: nobody
//     gets an error. Nodes use TLS, as they listen on addresses that are no loopback.
//   - The clock of the machine is not moved: it would move for everybody. With the build tag clockjump (or invariants), all programs are ones whose
//     clock can be set for a single process (internal/clock), and the fault clock-jump is there. docs/fault-tolerance.md says what
//     depends on the wall clock.
package main
