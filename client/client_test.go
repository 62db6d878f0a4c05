package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// counted counts by key up to n records, for ever for 0; panics at the record of the number poison, if
// that is above 0.
func counted(t *testing.T, n, poison int64) (func(env *stream.Env), []stream.Option) {
	dir := t.TempDir()
	build := func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{Count: n, PerSecond: 20_000}))
		seen := stream.Open(numbers, func(task *stream.Task) (func(int64) (int64, error), error) {
			c := task.Accumulator("seen")
			return func(v int64) (int64, error) {
				if v == poison && poison > 0 {
					return 0, errors.New("poison")
				}
				c.Add(1)
				return v, nil
			}, nil
		})
		stream.Scan(stream.KeyBy(seen, func(v int64) int64 { return v % 97 }),
			func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
				*n++
				c.Emit(fmt.Sprint(*n))
				return nil
			}).To(collect.To[string]())
	}
	return build, []stream.Option{
		stream.Parallelism(2), stream.MaxParallelism(16), stream.Checkpoint(50 * time.Millisecond),
		stream.CheckpointDir(filepath.Join(dir, "checkpoints")), stream.SavepointDir(filepath.Join(dir, "savepoints")),
		stream.Restart(stream.NoRestart()),
	}
}

// site serves counted.
func site(t *testing.T, o rest.Options, n, poison int64) (*resttest.Site, *client.Client) {
	t.Helper()
	build, options := counted(t, n, poison)
	s := resttest.New(t, o, build, options...)
	s.Join("tm", 2)
	return s, connect(t, s.URL, client.Options{Token: o.Token, Version: "0.1.0"})
}

func connect(t *testing.T, address string, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// submission is the site's job with an executable.
func submission(t *testing.T, s *resttest.Site, program []byte) client.Submission {
	t.Helper()
	job := s.Submission()
	out := client.Submission{ID: job.ID}
	if program != nil {
		sum := sha256.Sum256(program)
		job.Hash = hex.EncodeToString(sum[:])
		out.Artifact = &client.Artifact{
			Hash: job.Hash, Size: int64(len(program)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(program)), nil },
		}
	}
	spec, err := control.EncodeSubmission(&job)
	if err != nil {
		t.Fatal(err)
	}
	out.Spec = spec
	return out
}

func submit(t *testing.T, s *resttest.Site, c *client.Client) string {
	t.Helper()
	job := submission(t, s, nil)
	if err := c.Submit(context.Background(), job); err != nil {
		t.Fatal(err)
	}
	return job.ID
}

// TestLifeOfAJob submits a job, follows it to its end, and looks at what it has done.
func TestLifeOfAJob(t *testing.T) {
	ctx := context.Background()
	s, c := site(t, rest.Options{Token: "t", Epoch: 7}, 20_000, 0)
	id := submit(t, s, c)
	if err := c.Submit(ctx, client.Submission{ID: id, Spec: submission(t, s, nil).Spec}); err == nil {
		t.Error("a submission with another id than the client says is accepted")
	}
	if err := c.Wait(ctx, id); err != nil {
		t.Fatal(err)
	}
	j, err := c.Job(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if j.State != client.Finished || j.Began.IsZero() || j.Ended.Before(j.Began) || len(j.Vertices) != 2 ||
		j.Vertices[0].RecordsOut != 20_000 || j.Vertices[1].RecordsIn != 20_000 ||
		j.Vertices[1].Tasks[client.Finished] != 2 || j.Entered[client.Running].IsZero() {
		t.Errorf("the job is %+v", j)
	}
	if sums, err := c.Accumulators(ctx, id); err != nil || sums["seen"] != 20_000 {
		t.Errorf("accumulators %v, %v", sums, err)
	}
	k, err := c.Checkpoints(ctx, id)
	if err != nil || k.Completed == 0 || len(k.Last) == 0 || k.Interval != 50*time.Millisecond || k.Last[0].Location == "" {
		t.Errorf("checkpoints %+v, %v", k, err)
	}
	if state, err := c.State(ctx, id); err != nil || state != client.Finished || !state.Done() {
		t.Errorf("state %v, %v", state, err)
	}
	jobs, err := c.Jobs(ctx)
	if err != nil || jobs[0].ID != id || jobs[0].Tasks["finished"] != 4 || jobs[0].Ended.IsZero() {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
	if o, err := c.Overview(ctx); err != nil || o.TaskManagers != 1 || o.Slots != 2 || o.Finished != 1 {
		t.Errorf("overview %+v, %v", o, err)
	}
	if all, err := c.TaskManagers(ctx); err != nil || len(all) != 1 || all[0].ID != "tm" || all[0].Memory != 2<<30 {
		t.Errorf("TaskManagers %+v, %v", all, err)
	}
	if v, err := c.Version(ctx); err != nil || v.Version != "0.1.0" || v.Protocol != restapi.Protocol || v.Epoch != 7 {
		t.Errorf("version %+v, %v", v, err)
	}
}

// TestSavepoints takes a checkpoint and savepoints, ends jobs with one, and deletes one.
func TestSavepoints(t *testing.T) {
	ctx := context.Background()
	s, c := site(t, rest.Options{}, 0, 0)
	id := submit(t, s, c)
	running := func() bool {
		state, err := c.State(ctx, id)
		return err == nil && state == client.Running
	}
	s.Until("it runs", running)
	if n, err := c.Checkpoint(ctx, id); err != nil || n == 0 {
		t.Errorf("checkpoint %d, %v", n, err)
	}
	first, err := c.Savepoint(ctx, id, client.SavepointOptions{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Savepoint(ctx, id, client.SavepointOptions{Directory: t.TempDir(), Native: true})
	if err != nil || second == first {
		t.Fatalf("savepoints %s and %s, %v", first, second, err)
	}
	if err := c.DisposeSavepoint(ctx, first); err != nil {
		t.Error(err)
	}
	var failed *client.OperationError
	if err := c.DisposeSavepoint(ctx, first); !errors.As(err, &failed) {
		t.Errorf("a savepoint that is gone is deleted: %v", err)
	}
	third, err := c.Stop(ctx, id, client.StopOptions{})
	if err != nil || third == "" {
		t.Fatalf("stop: %s, %v", third, err)
	}
	if err := c.Wait(ctx, id); err != nil {
		t.Errorf("a job that was stopped: %v", err)
	}
	if _, err := c.Savepoint(ctx, id, client.SavepointOptions{}); !errors.As(err, &failed) || !strings.Contains(err.Error(), "FINISHED") {
		t.Errorf("a savepoint of a job that has ended: %v", err)
	}

	id = submit(t, s, c)
	s.Until("it runs", running)
	if path, err := c.Savepoint(ctx, id, client.SavepointOptions{Cancel: true}); err != nil || path == "" {
		t.Errorf("savepoint and cancel: %s, %v", path, err)
	}
	if err := c.Wait(ctx, id); !errors.Is(err, client.ErrCanceled) {
		t.Errorf("after it: %v", err)
	}

	id = submit(t, s, c)
	s.Until("it runs", running)
	j, err := c.Job(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range j.Vertices {
		all, err := c.Subtasks(ctx, id, v.ID)
		if err != nil || len(all) != v.Parallelism {
			t.Errorf("subtasks of %s: %+v, %v", v.Name, all, err)
		}
		for i, sub := range all {
			if sub.Index != i || sub.State != client.Running || sub.TaskManager != "tm" || sub.Address == "" {
				t.Errorf("subtask %d of %s: %+v", i, v.Name, sub)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stop(ctx, id, client.StopOptions{Directory: filepath.Join(file, "below")}); !errors.As(err, &failed) {
		t.Errorf("a savepoint below a file: %v", err)
	}
	if path, err := c.Stop(ctx, id, client.StopOptions{Drain: true}); err != nil || path == "" {
		t.Errorf("drain: %s, %v", path, err)
	}
}

// TestFailures looks at a job that fails, and at one that is cancelled.
func TestFailures(t *testing.T) {
	ctx := context.Background()
	s, c := site(t, rest.Options{}, 0, 2_000)
	id := submit(t, s, c)
	var failed *client.JobError
	if err := c.Wait(ctx, id); !errors.As(err, &failed) || !strings.Contains(failed.Cause, "poison") {
		t.Errorf("the job ends by %v", err)
	}
	all, more, err := c.Exceptions(ctx, id, 5)
	if err != nil || more || len(all) == 0 || !strings.Contains(all[0].Text, "poison") || all[0].TaskManager != "tm" ||
		all[0].Kind != "TaskFailure" || all[0].Task == "" {
		t.Errorf("failures %+v, %v, %v", all, more, err)
	}
	if err := c.Cancel(ctx, id); err == nil {
		t.Error("a job that has failed is cancelled")
	}
	id = submit(t, s, c)
	if err := c.Cancel(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, id); !errors.Is(err, client.ErrCanceled) {
		t.Errorf("a cancelled job ends by %v", err)
	}
	if err := c.Cancel(ctx, id); err != nil {
		t.Errorf("cancelled again: %v", err)
	}
}

// TestUpload sends 50 MB once, and no more.
func TestUpload(t *testing.T) {
	ctx := context.Background()
	s, c := site(t, rest.Options{}, 100, 0)
	program := bytes.Repeat([]byte("0123456789"), 5_000_000)
	last, calls := int64(0), 0
	for range 2 {
		job := submission(t, s, program)
		job.Progress = func(sent, total int64) {
			if sent < last || total != int64(len(program)) {
				t.Errorf("%d of %d after %d", sent, total, last)
			}
			last, calls = sent, calls+1
		}
		before := calls
		if err := c.Submit(ctx, job); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(ctx, job.ID); err != nil {
			t.Fatal(err)
		}
		if (calls > before) != (before == 0) {
			t.Errorf("%d calls before, %d now: the executable is to be sent once", before, calls)
		}
	}
	if last != int64(len(program)) || s.Artifacts.Len() != 1 {
		t.Errorf("%d bytes sent, %d artifacts", last, s.Artifacts.Len())
	}
}

// TestBadUploads sends executables that are not what they claim to be, and jobs without theirs.
func TestBadUploads(t *testing.T) {
	ctx := context.Background()
	s, c := site(t, rest.Options{ArtifactBytesMax: 1000}, 100, 0)
	var refused *client.Error
	job := submission(t, s, []byte("right"))
	job.Artifact.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("wrong")), nil }
	if err := c.Submit(ctx, job); !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(err.Error(), "hash") {
		t.Errorf("wrong content: %v", err)
	}
	job.Artifact.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("rig")), nil }
	if err := c.Submit(ctx, job); err == nil {
		t.Error("an executable that is cut off is accepted")
	}
	job.Artifact.Open = func() (io.ReadCloser, error) { return nil, os.ErrNotExist }
	if err := c.Submit(ctx, job); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an executable that cannot be read: %v", err)
	}
	large := submission(t, s, make([]byte, 5000))
	if err := c.Submit(ctx, large); !errors.As(err, &refused) || refused.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %v", err)
	}
	job = submission(t, s, []byte("right"))
	job.Artifact = nil
	if err := c.Submit(ctx, job); !errors.As(err, &refused) || !strings.Contains(err.Error(), "upload it first") {
		t.Errorf("a job without its executable: %v", err)
	}
	job.Spec = []byte(`{"ID":"../x"}`)
	if err := c.Submit(ctx, job); !errors.As(err, &refused) || !strings.Contains(err.Error(), "hexadecimal") {
		t.Errorf("a job that makes no sense: %v", err)
	}
	if s.Artifacts.Len() != 0 {
		t.Errorf("%d artifacts are left", s.Artifacts.Len())
	}
	if jobs, err := c.Jobs(ctx); err != nil || len(jobs) != 0 {
		t.Errorf("jobs %v, %v", jobs, err)
	}
}

func TestFileArtifact(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	a, err := client.FileArtifact(file)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte("program")); a.Hash != hex.EncodeToString(sum[:]) || a.Size != 7 {
		t.Errorf("artifact %+v", a)
	}
	if _, err := client.FileArtifact(file + "?"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestTokens(t *testing.T) {
	s, _ := site(t, rest.Options{Token: "right"}, 0, 0)
	for token, ok := range map[string]bool{"": false, "wrong": false, "right": true} {
		_, err := connect(t, s.URL, client.Options{Token: token}).Jobs(context.Background())
		if errors.Is(err, client.ErrForbidden) {
			t.Errorf("token %q is forbidden: %v", token, err)
		}
		if ok != (err == nil) || !ok && (!errors.Is(err, client.ErrUnauthorized) || !strings.Contains(err.Error(), "token")) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// TestRoles: a client with too small a role is told which one is needed.
func TestRoles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte("viewer grafana the-token-of-grafana\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := access.OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := site(t, rest.Options{Tokens: tokens}, 0, 0)
	c := connect(t, s.URL, client.Options{Token: "the-token-of-grafana"})
	if _, err := c.Jobs(context.Background()); err != nil {
		t.Errorf("a viewer looks: %v", err)
	}
	err = c.Cancel(context.Background(), strings.Repeat("0", 32))
	if !errors.Is(err, client.ErrForbidden) || errors.Is(err, client.ErrUnauthorized) || !strings.Contains(err.Error(), `the role operator is needed for this, and "grafana" has the role viewer`) {
		t.Errorf("a viewer cancels: %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = connect(t, l.Addr().String(), client.Options{}).Jobs(context.Background())
	if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "start one with flott cluster start") ||
		!strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("nobody answers: %v", err)
	}
}

func TestVersionsThatDoNotFit(t *testing.T) {
	protocol := ""
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if protocol != "" {
			w.Header().Set(restapi.ProtocolHeader, protocol)
		}
		w.Header().Set(restapi.VersionHeader, "8.8.8")
		fmt.Fprint(w, `{"jobs":[]}`)
	}))
	defer other.Close()
	c := connect(t, other.URL, client.Options{Version: "0.1.0"})
	for protocol = range map[string]bool{"": true, "x": true, "99": true} {
		_, err := c.Jobs(context.Background())
		if !errors.Is(err, client.ErrVersion) {
			t.Errorf("protocol %q: %v", protocol, err)
		}
		if protocol == "99" && (!strings.Contains(err.Error(), "8.8.8") || !strings.Contains(err.Error(), "0.1.0")) {
			t.Errorf("both versions are not named: %v", err)
		}
	}
	protocol = fmt.Sprint(restapi.Protocol + 1)
	if _, err := c.Jobs(context.Background()); err != nil {
		t.Errorf("a neighbour: %v", err)
	}
}

// TestRedirects are not followed: the token stays here.
func TestRedirects(t *testing.T) {
	asked := false
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer evil.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(restapi.ProtocolHeader, fmt.Sprint(restapi.Protocol))
		http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
	}))
	defer here.Close()
	if _, err := connect(t, here.URL, client.Options{Token: "t"}).Jobs(context.Background()); err == nil || asked {
		t.Errorf("asked %v, %v", asked, err)
	}
}

func TestUnknownJobsAndContexts(t *testing.T) {
	s, c := site(t, rest.Options{}, 0, 0)
	nobody := strings.Repeat("0", 32)
	if _, err := c.Job(context.Background(), nobody); !errors.Is(err, client.ErrNotFound) || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("an unknown job: %v", err)
	}
	if err := c.Wait(context.Background(), nobody); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("wait for an unknown job: %v", err)
	}
	var refused *client.Error
	if _, err := c.Job(context.Background(), "a/b?c"); !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("a malformed id: %v", err)
	}
	id := submit(t, s, c)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	done := make(chan error)
	go func() { done <- c.Wait(ctx, id) }()
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("a wait that was called off: %v", err)
	}
	if _, err := client.New("ftp://x", client.Options{}); err == nil {
		t.Error("an address of another scheme is accepted")
	}
}

// TestShutdown asks for the end of the cluster.
func TestShutdown(t *testing.T) {
	asked := make(chan bool, 1)
	_, c := site(t, rest.Options{Shutdown: func() { asked <- true }}, 0, 0)
	if err := c.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-asked
}

// cutFirst closes the first connection at once.
type cutFirst struct {
	net.Listener
	was atomic.Bool
}

func (l *cutFirst) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && !l.was.Swap(true) {
		c.Close()
	}
	return c, err
}

// TestRefusedCertificate: the reason why a server refuses a client is in the error, if the request has failed by a cut too.
func TestRefusedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	l := &cutFirst{Listener: server.Listener}
	server.Listener = l
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	trust := x509.NewCertPool()
	trust.AddCert(server.Certificate())
	for i := range 20 {
		c := connect(t, server.URL, client.Options{TLS: &tls.Config{RootCAs: trust}})
		_, err := c.Jobs(context.Background())
		if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "security.ssl.rest.cert-file names that") {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
}
