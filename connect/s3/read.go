package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/minio/minio-go/v7"

	"github.com/flott-dev/flott/connect/filesystem"
)

const (
	// readTries is how often a request is made again whose answer was cut off. Before there is an answer the
	// client makes it again by itself.
	readTries = 5
	// windowBytes is how much is read at least of what is read in pieces.
	windowBytes = 1 << 20
	// windows is how many pieces are kept: readers of columns read at as many places in turn.
	windows = 16
)

// object is an open file.
type object struct {
	system *system
	ctx    context.Context
	path   string
	info   info
	etag   string
	offset int64
	body   io.ReadCloser // at offset; nil until something is read

	mu struct {
		sync.Mutex
		windows [windows]window
		next    int // to be replaced
	}
}

// window is a piece of the object.
type window struct {
	from int64
	data []byte
}

// Open asks for the object's length and version. All that is read is of this version.
func (s *system) Open(ctx context.Context, p string) (filesystem.File, error) {
	key := s.key(p)
	if key == "" {
		return nil, fmt.Errorf("open %s: %w", p, fs.ErrNotExist)
	}
	o, err := s.bucket.StatObject(ctx, s.bucket.Name, key, minio.StatObjectOptions{})
	if err != nil {
		return nil, s.fail(ctx, "open", p, err)
	}
	return &object{
		system: s, ctx: ctx, path: p, etag: o.ETag,
		info: info{path.Base(key), o.Size, o.LastModified, false},
	}, nil
}

func (o *object) Stat() (fs.FileInfo, error) { return o.info, nil }

// get asks for the bytes from an offset on, or for n of them.
func (o *object) get(offset, n int64) (io.ReadCloser, error) {
	var options minio.GetObjectOptions
	end := int64(0) // the last byte; 0 for the end
	if n > 0 {
		end = offset + n - 1
	}
	if offset > 0 || n > 0 {
		if err := options.SetRange(offset, end); err != nil {
			return nil, err
		}
	}
	if o.etag != "" {
		if err := options.SetMatchETag(o.etag); err != nil {
			return nil, err
		}
	}
	s := o.system
	body, _, _, err := s.bucket.GetObject(o.ctx, s.bucket.Name, s.key(o.path), options)
	return body, err
}

// Read reads on. An answer that breaks off is asked for again from there on.
func (o *object) Read(p []byte) (int, error) {
	if o.offset >= o.info.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	var err error
	for range readTries {
		var n int
		n, err = o.read(p)
		if n > 0 {
			o.offset += int64(n)
			return n, nil
		}
		if o.ctx.Err() != nil || minio.ToErrorResponse(err).StatusCode != 0 {
			break
		}
	}
	return 0, o.system.fail(o.ctx, "read", o.path, err)
}

// read reads from the body. After an error there is none.
func (o *object) read(p []byte) (n int, err error) {
	if o.body == nil {
		if o.body, err = o.get(o.offset, 0); err != nil {
			o.body = nil
			return 0, err
		}
	}
	n, err = io.ReadAtLeast(o.body, p, 1)
	if err != nil {
		_ = o.Close()
		if errors.Is(err, io.EOF) { // before the end
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.offset
	case io.SeekEnd:
		offset += o.info.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek in %s: %w", o.path, fs.ErrInvalid)
	}
	if offset == o.offset {
		return offset, nil
	}
	o.offset = offset
	return offset, o.Close()
}

// ReadAt reads in pieces of a MiB at least, of which the last ones are kept: a request takes long.
func (o *object) ReadAt(p []byte, offset int64) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n < len(p) {
		at := offset + int64(n)
		if at >= o.info.size {
			return n, io.EOF
		}
		w := o.windowLocked(at)
		if w == nil {
			if w, err = o.fetchLocked(at, int64(len(p)-n)); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], w.data[at-w.from:])
	}
	return n, nil
}

func (o *object) windowLocked(at int64) *window {
	for i := range o.mu.windows {
		if w := &o.mu.windows[i]; at >= w.from && at < w.from+int64(len(w.data)) {
			return w
		}
	}
	return nil
}

// fetchLocked reads a window in the place of the oldest.
func (o *object) fetchLocked(at, n int64) (*window, error) {
	w := &o.mu.windows[o.mu.next]
	o.mu.next = (o.mu.next + 1) % windows
	n = min(max(n, windowBytes), o.info.size-at)
	if int64(cap(w.data)) < n {
		w.data = make([]byte, n)
	}
	w.from, w.data = at, w.data[:n]
	var err error
	for range readTries {
		if err = o.fill(w); err == nil {
			return w, nil
		}
		if o.ctx.Err() != nil || minio.ToErrorResponse(err).StatusCode != 0 {
			break
		}
	}
	w.data = w.data[:0]
	return nil, o.system.fail(o.ctx, "read", o.path, err)
}

func (o *object) fill(w *window) error {
	body, err := o.get(w.from, int64(len(w.data)))
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err = io.ReadFull(body, w.data); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Close ends the request.
func (o *object) Close() error {
	if o.body == nil {
		return nil
	}
	err := o.body.Close()
	o.body = nil
	return err
}
