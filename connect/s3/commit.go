package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/minio/minio-go/v7"

	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/internal/blob"
)

// commitsAtOnce is how many files are committed at the same time.
const commitsAtOnce = 16

// Recover asks whether the upload is still there, or gives up one that was begun after the snapshot. The tail stays in the
// token; Commit uploads it.
func (s *system) Recover(ctx context.Context, dir string, p filesystem.Pending) (filesystem.Pending, error) {
	t, path, err := s.taken(dir, p)
	if err != nil {
		return p, err
	}
	if _, err := s.size(ctx, path); err == nil {
		return p, filesystem.Superseded(p.Name)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if t.upload == "" {
		return p, s.abortAll(ctx, s.key(path), func(key string) bool { return key == s.key(path) })
	}
	_, err = s.bucket.ListObjectParts(ctx, s.bucket.Name, s.key(path), t.upload, 0, 1)
	if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		return p, fmt.Errorf("cannot continue %s: %w", path, errGone)
	}
	return p, s.fail(ctx, "continue", path, err)
}

// taken is what a snapshot has of a file, and its path.
func (s *system) taken(dir string, p filesystem.Pending) (t token, path string, err error) {
	if !filepath.IsLocal(p.Name) {
		return t, "", fmt.Errorf("the name %q in the sink's state is broken", p.Name)
	}
	t, err = decodeToken(p.Token)
	return t, filesystem.Join(dir, p.Name), err
}

// size is the length of an object.
func (s *system) size(ctx context.Context, path string) (int64, error) {
	o, err := s.bucket.StatObject(ctx, s.bucket.Name, s.key(path), minio.StatObjectOptions{})
	return o.Size, s.fail(ctx, "look at", path, err)
}

// Commit completes uploads.
func (s *system) Commit(ctx context.Context, dir string, files []filesystem.Pending) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	turn := make(chan struct{}, commitsAtOnce)
	for _, p := range files {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			if err := s.commit(ctx, dir, p); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// commit makes an object visible. If it was made visible before there is no upload any more.
func (s *system) commit(ctx context.Context, dir string, p filesystem.Pending) error {
	t, path, err := s.taken(dir, p)
	if err != nil {
		return err
	}
	if t.upload == "" {
		err = s.bucket.Put(ctx, s.key(path), t.tail, blob.Absent())
	} else {
		err = s.complete(ctx, s.key(path), t)
	}
	response := minio.ToErrorResponse(err)
	if response.Code != minio.NoSuchUpload && response.StatusCode != http.StatusPreconditionFailed {
		return s.fail(ctx, "commit", path, err)
	}
	size, err := s.size(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("cannot commit %s: %w", path, errGone)
	case err == nil && size != p.Bytes:
		return fmt.Errorf("cannot commit %s: an object of that name exists, which another program or job has written; move it away", path)
	}
	return err
}

func (s *system) complete(ctx context.Context, key string, t token) error {
	etags := t.etags
	if len(t.tail) > 0 || len(etags) == 0 {
		etag, err := s.bucket.PutPart(ctx, key, t.upload, len(etags)+1, t.tail)
		if err != nil {
			return err
		}
		etags = append(etags[:len(etags):len(etags)], etag)
	}
	parts := make([]minio.CompletePart, len(etags))
	for i, etag := range etags {
		parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: etag}
	}
	_, err := s.bucket.CompleteMultipartUpload(ctx, s.bucket.Name, key, t.upload, parts, blob.Absent())
	return err
}
