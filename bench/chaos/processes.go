//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/internal/control"
)

// process is one of the machine.
type process struct {
	pid     int
	args    []byte
	environ []byte
}

// processes are those that name a file of a directory in their arguments or environment, but this one.
func processes(dir string) (all []process, err error) {
	below := []byte(dir + "/")
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p := process{pid: pid}
		p.args, _ = os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")) // it may have ended
		p.environ, _ = os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if bytes.Contains(p.args, below) || bytes.Contains(p.environ, below) {
			all = append(all, p)
		}
	}
	return all, nil
}

// worker is a process of the job.
type worker struct {
	pid int
	tm  *node
}

// workers are those of the job that run now.
func (c *cluster) workers() (all []worker, err error) {
	ps, err := processes(c.dir)
	for _, p := range ps {
		for v := range bytes.SplitSeq(p.environ, []byte{0}) {
			path, ok := strings.CutPrefix(string(v), control.WorkerVariable+"=")
			if !ok {
				continue
			}
			for _, tm := range c.tms {
				if strings.HasPrefix(path, filepath.Join(c.dir, tm.name)+"/") && c.hasJob(path) {
					all = append(all, worker{p.pid, tm})
				}
			}
		}
	}
	return all, err
}

// hasJob reports whether a worker's spec is one of the job; that of a worker that ends may be gone.
func (c *cluster) hasJob(spec string) bool {
	var s control.WorkerSpec
	data, err := os.ReadFile(spec)
	return err == nil && json.Unmarshal(data, &s) == nil && s.Job.ID == c.jobID
}
