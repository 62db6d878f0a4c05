package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"

	"github.com/colinmarc/hdfs/v2"

	"github.com/flott-dev/flott/connect/filesystem"
)

const (
	// openPrefix begins the token of a file that its writer may have written on since. No path of ours begins so.
	openPrefix = "open:"
	// recovered is between the name of a hidden file and a random number in the name of a copy.
	recovered = ".recovered."
)

func random() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// Create makes the hidden file first: of two sinks that write to one directory with one number only one finds
// the visible name free.
func (f fileSystem) Create(ctx context.Context, dir, name, hidden string) (filesystem.Writer, error) {
	token := filepath.Join(filepath.Dir(name), hidden)
	w, err := f.create(ctx, filesystem.Join(dir, token))
	if err != nil {
		return nil, err
	}
	w.pending = filesystem.Pending{Name: name, Token: token}
	target := filesystem.Join(dir, name)
	_, err = f.Stat(ctx, target)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		err = &fs.PathError{Op: "create", Path: target, Err: fs.ErrExist}
	}
	return nil, errors.Join(err, w.Abort())
}

// create makes an empty file.
func (f fileSystem) create(ctx context.Context, p string) (*writer, error) {
	w := &writer{fs: f, ctx: ctx, path: p}
	err := f.patiently(ctx, p, func() error {
		return w.open(func(c *client) (out *hdfs.FileWriter, err error) { return c.Create(remote(p)) })
	})
	if err != nil {
		return nil, err
	}
	info, err := f.Stat(ctx, p)
	if err == nil {
		if w.blockBytes, err = usable(info); err != nil {
			err = fmt.Errorf("%s: %w", filesystem.Dir(p), err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// writer writes a file.
type writer struct {
	fs      fileSystem
	ctx     context.Context
	path    string
	pending filesystem.Pending
	err     error // the first: what is written after it would be behind a gap

	blockBytes int64            // of a full block
	out        *hdfs.FileWriter // writes one block; nil while the file is closed
	c          *client          // of out
	empty      bool             // out has written nothing yet
}

// open opens the file for writing.
func (w *writer) open(f func(c *client) (*hdfs.FileWriter, error)) error {
	c, err := w.fs.take()
	if err != nil {
		return err
	}
	out, err := f(c)
	if err != nil {
		if lost(err) {
			c.failed()
		}
		c.release()
		return err
	}
	w.out, w.c, w.empty = out, c, true
	return nil
}

// Write closes the file at the end of each block: the client does not wait until the NameNode knows enough of a block to
// begin the next one.
func (w *writer) Write(b []byte) (n int, err error) {
	for n < len(b) {
		room := w.blockBytes - w.pending.Bytes%w.blockBytes
		part := b[n:min(int64(len(b)), int64(n)+room)]
		if err := w.write(part); err != nil {
			return n, err
		}
		n += len(part)
		if w.pending.Bytes += int64(len(part)); int64(len(part)) == room {
			if err := w.close(); err != nil {
				return n, err
			}
		}
	}
	return n, w.err
}

// write writes within a block.
func (w *writer) write(b []byte) error {
	if w.err == nil && w.out == nil {
		w.err = w.fs.patiently(w.ctx, w.path, func() error {
			return w.open(func(c *client) (*hdfs.FileWriter, error) { return c.Append(remote(w.path)) })
		})
	}
	if w.err != nil {
		return w.err
	}
	var cause error
	err := w.fs.patiently(w.ctx, w.path, func() error {
		var n int
		n, cause = w.out.Write(b)
		var refused hdfs.Error
		if cause == nil || w.empty && n == 0 && errors.As(cause, &refused) {
			return cause
		}
		return permanent{cause}
	})
	if w.empty = false; err != nil {
		w.fail(err, cause)
	}
	return w.err
}

// fail ends a file that cannot be written further. The client is not asked to close it: it would do so at a length that
// the file does not have, and nobody could read what was persisted of it.
func (w *writer) fail(err, cause error) {
	if lost(cause) {
		w.c.failed()
		err = fmt.Errorf("it is not known whether the DataNodes have what was written: %w", err)
	}
	w.err, w.out = err, nil
	w.c.release()
}

// close has all that was written acknowledged by the DataNodes, and the file closed.
func (w *writer) close() error {
	if w.out == nil {
		return w.err
	}
	// The client cannot be asked twice to close a file, so it is asked when the NameNode is there.
	_ = w.fs.patiently(w.ctx, w.path, func() error {
		_, err := w.c.Stat(remote(w.path))
		return err
	})
	var cause error
	err := w.fs.patiently(w.ctx, w.path, func() error {
		if cause = w.out.Close(); lost(cause) {
			return permanent{cause}
		}
		return cause
	})
	if err != nil {
		w.fail(err, cause)
		return w.err
	}
	w.out = nil
	w.c.release()
	return nil
}

func (w *writer) Persist() (filesystem.Pending, error) {
	p := w.pending
	p.Token = openPrefix + p.Token
	return p, w.close()
}

func (w *writer) Finish() (filesystem.Pending, error) { return w.pending, w.close() }

// Close returns no error: what was persisted is closed already.
func (w *writer) Close() error {
	_ = w.close()
	return nil
}

func (w *writer) Abort() error {
	_ = w.close()
	if err := w.fs.Remove(context.WithoutCancel(w.ctx), w.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copy copies the beginning of a file.
func (f fileSystem) copy(ctx context.Context, from, to string, n int64) error {
	in, err := f.Open(ctx, from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := f.create(ctx, to)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, in, n)
	if _, finishErr := out.Finish(); err == nil {
		err = finishErr
	}
	if err != nil {
		return errors.Join(err, out.Abort())
	}
	return nil
}
