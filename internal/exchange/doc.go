// Package exchange moves batches and control elements between subtasks.
//
//	Writer (producer's chain end) ─▶ Channel, bounded in bytes ─▶ Gate (consumer) ─▶ chain head
//
// A Writer splits its batches over the channels as its Partitioner says and ships a batch when it
// is full, when its task has nothing more to do just now, or after the buffer timeout. A Gate
// gathers all channels of a subtask in one queue: it aligns barriers, combines watermarks and
// counts ends.
//
// In batch mode channels are blocking: they encode what they are sent into a Partition, in memory or
// in a file of the job's Spill, and a BatchGate reads it when all producers have ended, keyed inputs
// through a Sorter.
//
// An EdgeType knows what the batches of an edge are made of: Edge for rows, ColumnEdge for columns, whose
// keyed inputs are not sorted.
//
// Data flow: the last operator of a chain pushes to a Writer; the consumer's task polls its Gate
// and pushes into the head of its chain.
//
// # Non-obvious
//
//   - A channel always takes a batch; it has room while fewer bytes than its limit are in flight.
//     So a producer exceeds the limit by at most one batch for each channel.
//   - Bytes stay in flight until the consumer has processed the batch, not only taken it.
//   - Lock order: a Gate's lock is the only one held while an element is queued; wake functions
//     are called without it.
//   - While a channel is blocked for alignment its elements are parked, still counted as in flight:
//     its producer stops, nobody else's does.
//   - An unaligned barrier stays in its place in the queue and is announced besides (overtake.go).
//     Between Urgent and Overtake the task polls nothing: the state it takes there and what the gate
//     then finds unprocessed belong together.
//   - Restored batches come before anything new of any channel. So they are ahead of it for each key,
//     whichever producer goes on with it.
//   - Barriers that come back on feedback channels are aligned among those only, waves and epochs
//     of loops without blocking (wave.go).
//   - A feedback channel takes part neither in alignment, nor in the watermark minimum, nor in the
//     count of ended inputs; it never blocks its producer.
package exchange
