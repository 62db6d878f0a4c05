// Package blob keeps immutable objects: in memory, in a directory, or in an object store.
//
// Data flow: internal/storage writes the parts and manifests of checkpoints here and reads them
// back; Open makes a store from what the user wrote into the configuration.
//
// An object has a name of segments between slashes, is written once, and is visible in whole or not
// at all. Besides objects there are pointers, small and changed only by compare-and-swap.
//
// # Non-obvious
//
//   - Commit never replaces an object. Whoever may write the same thing twice puts an attempt into
//     the name, since after an error of Commit or Swap the effect may have happened or not.
//   - A process that dies between Create and Commit leaves something behind that List does not
//     show: a temporary file, an unfinished upload. Cleaner finds it.
//   - A bucket that several processes swap a pointer in must support conditional writes (If-Match,
//     If-None-Match). S3, MinIO, R2 and Ceph do.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Store keeps objects. Its methods may be called at the same time.
type Store interface {
	// Create begins an object, which Commit makes visible. A name that is taken is reported by Create
	// or by Commit with ErrExists. The context holds until Commit or Abort has returned.
	Create(ctx context.Context, name string) (Writer, error)
	// Get returns the whole of an object or pointer, which belongs to the caller.
	Get(ctx context.Context, name string) ([]byte, error)
	// ReadAt fills p with the bytes at offset, or fails: with io.ErrUnexpectedEOF if the object is too
	// short.
	ReadAt(ctx context.Context, name string, p []byte, offset int64) error
	// Stat returns the size of an object.
	Stat(ctx context.Context, name string) (int64, error)
	// Delete removes an object or pointer; one that is not there is no error.
	Delete(ctx context.Context, name string) error
	// List returns all objects and pointers whose names begin with prefix, sorted by name.
	List(ctx context.Context, prefix string) ([]Info, error)
	// Swap sets the pointer called name to next if it is old; nil stands for one that is not there. It
	// fails with ErrConflict if it is something else; but a repeated request may have done so after it
	// had its effect, so that next should be unlike what others write, and be looked for.
	Swap(ctx context.Context, name string, old, next []byte) error
	// URI is where the store's names begin, as Open takes it.
	URI() string
}

// Writer takes the bytes of an object. It is for one goroutine.
type Writer interface {
	io.Writer
	// Commit makes the object durable and visible. Whether it did is unknown after an error other than
	// ErrExists.
	Commit() error
	// Abort gives the object up. After Commit it does nothing.
	Abort()
}

// Cleaner is a Store in which objects that were begun and never committed leave something behind.
type Cleaner interface {
	// Clean removes what is left of such objects below prefix, if stale says so for their name.
	Clean(ctx context.Context, prefix string, stale func(name string) bool) error
}

// Info is an object's entry in a list.
type Info struct {
	Name string
	Size int64
}

// What an Error wraps, where the cause is one of these.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrFull     = errors.New("no space left")
	ErrConflict = errors.New("was changed by another")
)

// Error is a failed operation on an object.
type Error struct {
	Op     string // such as "read"
	Object string // URI of the object
	Advice string // what the user can do, or ""
	Err    error
}

// Error names the object, the cause and what to do.
func (e *Error) Error() string {
	if e.Advice == "" {
		return fmt.Sprintf("%s %s: %v", e.Op, e.Object, e.Err)
	}
	return fmt.Sprintf("%s %s: %v; %s", e.Op, e.Object, e.Err, e.Advice)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// failure wraps err, adding advice that goes with its kind.
func failure(s Store, op, name string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	e := &Error{Op: op, Object: Join(s.URI(), name), Err: err}
	switch {
	case errors.Is(err, ErrFull):
		e.Advice = "free some space there, or set another checkpoint directory"
	case errors.Is(err, errName):
		e.Advice = "use letters, digits, '-', '_' and '.', no segment beginning with '.'"
	}
	return e
}

// Join is the URI of name below uri.
func Join(uri, name string) string {
	if name == "" {
		return uri
	}
	return strings.TrimSuffix(uri, "/") + "/" + name
}

// Put writes a whole object.
func Put(ctx context.Context, s Store, name string, data []byte) error {
	w, err := s.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}

var errName = errors.New("not a name for an object")

// checkName refuses what cannot be a file below a directory, or would be hidden there.
func checkName(name string) error {
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' || len(segment) > 200 {
			return errName
		}
		for i := range len(segment) {
			if c := segment[i]; c < ' ' || c == 0x7f || c == '\\' || c == '~' {
				return errName
			}
		}
	}
	return nil
}

// Sub is the part of s whose names begin with prefix and a slash.
func Sub(s Store, prefix string) Store {
	if prefix == "" {
		return s
	}
	return sub{s, strings.TrimSuffix(prefix, "/") + "/"}
}

type sub struct {
	store  Store
	prefix string
}

func (s sub) URI() string { return Join(s.store.URI(), strings.TrimSuffix(s.prefix, "/")) }

func (s sub) Create(ctx context.Context, name string) (Writer, error) {
	return s.store.Create(ctx, s.prefix+name)
}

func (s sub) Get(ctx context.Context, name string) ([]byte, error) {
	return s.store.Get(ctx, s.prefix+name)
}

func (s sub) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return s.store.ReadAt(ctx, s.prefix+name, p, offset)
}

func (s sub) Stat(ctx context.Context, name string) (int64, error) {
	return s.store.Stat(ctx, s.prefix+name)
}

func (s sub) Delete(ctx context.Context, name string) error {
	return s.store.Delete(ctx, s.prefix+name)
}

func (s sub) List(ctx context.Context, prefix string) ([]Info, error) {
	list, err := s.store.List(ctx, s.prefix+prefix)
	for i := range list {
		list[i].Name = list[i].Name[len(s.prefix):]
	}
	return list, err
}

func (s sub) Swap(ctx context.Context, name string, old, next []byte) error {
	return s.store.Swap(ctx, s.prefix+name, old, next)
}

// Clean cleans the part, if the store is a Cleaner.
func (s sub) Clean(ctx context.Context, prefix string, stale func(string) bool) error {
	c, ok := s.store.(Cleaner)
	if !ok {
		return nil
	}
	return c.Clean(ctx, s.prefix+prefix, func(name string) bool {
		return stale(name[len(s.prefix):])
	})
}
