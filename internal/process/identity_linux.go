package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// scope is the boot and the namespace of pids of the caller.
var scope = sync.OnceValues(func() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	space, err := pidSpace()
	return strings.TrimSpace(string(boot)) + "/" + space, err
})

// pidSpace is the number of the caller's namespace of pids.
func pidSpace() (string, error) {
	link, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	return strings.Trim(strings.TrimPrefix(link, "pid:"), "[]"), err
}

// Positions in /proc/PID/stat, counted from the state, which follows the name.
const (
	statUser  = 11 // ticks
	statSys   = 12
	statStart = 19 // ticks since boot
	statRSS   = 21 // pages
	ticks     = 100
)

// stat is the fields of /proc/PID/stat from the state on. The name before them, in parentheses, may
// have any characters.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil, os.ErrProcessDone
	}
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= statRSS {
		return nil, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	return fields, nil
}

func startOf(pid int) (uint64, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(fields[statStart], 10, 64)
}

// Usage is what the process uses by now.
func (i Identity) Usage() (Usage, error) {
	fields, err := stat(i.PID)
	if err != nil {
		return Usage{}, err
	}
	var n [3]int64
	for k, at := range []int{statRSS, statUser, statSys} {
		if n[k], err = strconv.ParseInt(fields[at], 10, 64); err != nil {
			return Usage{}, err
		}
	}
	if !i.Alive() { // else the numbers may be another's
		return Usage{}, os.ErrProcessDone
	}
	return Usage{n[0] * int64(os.Getpagesize()), time.Duration(n[1]+n[2]) * time.Second / ticks}, nil
}

// ownMemory is the resident memory of a process without mapped files: what the kernel could not take
// from it.
func ownMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
		return 0, fmt.Errorf("/proc/%d/statm: %w", pid, err)
	}
	return (resident - shared) * int64(os.Getpagesize()), nil
}

// waiter waits for the end of one process through a descriptor that stands for it.
type waiter struct{ pidfd *os.File }

func newWaiter(pid int) (*waiter, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, os.ErrProcessDone
	}
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	return &waiter{os.NewFile(uintptr(fd), "pidfd")}, nil
}

func (w *waiter) close() { w.pidfd.Close() }

// wait is woken by the poller of the runtime, so it holds no thread.
func (w *waiter) wait(ctx context.Context) error {
	conn, err := w.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { w.pidfd.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var polled error
	err = conn.Read(func(fd uintptr) bool {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(set, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			polled = err
			return true
		}
		return n > 0
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, polled)
}
