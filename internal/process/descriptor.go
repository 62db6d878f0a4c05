package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// statDescriptor is the file behind a descriptor. It works on a duplicate, since an os.File closes its
// descriptor when it is collected.
func statDescriptor(fd int) (os.FileInfo, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(d), "")
	defer f.Close()
	return f.Stat()
}

// inherited is a pipe that the parent has put at a descriptor. Descendants do not get it, and waiting
// on it holds no thread.
func inherited(fd int, name string) (*os.File, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
