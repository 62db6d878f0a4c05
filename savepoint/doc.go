// Package savepoint reads and writes checkpoints and savepoints without the job that has taken them:
// what Apache Flink calls the State Processor API.
//
//	s, err := savepoint.Open(ctx, "/var/flott/savepoints/savepoint-orders-0f3a")
//	totals, err := s.State("per-customer", "total")
//	for row, err := range totals.Rows() {
//		fmt.Println(row.Key, row.Value)
//	}
//
// A snapshot describes itself: each keyed state carries the schemas of its key and value, so that rows
// can be read as dynamic values (Struct, Map, []any and Go's basic types). Read and Get give them as the
// program's own types.
//
// A Writer makes a new savepoint of an existing one, or of several: it removes operators, renames
// them, takes them over from other snapshots, changes states row by row, and gives them other keys. Rehash writes a savepoint
// for another maximum parallelism. A job starts from what they write by launch.RestoreFrom.
//
// Data flow: internal/storage finds the manifest and loads sections; this package takes them apart by
// the layouts of docs/checkpoint-format.md and gives rows to programs and to flott state. A Writer puts
// rows into sections again and hands them to internal/storage.
//
// # Non-obvious
//
//   - A state is read one key group at a time, deltas applied; memory is bounded by the largest
//     group, not by the state.
//   - A key's canonical bytes are not made anew when a snapshot is rewritten, but by Rekey: what decides
//     where a key lives is copied.
//   - The key groups of two numbers of groups are in the same order, since a group is a range of
//     hashes: so a rehash streams.
package savepoint
