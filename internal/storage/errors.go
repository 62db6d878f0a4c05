package storage

import (
	"errors"
	"fmt"
	"io"

	"github.com/flott-dev/flott/internal/blob"
)

// What may be wrong with a leader's request.
var (
	// ErrDeposed says that another leader has taken the job over.
	ErrDeposed = errors.New("a leader with a newer epoch has taken over")
	// ErrUncertain says that a checkpoint may or may not be complete: the job must restart from Latest.
	ErrUncertain = errors.New("it is not known whether the checkpoint is complete")
	// ErrNone says that a job has no checkpoint.
	ErrNone = errors.New("there is no checkpoint")
)

// CorruptError says that an object of a snapshot is missing or not what was written.
type CorruptError struct {
	Object   string // its URI
	Operator string // whose state it holds: name, or "" if it is not an operator's
	State    string // name of the keyed state, or ""
	Problem  string // such as "its checksum is wrong"
	Err      error  // what it was found by, or nil
}

// Error names the object, the state and the way out.
func (e *CorruptError) Error() string {
	of := ""
	if e.Operator != "" {
		of = fmt.Sprintf(" of operator %q", e.Operator)
	}
	if e.State != "" {
		of = fmt.Sprintf(", state %q%s", e.State, of)
	} else if of != "" {
		of = "," + of[len(" of"):]
	}
	text := fmt.Sprintf("object %s%s is damaged: %s", e.Object, of, e.Problem)
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text + "; restore an older checkpoint or a savepoint"
}

// Missing reports whether the object is not there at all, as when its owner has deleted it.
func (e *CorruptError) Missing() bool { return e.Problem == problemMissing }

const problemMissing = "it is missing"

// Unwrap is the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// damage returns the CorruptError that err, of reading an object, amounts to, or nil if it may be
// that of the network or the disk.
func damage(uri string, err error) *CorruptError {
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return &CorruptError{Object: uri, Problem: problemMissing}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &CorruptError{Object: uri, Problem: "its length is wrong: it ends early"}
	}
	return nil
}
