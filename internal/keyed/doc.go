// Package keyed holds the in-memory tables of keyed state: a Map is one open-addressing hash table
// with its values inline, a Table is one Map for each key group of a subtask.
//
// Data flow: operators (internal/ops, state) hand in a key in canonical form with its 64-bit hash
// and get a pointer to the value; checkpoints walk the entries of one key group at a time.
//
// # Layout
//
//	              home of hash                             slack: the last clusters
//	                   │                                   run into it, nothing wraps
//	slots  ┌────┬────┬─▼──┬────┬────┬────┬ ─ ─ ─ ┬────┬────┬────┬────┐
//	       │    │    │ A  │ A' │ B  │    │       │ Y  │ Z  │ Z' │    │
//	       └────┴────┴────┴────┴─┬──┴────┴ ─ ─ ─ ┴────┴────┴────┴────┘
//	                             │ value, hash, word
//	                             ▼
//	log    ┌───────┬─────────────┬───────┬──────                 (byte keys only:
//	       │ 3 key │ 9 bytes key │ 2 key │  …                     length, bytes)
//	       └───────┴─────────────┴───────┴──────
//
// A key is either a word (64 bits) or bytes; one Map has keys of one kind. A slot has no pointer
// of its own, so that the garbage collector does not scan the table when V has none: the word is
// the key itself or the offset of the key in the byte log.
//
// # Non-obvious
//
//   - The position of an entry comes from the low bits of its hash, its key group from the high
//     bits. Using the high bits for both would put a whole Map into one cluster.
//   - The position is a mask and not a multiplication: entries taken out of one table in slot
//     order and put into a smaller one (a restore does this) then fill it evenly. With positions
//     from the top bits they would fill its front first, which is quadratic.
//   - A hash of 0 marks a free slot; a key with hash 0 is stored, and reported, with hash 1. Both
//     are in key group 0.
//   - Iteration runs from the last slot to the first. A delete moves entries towards the first
//     slot only, from places that were visited already, so deleting the current entry neither
//     skips nor repeats another. This is also why clusters do not wrap around.
//   - A delete never shrinks or compacts by itself, since an iteration may be on the way; it asks
//     the next insertion to do so.
package keyed
