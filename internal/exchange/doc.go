// Package exchange moves batches and control elements between subtasks.
//
//	Writer (producer's chain end) ─▶ Channel, bounded in bytes ─▶ Gate (consumer) ─▶ chain head
//
// A Writer splits its batches over the channels as its Partitioner says and ships a batch when it
// is full, when its task has nothing more to do just now, or after the buffer timeout. A Gate
// gathers all channels of a subtask in one queue: it aligns barriers, combines watermarks and
// counts ends.
//
// In batch mode channels are blocking, unless the tasks of SQL run at the same time (worker.Options.Pipelined): they encode what they are sent into a Partition, in memory or
// in a file of the job's Spill, and a BatchGate reads it when all producers have ended, keyed inputs
// through a Sorter. On a cluster they write results of internal/result, which outlive the producer's process, and the
// gate reads those.
//
// A channel between two processes has an end in each, over a channel of their connection
// (internal/wire). What its Gate sees is the same:
//
//	Writer ─▶ Channel ─ encoded ─▶ wire.Sender ══ connection ══▶ wire.Receiver ─▶ inlet ─ decoded ─▶ Gate
//	            outlet   here          queue                                      queue   when taken
//
// An EdgeType knows what the batches of an edge are made of: Edge for rows, ColumnEdge for columns, whose
// keyed inputs are not sorted. It also encodes them: in flight, in a file, and for another process.
//
// Data flow: the last operator of a chain pushes to a Writer; the consumer's task polls its Gate
// and pushes into the head of its chain. Remote channels hand messages to internal/wire and get them
// from it.
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
//   - Of another process a batch comes encoded, and stays so until the gate takes it: the goroutine
//     of the connection only queues. What is in flight when a barrier overtakes it is never decoded.
//   - The room of a remote channel is the credit of its wire channel, in encoded bytes. A batch that a
//     barrier has overtaken gives it back at once, when it has been found (grantEarly), and so does the
//     batch at work (Overtake): else the barrier, which is behind it, would wait for a consumer that may
//     be blocked. A control element gives it back as it comes.
//   - The announcement of a barrier from another process is an urgent message, which comes long before the
//     barrier does. So Urgent may tell of what is not in the queue yet.
//   - A connection that ends puts nothing into a gate: a cut is no end. Both ends are told (Remote.Failed).
//   - Decoded strings lie in memory of their own, never in the buffer that came: a record may outlive
//     its batch.
//   - A gate that waits for a block of a result from another machine is empty until it comes (waits). Poll says that it
//     waits before it looks, so that what comes in between is not missed.
//   - A feedback channel takes part neither in alignment, nor in the watermark minimum, nor in the
//     count of ended inputs; it never blocks its producer.
package exchange
