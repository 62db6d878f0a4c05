// Package nexmark makes the events of the Nexmark benchmark: persons who register at an auction
// site, auctions they open and bids they place, 1 : 3 : 46.
//
// Event n is a pure function of (seed, n). Therefore a run can be split (split i of k makes the
// events i, i+k, i+2k, …), sought and replayed, and makes the same events whatever the parallelism
// or the failures in between. Variant 0 is the benchmark's definition, byte for byte; other
// variants change hot ratios, alphabets, names and seed, and shuffle the events within three
// seconds, so that an engine cannot be tuned to the one data set.
//
// [Tables] holds what is computed once from a [Config]; it is immutable and all subtasks share it.
// A [Generator] belongs to one goroutine. It takes a projection ([Fields]), never a predicate: an
// event is made whoever wants it, only the columns nobody reads are not.
//
// The package also writes and reads the events as text ([AppendJSON], [AppendCSV], [ParseJSON])
// and has the checksum by which results are compared between engines ([Hash]).
//
// Data flow: nobody hands it data; [Generator.GenerateBatch] hands events to [Source], which hands
// them to a job; the writers hand text to files and topics.
//
// # Non-obvious
//
//   - The number of random draws of an event depends on earlier draws (only a bid on a cold auction
//     draws which one), never on the projection. A column that is not wanted skips its draws by
//     adding to the state; the tests compare all projections with the full event.
//   - A skipped column is the zero value, also when the slot held an event before.
//   - Strings are slices of a pool that lives as long as the Tables, or of a chunk that is never
//     written again: they stay valid for ever and may be kept.
package nexmark
