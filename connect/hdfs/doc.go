// Package hdfs is the driver of package filesystem for the Hadoop Distributed File System: a program that
// imports it reads and writes hdfs://host:port/path wherever package connect/file takes a path.
//
// host:port is the NameNode; without a port it is 8020. A host that HADOOP_CONF_DIR/hdfs-site.xml has as a
// nameservice stands for its NameNodes, of which the active one answers. The user is HADOOP_USER_NAME, or else
// that of the operating system. There is no Kerberos.
//
// # Exactly once
//
// A file is written under hidden names, in segments: Persist closes one, after which DataNodes have acknowledged all of
// it and nobody changes it any more, and the next Write begins another. Finish, or Recover in another process, writes one file
// of those that a snapshot knows, and Commit renames that and removes the segments:
//
//	.part-0-1.inprogress.0     |== in the snapshot ==|  ──┐
//	.part-0-1.inprogress.0.1   |== in the snapshot ==|  ──┴─ .part-0-1.inprogress.0.merged.5f2c… ── part-0-1
//	.part-0-1.inprogress.0.2   |-- perhaps open --|
//
// So nobody has to take over what a writer that was killed has open, which HDFS refuses until its lease has run out; and a
// writer that was thought dead and goes on writes to what nobody reads, or fails, as the file is gone. A file of one
// segment, such as each of a format that ends its files at checkpoints, is not copied.
//
// # Servers that are away
//
// What asks the NameNode, and what reads, is tried again for a minute if the cause may pass. What writes is not, once
// a DataNode was given something: the client cannot go on with other DataNodes, so the attempt of the job fails and the
// next one writes elsewhere.
//
// # Non-obvious
//
// Files of a process that are in one file system share one connection to the NameNode, whose name is that of the
// holder of leases, and which renews them. It is closed a moment after its last user. A connection that has failed
// gets no new users, as the client waits five seconds before it connects again.
//
// The client has several faults around what it writes, which this package keeps away from: it begins the next block
// before the NameNode knows enough of the last one (Write closes the file at the end of each), it appends to a block without
// a new generation of it, so that a DataNode that was left out has a shorter copy that looks the same (nothing is appended to a
// block), it closes a file as if all was well if it is asked again after a failure (fail never closes), and it loses a
// goroutine if a write to a DataNode fails (see dataConn).
//
// Data flow: package connect/file asks package filesystem, which asks this one.
package hdfs
