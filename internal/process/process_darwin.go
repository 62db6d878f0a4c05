package process

import (
	"context"
	"syscall"
)

// attributes: a group of its own, so that Ctrl-C reaches the parent only, which decides.
func attributes(detached bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: detached, Setpgid: !detached}
}

func maxRSS(u *syscall.Rusage) int64 { return u.Maxrss }

// waitEnd waits for the end of a child, and leaves it to be collected.
func waitEnd(pid int) error {
	w, err := newWaiter(pid)
	if err != nil {
		return err
	}
	defer w.close()
	return w.wait(context.Background())
}
