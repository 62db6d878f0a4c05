package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/internal/blob"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is an object store in this process, in which requests can be looked at and fail.
type store struct {
	*httptest.Server
	uploads http.Handler

	mu sync.Mutex
	// before is asked first, and answers itself if it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
	// after is called when a request had its effect, instead of sending the answer, if it returns true.
	after func(w http.ResponseWriter, r *http.Request) bool
	dirs  int
}

func newStore(t *testing.T) *store {
	fake := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()))
	s := &store{uploads: fake.Server()}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	r, err := http.NewRequest(http.MethodPut, s.URL+"/bucket", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Client().Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	return s
}

func (s *store) hooks() (before, after func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.before, s.after
}

func (s *store) hook(before, after func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// refuse ends a connection without an answer.
func refuse(w http.ResponseWriter) bool {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = c.Close()
	}
	return true
}

// answer sends an error.
func answer(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s.</Message></Error>", code, code)
	return true
}

// etag is that of the object of a request.
func (s *store) etag(r *http.Request) string {
	recorded := httptest.NewRecorder()
	head := r.Clone(r.Context())
	head.Method = http.MethodHead
	head.Header.Del("Range")
	s.uploads.ServeHTTP(recorded, head)
	return recorded.Header().Get("ETag")
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	before, after := s.hooks()
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "Credential=key/") && r.Header.Get("Authorization") != "":
		answer(w, http.StatusForbidden, "InvalidAccessKeyId")
		return
	case r.Method == http.MethodGet && r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != s.etag(r):
		answer(w, http.StatusPreconditionFailed, "PreconditionFailed") // which gofakes3 knows of writes only
		return
	case before != nil && before(w, r):
		return
	case after == nil:
		s.uploads.ServeHTTP(w, r)
		return
	}
	recorded := httptest.NewRecorder()
	s.uploads.ServeHTTP(recorded, r)
	if after(w, r) {
		return
	}
	for k, v := range recorded.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
}

// open is the file system in the store.
func (s *store) open(t *testing.T) filesystem.FileSystem { return s.with(t, "bucket", "key") }

// short is the file system with short parts.
func (s *store) short(t *testing.T) filesystem.FileSystem {
	files := s.with(t, "bucket", "key").(*system)
	files.partBytes = 100_000
	return files
}

// env has programs and tables find the store.
func (s *store) env(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_S3", s.URL)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

func (s *store) with(t *testing.T, bucket, key string) filesystem.FileSystem {
	t.Helper()
	files, err := newSystem("s3://"+bucket, blob.S3Options{
		Endpoint: s.URL, Region: "us-east-1", AccessKey: key, SecretKey: "secret", Retries: 1,
		Transport: s.Client().Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (s *store) dir(*testing.T) string {
	s.dirs++
	return fmt.Sprintf("s3://bucket/a/dir %d", s.dirs)
}

// keys are those of all uploads that are not complete.
func (s *store) uploading(t *testing.T) (keys []string) {
	t.Helper()
	err := s.open(t).(*system).AbortUploads(t.Context(), "s3://bucket/", func(name string) bool {
		keys = append(keys, name)
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestFileSystem(t *testing.T) {
	s := newStore(t)
	connecttest.FileSystem(t, connecttest.FileSystemOptions{
		Open: s.short, Dir: s.dir, Lengths: []int{1, 70_000, 100_000, 200_001},
	})
	if left := s.uploading(t); left != nil {
		t.Errorf("uploads of %q are left", left)
	}
}
