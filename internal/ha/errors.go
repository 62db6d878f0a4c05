package ha

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/blob"
)

// What an error wraps, where the cause is one of these. Some are those of internal/blob, which mean the same there.
var (
	ErrNotFound = blob.ErrNotFound
	ErrExists   = blob.ErrExists
	ErrConflict = blob.ErrConflict
	// ErrDeposed says that the leadership is lost and the write had no effect.
	ErrDeposed = errors.New("another leader has taken over")
	// ErrUncertain says that nobody can tell whether the write had an effect.
	ErrUncertain = errors.New("whether it was written is not known")
	// ErrResigned is the cause of a leadership's end.
	ErrResigned = errors.New("it has resigned")
	// ErrClosed is the cause of a leadership's end.
	ErrClosed = errors.New("the store of high availability was closed")
	// ErrKey says that a text is not a key.
	ErrKey = errors.New("not a key: segments of letters, digits, '-', '_' and '.' between slashes, at most " +
		"150 bytes, no segment beginning with '.'")
)

// Error is a failed operation.
type Error struct {
	Op     string // such as "read"
	What   string // such as the key, or ""
	Where  string // the directory, or the endpoints
	Advice string // what the user can do, or ""
	Err    error
}

// Error names what was tried where, the cause and what to do.
func (e *Error) Error() string {
	what := e.Op
	if e.What != "" {
		what += " " + e.What
	}
	text := fmt.Sprintf("high availability: %s in %s: %v", what, e.Where, e.Err)
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

const keyBytesMax = 150

// CheckKey returns ErrKey if a text is not a key. Slashes only order keys.
func CheckKey(key string) error {
	if key == "" || len(key) > keyBytesMax {
		return ErrKey
	}
	begins := true // a segment
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '/' && !begins:
			begins = true
			continue
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '.' && !begins:
		default:
			return ErrKey
		}
		begins = false
	}
	if begins {
		return ErrKey
	}
	return nil
}
