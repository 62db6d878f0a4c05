// Package kafka reads and writes topics of Apache Kafka.
//
// A partition is a split. The enumerator finds the partitions of topics, at the start and again from time to time, and
// says where each begins and, in bounded mode, ends; positions are offsets in the snapshots of readers. So each record
// is processed once, whatever the group's offsets are: those are written when a checkpoint is complete, for tools that
// show the lag.
//
// Data flow: the enumerator asks the brokers in the background and assigns partitions to readers; a reader's client
// fetches on a goroutine of its own and hands over what has come; Poll decodes it, partition by partition.
//
// # Non-obvious
//
//   - Markers of transactions are records to the client, and move positions: else a partition whose last record is one
//     would never be at its end.
//   - An offset that the broker does not have any more fails the job, unless auto.offset.reset says where to go on: what
//     is lost is not passed over silently.
//   - A partition that is found later is read from its beginning, as nobody has read it before.
package kafka
