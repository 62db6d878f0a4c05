// Package ha elects the JobManager that leads, and keeps what must survive it: the records of jobs, and
// the results of those that have ended.
//
//	JobManager a ──Campaign──▶ ┌───────┐ ◀──Campaign── JobManager b, which waits
//	     │                     │ Store │
//	     └─Leadership: Put ──▶ └───────┘ ──Watch──▶ TaskManagers and clients: who leads, where
//	       Swap, Delete            │
//	                               └──Get, List──▶ whoever wants to know
//
// A Store is one of
//
//	Memory   within a process: no high availability, and tests
//	dir      a directory, for one machine or a shared file system
//	etcd     for several machines
//
// and Large puts values that are too large for it into a blob store. Kubernetes can be another one: a Lease
// with its transitions as the epoch, a ConfigMap for each record, their resource versions as versions.
//
// Only a Leadership can write, so that each write has an epoch. It succeeds if no later leader has come, which
// the store finds out in the same step as it writes: by a lock, or by a transaction that compares. A leader
// therefore need not know that it leads, when it writes; that it is told of its end, and stops by itself, only
// spares others its mistakes outside of the store.
//
// Jobs is the layout of the records.
//
// Data flow: internal/ha/configured opens the Store that the configuration names; a JobManager campaigns in it and writes
// what it is told about jobs; the next leader reads that.
//
// # Non-obvious
//
//   - A leadership ends once. A process that wants to lead again campaigns again, and has another epoch.
//   - Records do not know of epochs: the new leader takes over those of the old one as they are. What it reads after
//     Campaign has returned is final, as far as older leaders go.
//   - ErrUncertain is not ErrDeposed. After the first a write may be there, and the next leader may act on it.
//   - A leader is told of as leading before it has read the records; it is not ready when Watch says so.
//   - Versions never repeat, not even when a record is deleted and made anew.
//   - In Large an object is there before the record that names it, and deleted after. A reader that finds none reads
//     the record again. An object that is missing is an error of its own, since ErrNotFound says that there is no record.
package ha
