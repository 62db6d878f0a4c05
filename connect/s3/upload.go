package s3

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/flott-dev/flott/connect/filesystem"
)

const (
	partsMax = 10_000
	// smallBytes is up to when a finished file stays in the snapshot, rather than being uploaded.
	smallBytes = 64 << 10
	// abortTimeout bounds how long the end of a job waits for an upload to be aborted.
	abortTimeout = 10 * time.Second
)

// token is what a snapshot has of a file.
type token struct {
	upload string   // "" if none was begun
	etags  []string // of the parts
	tail   []byte   // what comes after them
}

func (t *token) encode() string {
	b := make([]byte, 0, len(t.upload)+40*len(t.etags)+len(t.tail)+10)
	b = appendText(b, t.upload)
	b = binary.AppendUvarint(b, uint64(len(t.etags)))
	for _, e := range t.etags {
		b = appendText(b, e)
	}
	return string(append(b, t.tail...))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func decodeToken(text string) (t token, err error) {
	b := []byte(text)
	var bad bool
	number := func() uint64 {
		n, size := binary.Uvarint(b)
		bad = bad || size <= 0 || n > uint64(len(b)-size)
		if bad {
			return 0
		}
		b = b[size:]
		return n
	}
	take := func() string {
		n := number()
		s := string(b[:n])
		b = b[n:]
		return s
	}
	t.upload = take()
	for n := number(); n > 0 && !bad; n-- {
		t.etags = append(t.etags, take())
	}
	if t.tail = b; bad || (t.upload == "" && len(t.etags) > 0) {
		return t, fmt.Errorf("an upload in the sink's state is broken: % x", text[:min(len(text), 100)])
	}
	return t, nil
}

// upload writes a file.
type upload struct {
	system  *system
	ctx     context.Context
	path    string
	key     string
	pending filesystem.Pending
	token   token
}

// Create begins a file. It makes no request.
func (s *system) Create(ctx context.Context, dir, name, _ string) (filesystem.Writer, error) {
	path := filesystem.Join(dir, name)
	return &upload{
		system: s, ctx: ctx, path: path, key: s.key(path), pending: filesystem.Pending{Name: name},
	}, nil
}

// Write uploads parts as they become full.
func (u *upload) Write(p []byte) (int, error) {
	for written := 0; ; {
		n := min(len(p)-written, u.system.partBytes-len(u.token.tail))
		u.token.tail = append(u.token.tail, p[written:written+n]...)
		u.pending.Bytes += int64(n)
		if written += n; written == len(p) {
			return written, nil
		}
		if err := u.flush(); err != nil {
			return written, err
		}
	}
}

// flush makes a part of the tail.
func (u *upload) flush() error {
	s, t := u.system, &u.token
	if len(t.etags) == partsMax {
		return fmt.Errorf("write %s: an object has %d parts of %d MiB at most; end files earlier, by their size or age",
			u.path, partsMax, s.partBytes>>20)
	}
	if t.upload == "" {
		id, err := s.bucket.NewMultipartUpload(u.ctx, s.bucket.Name, u.key, minio.PutObjectOptions{})
		if err != nil {
			return s.fail(u.ctx, "write", u.path, err)
		}
		t.upload = id
	}
	etag, err := s.bucket.PutPart(u.ctx, u.key, t.upload, len(t.etags)+1, t.tail)
	if err != nil {
		return s.fail(u.ctx, "write", u.path, err)
	}
	t.etags, t.tail = append(t.etags, etag), t.tail[:0]
	return nil
}

// Persist leaves the tail to the snapshot.
func (u *upload) Persist() (filesystem.Pending, error) {
	u.pending.Token = u.token.encode()
	return u.pending, nil
}

// Finish uploads the tail, unless it is short and all there is.
func (u *upload) Finish() (filesystem.Pending, error) {
	t := &u.token
	if len(t.tail) > 0 && (t.upload != "" || len(t.tail) > u.system.smallBytes) {
		if err := u.flush(); err != nil {
			return u.pending, err
		}
	}
	p, err := u.Persist()
	t.tail = nil
	return p, err
}

func (u *upload) Close() error {
	u.token.tail = nil
	return nil
}

func (u *upload) Abort() error {
	u.token.tail = nil
	if u.token.upload == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
	defer cancel()
	return u.system.abort(ctx, u.key, u.token.upload)
}

func (s *system) abort(ctx context.Context, key, upload string) error {
	err := s.bucket.AbortMultipartUpload(ctx, s.bucket.Name, key, upload)
	if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		return nil
	}
	return s.fail(ctx, "abort the upload of", s.root+"/"+key, err)
}

// AbortUploads aborts uploads of a directory that stale says so of. Stores that list only the uploads of one object
// show none.
func (s *system) AbortUploads(ctx context.Context, dir string, stale func(name string) bool) error {
	prefix := s.key(dir)
	if prefix != "" {
		prefix += "/"
	}
	return s.abortAll(ctx, prefix, func(key string) bool { return stale(key[len(prefix):]) })
}

// abortAll aborts uploads whose keys begin with a prefix, unless it is forbidden to list them.
func (s *system) abortAll(ctx context.Context, prefix string, stale func(key string) bool) error {
	ctx, cancel := context.WithCancel(ctx) // ends the list
	defer cancel()
	for u := range s.bucket.ListIncompleteUploads(ctx, s.bucket.Name, prefix, true) {
		if minio.ToErrorResponse(u.Err).Code == minio.NoSuchUpload {
			return nil // some stores say so when there is none
		}
		if err := s.fail(ctx, "list the uploads of", s.root+"/"+prefix, u.Err); errors.Is(err, fs.ErrPermission) {
			return nil // a right of its own, which the rest does not need
		} else if err != nil {
			return err
		}
		if !stale(u.Key) {
			continue
		}
		if err := s.abort(ctx, u.Key, u.UploadID); err != nil {
			return err
		}
	}
	return nil
}

var errGone = errors.New("its upload is gone, and there is no such object: was it aborted, by a lifecycle rule for " +
	"uploads that are not complete, or was the object deleted?")
