// Package resttest has a JobManager with its REST interface within the test's process.
package resttest

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/jobmanager/jobmanagertest"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/stream"
)

// Artifacts is a store in memory.
type Artifacts struct {
	mu  sync.Mutex
	all map[string][]byte
	err error
}

// Fail makes the store fail from now on.
func (m *Artifacts) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Len is how many artifacts there are.
func (m *Artifacts) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

// Put reads all of r.
func (m *Artifacts) Put(_ context.Context, hash string, r io.Reader) error {
	b, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		err = m.err
	}
	if err != nil {
		return err
	}
	if m.all == nil {
		m.all = map[string][]byte{}
	}
	m.all[hash] = b
	return nil
}

// Has reports whether an artifact is there.
func (m *Artifacts) Has(hash string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[hash] != nil, nil
}

// Open reads an artifact.
func (m *Artifacts) Open(hash string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[hash] == nil {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(m.all[hash])), nil
}

// Log keeps what is logged.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps b.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String is what was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Site is a cluster with a server.
type Site struct {
	*jobmanagertest.Cluster
	URL       string
	Artifacts *Artifacts
	Log       *Log

	t       testing.TB
	o       rest.Options
	address string
	server  *rest.Server
	done    chan error // of what serves
}

// New serves a cluster whose jobs are those that build builds. It ends with the test.
func New(t testing.TB, o rest.Options, build func(env *stream.Env), options ...stream.Option) *Site {
	t.Helper()
	return Serve(t, jobmanagertest.New(t, jobmanager.Options{}, build, options...), o)
}

// Serve serves a cluster. It ends with the test.
func Serve(t testing.TB, c *jobmanagertest.Cluster, o rest.Options) *Site {
	t.Helper()
	s := &Site{Cluster: c, Artifacts: &Artifacts{}, Log: &Log{}, t: t, o: o, address: "127.0.0.1:0"}
	s.o.Artifacts, s.o.Version, s.o.Log = s.Artifacts, "0.1.0", slog.New(slog.NewTextHandler(s.Log, nil))
	s.Back()
	s.URL = "http://" + s.address
	t.Cleanup(s.Away)
	return s
}

// Away ends the server, not the cluster.
func (s *Site) Away() {
	if s.server == nil {
		return
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
	if err := <-s.done; err != nil {
		s.t.Error(err)
	}
	s.server = nil
}

// Back serves the cluster at the same address again.
func (s *Site) Back() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	server, done := rest.New(s.Manager, s.o), make(chan error, 1)
	s.server, s.done = server, done
	go func() { done <- server.Serve(l) }()
}
