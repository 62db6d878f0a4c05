package result

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ID names a file: what a subtask has made in a deployment for the consumers of an edge.
type ID struct {
	// Deployment is the number of the deployment that the subtask belonged to.
	Deployment int
	// Edge is the edge's number among those between the job's chains, Subtask that of the producer.
	Edge, Subtask int
}

// name is the file's. Those of a deployment begin with the same.
func (id ID) name() string { return fmt.Sprintf("%s%d-%d", prefix(id.Deployment), id.Edge, id.Subtask) }

func prefix(deployment int) string { return fmt.Sprintf("%d-", deployment) }

// partial is what a file has behind its name until it is complete.
const partial = ".part"

// fileOf is the path of a job's file below a directory. The job comes from elsewhere.
func fileOf(dir, job string, id ID) (string, error) {
	if !isName(job) {
		return "", fmt.Errorf("%q is no name of a job", job)
	}
	return filepath.Join(dir, job, id.name()), nil
}

// isName reports whether a text is a name of something in a directory.
func isName(s string) bool {
	return s != "." && s != ".." && filepath.IsLocal(s) && filepath.Base(s) == s
}

// Error is why a result cannot be written or read.
type Error struct {
	// Result says whose it is, and for whom; ID is its file.
	Result string
	ID     ID
	// TaskManager has it.
	TaskManager string
	// Lost says that it is missing or damaged: it must be made again.
	Lost bool
	Err  error
}

// Error names the result and the TaskManager.
func (e *Error) Error() string {
	text := fmt.Sprintf("the result of %s (%s), at TaskManager %s: %v", e.Result, e.ID.name(), e.TaskManager, e.Err)
	if e.Lost {
		return text + "; it is made again"
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrDamaged is in the error about a file that is not as it was written.
var ErrDamaged = errors.New("it is damaged")

func damaged(what string) error { return fmt.Errorf("%w: %s", ErrDamaged, what) }

// isLost reports whether err says that a file is missing or cannot be read.
func isLost(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist)
}
