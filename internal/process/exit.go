package process

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Exit is how a process has ended.
type Exit struct {
	// Name is Command.Name.
	Name string
	// Code is what it has exited with; -1 if a signal has ended it.
	Code int
	// Signal has ended it; 0 for none.
	Signal syscall.Signal
	// Stopped says that Stop or Kill were called before.
	Stopped bool
	// Killed is why this package has killed it; empty if it has not, or by Kill.
	Killed string
	// OutOfMemory says that the kernel has killed it, or one of its descendants, at its limit. Only a
	// cgroup knows.
	OutOfMemory bool
	// Limit of its memory, in bytes; 0 for none.
	Limit int64
	// Enforcement is what held the limit.
	Enforcement Enforcement
	// User and System are the CPU times of the process and of its descendants that it waited for.
	User, System time.Duration
	// MemoryMax is the most memory that it has used at a time, in bytes: with its descendants if a cgroup
	// counts them; else resident, and at least as much as its parent had when it started it, since
	// the kernel counts that in.
	MemoryMax int64
	// LastLines are the last lines of its log, at most 20; of a crash the first ones, from its
	// message on.
	LastLines []string
}

// Err is nil for a process that has exited with 0, or was stopped and has ended by that; else it says
// what has become of it, with the last lines.
func (e Exit) Err() error {
	if e.Signal == 0 && e.Code == 0 || e.Stopped && e.Signal == syscall.SIGTERM {
		return nil
	}
	return errors.New(e.String())
}

// String is a sentence about the end, and the last lines.
func (e Exit) String() string {
	return e.Name + " ended: " + e.cause() + quote(e.LastLines)
}

func (e Exit) cause() string {
	switch {
	case e.Signal == 0:
		return fmt.Sprintf("exit code %d", e.Code)
	case e.OutOfMemory:
		return fmt.Sprintf("signal: %v: out of memory, limit %s (%s)", e.Signal, bytesText(e.Limit), e.Enforcement)
	case e.Killed != "":
		return fmt.Sprintf("signal: %v: %s", e.Signal, e.Killed)
	case e.Signal == syscall.SIGKILL && !e.Stopped && e.Limit > 0:
		return fmt.Sprintf("signal: %v (out of memory? limit %s, largest %s)",
			e.Signal, bytesText(e.Limit), bytesText(e.MemoryMax))
	case e.Signal == syscall.SIGKILL && !e.Stopped:
		return fmt.Sprintf("signal: %v (out of memory? largest %s)", e.Signal, bytesText(e.MemoryMax))
	}
	return fmt.Sprintf("signal: %v", e.Signal)
}

func quote(lines []string) string {
	if len(lines) == 0 {
		return "; it has written nothing"
	}
	return "; its last lines:\n\t" + strings.Join(lines, "\n\t")
}

func bytesText(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/(1<<20)) }
