package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes: a group of its own, so that Ctrl-C reaches the parent only, which decides; and the kernel
// kills a child whose parent ends, also one that is frozen or has not come to Tether.
func attributes(detached bool) *syscall.SysProcAttr {
	if detached {
		return &syscall.SysProcAttr{Setsid: true}
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func maxRSS(u *syscall.Rusage) int64 { return u.Maxrss << 10 }

// waitEnd waits for the end of a child, and leaves it to be collected.
func waitEnd(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("waitid", err)
		}
	}
}
