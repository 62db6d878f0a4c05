package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/colinmarc/hdfs/v2"

	"github.com/flott-dev/flott/connect/filesystem"
)

// merged is between the name of a hidden file and a random number in the name of a file that has what is in its segments.
const merged = ".merged."

// mergedName is what the name of a file of segments of a hidden file ends with: nobody else has it, so that an attempt that
// was thought dead writes to another.
func mergedName() string { return fmt.Sprintf("%s%016x", merged, rand.Uint64()) }

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
	if err := w.begin(); err != nil {
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

// writer writes a file, as one segment or several.
type writer struct {
	fs      fileSystem
	ctx     context.Context
	path    string // of the first segment
	pending filesystem.Pending
	err     error // the first: what is written after it would be behind a gap

	ended int   // how many segments are ended
	begun bool  // the segment after those
	bytes int64 // of it

	blockBytes int64            // of a full block
	out        *hdfs.FileWriter // writes one block of the segment; nil while that is closed
	c          *client          // of out
	empty      bool             // out has written nothing yet
}

// segment is the path of one.
func segment(path string, i int) string {
	if i == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, i)
}

// begin makes the next segment.
func (w *writer) begin() error {
	p := segment(w.path, w.ended)
	w.begun, w.bytes = true, 0
	return w.open(p, func(c *client) (*hdfs.FileWriter, error) { return c.Create(remote(p)) })
}

// open opens a segment for writing.
func (w *writer) open(p string, f func(c *client) (*hdfs.FileWriter, error)) error {
	return w.fs.patiently(w.ctx, p, func() error {
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
	})
}

// Write closes the segment at the end of each block, and appends the next one: the client does not wait until the NameNode
// knows enough of a block to begin another.
func (w *writer) Write(b []byte) (n int, err error) {
	for n < len(b) {
		room := w.blockBytes - w.bytes%w.blockBytes
		part := b[n:min(int64(len(b)), int64(n)+room)]
		if err := w.write(part); err != nil {
			return n, err
		}
		n += len(part)
		w.bytes += int64(len(part))
		w.pending.Bytes += int64(len(part))
		if int64(len(part)) == room {
			if err := w.close(); err != nil {
				return n, err
			}
		}
	}
	return n, w.err
}

// write writes within a block.
func (w *writer) write(b []byte) error {
	p := segment(w.path, w.ended)
	switch {
	case w.err != nil || w.out != nil:
	case w.begun: // and at the end of a block
		w.err = w.open(p, func(c *client) (*hdfs.FileWriter, error) { return c.Append(remote(p)) })
	default:
		w.err = w.begin()
	}
	if w.err != nil {
		return w.err
	}
	var cause error
	err := w.fs.patiently(w.ctx, p, func() error {
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

// close has all that was written acknowledged by the DataNodes, and the segment closed.
func (w *writer) close() error {
	if w.out == nil {
		return w.err
	}
	// The client cannot be asked twice to close a file, so it is asked when the NameNode is there.
	p := segment(w.path, w.ended)
	_ = w.fs.patiently(w.ctx, p, func() error {
		_, err := w.c.Stat(remote(p))
		return err
	})
	var cause error
	err := w.fs.patiently(w.ctx, p, func() error {
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

// end ends the segment, unless it is empty.
func (w *writer) end() error {
	if w.err != nil || w.bytes == 0 {
		return w.err
	}
	err := w.close()
	w.ended, w.begun, w.bytes = w.ended+1, false, 0
	return err
}

func (w *writer) Persist() (filesystem.Pending, error) {
	err := w.end()
	p := w.pending
	p.Token = segments{p.Token, w.ended}.token()
	return p, err
}

// Finish makes one file of several segments.
func (w *writer) Finish() (filesystem.Pending, error) {
	err := w.end()
	if err == nil {
		err = w.close()
	}
	if err != nil || w.ended <= 1 {
		return w.pending, err
	}
	end := mergedName()
	p := w.pending
	p.Token += end
	return p, w.fs.merge(w.ctx, w.path, w.ended, p.Bytes, w.path+end)
}

// Close returns no error: what was persisted is closed already.
func (w *writer) Close() error {
	_ = w.close()
	return nil
}

func (w *writer) Abort() error {
	_ = w.close()
	return w.fs.removeAll(context.WithoutCancel(w.ctx), w.path)
}

// merge writes what the first segments of a file have into another.
func (f fileSystem) merge(ctx context.Context, path string, n int, bytes int64, to string) error {
	out, err := f.create(ctx, to)
	if err != nil {
		return err
	}
	for i := 0; i < n && err == nil; i++ {
		var in filesystem.File
		if in, err = f.Open(ctx, segment(path, i)); err == nil {
			_, err = io.Copy(out, in)
			err = errors.Join(err, in.Close())
		}
	}
	if err == nil && out.pending.Bytes != bytes {
		err = fmt.Errorf("%d bytes of %q are there, but the snapshot knows %d: HDFS has lost data", out.pending.Bytes, path, bytes)
	}
	if closeErr := out.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return errors.Join(err, out.Abort())
	}
	return nil
}

// removeAll removes a hidden file, its segments and what they were merged into.
func (f fileSystem) removeAll(ctx context.Context, hidden string) error {
	dir := filesystem.Dir(hidden)
	entries, err := f.ReadDir(ctx, dir)
	if err != nil {
		return err
	}
	name := path.Base(hidden)
	for _, e := range entries {
		if e.Name() != name && !strings.HasPrefix(e.Name(), name+".") {
			continue
		}
		if err := f.Remove(ctx, filesystem.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// segments are the first of a file that is not finished.
type segments struct {
	hidden string // below the sink's directory
	n      int
}

// tokenPrefix begins the token of segments. No path of ours begins so.
const tokenPrefix = "segments:"

func (s segments) token() string { return fmt.Sprintf("%s%d:%s", tokenPrefix, s.n, s.hidden) }

// segmentsOf are those that a token names; ok is false for that of a finished file.
func segmentsOf(token string) (s segments, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	count, hidden, cut := strings.Cut(rest, ":")
	n, err := strconv.Atoi(count)
	if !ok || !cut || err != nil || n < 0 {
		return segments{hidden: token}, false
	}
	return segments{hidden, n}, true
}
