// Package hdfs is the driver of package filesystem for the Hadoop Distributed File System: a program that
// imports it reads and writes hdfs://host:port/path wherever package connect/file takes a path.
//
// host:port is the NameNode; without a port it is 8020. A host that HADOOP_CONF_DIR/hdfs-site.xml has as a
// nameservice stands for its NameNodes, of which the active one answers. The user is HADOOP_USER_NAME, or else
// that of the operating system. There is no Kerberos.
//
// # Exactly once
//
// A file is written under its hidden name. The client of HDFS has no call that waits until all is with the
// DataNodes and leaves the file open, so Persist closes the file, after which all of it is, and the next
// Write appends to it. Recover cannot cut a file that a writer which was killed has open, before its lease has run
// out. It copies what the snapshot knows, which no writer changes any more, to another hidden file; the one
// before is removed with the commit:
//
//	.part-0-1.inprogress.0  |== in the snapshot ==|-- more, perhaps open --|
//	                        |                     |
//	.part-0-1.inprogress.0.recovered.5f2c…  ──── rename ────> part-0-1
//
// So a writer that was thought dead and goes on writes to what nobody reads, or fails, as the file is gone.
// A file that was finished is taken as it is.
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
// before the NameNode knows enough of the last one (Write closes the file at the end of each), it closes a file as if all
// was well if it is asked again after a failure (fail never closes), and it loses a goroutine if a write to a DataNode
// fails (see dataConn).
//
// Data flow: package connect/file asks package filesystem, which asks this one.
package hdfs
