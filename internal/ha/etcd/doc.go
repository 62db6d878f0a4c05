// Package etcd is a store of high availability in etcd.
//
//	/flott/<cluster>/leader        who leads, as JSON; it has the leader's lease
//	/flott/<cluster>/epoch         the epoch of the last leader, in digits
//	/flott/<cluster>/records/<key> a record: which write of which leader it is of, and the value
//
// A contender that finds no key leader writes it, with a lease of its own, and the next epoch, in one
// transaction. It leads while the key has the revision at which it was created. Everything that a leader
// writes is a transaction that compares the key leader, so that it fails once that was deleted, because the
// lease is over or was revoked, and all the more when another leader has written it.
//
// Large values do not fit: ha.Large keeps them elsewhere.
//
// # Non-obvious
//
//   - Nothing that is written depends on clocks. They only decide how early a leader stops by itself: its
//     lease counts from before the request for it was sent, by the monotonic clock, less a quarter. (A
//     machine that sleeps stops that clock, and its leader believes in its lease for longer. Its writes fail.)
//   - A request without an answer may come to etcd late, even after its client has gone on. So after one the
//     key leader is written again, as it is: all requests that are still under way compare a revision of it
//     that is over. What is read of the record in that same step is final (write.do).
//   - The changes of one record by one leader wait for each other, so that what became of one without an answer
//     can be told from the record: a put by its mark, a deletion by its absence. The latter only if the record was
//     seen before: else another one may have deleted it.
//   - While etcd is away a write waits, until the lease is over or its context ends; only then is it uncertain.
//     One that is under way when the leadership is lost goes on to its answer: it can succeed, if it came first.
//   - A standby does not keep a lease, but takes one when the key is gone.
package etcd
