package process

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// scope is one for all: that a pid comes again with the same microsecond after another boot is nothing
// to fear.
func scope() (string, error) { return "darwin", nil }

const zombie = 5 // SZOMB of sys/proc.h

func startOf(pid int) (uint64, error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil { // EIO: an empty answer
		return 0, os.ErrProcessDone
	}
	if p.Proc.P_stat == zombie {
		return 0, os.ErrProcessDone
	}
	begun := p.Proc.P_starttime
	return uint64(begun.Sec)*1e6 + uint64(begun.Usec), nil
}

// Usage tells nothing here.
func (i Identity) Usage() (Usage, error) {
	if !i.Alive() {
		return Usage{}, os.ErrProcessDone
	}
	return Usage{}, nil
}

func ownMemory(int) (int64, error) { return 0, errors.ErrUnsupported }

// waiter waits for the end of one process through a kernel queue.
type waiter struct{ queue int }

func newWaiter(pid int) (*waiter, error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(queue)
	event := unix.Kevent_t{
		Ident: uint64(pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD, Fflags: unix.NOTE_EXIT,
	}
	if _, err := unix.Kevent(queue, []unix.Kevent_t{event}, nil, nil); err != nil {
		unix.Close(queue)
		if errors.Is(err, unix.ESRCH) {
			return nil, os.ErrProcessDone
		}
		return nil, os.NewSyscallError("kevent", err)
	}
	return &waiter{queue}, nil
}

func (w *waiter) close() { unix.Close(w.queue) }

// wait holds a thread, and looks at ctx ten times a second.
func (w *waiter) wait(ctx context.Context) error {
	events := make([]unix.Kevent_t, 1)
	look := unix.NsecToTimespec(int64(100 * time.Millisecond))
	for {
		n, err := unix.Kevent(w.queue, nil, events, &look)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("kevent", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
