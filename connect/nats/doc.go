// Package nats reads and writes streams of NATS JetStream.
//
// A stream, or what a filter of subjects takes of one, is a split. Streams are read by the numbers that the server gives messages:
// the position of a split is a number, and is in the snapshots of readers. So each message is processed once, and nothing is
// acknowledged.
//
// Data flow: the enumerator asks the servers in the background where streams begin and end, and assigns splits; each split of a
// reader has a goroutine that keeps a consumer on the server, whose messages wait in a buffer for Poll, which decodes them. A
// writer publishes, and waits for acknowledgements before a checkpoint; or it hands what it would publish to the checkpoint, and
// the committer publishes it.
//
// # Non-obvious
//
//   - The server's consumer is one that acknowledges nothing, so a message that is lost on the way is lost to it. Deliveries are
//     numbered: after a gap, as after anything else that goes wrong, the consumer is made anew, from the message that is wanted.
//   - A filter may take no message for long. The position moves on all the same, by what the server tells every few seconds, or
//     the stream would seem to have lost what the split was to read next.
//   - Ids of messages are random, and are in the checkpoint: a job that is restored publishes a checkpoint's messages with the
//     same ids, and one that is started anew can have none of them.
package nats
