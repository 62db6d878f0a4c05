package rest_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// few counts to ten.
func few(env *stream.Env) {
	stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: 10})).To(collect.To[int64]())
}

func header(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestToken(t *testing.T) {
	s := newSite(t, rest.Options{Token: "open sesame"}, few)
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"none":         {func(*http.Request) {}, 401},
		"wrong":        {header("Authorization", "Bearer open sesam"), 401},
		"longer":       {header("Authorization", "Bearer open sesame!"), 401},
		"other scheme": {header("Authorization", "Basic open sesame"), 401},
		"empty":        {header("Authorization", "Bearer "), 401},
		"right":        {header("Authorization", "Bearer open sesame"), 200},
		"lower case":   {header("Authorization", "bearer open sesame"), 200},
	} {
		a := s.ask("GET", "/overview", "", c.change)
		if a.status != c.status || a.status == 401 && a.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
		if a := s.ask("GET", "/v1/overview", "", c.change); a.status != c.status {
			t.Errorf("%s below /v1: %d %s", name, a.status, a.text)
		}
	}
	if a := s.ask("GET", "/flott/artifacts/"+strings.Repeat("0", 64), ""); a.status != 401 {
		t.Errorf("an artifact without the token: %d", a.status)
	}
}

// TestRebinding sends what a browser sends for a page whose name has been given the address 127.0.0.1.
func TestRebinding(t *testing.T) {
	s := newSite(t, rest.Options{Hosts: []string{"flott.example"}}, few)
	for name, status := range map[string]int{
		"evil.example": 403, "evil.example:8081": 403, "10.0.0.1": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403,
		"localhost:8081": 200, "127.0.0.1:1": 200, "[::1]:8081": 200, "Flott.Example": 200,
	} {
		if a := s.ask("GET", "/jobs", "", host(name)); a.status != status {
			t.Errorf("host %s: %d %s", name, a.status, a.text)
		}
	}
}

// TestOrigins sends what browsers send for pages of another origin.
func TestOrigins(t *testing.T) {
	s := newSite(t, rest.Options{}, few)
	path := "/jobs/" + strings.Repeat("0", 32) + "?mode=cancel"
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"another origin": {header("Origin", "http://evil.example"), 403},
		"no origin":      {header("Origin", "null"), 403},
		"another site":   {header("Sec-Fetch-Site", "cross-site"), 403},
		"this origin":    {header("Origin", s.URL), 404},
		"no browser":     {func(*http.Request) {}, 404},
	} {
		a := s.ask("PATCH", path, "", c.change)
		if a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
		for key := range a.header {
			if strings.HasPrefix(key, "Access-Control-") {
				t.Errorf("%s: header %s", name, key)
			}
		}
	}
}

func TestVersionsShakeHands(t *testing.T) {
	s := newSite(t, rest.Options{}, few)
	for version, status := range map[string]int{"0": 200, "1": 200, "2": 200, "3": 400, "99": 400, "-1": 400, "x": 400} {
		a := s.ask("GET", "/flott/version", "", header(restapi.ProtocolHeader, version), header(restapi.VersionHeader, "9.9.9"))
		if a.status != status || a.header.Get(restapi.ProtocolHeader) != "1" {
			t.Errorf("version %s: %d %s", version, a.status, a.text)
		}
		if version == "3" && (!strings.Contains(a.text, "9.9.9") || !strings.Contains(a.text, "0.1.0")) {
			t.Errorf("both versions are not named: %s", a.text)
		}
	}
	if a := s.ask("POST", "/flott/jobs", "{}"); a.status != 400 || !strings.Contains(a.text, restapi.ProtocolHeader) {
		t.Errorf("a job without a version: %d %s", a.status, a.text)
	}
}

// TestListen serves no address that other machines reach, unless it may.
func TestListen(t *testing.T) {
	m := jobmanager.New(jobmanager.Options{})
	defer m.Close()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	for name, c := range map[string]struct {
		o   rest.Options
		err error
	}{
		"nothing":  {rest.Options{}, rest.ErrInsecure},
		"TLS":      {rest.Options{TLS: &tls.Config{Certificates: certificate.TLS.Certificates}}, rest.ErrInsecure},
		"clients":  {rest.Options{TLS: &tls.Config{Certificates: certificate.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert}}, nil},
		"insecure": {rest.Options{Insecure: true}, nil},
		"token":    {rest.Options{Token: "t"}, nil},
	} {
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		server := rest.New(m, c.o)
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		if c.err == nil {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-done; !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTLS asks over TLS.
func TestTLS(t *testing.T) {
	m := jobmanager.New(jobmanager.Options{})
	defer m.Close()
	reference := httptest.NewUnstartedServer(nil)
	reference.StartTLS()
	defer reference.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rest.New(m, rest.Options{TLS: &tls.Config{Certificates: reference.TLS.Certificates}})
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	client := reference.Client()
	resp, err := client.Get("https://" + l.Addr().String() + "/overview")
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("over TLS: %v %v", resp, err)
	}
	if err == nil {
		resp.Body.Close()
	}
	client.CloseIdleConnections()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPanics answers a request whose handler panics, and serves on.
func TestPanics(t *testing.T) {
	s := newSite(t, rest.Options{Config: func() []restapi.KeyValue { panic("a bug") }}, few)
	a := s.ask("GET", "/jobmanager/config", "")
	if a.status != 500 || a.text != `{"errors":["Internal server error."]}` {
		t.Errorf("%d %s", a.status, a.text)
	}
	if !strings.Contains(s.Log.String(), "a bug") || !strings.Contains(s.Log.String(), "guard_test.go") {
		t.Errorf("the log has no panic: %s", s.Log)
	}
	s.must(200, "GET", "/jobs", "", nil)
}

func TestUnknownAndMalformed(t *testing.T) {
	s := newSite(t, rest.Options{}, few)
	nobody := strings.Repeat("0", 32)
	s.Join("tm", 1)
	id := s.Submit(nil)
	if err := s.Wait(id); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		request string
		status  int
		text    string
	}{
		{"GET /nosuch", 404, "Unable to load requested file /nosuch."},
		{"POST /jobs", 404, "Unable to load requested file /jobs."},
		{"GET /jobs/zz", 400, `Bad request, could not parse parameters: Cannot resolve path parameter (jobid) from value \"zz\".`},
		{"GET /jobs/" + nobody, 404, "Job " + nobody + " not found"},
		{"GET /jobs/" + nobody + "/status", 404, "not found"},
		{"PATCH /jobs/" + nobody, 404, "not found"},
		{"POST /jobs/" + nobody + "/stop", 404, "not found"},
		{"GET /jobs/" + id + "/vertices/zz", 400, "vertexid"},
		{"GET /jobs/" + id + "/vertices/" + nobody, 404, "JobVertex " + nobody + " not found"},
		{"GET /jobs/" + id + "/checkpoints/details/x", 400, "checkpointid"},
		{"GET /jobs/" + id + "/checkpoints/details/77", 404, "77"},
		{"GET /jobs/" + id + "/savepoints/zz", 400, "triggerid"},
		{"GET /jobs/" + id + "/savepoints/" + nobody, 404, "Operation not found under key"},
		{"GET /jobs/" + id + "/exceptions?maxExceptions=x", 400, "maxExceptions"},
		{"PATCH /jobs/" + id + "?mode=explode", 400, "mode"},
		{"PATCH /jobs/" + id + "?mode=stop", 308, "/stop"},
		{"PATCH /jobs/" + id, 409, "FINISHED"},
		{"POST /jobs/" + id + "/savepoints", 400, "savepoint-dir"},
		{"GET /taskmanagers/nobody", 404, "nobody"},
		{"GET /flott/artifacts/zz", 400, "sha256"},
		{"DELETE /cluster", 403, "not ended"},
		{"POST /savepoint-disposal", 400, "savepoint-path"},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		a := s.ask(method, path, "")
		if a.status != c.status || !strings.Contains(a.text, c.text) || !strings.HasPrefix(a.text, `{"errors":["`) {
			t.Errorf("%s: %d %s", c.request, a.status, a.text)
		}
	}
	for body, status := range map[string]int{"{": 400, strings.Repeat(" ", 100<<10): 413, `{"formatType":"ODD"}`: 400, `{"triggerId":"x","target-directory":"/d"}`: 400} {
		if a := s.ask("POST", "/jobs/"+id+"/savepoints", body); a.status != status {
			t.Errorf("a body of %d bytes: %d %s", len(body), a.status, a.text)
		}
	}
}

func TestArtifacts(t *testing.T) {
	s := newSite(t, rest.Options{ArtifactBytesMax: 1 << 20}, few)
	content := strings.Repeat("program", 10_000)
	sum := sha256.Sum256([]byte(content))
	path := "/flott/artifacts/" + hex.EncodeToString(sum[:])
	if a := s.ask("HEAD", path, ""); a.status != 404 {
		t.Errorf("before: %d", a.status)
	}
	if a := s.ask("PUT", path, content+"!"); a.status != 400 || !strings.Contains(a.text, "has the hash") || s.Artifacts.Len() > 0 {
		t.Errorf("another content: %d %s", a.status, a.text)
	}
	if a := s.ask("PUT", path, strings.Repeat("x", 2<<20)); a.status != 413 || s.Artifacts.Len() > 0 {
		t.Errorf("too large: %d %s", a.status, a.text)
	}
	tear(t, s, path, content)
	if a := s.ask("HEAD", path, ""); a.status != 404 {
		t.Errorf("after a torn upload: %d", a.status)
	}
	for _, want := range []int{201, 200} {
		if a := s.ask("PUT", path, content); a.status != want {
			t.Errorf("upload: %d %s, want %d", a.status, a.text, want)
		}
	}
	if a := s.ask("GET", path, ""); a.status != 200 || a.text != content {
		t.Errorf("%d, %d bytes", a.status, len(a.text))
	}
	s.Artifacts.Fail(os.ErrPermission)
	other := sha256.Sum256([]byte("other"))
	if a := s.ask("PUT", "/flott/artifacts/"+hex.EncodeToString(other[:]), "other"); a.status != 500 {
		t.Errorf("the store fails: %d %s", a.status, a.text)
	}
}

// tear uploads all but the last byte, and hangs up. The store has seen the end when a second request is
// answered that waits for the first one's connection to be gone.
func tear(t *testing.T, s *site, path, content string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	request := "PUT " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n" + content[:len(content)-1]
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var answer [32]byte
	n, _ := c.Read(answer[:]) // the server answers, or hangs up, when it has seen the end
	if n > 0 && !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 400") {
		t.Errorf("a torn upload is answered by %q", answer[:n])
	}
	c.Close()
}

// TestStandstill hangs up on who sends half a header, or half a body, and then nothing.
func TestStandstill(t *testing.T) {
	const soon = 50 * time.Millisecond
	hash := strings.Repeat("0", 64)
	for name, request := range map[string]string{
		"header": "GET /jobs HTTP/1.1\r\nHost: localhost\r\n",
		"body":   "PUT /flott/artifacts/" + hash + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
		"JSON":   "POST /savepoint-disposal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	} {
		o := rest.Options{BodyTimeout: soon}
		if name == "header" {
			o = rest.Options{HeaderTimeout: soon} // within which the whole header of the others must come
		}
		s := newSite(t, o, few)
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c) // until the server hangs up
		if text := string(answer); err != nil || name != "header" && !strings.HasPrefix(text, "HTTP/1.1 400") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		c.Close()
		if s.Artifacts.Len() > 0 {
			t.Errorf("%s: half an artifact is kept", name)
		}
	}
}
