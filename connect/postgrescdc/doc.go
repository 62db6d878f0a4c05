// Package postgrescdc reads tables of PostgreSQL, and then what changes in them, from its log.
//
// The log comes by logical replication from a slot, which keeps it until a checkpoint is complete; the plugin pgoutput, which is part of the
// server, decodes it there. Tables that were there before are read in chunks by their primary keys, without locks, while the log goes on.
//
// Data flow: the runner's goroutine reads chunks and the log, and hands over batches of changes in the form of the log; Poll decodes
// them. The one split has the position in the log, and in the tables that are not read to their end.
//
// # Chunks
//
// A chunk is read in a snapshot of the database, of which it is known exactly which transactions it has: xmin, xmax and those
// that ran in between. So of each change in the log it is known whether the rows that were read have it:
//
//	key of the row        the change
//	not read yet          is dropped: the chunk that reads the row has it
//	in the last chunk     is dropped if its transaction is in the snapshot
//	in a chunk before     is handed over
//
// The log comes behind the snapshot before the next chunk is read, so that one chunk has to be known. Algorithms that bracket a chunk by positions of
// the log (DBLog, Flink CDC) have to hold the chunk's rows until the log has come to the upper one, and take a transaction for one that the
// chunk has when its commit is before the lower one; but it becomes visible some time after it is in the log.
//
// With upserts nothing is dropped: a change that comes late is made again, and the log ends where the row is.
//
// # Non-obvious
//
//   - For that reason a snapshot is taken anew until it has all transactions that were read from the log: of rows that were not read yet their changes
//     were dropped.
//   - Reading a table again gives what it is then. So an attempt that failed may have read a row that nobody hears of any more:
//     in the job's state it never was, but a sink that writes by key has it. With upserts its deletion comes, as it does in the log after
//     the checkpoint.
//   - A position within a transaction is that before it, and how many changes were read: the server sends whole transactions.
//   - Keys are compared by the database, unless they are numbers: it has collations.
//   - Where nothing happens in the tables, keepalives say how far the log is read, so that the slot does not hold it for ever.
//   - The publication must be there before the slot: the log from before cannot be decoded with it.
package postgrescdc
