// Package result keeps the results of stages in batch mode that runs over several processes: the files
// of blocking exchanges. They outlive the worker that wrote them.
//
//	producer ─▶ Writer ─▶ file in the Dir of the TaskManager ─┬──────── OpenPart ───────▶ consumer there
//	                                                          └─▶ Serve ══ wire ══▶ Fetch ▶ consumer elsewhere
//
// Each subtask that has consumers by an edge writes one file for it, with a part for each of them. Its blocks lie in
// the order in which they were filled; behind them is what says which are whose. All numbers have the
// least significant byte first:
//
//	blocks    each: checksum of what follows (8), pieces in a block of s2
//	lists     for each part, for each of its blocks: uvarint bytes since the end of the one before, uvarint length
//	table     for each part: where its list is (8), its length (8), its checksum with the part's number (8)
//	footer    where the table is (8), number of parts (4), "flt\x01" (4), checksum of these (8)
//
// Pieces are behind their lengths, as package spill has them: batches, in the encoding of the edge.
//
// Data flow: internal/exchange writes pieces, and reads blocks from a Source; internal/taskmanager owns the Dir,
// serves it to other workers, and removes what is not needed any more; internal/worker connects the two.
//
// # Non-obvious
//
//   - A file has its name only when it is complete. What has no footer, or another checksum, is damaged.
//   - Files are not synced: a machine that has gone down has lost its TaskManager, and so its results.
//   - The TaskManager sends blocks as they lie on disk. The consumer looks at their checksums.
//   - A file that is removed while it is read can be read to its end.
//   - A Source never waits: Next returns ErrWait, and the consumer is woken.
package result
