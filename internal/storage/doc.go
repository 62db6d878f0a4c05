// Package storage keeps the checkpoints and savepoints of a job in a blob store.
// docs/checkpoint-format.md has the layout.
//
// Data flow: the parts of a snapshot go through a Target's Writers, each of which turns encoded
// sections into one object; what Append returns stands for a section in the operator.State that a
// task acknowledges. The leader of the job gives the complete checkpoint.Snapshot to Publish. On
// restore, Latest or Open returns a snapshot whose blobs load themselves.
//
// # A checkpoint's way
//
//	Begin(7, base 6)          leader: objects of 7 and of 6 are kept from now on
//	Checkpoint(7, …).Part(…)  workers: chk-7/…, in their own processes
//	Publish(snapshot)         leader: chk-7/manifest-…, then the pointer; complete
//	Sweep                     leader: what no retained manifest names is deleted
//
// # Non-obvious
//
//   - A checkpoint is complete when the pointer names its manifest, and only then. If nobody can tell
//     whether it does, Publish fails with ErrUncertain: the job must neither commit nor abort, but
//     restart from Latest.
//   - Lead makes the pointer carry the new leader's epoch before anything else, so that the compare-
//     and-swap of an older leader fails.
//   - No counts of references are stored. What may be deleted follows from the retained manifests, the
//     names in the job's directory, which carry epoch and attempt, and the checkpoints that are open.
//     A manifest that cannot be read stops all deletion.
//   - A part of an older epoch that is still being written by a worker that does not know better shows
//     up after the sweep; the next sweep takes it.
//   - Names of objects are below the job's directory, or URIs if they are of a claimed snapshot.
package storage
