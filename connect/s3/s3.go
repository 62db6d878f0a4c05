package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/internal/blob"
)

func init() {
	for _, scheme := range []string{"s3", "s3a"} {
		filesystem.Register(scheme, driver.open)
	}
}

// opener keeps what it has opened: a client has the credentials that it got, and connections.
type opener struct {
	mu        sync.Mutex
	transport *http.Transport
	systems   map[string]*system // by root and settings
}

var driver = &opener{systems: map[string]*system{}}

// settings are the variables of the environment that a client depends on.
var settings = []string{
	"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY",
	"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE",
}

func (o *opener) open(root string) (filesystem.FileSystem, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := root
	for _, name := range settings {
		key += "\n" + os.Getenv(name)
	}
	if s := o.systems[key]; s != nil {
		return s, nil
	}
	if o.transport == nil {
		t, err := minio.DefaultTransport(true)
		if err != nil {
			return nil, err
		}
		o.transport = t
	}
	s, err := newSystem(root, blob.S3Options{Transport: o.transport})
	if err != nil {
		return nil, err
	}
	o.systems[key] = s
	return s, nil
}

// system is the files of a bucket.
type system struct {
	root   string // s3://bucket
	bucket *blob.Bucket

	partBytes, smallBytes int // tests have others

	mu struct {
		sync.Mutex
		reached bool // the bucket, with these credentials
	}
}

func newSystem(root string, o blob.S3Options) (*system, error) {
	_, o.Bucket, _ = strings.Cut(root, "://")
	bucket, err := blob.OpenBucket(o)
	if err != nil {
		return nil, &blob.Error{Op: "open", Object: root, Err: err, Advice: "see AWS_ENDPOINT_URL and the other variables in docs/connectors/filesystem.md"}
	}
	return &system{root: root, bucket: bucket, partBytes: blob.PartBytesMin, smallBytes: smallBytes}, nil
}

// key is the key of the object at a path.
func (s *system) key(path string) string {
	return strings.Trim(strings.TrimPrefix(path, s.root), "/")
}

// fail says what went wrong with a path, and what to do.
func (s *system) fail(ctx context.Context, op, path string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, path, context.Cause(ctx))
	}
	e := &blob.Error{Op: op, Object: path, Err: err}
	var network net.Error
	switch response := minio.ToErrorResponse(err); {
	case response.Code == minio.NoSuchBucket:
		e.Err = fmt.Errorf("there is no bucket %s at %s", s.bucket.Name, s.bucket.EndpointURL())
		e.Advice = "make it, or correct the path or AWS_ENDPOINT_URL"
	case response.Code == minio.NoSuchKey:
		e.Err = fs.ErrNotExist
	case response.StatusCode == http.StatusPreconditionFailed:
		e.Advice = "it was replaced while it was read: write new files under new names"
	case response.StatusCode == http.StatusForbidden, response.StatusCode == http.StatusUnauthorized:
		e.Err = fmt.Errorf("%w: %w", fs.ErrPermission, err)
		e.Advice = "see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of the machine, and its rights on the bucket"
	case errors.As(err, &network):
		e.Advice = fmt.Sprintf("is %s, of AWS_ENDPOINT_URL, the address of the object store?", s.bucket.EndpointURL())
	}
	return e
}

// info describes an object, or a directory.
type info struct {
	name  string
	size  int64
	mtime time.Time
	dir   bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o777
	}
	return 0o666
}

// Stat asks for the object, and then for what is below it.
func (s *system) Stat(ctx context.Context, p string) (fs.FileInfo, error) {
	key := s.key(p)
	if key != "" {
		o, err := s.bucket.StatObject(ctx, s.bucket.Name, key, minio.StatObjectOptions{})
		if err == nil {
			return info{path.Base(key), o.Size, o.LastModified, false}, nil
		}
		if minio.ToErrorResponse(err).Code != minio.NoSuchKey {
			return nil, s.fail(ctx, "look at", p, err)
		}
		key += "/"
	}
	some, err := s.list(ctx, key, false, 1)
	if err == nil && len(some) == 0 && key != "" {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, s.fail(ctx, "look at", p, err)
	}
	return info{name: path.Base("/" + key), dir: true}, nil
}

// list returns the objects below a prefix, and of what is deeper only the directory unless all is asked for; at most so
// many, 0 for no limit.
func (s *system) list(ctx context.Context, prefix string, deep bool, most int) (objects []minio.ObjectInfo, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the iterator's requests
	defer cancel()
	o := minio.ListObjectsOptions{Prefix: prefix, Recursive: deep, MaxKeys: most}
	for object := range s.bucket.ListObjectsIter(ctx, s.bucket.Name, o) {
		if object.Err != nil {
			return nil, object.Err
		}
		if objects = append(objects, object); len(objects) == most {
			return objects, nil
		}
	}
	return objects, ctx.Err()
}

// ReadDir lists what is before the next slash of keys.
func (s *system) ReadDir(ctx context.Context, p string) ([]fs.DirEntry, error) {
	objects, prefix, err := s.below(ctx, p, false)
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for _, o := range objects {
		name, dir := strings.CutSuffix(strings.TrimPrefix(o.Key, prefix), "/")
		if name != "" { // that of an object which some programs make for a directory
			entries = append(entries, fs.FileInfoToDirEntry(info{name, o.Size, o.LastModified, dir}))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// below lists a directory, or the tree.
func (s *system) below(ctx context.Context, dir string, deep bool) (objects []minio.ObjectInfo, prefix string, err error) {
	if prefix = s.key(dir); prefix != "" {
		prefix += "/"
	}
	objects, err = s.list(ctx, prefix, deep, 0)
	if err == nil && len(objects) == 0 && prefix != "" {
		err = fs.ErrNotExist
	}
	return objects, prefix, s.fail(ctx, "list", dir, err)
}

// Walk lists all keys that begin with the directory's. Those that are no paths are passed over, as ReadDir does.
func (s *system) Walk(ctx context.Context, dir string, found func(path string, info fs.FileInfo)) error {
	objects, _, err := s.below(ctx, dir, true)
	for _, o := range objects {
		if o.Key == s.key(path.Clean("/"+o.Key)) {
			found(s.root+"/"+o.Key, info{path.Base(o.Key), o.Size, o.LastModified, false})
		}
	}
	return err
}

func (s *system) Glob(ctx context.Context, pattern string) ([]string, error) {
	return filesystem.GlobDirs(ctx, s, pattern)
}

// MkdirAll makes nothing: a directory is there when something is in it. But it asks for the bucket, the first
// time: files may be written for long before a request is made.
func (s *system) MkdirAll(ctx context.Context, dir, below string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.reached {
		return nil
	}
	p := filesystem.Join(dir, below)
	if _, err := s.list(ctx, s.key(p), false, 1); err != nil {
		return s.fail(ctx, "write", p, err)
	}
	s.mu.reached = true
	return nil
}

func (s *system) Remove(ctx context.Context, p string) error {
	err := s.bucket.RemoveObject(ctx, s.bucket.Name, s.key(p), minio.RemoveObjectOptions{})
	return s.fail(ctx, "remove", p, err)
}
