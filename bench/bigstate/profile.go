package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

// profileVariable names a file: a process writes the heap, as it was when it was largest, into it
// with .heap behind, and where its CPU time went with .cpu.
const profileVariable = "FLOTT_BIGSTATE_PROFILE"

func profile() (stop func() error, err error) {
	path := os.Getenv(profileVariable)
	if path == "" {
		return func() error { return nil }, nil
	}
	cpu, err := os.Create(fmt.Sprint(path, ".", os.Getpid(), ".cpu"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- heaps(fmt.Sprint(path, ".", os.Getpid(), ".heap"), end) }()
	return func() error {
		close(end)
		pprof.StopCPUProfile()
		return errors.Join(cpu.Close(), <-ended)
	}, nil
}

// heaps writes the profile of the heap each time the peak of memory has grown.
func heaps(path string, end chan struct{}) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last := int64(0); ; {
		select {
		case <-end:
			return nil
		case <-tick.C:
		}
		now, err := memory(peak)
		if err != nil {
			return err
		}
		if now < last+8<<20 {
			continue
		}
		last = now
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := errors.Join(pprof.WriteHeapProfile(f), f.Close()); err != nil {
			return err
		}
	}
}
