package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Sweep kills what children of a parent that has ended have left, and removes their cgroups: in the group
// of Memory.Group, or that of the caller. Children end with their parent by themselves; what they have
// started does not, if the kernel has killed them. A process that starts children calls it when it
// starts.
func Sweep(dir string) error {
	err := sweepDescendants()
	base, baseErr := sweepBase(dir)
	if baseErr != nil {
		return err // there are no cgroups
	}
	return errors.Join(err, sweepGroups(base))
}

// sweepDescendants kills the processes whose environment names a parent that has ended. Those of other
// users and of other namespaces of pids are left alone: the environment of the former cannot be read, and
// whether the parents of the latter live cannot be known.
func sweepDescendants() error {
	own, err := scope()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var killed []Identity
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		id, err := Identify(pid)
		if err != nil {
			continue
		}
		parent, ok := parentIn(e.Name())
		if !ok || parent.Scope != own || parent.Alive() {
			continue
		}
		if id.Signal(syscall.SIGKILL) == nil {
			killed = append(killed, id)
		}
	}
	for _, id := range killed {
		err = errors.Join(err, id.Gone(ctx))
	}
	return err
}

// parentIn is the parent that the environment of a process names.
func parentIn(pid string) (Identity, bool) {
	env, err := os.ReadFile("/proc/" + pid + "/environ")
	if err != nil {
		return Identity{}, false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if text, ok := bytes.CutPrefix(entry, []byte(parentVariable+"=")); ok {
			id, err := parseIdentity(string(text))
			return id, err == nil
		}
	}
	return Identity{}, false
}
