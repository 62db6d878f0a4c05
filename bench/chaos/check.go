//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// compare runs the job in this process, without faults, and compares what both have written, record for record.
func (r *run) compare(ctx context.Context) error {
	j := r.job
	j.dir = filepath.Join(r.dir, "reference")
	if err := j.run(ctx); err != nil {
		return fmt.Errorf("the run without faults: %w", err)
	}
	var err error
	r.lines, err = sameLines(r.job.out(), j.out())
	return err
}

// sameLines compares the visible files of two directories, and returns how many lines they have.
func sameLines(gotDir, wantDir string) (n int, err error) {
	want, err := lines(wantDir)
	if err != nil {
		return 0, err
	}
	got, err := lines(gotDir)
	if err != nil {
		return 0, err
	}
	if len(want) == 0 {
		return 0, errors.New("the job writes nothing")
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i == len(got) || i < len(want) && got[i] > want[i]:
			return 0, fmt.Errorf("%q is missing; %d records, want %d", want[i], len(got), len(want))
		case i == len(want) || got[i] < want[i]:
			return 0, fmt.Errorf("%q is there too often; %d records, want %d", got[i], len(got), len(want))
		}
	}
	return len(got), nil
}

// lines are those of all visible files of a directory, sorted.
func lines(dir string) (all []string, err error) {
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		f, err := os.Open(p)
		if err != nil {
			return nil, err
		}
		s := bufio.NewScanner(f)
		for s.Scan() {
			all = append(all, s.Text())
		}
		f.Close()
		if err := s.Err(); err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return all, nil
}

// leftovers looks for what a cluster that has ended has not cleaned up.
func leftovers(c *cluster, j job) error {
	var errs []error
	left, err := processes(c.dir)
	errs = append(errs, err)
	for _, p := range left {
		if c.network == nil || !c.network.holds(p.pid) {
			errs = append(errs, fmt.Errorf("process %d is left: %q", p.pid, strings.ReplaceAll(string(p.args), "\x00", " ")))
		}
	}
	u, err := url.Parse(c.url)
	errs = append(errs, err)
	for _, address := range []string{c.rpc, u.Host} {
		if nc, err := net.Dial("tcp", address); err == nil {
			nc.Close()
			errs = append(errs, fmt.Errorf("somebody listens at %s", address))
		}
	}
	errs = append(errs, leftFiles(c, j))
	return errors.Join(append(errs, c.leftGroups())...)
}

// taskManagerLock is the file by which a TaskManager has its directory for itself.
const taskManagerLock = ".lock"

// leftFiles looks for files that are of no use any more. Logs stay, programs of jobs stay in their store, as far as it has room,
// and what the job has written is what it is for.
func leftFiles(c *cluster, j job) error {
	var errs []error
	inspect := func(dir string, stays func(rel string) bool) {
		errs = append(errs, filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if rel, _ := filepath.Rel(dir, file); !stays(rel) {
				errs = append(errs, fmt.Errorf("file %s is left", file))
			}
			return nil
		}))
	}
	inspect(filepath.Join(c.dir, "tmp"), func(string) bool { return false })
	for _, n := range append(c.tms, c.jobManager) {
		inspect(filepath.Join(c.dir, n.name), func(rel string) bool {
			return strings.HasPrefix(rel, "log/") || strings.HasPrefix(rel, "artifacts/") || rel == taskManagerLock
		})
	}
	inspect(j.dir, func(rel string) bool {
		// A pointer stays, and with it its lock, so that nobody runs the job again. Hidden files stay that a checkpoint knew of which
		// failed, or whose writer was killed: connect/file says why.
		name := path.Base(rel)
		return strings.HasPrefix(rel, "out/part-") || name == "pointer" || name == ".lock" || strings.HasPrefix(rel, "out/.part-")
	})
	return errors.Join(errs...)
}

// leftGroups looks for cgroups that TaskManagers have made for workers. Their names have the pids of their makers.
func (c *cluster) leftGroups() error {
	var errs []error
	err := filepath.WalkDir("/sys/fs/cgroup", func(dir string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if parts := strings.Split(path.Base(dir), "-"); err == nil && e.IsDir() && parts[0] == "flott" && len(parts) > 2 && c.pids[parts[2]] {
			errs = append(errs, fmt.Errorf("cgroup %s is left", dir))
		}
		return err
	})
	return errors.Join(append(errs, err)...)
}
