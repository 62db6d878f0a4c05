package blob

import (
	"bytes"
	"context"
	"math/rand/v2"
)

// Op is an operation of a Store.
type Op string

// Operations. Writing is the Write of a Writer.
const (
	Creating   Op = "create"
	Writing    Op = "write"
	Committing Op = "commit"
	Aborting   Op = "abort" // its error is ignored, but the effect is left out
	Getting    Op = "get"
	Reading    Op = "read"
	Statting   Op = "stat"
	Deleting   Op = "delete"
	Listing    Op = "list"
	Swapping   Op = "swap"
	Cleaning   Op = "clean"
)

// Faulty is a Store that fails where Hook says so, for tests and simulations. Whoever wants slow
// operations waits in Hook.
type Faulty struct {
	Store Store
	// Hook is called before and after the effect of every operation. Its error is the operation's;
	// before, it prevents the effect.
	Hook func(op Op, name string, after bool) error
}

// Torn is an error of a Hook before Committing: only the first Keep bytes become visible, and the
// commit fails with Err, or, as on a disk that loses what it has acknowledged, succeeds if Err is
// nil.
type Torn struct {
	Keep int
	Err  error
}

// Error says that the object is torn.
func (t *Torn) Error() string { return "torn object" }

// Unwrap is the error that the writer sees.
func (t *Torn) Unwrap() error { return t.Err }

// Rate returns a Hook that fails with err, before or after the effect, in one of every operations,
// as a seed decides. It must not be called at the same time.
func Rate(seed uint64, every int, err error) func(Op, string, bool) error {
	r := rand.New(rand.NewPCG(seed, 0))
	return func(Op, string, bool) error {
		if r.IntN(2*every) == 0 { // it is asked twice for each operation
			return err
		}
		return nil
	}
}

func (f *Faulty) do(op Op, name string, effect func() error) error {
	if err := f.Hook(op, name, false); err != nil {
		return failure(f, string(op), name, err)
	}
	if err := effect(); err != nil {
		return err
	}
	return failure(f, string(op), name, f.Hook(op, name, true))
}

// URI is the store's.
func (f *Faulty) URI() string { return f.Store.URI() }

// Create begins an object.
func (f *Faulty) Create(ctx context.Context, name string) (Writer, error) {
	w := &faultyWriter{store: f, ctx: ctx, name: name}
	err := f.do(Creating, name, func() (err error) {
		w.inner, err = f.Store.Create(ctx, name)
		return err
	})
	if err != nil {
		return nil, err // what the inner store has begun stays, as after a crash
	}
	return w, nil
}

type faultyWriter struct {
	store *Faulty
	ctx   context.Context
	name  string
	inner Writer
	data  bytes.Buffer // for a torn commit
}

// Write writes.
func (w *faultyWriter) Write(p []byte) (n int, err error) {
	err = w.store.do(Writing, w.name, func() error {
		w.data.Write(p)
		n, err = w.inner.Write(p)
		return err
	})
	return n, err
}

// Commit commits, maybe less than was written.
func (w *faultyWriter) Commit() error {
	switch err := w.store.Hook(Committing, w.name, false).(type) {
	case nil:
	case *Torn:
		w.inner.Abort()
		part := w.data.Bytes()[:min(err.Keep, w.data.Len())]
		if put := Put(w.ctx, w.store.Store, w.name, part); put != nil || err.Err == nil {
			return put
		}
		return failure(w.store, "commit", w.name, err)
	default:
		return failure(w.store, "commit", w.name, err)
	}
	if err := w.inner.Commit(); err != nil {
		return err
	}
	return failure(w.store, "commit", w.name, w.store.Hook(Committing, w.name, true))
}

// Abort aborts.
func (w *faultyWriter) Abort() {
	if w.store.Hook(Aborting, w.name, false) == nil {
		w.inner.Abort()
	}
}

// Get reads an object.
func (f *Faulty) Get(ctx context.Context, name string) (data []byte, err error) {
	err = f.do(Getting, name, func() error {
		data, err = f.Store.Get(ctx, name)
		return err
	})
	return data, err
}

// ReadAt reads a part of an object.
func (f *Faulty) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return f.do(Reading, name, func() error { return f.Store.ReadAt(ctx, name, p, offset) })
}

// Stat returns an object's size.
func (f *Faulty) Stat(ctx context.Context, name string) (size int64, err error) {
	err = f.do(Statting, name, func() error {
		size, err = f.Store.Stat(ctx, name)
		return err
	})
	return size, err
}

// Delete removes an object.
func (f *Faulty) Delete(ctx context.Context, name string) error {
	return f.do(Deleting, name, func() error { return f.Store.Delete(ctx, name) })
}

// List lists objects.
func (f *Faulty) List(ctx context.Context, prefix string) (list []Info, err error) {
	err = f.do(Listing, prefix, func() error {
		list, err = f.Store.List(ctx, prefix)
		return err
	})
	return list, err
}

// Swap sets a pointer.
func (f *Faulty) Swap(ctx context.Context, name string, old, next []byte) error {
	return f.do(Swapping, name, func() error { return f.Store.Swap(ctx, name, old, next) })
}

// Clean cleans, if the store is a Cleaner.
func (f *Faulty) Clean(ctx context.Context, prefix string, stale func(string) bool) error {
	c, ok := f.Store.(Cleaner)
	if !ok {
		return nil
	}
	return f.do(Cleaning, prefix, func() error { return c.Clean(ctx, prefix, stale) })
}
