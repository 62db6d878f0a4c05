package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
)

// S3Options say where a bucket is and who asks.
type S3Options struct {
	// Bucket is the name of the bucket, which must exist.
	Bucket string
	// Prefix is put, with a slash, before all names. The default is none.
	Prefix string
	// Endpoint is a URL such as http://minio:9000. The default is the environment's
	// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else Amazon's.
	Endpoint string
	// Region is the bucket's. The default is AWS_REGION or AWS_DEFAULT_REGION, else it is asked for.
	Region string
	// AccessKey, SecretKey and SessionToken are credentials. The default is what the environment has
	// (AWS_ACCESS_KEY_ID and so on), ~/.aws/credentials, or the role of the machine or pod.
	AccessKey, SecretKey, SessionToken string
	// PathStyle writes the bucket into the path rather than the host. It is so in any case if the
	// endpoint is not Amazon's or Google's.
	PathStyle bool
	// PartBytes is the size of the parts of an upload, each of which a writer holds in memory. The
	// default is 8 MiB, the minimum 5 MiB.
	PartBytes int
	// Retries is how often a request is made again. The default is 10.
	Retries int
	// Transport makes the requests. The default is the client library's.
	Transport http.RoundTripper
}

// S3 is a Store in a bucket of an object store.
type S3 struct {
	opts   S3Options
	client *Bucket
}

// NewS3 returns the store in a bucket. It makes no request.
func NewS3(_ context.Context, o S3Options) (*S3, error) {
	o.Prefix = strings.Trim(o.Prefix, "/")
	s := &S3{opts: o}
	bucket, err := OpenBucket(o)
	if err != nil {
		return nil, &Error{"open", s.URI(), "see the S3 section of docs/checkpoint-format.md", err}
	}
	s.client = bucket
	if s.opts.PartBytes == 0 {
		s.opts.PartBytes = 8 << 20
	}
	return s, nil
}

// URI is s3://bucket/prefix. The endpoint is not part of it.
func (s *S3) URI() string {
	return (&url.URL{Scheme: "s3", Host: s.opts.Bucket, Path: "/" + s.opts.Prefix}).String()
}

// key is the name of an object in the bucket.
func (s *S3) key(name string) string {
	if s.opts.Prefix == "" {
		return name
	}
	return s.opts.Prefix + "/" + name
}

func (s *S3) name(key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, s.opts.Prefix), "/")
}

func (s *S3) fail(op, name string, err error) error {
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		switch {
		case response.Code == minio.NoSuchKey:
			err = ErrNotFound
		case response.StatusCode == http.StatusPreconditionFailed,
			response.Code == "ConditionalRequestConflict": // two conditional writes at the same time
			err = ErrExists
		case response.StatusCode == http.StatusInsufficientStorage:
			err = fmt.Errorf("%w: %w", ErrFull, err)
		case response.StatusCode == http.StatusForbidden:
			return &Error{op, Join(s.URI(), name), "see the credentials in the environment and the " +
				"rights on the bucket", err}
		}
	}
	return failure(s, op, name, err)
}

// put writes an object with one request.
func (s *S3) put(ctx context.Context, name string, data []byte, o minio.PutObjectOptions) error {
	return s.client.Put(ctx, s.key(name), data, o)
}

// Create begins an object. One that is larger than a part is uploaded in parts as it is written.
func (s *S3) Create(ctx context.Context, name string) (Writer, error) {
	if err := checkName(name); err != nil {
		return nil, s.fail("create", name, err)
	}
	if ctx.Err() != nil {
		return nil, s.fail("create", name, context.Cause(ctx))
	}
	return &s3Writer{store: s, ctx: ctx, name: name}, nil
}

type s3Writer struct {
	store  *S3
	ctx    context.Context
	name   string
	buf    []byte
	upload string // "" until the first part is full
	parts  []minio.CompletePart
	done   bool
}

// Write uploads a part whenever one is full.
func (w *s3Writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(w.buf) == w.store.opts.PartBytes {
			if err := w.flush(); err != nil {
				return n - len(p), w.store.fail("write", w.name, err)
			}
		}
		k := min(len(p), w.store.opts.PartBytes-len(w.buf))
		w.buf = append(w.buf, p[:k]...)
		p = p[k:]
	}
	return n, nil
}

// flush uploads the buffer as a part.
func (w *s3Writer) flush() error {
	s, key := w.store, w.store.key(w.name)
	if w.upload == "" {
		id, err := s.client.NewMultipartUpload(w.ctx, s.opts.Bucket, key, minio.PutObjectOptions{})
		if err != nil {
			return err
		}
		w.upload = id
	}
	number := len(w.parts) + 1
	etag, err := s.client.PutPart(w.ctx, key, w.upload, number, w.buf)
	if err != nil {
		return err
	}
	w.parts = append(w.parts, minio.CompletePart{PartNumber: number, ETag: etag})
	w.buf = w.buf[:0]
	return nil
}

// Commit makes the object visible unless there is one.
func (w *s3Writer) Commit() error {
	err := w.commit()
	if err == nil {
		w.done = true
	}
	return w.store.fail("write", w.name, err)
}

func (w *s3Writer) commit() error {
	s, key := w.store, w.store.key(w.name)
	if w.upload == "" {
		return s.put(w.ctx, w.name, w.buf, Absent())
	}
	if err := w.flush(); err != nil {
		return err
	}
	// Some stores ignore the condition when an upload in parts is completed.
	if _, err := s.Stat(w.ctx, w.name); !errors.Is(err, ErrNotFound) {
		return errors.Join(err, ErrExists)
	}
	_, err := s.client.CompleteMultipartUpload(w.ctx, s.opts.Bucket, key, w.upload, w.parts, Absent())
	return err
}

// Abort removes the parts that were uploaded.
func (w *s3Writer) Abort() {
	w.buf = nil
	if w.done || w.upload == "" {
		return
	}
	w.done = true
	s := w.store
	// What does not go now, Clean finds.
	_ = s.client.AbortMultipartUpload(context.WithoutCancel(w.ctx), s.opts.Bucket, s.key(w.name), w.upload)
}

// Get reads the object.
func (s *S3) Get(ctx context.Context, name string) ([]byte, error) {
	data, _, err := s.get(ctx, name)
	return data, s.fail("read", name, err)
}

func (s *S3) get(ctx context.Context, name string) (data []byte, etag string, err error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	body, info, _, err := s.client.GetObject(ctx, s.opts.Bucket, s.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, "", err
	}
	defer body.Close()
	data, err = io.ReadAll(body)
	return data, info.ETag, err
}

// ReadAt reads a range of the object.
func (s *S3) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	return s.fail("read", name, s.readAt(ctx, name, p, offset))
}

func (s *S3) readAt(ctx context.Context, name string, p []byte, offset int64) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(p) == 0 {
		_, err := s.Stat(ctx, name)
		return err
	}
	var o minio.GetObjectOptions
	if err := o.SetRange(offset, offset+int64(len(p))-1); err != nil {
		return err
	}
	body, _, _, err := s.client.GetObject(ctx, s.opts.Bucket, s.key(name), o)
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.ReadFull(body, p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Stat returns the size of the object.
func (s *S3) Stat(ctx context.Context, name string) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, s.fail("look at", name, err)
	}
	info, err := s.client.StatObject(ctx, s.opts.Bucket, s.key(name), minio.StatObjectOptions{})
	return info.Size, s.fail("look at", name, err)
}

// Delete removes the object.
func (s *S3) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return s.fail("delete", name, err)
	}
	err := s.client.RemoveObject(ctx, s.opts.Bucket, s.key(name), minio.RemoveObjectOptions{})
	return s.fail("delete", name, err)
}

// List lists the objects, a thousand with a request.
func (s *S3) List(ctx context.Context, prefix string) ([]Info, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the iterator's requests
	defer cancel()
	var list []Info
	o := minio.ListObjectsOptions{Prefix: s.key(prefix), Recursive: true}
	for object := range s.client.ListObjectsIter(ctx, s.opts.Bucket, o) {
		if object.Err != nil {
			return nil, s.fail("list", prefix, object.Err)
		}
		list = append(list, Info{s.name(object.Key), object.Size})
	}
	if ctx.Err() != nil {
		return nil, s.fail("list", prefix, context.Cause(ctx))
	}
	sortInfos(list)
	return list, nil
}

// Clean aborts uploads in parts.
func (s *S3) Clean(ctx context.Context, prefix string, stale func(name string) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for u := range s.client.ListIncompleteUploads(ctx, s.opts.Bucket, s.key(prefix), true) {
		if minio.ToErrorResponse(u.Err).Code == minio.NoSuchUpload {
			return nil // some stores say so when there is none
		}
		if u.Err != nil {
			return s.fail("clean", prefix, u.Err)
		}
		name := s.name(u.Key)
		if !stale(name) {
			continue
		}
		err := s.client.AbortMultipartUpload(ctx, s.opts.Bucket, u.Key, u.UploadID)
		if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
			return s.fail("clean", name, err)
		}
	}
	return nil
}

// Swap reads the pointer and writes it on the condition that it still has the entity tag that was
// read.
//
// The client repeats a request whose answer was lost. The repetition may find its own effect, which
// is reported as ErrConflict: only whoever knows that next is unlike all others can tell.
func (s *S3) Swap(ctx context.Context, name string, old, next []byte) error {
	err := s.swap(ctx, name, old, next)
	if errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound) {
		return failure(s, "swap", name, ErrConflict)
	}
	return s.fail("swap", name, err)
}

func (s *S3) swap(ctx context.Context, name string, old, next []byte) error {
	o := Absent()
	now, etag, err := s.get(ctx, name)
	switch {
	case minio.ToErrorResponse(err).Code == minio.NoSuchKey:
		if old != nil {
			return ErrConflict
		}
	case err != nil:
		return err
	case old == nil || !bytes.Equal(now, old):
		return ErrConflict
	default:
		o = minio.PutObjectOptions{}
		o.SetMatchETag(etag)
	}
	err = s.put(ctx, name, next, o)
	return s.fail("swap", name, err)
}
