// Package lsm keeps state on local disk that memory has no room for, in a log-structured merge tree
// (pebble): one for each subtask, in a temporary directory that goes with it.
//
// Data flow: internal/job gives the operators an Opener for the job's memory and directory; internal/keyed writes what falls out of its tables, and reads what it misses.
//
// There is no log: a tree that is lost is made again from the last checkpoint. A native snapshot is the files
// of a tree (Capture), which another store goes on with (Adopt), or which are read as sections (Sections).
//
// # Non-obvious
//
//   - All that pebble keeps in memory is on the Go heap: the block cache is one for the process,
//     and its size, like that of the memtables, is part of the Space's bytes.
//   - The name of the merge operator is in the files, which native snapshots hold: it is for ever.
//   - Make runs on another goroutine than the owner's: Close waits for it, and what it reads of a Store does
//     not change once the tree is open.
//   - pebble ends the process when it cannot write its manifest, and tries again for ever when a flush
//     fails. A Store does neither: the first error of the background fails it, and every
//     later call returns that error. What waits inside of pebble is left there, so that a Store that
//     has failed is abandoned rather than closed.
package lsm
