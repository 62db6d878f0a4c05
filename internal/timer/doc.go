// Package timer holds the timers of a subtask: a queue of (time, key, payload) that is unique by
// time and key, sets and deletes in constant time, and fires in order of time.
//
// Data flow: operators (internal/ops, state) set and delete timers; the task advances the queue
// when the watermark or the clock does, and the queue calls back into the operator for each timer
// that is due; a checkpoint freezes the queue and walks what was in it afterwards, between batches.
//
// # How it works
//
// A heap costs a cache miss for each level and needs a second index for "set twice is once". Here
// a set or a delete is only appended to the log of a bucket, and work is put off until the time of
// the bucket comes. By then most deletes and repeated sets lie beside what they replace.
//
// Times are unsigned here: the sign bit of At is flipped, so that they compare as At does. Buckets
// are those of a timing wheel without a clock. A timer at u is kept by the highest 6-bit digit in
// which u differs from the horizon h, the last time that was taken out of the buckets:
//
//	          digit 10          digit 1  digit 0
//	h   =  │ 000001 │ … │ 101100 │ 000111 │          level 0: 64 buckets of 1
//	u   =  │ 000001 │ … │ 101100 │ 010000 │  ──▶     level 0, bucket 16
//	u'  =  │ 000001 │ … │ 110000 │ 111111 │  ──▶     level 1, bucket 48: 64 buckets of 64
//	                                                 … level 10
//
// Everything on a lower level is earlier than everything on a higher one, so the first taken
// bucket of the lowest taken level has the earliest timers. When it is due it is sorted into the
// run, from which timers are fired; when it is large, or due only in part, it is dealt out to lower
// levels first. An entry can only descend, so it is moved at most 11 times, in practice two or
// three times: moving the horizon by one millisecond through a bucket with a million timers
// touches few of them.
//
//	Set, Delete ──▶ wheel (logs) ──▶ run (sorted) ──▶ fire
//	     │                             ▲
//	     └─ at or before the horizon ──┴─ late (heap)
//
// # Non-obvious
//
//   - All entries of one time and key are in one place, except that an entry of the run can be
//     deleted or set again by one in late. So a deletion in a bucket ends at its next compaction,
//     a deletion in late must stay until the run has passed it.
//   - The horizon never goes beyond the time that the queue was advanced to. Otherwise timers set
//     for the near future would all be late, and late is a heap.
//   - While a freeze is held, no chunk and no run is used again: what it refers to is left to the
//     garbage collector. Entries in chunks are never changed, only copied.
//   - What fires, or meets its deletion, goes to the log of what is gone if it was set before the last
//     freeze, whether or not that one's snapshot has been completed: it may be later. A timer that was set
//     again is newer than the freeze, and has a bit that says that an older one was there.
//   - A deletion in a log may be older than the log of what is gone says. That is harmless: of the
//     entries of one timer the last holds, and one of a timer that is set again has a higher number.
//   - A log is compacted when it has grown fourfold since the last time, twofold if there was much
//     to drop, eightfold if there was nothing. So setting the same far timer again and again does not fill memory.
package timer
