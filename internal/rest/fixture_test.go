package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/stream"
)

// site is a server that tests ask.
type site struct {
	*resttest.Site
	t         *testing.T
	malformed bool // requests need not be as openapi.json says
}

func newSite(t *testing.T, o rest.Options, build func(env *stream.Env), options ...stream.Option) *site {
	t.Helper()
	return &site{Site: resttest.New(t, o, build, options...), t: t}
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	text   string
}

// into decodes it.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.text), v); err != nil {
		t.Fatalf("%v: %s", err, a.text)
	}
}

// ask sends a request, which change changes. What comes back must be as openapi.json says.
func (s *site) ask(method, path, body string, change ...func(*http.Request)) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range change {
		c(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, string(text)}
	if !s.malformed {
		conforms(s.t, method, path, body, a)
	}
	return a
}

// must asks for JSON and wants a status.
func (s *site) must(status int, method, path, body string, into any) {
	s.t.Helper()
	a := s.ask(method, path, body)
	if a.status != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.text)
	}
	if into != nil {
		a.into(s.t, into)
	}
}

// counted counts by key, up to n records, or for ever for 0, with an accumulator, checkpoints and savepoints.
func counted(t *testing.T, n int64, more ...stream.Option) (func(env *stream.Env), []stream.Option) {
	dir := t.TempDir()
	build := func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n },
			datagen.Options{Count: n, PerSecond: 10_000})).Name("numbers <1>")
		seen := stream.Open(numbers, func(task *stream.Task) (func(int64) (int64, error), error) {
			c := task.Accumulator("seen")
			return func(v int64) (int64, error) { c.Add(1); return v, nil }, nil
		})
		stream.Scan(stream.KeyBy(seen, func(v int64) int64 { return v % 97 }),
			func(c *stream.Ctx[int64, string], n *int64, _ int64) error {
				*n++
				c.Emit(fmt.Sprint(*n))
				return nil
			}).Name("count").To(collect.To[string]())
	}
	return build, append([]stream.Option{
		stream.Parallelism(2), stream.MaxParallelism(16), stream.Checkpoint(20 * time.Millisecond),
		stream.CheckpointDir(filepath.Join(dir, "checkpoints")), stream.SavepointDir(filepath.Join(dir, "savepoints")),
		stream.Restart(stream.FixedDelay(100, time.Millisecond)),
	}, more...)
}

// respond has a handler answer a request that comes from an address, and returns the status and after what it may be repeated.
func respond(h http.Handler, method, path, from string, change func(*http.Request)) (status int, retry string) {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = from
	change(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header().Get("Retry-After")
}

// newFuzzed is a cluster for a handler of the test's own.
func newFuzzed(f *testing.F) *resttest.Site { return resttest.New(f, rest.Options{}, few) }
