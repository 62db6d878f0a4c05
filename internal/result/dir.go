package result

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dir is the directory of a TaskManager for the results of all jobs.
type Dir struct{ path string }

// OpenDir makes a directory, which is the caller's alone, and removes what a former one has left there.
func OpenDir(path string) (*Dir, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, fmt.Errorf("remove old results: %w", err)
	}
	return &Dir{path}, os.MkdirAll(path, 0o700)
}

// Job is the directory of a job. Its workers make it.
func (d *Dir) Job(job string) string { return filepath.Join(d.path, job) }

// Jobs are those of which there are results.
func (d *Dir) Jobs() (jobs []string) {
	entries, _ := os.ReadDir(d.path)
	for _, e := range entries {
		jobs = append(jobs, e.Name())
	}
	return jobs
}

// Remove removes the results of a job.
func (d *Dir) Remove(job string) error {
	if !isName(job) {
		return fmt.Errorf("%q is no name of a job", job)
	}
	return os.RemoveAll(d.Job(job))
}

// Discard removes the results of one deployment of a job, complete or not.
func (d *Dir) Discard(job string, deployment int) error {
	if !isName(job) {
		return fmt.Errorf("%q is no name of a job", job)
	}
	entries, err := os.ReadDir(d.Job(job))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix(deployment)) {
			errs = append(errs, os.Remove(filepath.Join(d.Job(job), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// Close removes everything.
func (d *Dir) Close() error { return os.RemoveAll(d.path) }
