//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// diskBytes is the size of the disk that the job writes to.
const diskBytes = 256 << 20

// disk is the directory of the job's disk.
func (c *cluster) disk() string { return filepath.Join(c.dir, "disk") }

// mountDisk makes a file system in a file, which only this namespace sees.
func mountDisk(dir string) error {
	if err := command("mount", "--make-rprivate", "/"); err != nil {
		return err
	}
	image := dir + ".image"
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(diskBytes), f.Close(), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	if err := command("mkfs.ext4", "-q", "-F", "-m", "0", image); err != nil {
		return err
	}
	return errors.Join(command("mount", "-o", "loop", image, dir), command("fsfreeze", "--version"))
}

// fullDisk leaves no room.
func fullDisk(c *cluster, _ *rand.Rand) (string, func() error, error) {
	path := filepath.Join(c.disk(), "ballast")
	heal := func() error { return os.Remove(path) }
	f, err := os.Create(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2] // down to the last byte
		} else if err != nil {
			return "", heal, err
		}
	}
	return "the job's disk", heal, f.Sync()
}

// slowDisk has the disk take nothing for most of the time, in turns of random length.
func slowDisk(c *cluster, rng *rand.Rand) (string, func() error, error) {
	stop := make(chan struct{})
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		for err == nil {
			err = command("fsfreeze", "--freeze", c.disk())
			time.Sleep(time.Duration(200+rng.IntN(800)) * time.Millisecond)
			err = errors.Join(err, command("fsfreeze", "--unfreeze", c.disk()))
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rng.IntN(100)) * time.Millisecond):
			}
		}
	})
	heal := func() error {
		close(stop)
		wg.Wait()
		if err != nil {
			return fmt.Errorf("freeze the disk: %w", err)
		}
		return nil
	}
	return "the job's disk", heal, nil
}
