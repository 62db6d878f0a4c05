package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"runtime"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

func (s *Server) version(*http.Request) (*restapi.Version, error) {
	return &restapi.Version{
		Version: s.o.Version, Commit: s.o.Commit, Protocol: restapi.Protocol, Epoch: s.o.Epoch,
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}, nil
}

// submissionBytesMax is how large a job may be without its executable.
const submissionBytesMax = 32 << 20

// submit starts a job. Its executable must be there.
func (s *Server) submit(r *http.Request) (*restapi.Submitted, error) {
	if r.Header.Get(restapi.ProtocolHeader) == "" {
		return nil, badRequest("who submits a job says by the header %s which protocol it speaks", restapi.ProtocolHeader)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, submissionBytesMax))
	if err != nil {
		return nil, unreadable(err)
	}
	job, err := control.DecodeSubmission(body)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	if job.Hash != "" {
		there, err := s.has(job.Hash)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, badRequest("the executable %s of the job is not here; upload it first", job.Hash)
		}
	}
	job.Submitted = time.Now().UnixNano()
	if err := s.m.Submit(r.Context(), *job); err != nil {
		return nil, badRequest("%v", err)
	}
	return &restapi.Submitted{JobURL: "/jobs/" + job.ID}, nil
}

// awaitMax is how long a request may wait for the end of a job.
const awaitMax = time.Minute

func (s *Server) awaitResult(r *http.Request) (*restapi.ExecutionResult, error) {
	v, j, err := s.running(r)
	if errors.Is(err, jobmanager.ErrEnded) {
		return resultOf(v), nil
	}
	if err != nil {
		return nil, err
	}
	n, err := queryNumber(r, "timeout", int(awaitMax.Milliseconds()))
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(min(awaitMax, time.Duration(n)*time.Millisecond))
	defer timeout.Stop()
	select {
	case <-j.Done():
	case <-timeout.C:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	if v, err = s.m.View(v.ID); err != nil {
		return nil, err
	}
	return resultOf(v), nil
}

func (s *Server) has(hash string) (bool, error) {
	if s.o.Artifacts == nil {
		return false, refusal{http.StatusForbidden, "this JobManager takes no executables"}
	}
	return s.o.Artifacts.Has(hash)
}

// getArtifact answers GET and HEAD.
func (s *Server) getArtifact(w http.ResponseWriter, r *http.Request) error {
	hash, err := pathValue(r, "sha256", hex64)
	if err != nil {
		return err
	}
	there, err := s.has(hash)
	if err != nil {
		return err
	}
	if !there {
		return notFound("there is no artifact %s", hash)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	in, err := s.o.Artifacts.Open(hash)
	if errors.Is(err, fs.ErrNotExist) {
		err = notFound("there is no artifact %s", hash)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.Copy(slowWriter{w, s.o.WriteTimeout}, in); err != nil {
		s.o.Log.Warn("flott: an artifact was not sent whole", "hash", hash, "error", err)
		panic(http.ErrAbortHandler) // so that the client does not take it for whole
	}
	return nil
}

// putArtifact stores an artifact.
func (s *Server) putArtifact(w http.ResponseWriter, r *http.Request) error {
	hash, err := pathValue(r, "sha256", hex64)
	if err != nil {
		return err
	}
	there, err := s.has(hash)
	if err != nil {
		return err
	}
	if there {
		s.write(w, http.StatusOK, none)
		return nil
	}
	in := &checked{r: http.MaxBytesReader(w, r.Body, s.o.ArtifactBytesMax), want: hash, sum: sha256.New()}
	err = s.o.Artifacts.Put(r.Context(), hash, in)
	switch {
	case in.err != nil:
		return in.err
	case err != nil:
		return err
	}
	s.write(w, http.StatusCreated, none)
	return nil
}

// checked is content that must have a hash: it fails at its end if it does not.
type checked struct {
	r    io.Reader
	want string
	sum  hash.Hash
	err  error // other than the end
}

// Read is an io.Reader's.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		c.err = unreadable(err)
		return n, c.err
	}
	if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want {
		c.err = badRequest("the content has the hash %s, not %s", got, c.want)
		return n, c.err
	}
	return n, io.EOF
}
