package taskmanager

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flott-dev/flott/internal/durable"
	"github.com/flott-dev/flott/internal/process"
)

// takeOver makes the TaskManager's directory its own, and removes what a former one has left that was killed: what its workers
// have started, their cgroups and files.
func (o *Options) takeOver() (*durable.Lock, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := durable.TryLock(filepath.Join(o.Dir, ".lock"))
	if err != nil {
		return nil, fmt.Errorf("the directory %s is another TaskManager's: %w", o.Dir, err)
	}
	// Their files go when nobody writes any.
	if err := errors.Join(process.Sweep(""), os.RemoveAll(filepath.Join(o.Dir, "workers"))); err != nil {
		o.Log.Warn("flott: what a former TaskManager has left cannot be removed", "error", err)
	}
	return lock, nil
}
