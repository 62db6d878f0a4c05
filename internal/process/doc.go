// Package process has what Flott does with processes of the operating system: it starts and stops
// children, holds their memory, keeps their logs, remembers the daemons of a local cluster, opens ports and
// stores executables.
//
//	parent                                             child
//	Start ── fork, in its cgroup ──────────────────▶ main: Tether ─▶ the rest of main
//	  │      life: the parent's end closes ┄┄┄┄┄┄┄┄▶ Tether ends the process and its group
//	Ready ◀─ ready: addresses, or why not ────────── Child.Ready, Child.Failed
//	Stop ─── SIGTERM, then SIGKILL ────────────────▶
//	Wait ◀── how it ended, last lines ◀── log file ◀ standard output and error, rotated by the child
//
// A daemon is started the same way, in a session of its own, and let go when it is ready and listed:
//
//	Cluster.Start: Start ─▶ Ready ─▶ listed in cluster.json ─▶ Detach (a byte on life)
//
// Identity is a process for whoever is not its parent: a pid and when it began. Listen opens a port that
// strangers cannot reach. Artifacts is a directory of executables by the hash of their content.
//
// Data flow: a TaskManager has Start run its workers, from Artifacts that the JobManager names, and calls Sweep
// before; the command line has Cluster run JobManager and TaskManagers; all of them call Tether first thing
// in main, and Listen.
//
// # Non-obvious
//
//   - The kernel kills a child (Pdeathsig) when the thread ends that has started it, which in Go may end
//     long before the process. So each child has a goroutine that is locked to its thread from the start
//     of the child to its end. It costs no thread more: somebody has to wait.
//   - That kill alone would do for a child, but not for what the child has started, and the pipe alone
//     not for a child that is frozen or not yet in main. Both race; on Linux the kill mostly wins, and then the
//     log has no last line and descendants stay: Sweep finds them by their environment and
//     their cgroups.
//   - The group of a child is killed after its end and before it is collected: later the number of the
//     group may be somebody else's. Hence waitEnd, which collects nothing.
//   - In cgroups of version 1 a child begins in the group of the thread that starts it, so the thread joins
//     and leaves. Should it fail to leave, it is thrown away. Threads that the runtime makes meanwhile do
//     not descend from it, since it is locked.
//   - A daemon lives on only by the byte that Detach sends after it is in the file. A starter that is
//     killed before takes it along.
//   - The answer on the ready pipe may be there while nobody has read it when the process has ended; it
//     is read then without waiting, since a descendant may hold the pipe open.
//   - The child writes to its log file itself. Its rotor puts another file under the descriptors 1 and 2
//     when it is too long, in one system call each, so a write goes to the old one or the new one. What
//     descendants write goes to the old one.
//   - A file that any process has open for writing cannot be executed, and a process being forked has
//     all descriptors of its parent until it is at its own program, some microseconds after the lock of
//     package syscall for that is free again. So Artifacts waits until the kernel says that nobody has it
//     (unwritten).
//   - Artifacts are protected by shared locks on them, between processes as well: whoever removes one has
//     it alone first. A lock goes with its process. For the same reason as above, the lock of a cluster may
//     be held by a daemon of a dead starter for an instant (lockDir).
//   - Lock order: none is held while another is taken.
package process
