package storage

import (
	"context"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
)

// local has copies of the objects that this process has written, on its own disk, so that a restart
// after a failure reads them there. A copy that is missing or damaged is as good as none: what counts
// is the object.
type local struct{ copies blob.Store }

// create begins a copy, nil if that is not possible.
func (l *local) create(ctx context.Context, name string) blob.Writer {
	if l == nil {
		return nil
	}
	w, err := l.copies.Create(ctx, name)
	if err != nil {
		return nil
	}
	return w
}

// read returns the stored bytes of a blob, nil unless they are what was written.
func (l *local) read(ctx context.Context, r *checkpoint.Ref) []byte {
	if l == nil || r.Object == "" || absolute(r.Object) {
		return nil
	}
	data := make([]byte, r.Stored)
	if l.copies.ReadAt(ctx, r.Object, data, r.Offset) != nil || xxh3.Hash(data) != r.Sum {
		return nil
	}
	return data
}

// sweep deletes the copies of what nobody needs.
func (l *local) sweep(ctx context.Context, unneeded func(name string) bool) {
	if l == nil {
		return
	}
	list, err := l.copies.List(ctx, checkpointDir)
	if err != nil {
		return
	}
	for _, i := range list {
		if unneeded(i.Name) {
			_ = l.copies.Delete(ctx, i.Name) // the next sweep tries again
		}
	}
	if c, ok := l.copies.(blob.Cleaner); ok {
		_ = c.Clean(ctx, checkpointDir, unneeded)
	}
}

// tee writes an object and its copy. What goes wrong with the copy ends the copy only.
type tee struct {
	blob.Writer
	copy blob.Writer
}

func (t *tee) Write(b []byte) (int, error) {
	if t.copy != nil {
		if _, err := t.copy.Write(b); err != nil {
			t.give()
		}
	}
	return t.Writer.Write(b)
}

// Commit commits the object, and the copy if that is possible.
func (t *tee) Commit() error {
	err := t.Writer.Commit()
	if t.copy != nil && err == nil {
		_ = t.copy.Commit()
	}
	return err
}

// Abort gives both up.
func (t *tee) Abort() {
	t.give()
	t.Writer.Abort()
}

func (t *tee) give() {
	if t.copy != nil {
		t.copy.Abort()
		t.copy = nil
	}
}
