package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/flott-dev/flott/launch"
)

type runCmd struct {
	clientFlags
	Detached         bool     `short:"d" help:"Return when the job is submitted."`
	Parallelism      int      `short:"p" placeholder:"N" help:"The parallelism of operators that set none."`
	Savepoint        string   `short:"s" placeholder:"PATH" help:"The savepoint or checkpoint to start from."`
	Claim            bool     `help:"Make the savepoint the job's own."`
	AllowNonRestored bool     `short:"n" help:"Drop state that no operator of the job takes up."`
	Job              string   `arg:"" help:"The job's program: an executable, or the directory of a Go package, which is built."`
	Args             []string `arg:"" optional:"" passthrough:"" help:"Its arguments."`
}

// Run runs a program so that it submits its jobs to the cluster.
func (r *runCmd) Run(ctx context.Context) error {
	c, err := r.effective()
	if err != nil {
		return err
	}
	path, remove, err := program(ctx, r.Job)
	if err != nil {
		return err
	}
	defer remove()
	if r.Parallelism > 0 {
		if err := c.Set("parallelism.default", fmt.Sprint(r.Parallelism)); err != nil {
			return err
		}
	}
	if r.Savepoint != "" {
		if err := c.Set("execution.state-recovery.path", r.Savepoint); err != nil {
			return err
		}
	}
	if r.Claim {
		if err := c.Set("execution.state-recovery.claim-mode", "CLAIM"); err != nil {
			return err
		}
	}
	if r.AllowNonRestored {
		if err := c.Set("execution.state-recovery.ignore-unclaimed-state", "true"); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, path, r.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), launch.JobManagerVariable+"="+r.url(c), launch.PropertiesVariable+"="+c.Text())
	if r.Detached {
		cmd.Env = append(cmd.Env, launch.DetachedVariable+"=true")
	}
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("%s has ended with %s", r.Job, exit)
	}
	return err
}

// program is the executable of a job, and what removes it if it was built.
func program(ctx context.Context, job string) (path string, remove func(), err error) {
	info, err := os.Stat(job)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() && !strings.HasSuffix(job, ".go") {
		path, err := filepath.Abs(job)
		return path, func() {}, err
	}
	dir, err := os.MkdirTemp("", "flott-run-")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "job")
	build := exec.CommandContext(ctx, "go", "build", "-o", path)
	if info.IsDir() {
		build.Dir = job
	} else {
		build.Args = append(build.Args, job)
	}
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		os.RemoveAll(dir)
		return "", nil, fmt.Errorf("build %s: %w", job, err)
	}
	return path, func() { os.RemoveAll(dir) }, nil
}
