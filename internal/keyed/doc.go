// Package keyed holds the in-memory tables of keyed state: a Map is one open-addressing hash table
// with its values inline, a Table is one Map for each key group of a subtask. Values is a state with
// a value of any type for each key, in a Table that remembers what has changed.
//
// Data flow: operators (stream, state) hand in a key in canonical form with its 64-bit hash and get a
// pointer to the value; a checkpoint freezes a state and then writes it, a few key groups between
// every two batches, into sections (operator.Section).
//
// # Layout
//
//	              home of hash                             slack: the last clusters
//	                   │                                   run into it, nothing wraps
//	slots  ┌────┬────┬─▼──┬────┬────┬────┬ ─ ─ ─ ┬────┬────┬────┬────┐
//	       │    │    │ A  │ A' │ B  │    │       │ Y  │ Z  │ Z' │    │
//	       └────┴────┴────┴────┴─┬──┴────┴ ─ ─ ─ ┴────┴────┴────┴────┘
//	                             │ value; word, or half of the hash and offset
//	                             ▼
//	log    ┌───────┬─────────────┬───────┬──────                 (byte keys only: the other
//	       │ 3 key │ 9 bytes key │ 2 key │  …                     half, length, bytes)
//	       └───────┴─────────────┴───────┴──────
//
// A key is either a word (64 bits) or bytes; one Map has keys of one kind. A slot has no pointer
// of its own, so that the garbage collector does not scan the table when V has none: the word is
// the key itself or the offset of the key in the byte log.
//
// Values without pointers stand in the slots. Others stand encoded in blocks of memory (records,
// heap), with a bounded number of them decoded (packed).
//
// # Snapshots
//
// At a freeze nothing is copied: each group is marked as still to be written. Until it is, the first
// change of an entry appends the entry as it was to the group's section, and the scan leaves out what
// has changed. So a section is the group as it was at the freeze, whenever it is written. Which
// entries those are is kept in bitmaps beside the slots (marks), keys of deleted ones in graves.
// The scan of a group stops and goes on between batches too (scan), so that a group may be of any
// size; a large one is passed in parts, of which all but the first are deltas on top of it.
//
// A section is, whatever holds the state:
//
//	full     entries, one after the other
//	delta    number of deleted keys (uvarint), the keys, then entries
//	entry    key as Backend.AppendKey writes it, value by its codec
//	         list: the number of bytes (uvarint), then the items without their number
//	         map: key, map key in its canonical form, value
//	         ordered: key, length of the sub-key (uvarint), sub-key, value
//	         with TTL: 8 bytes of time before each value, item or map value
//	         slice: start and end (varint), key, accumulator; what is deleted is whole slices, start and end
//	         timer: time (varint), key, payload; what is deleted is time and key
//
// Between one freeze and the next a key may be deleted and made again: so the deleted keys come
// first. A delta may hold more than what has changed, never less.
//
// To restore (state, key group) one applies its last full section and the deltas after it, over
// the confirmed checkpoints that the snapshot stands on (operator.Snapshot.Since). A group has a full
// section in the first snapshot, in a savepoint, after deltasMax deltas, or when those since the last
// full one would make a restore read more than twice what there is; the groups take turns. A group without a section has not
// changed.
//
// A native snapshot has no sections of what is on disk: see native.go. Lists on disk are appended to without
// being read: see coldappend.go.
//
// # Types that change
//
// A description has the schemas that a state was written with. Backend.Restore compares it with that
// of today, once for each state: if values have changed, sections are rewritten before they are
// applied (evolve.go), and the states know nothing of it. What cannot be rewritten is refused.
//
// # Slices of time
//
// Slices are the tables of aligned windows, one for each slice of time. Freezes, marks and scans are those
// of tables by key group, but for three things. A table has the keys of all groups, so a scan deals its entries
// out, and there is one choice between base and delta for all groups. A table goes as a whole: an increment
// then has the slice's bounds, in the section of each group. A table that goes before it is written is
// emptied afterwards, so that a window may fire at any time after the barrier.
//
// # Timers
//
// Timers have no table: a freeze of their queue holds on to its logs (timer.Frozen), and the numbers of
// the operations say what is new. As with slices there is one choice between base and delta for all
// groups. The queue notes what goes that a snapshot may hold; when that is more than half of what is there,
// it gives up, and the next snapshot is a base.
//
// # In order, in batches
//
// Ordered is for each key a map whose entries are in order, Multiset a number for each row of a key:
// both are entries of one table, so that each is written and snapshotted by itself. Values.UpsertAll
// takes a batch of keys and gives pointers to their values, for loops over columns.
//
// # Time to live
//
// TTLValues, TTLList and TTLMap are the states above with the time of the last update before each
// value, item or entry (Timed): all else, snapshots above all, is as without. What is expired is
// dropped when it is come upon; the sweeper comes upon all of it in time, a few entries with each
// access. A full section leaves out what was expired at the freeze. A description says that times are
// there ("value with TTL"), so that a restore can add them or leave them out. What is only on
// disk goes by a sweep of its own, a bounded number of entries with each batch (diskSweeper).
//
// # Non-obvious
//
//   - The position of an entry comes from the low bits of its hash, its key group from the high
//     bits. Using the high bits for both would put a whole Map into one cluster.
//   - The position is a mask and not a multiplication: entries taken out of one table in slot
//     order and put into a smaller one (a restore does this) then fill it evenly. With positions
//     from the top bits they would fill its front first, which is quadratic.
//   - Iteration runs from the last slot to the first. A delete moves entries towards the first
//     slot only, from places that were visited already, so deleting the current entry neither
//     skips nor repeats another. This is also why clusters do not wrap around.
//   - What was frozen counts as changed until the checkpoint is confirmed, so that one that fails
//     makes no hole. A confirmation that comes while a freeze is being written waits for its end:
//     what is written stands on an earlier checkpoint.
//   - A value with pointers that Values.Lookup returned must not be changed, even for a moment: it
//     would not be written back, but still be there for the next one who looks.
//   - A field with the tag `flott:"-"` of such a value is zero whenever it has been closed.
//   - A delete never shrinks or compacts by itself, since an iteration may be on the way; it asks
//     the next insertion to do so.
package keyed
