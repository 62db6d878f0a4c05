// Package file reads and writes files and directories, on the disks of this machine and on other systems, whose drivers
// (as connect/s3) a program imports: see package filesystem.
//
// [Lines], [CSV] and [JSONLines] are sources of the records in files: of one file, of a directory,
// of all files that match a pattern. A name's ending says how a file is compressed: .gz or .zst.
// Large uncompressed files of lines are cut into ranges that several readers read. With [Watch] the
// source is unbounded and takes up new files as they appear.
//
// [Sink] writes part files, which become visible when the checkpoint that contains them is
// complete, each record exactly once. It merges small files (SinkOptions.Compact) and says when the
// directories of buckets are complete (SinkOptions.PartitionCommit). Table is built on it.
//
// # Which files are read
//
// Names that begin with a dot or an underscore are passed over, so that what other programs are
// still writing is not read; the sink of this package follows that convention. A watched file is
// taken once two listings in a row find it with the same size and time of modification. Write
// elsewhere and rename it into place if writing may pause for longer than the interval. A file is
// read once: what is appended to it, or replaces it under the same name, later is not read.
//
// # Positions
//
// The position in a file is a byte offset, of what is decompressed where the file is compressed;
// a restored reader of a compressed file reads it again from the beginning up to there. Files must
// not change between a snapshot and the restore from it.
//
//	range 0          range 1           range 2
//	|---------------|-----------------|-----------|
//	aaaa\nbbbbbbbbbbbbb\ncccc\ndddd\neeeeeee\nffff
//	^ from 0        ^  ^ range 1 begins after the first newline at or after its start;
//	                     range 0 reads the lines that begin at or before its end
//
// Tables may be in formats that have files of their own, as Avro and Parquet: they are cut into ranges of bytes
// too, of which each has what begins in it, and a position is a block and the number of rows read in it.
//
// Data flow: the enumerator lists files and hands out splits, one at each request; a reader opens
// its split, cuts it into records and emits them. The sink's writers write files that nobody sees, which the
// committer makes visible.
package file
