package hdfs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/colinmarc/hdfs/v2"

	"github.com/flott-dev/flott/connect/filesystem"
)

// Open opens a file to be read.
func (f fileSystem) Open(ctx context.Context, p string) (filesystem.File, error) {
	r := &reader{fs: f, ctx: ctx, path: p}
	if err := f.patiently(ctx, p, r.open); err != nil {
		return nil, err
	}
	return r, nil
}

// reader reads a file, of any DataNode that has it.
type reader struct {
	fs     fileSystem
	ctx    context.Context
	path   string
	info   fs.FileInfo
	offset int64

	in *hdfs.FileReader // at offset; nil after a failure
	c  *client          // of in
}

// open opens the file at the offset.
func (r *reader) open() error {
	c, err := r.fs.take()
	if err != nil {
		return err
	}
	if r.in, err = c.Open(remote(r.path)); err == nil {
		r.c, r.info = c, r.in.Stat()
		if _, err = usable(r.info); err == nil && r.info.IsDir() {
			err = &fs.PathError{Op: "open", Path: r.path, Err: syscall.EISDIR}
		}
		if err != nil {
			err = permanent{err}
		} else if r.offset > 0 {
			_, err = r.in.Seek(r.offset, io.SeekStart)
		}
	}
	if err != nil {
		r.drop(c, err)
	}
	return err
}

// drop closes the file after a failure.
func (r *reader) drop(c *client, err error) {
	if lost(err) {
		c.failed()
	}
	if r.in != nil {
		_ = r.in.Close()
	}
	r.in, r.c = nil, nil
	c.release()
}

func (r *reader) Stat() (fs.FileInfo, error) { return r.info, nil }

// Read reads on after a failure, of other DataNodes or through another connection.
func (r *reader) Read(b []byte) (n int, err error) {
	end := false
	err = r.fs.patiently(r.ctx, r.path, func() (err error) {
		if r.in == nil {
			if err := r.open(); err != nil {
				return err
			}
		}
		n, err = r.in.Read(b)
		r.offset += int64(n)
		if end = err == io.EOF; end || err == nil {
			return nil
		}
		r.drop(r.c, err)
		if n > 0 { // the next call sees whether it goes on
			return nil
		}
		return err
	})
	if err == nil && end {
		err = io.EOF
	}
	return n, err
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.info.Size()
	}
	if offset < 0 || offset > r.info.Size() {
		return r.offset, fmt.Errorf("seek to byte %d of %q, which has %d", offset, r.path, r.info.Size())
	}
	r.offset = offset
	if r.in != nil {
		if _, err := r.in.Seek(offset, io.SeekStart); err != nil {
			r.drop(r.c, err)
		}
	}
	return offset, nil
}

func (r *reader) Close() error {
	if r.in != nil {
		r.drop(r.c, nil)
	}
	return nil
}
