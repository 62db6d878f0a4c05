package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Identity is one life of a process. A pid alone is given to another process sooner or later.
type Identity struct {
	// PID is its number.
	PID int `json:"pid"`
	// Start is when it began, in units of the kernel, which only equality is good for.
	Start uint64 `json:"start"`
	// Scope is where the two are unique: the boot of the machine and the namespace of pids.
	Scope string `json:"scope"`
}

// Usage is what a process uses.
type Usage struct {
	// RSS is its resident memory, in bytes; 0 where the system does not tell.
	RSS int64
	// CPU is its user and system time; 0 where the system does not tell.
	CPU time.Duration
}

// Self is the calling process.
func Self() (Identity, error) { return Identify(os.Getpid()) }

// Identify is the process that has a pid now. The error of one that is not there, or has ended and is
// not collected yet, is os.ErrProcessDone.
func Identify(pid int) (Identity, error) {
	s, err := scope()
	if err != nil {
		return Identity{}, err
	}
	begun, err := startOf(pid)
	if err != nil {
		return Identity{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return Identity{PID: pid, Start: begun, Scope: s}, nil
}

// Alive reports whether the process has not ended yet. One of another scope has, for us.
func (i Identity) Alive() bool {
	now, err := Identify(i.PID)
	return err == nil && now == i
}

// Signal sends a signal to this process and to no other; os.ErrProcessDone if it has ended.
func (i Identity) Signal(sig syscall.Signal) error {
	p, err := os.FindProcess(i.PID) // holds the process, where the system can: the pid is checked after
	if err != nil {
		return err
	}
	defer p.Release()
	if !i.Alive() {
		return os.ErrProcessDone
	}
	return p.Signal(sig)
}

// Gone waits until the process has ended, whoever its parent is, or until ctx is over, whose error it
// returns then.
func (i Identity) Gone(ctx context.Context) error {
	w, err := newWaiter(i.PID)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for process %d: %w", i.PID, err)
	}
	defer w.close()
	if !i.Alive() { // what is waited for would be another
		return nil
	}
	return w.wait(ctx)
}

// String is the Identity as text, which parseIdentity reads.
func (i Identity) String() string { return fmt.Sprintf("%d/%d/%s", i.PID, i.Start, i.Scope) }

func parseIdentity(text string) (Identity, error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 {
		return Identity{}, fmt.Errorf("%q is no identity of a process", text)
	}
	pid, err := strconv.Atoi(parts[0])
	begun, err2 := strconv.ParseUint(parts[1], 10, 64)
	return Identity{pid, begun, parts[2]}, errors.Join(err, err2)
}
