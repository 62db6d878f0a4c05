//go:build linux && (clockjump || invariants)

package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

func init() {
	directories = append(directories, clock.OffsetDir("tmp"))
	faults = append(faults, fault{name: "clock-jump", lasts: 3 * time.Second, harmless: true, unnoticed: true, strike: jumpClock})
}

// jumpClock sets the wall clock of one process by an hour, forward or back, and then right again. Only that process sees it: its
// program is one that reads by how much from a file.
func jumpClock(c *cluster, rng *rand.Rand) (string, func() error, error) {
	w, err := c.victim(rng)
	if err != nil {
		return "", nil, err
	}
	what, pid := "the worker of "+w.tm.name, w.pid
	switch rng.IntN(3) {
	case 0:
		what, pid = w.tm.name, w.tm.cmd.Process.Pid
	case 1:
		what, pid = c.jobManager.name, c.jobManager.cmd.Process.Pid
	}
	by := time.Hour
	if rng.IntN(2) == 0 {
		by = -by
	}
	file := clock.OffsetFile(filepath.Join(c.dir, "tmp"), pid)
	right := func() error {
		if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return by.String() + " for " + what, right, os.WriteFile(file, []byte(by.String()), 0o600)
}
