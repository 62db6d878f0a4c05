package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/flott-dev/flott/internal/restapi"
)

// Submission is a job as a program hands it over. Package launch makes one of a stream.Env.
type Submission struct {
	// ID is the job's: 32 hexadecimal digits.
	ID string
	// Spec is the job's graph and settings, encoded by package launch.
	Spec json.RawMessage
	// Artifact is the executable that Spec names; nil if it names none.
	Artifact *Artifact
	// Progress, if it is not nil, is told how many bytes of how many of the executable have been sent.
	Progress func(sent, total int64)
}

// Artifact is an executable.
type Artifact struct {
	// Hash is the SHA-256 of its content, in hexadecimal digits.
	Hash string
	// Size is in bytes.
	Size int64
	// Open reads it.
	Open func() (io.ReadCloser, error)
}

// FileArtifact is the artifact in a file. It reads all of it, for the hash.
func FileArtifact(path string) (*Artifact, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return nil, err
	}
	return &Artifact{
		Hash: hex.EncodeToString(sum.Sum(nil)), Size: n,
		Open: func() (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}

// Submit hands a job over. The executable is sent only if the JobManager does not have it yet.
func (c *Client) Submit(ctx context.Context, s Submission) error {
	if s.Artifact != nil {
		if err := c.Upload(ctx, s.Artifact, s.Progress); err != nil {
			return err
		}
	}
	var out restapi.Submitted
	if err := c.call(ctx, http.MethodPost, "/flott/jobs", s.Spec, &out); err != nil {
		return err
	}
	if out.JobURL != jobPath(s.ID) {
		return fmt.Errorf("the submission of job %s is answered by %s", s.ID, out.JobURL)
	}
	return nil
}

// Upload sends an executable, unless the JobManager has it. progress may be nil.
func (c *Client) Upload(ctx context.Context, a *Artifact, progress func(sent, total int64)) error {
	path := "/v1/flott/artifacts/" + a.Hash
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, c.URL()+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.send(r)
	if err == nil {
		return resp.Body.Close()
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	in, err := a.Open()
	if err != nil {
		return fmt.Errorf("read the executable: %w", err)
	}
	defer in.Close()
	if r, err = http.NewRequestWithContext(ctx, http.MethodPut, c.URL()+path, &counted{ReadCloser: in, total: a.Size, tell: progress}); err != nil {
		return err
	}
	r.ContentLength = a.Size
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("Expect", "100-continue") // a refusal comes before all is sent
	if resp, err = c.send(r); err != nil {
		return err
	}
	return resp.Body.Close()
}

// counted tells how much of a body was read.
type counted struct {
	io.ReadCloser
	sent, total int64
	tell        func(sent, total int64)
}

// Read is an io.Reader's.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sent += int64(n)
	if c.tell != nil && n > 0 {
		c.tell(c.sent, c.total)
	}
	return n, err
}
