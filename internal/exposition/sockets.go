package exposition

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Pair is a pair of connected sockets: one for this process, and a file for a child.
func Pair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1]) // a child gets a duplicate
	theirs = os.NewFile(uintptr(fds[1]), "metrics")
	if ours, err = connOf(fds[0]); err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// Inherited is the socket that a parent has put at a descriptor of this process. Descendants do not get it.
func Inherited(fd int) (net.Conn, error) {
	unix.CloseOnExec(fd)
	return connOf(fd)
}

func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "metrics")
	if f == nil {
		return nil, fmt.Errorf("descriptor %d is none", fd)
	}
	defer f.Close() // the connection has a duplicate
	return net.FileConn(f)
}
