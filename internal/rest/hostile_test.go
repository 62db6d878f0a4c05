package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
)

// planted is what no answer may have.
const planted = "planted-secret"

// TestPathTraversal puts into each parameter of each path what leads elsewhere in other programs: nothing but what is listed is shown.
func TestPathTraversal(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"log/jobmanager.log": "a line", "log/other.log": planted, "secret": planted, "log/jobmanager.log.d/secret": planted} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, rest.Options{LogFile: filepath.Join(dir, "log", "jobmanager.log")}, few)
	s.Join("tm", 1).Logs = map[string]string{"taskmanager.log": "another line"}
	id := s.Submit(nil)
	if err := s.Wait(id); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/jobmanager/logs/jobmanager.log", "/taskmanagers/tm/logs/taskmanager.log"} {
		if a := s.ask("GET", path, ""); a.status != 200 || !strings.HasSuffix(a.text, "line") {
			t.Fatalf("%s: %d %s", path, a.status, a.text)
		}
	}
	full := strings.ReplaceAll(filepath.Join(dir, "secret"), "/", "%2f")
	values := []string{
		"..", "../secret", "..%2fsecret", "%2e%2e%2fsecret", "%2e%2e/secret", "..%5csecret", `..\secret`, "..%252fsecret", full, "." + full, "%00", "jobmanager.log%00", "%00/../secret",
		"jobmanager.log%2f..%2f..%2fsecret", "jobmanager.log/../../secret", "jobmanager.log.d%2fsecret", ".%2fjobmanager.log", "other.log", "*", "%2a", "jobmanager.log%20", "%e2%80%ae",
		"..;/secret", "....//secret", "%c0%ae%c0%ae%c0%afsecret", strings.Repeat("..%2f", 200) + "etc%2fpasswd", strings.Repeat("x", 5000),
	}
	parameters := []string{"{jobid}", "{vertexid}", "{taskmanagerid}", "{subtaskindex}", "{attempt}", "{checkpointid}", "{triggerid}", "{sha256}", "{filename}", "{process}", "{kind}"}
	right := strings.NewReplacer("{jobid}", id, "{vertexid}", strings.Repeat("0", 32), "{taskmanagerid}", "tm", "{subtaskindex}", "0", "{attempt}", "0", "{checkpointid}", "1",
		"{triggerid}", strings.Repeat("1", 32), "{sha256}", strings.Repeat("2", 64), "{filename}", "jobmanager.log", "{process}", "tm", "{kind}", "heap")
	for _, r := range rest.Routes() {
		for _, p := range parameters {
			if !strings.Contains(r.Path, p) {
				continue
			}
			for _, v := range values {
				path := right.Replace(strings.Replace(r.Path, p, v, 1))
				a := s.ask(r.Method, path, "")
				if a.status != 400 && a.status != 404 || strings.Contains(a.text, planted) || strings.Contains(a.text, "root:") {
					t.Errorf("%s %s: %d %.300s", r.Method, path, a.status, a.text)
				}
				wantErrors(t, r.Method+" "+path, a.status, a.header, a.text)
			}
		}
	}
}

// wantErrors wants a refusal to have Flink's form.
func wantErrors(t testing.TB, what string, status int, h http.Header, text string) {
	t.Helper()
	if got := h.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("%s: status %d, type %q: %.300s", what, status, got, text)
	}
	var body restapi.Errors
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || len(body.Errors) == 0 {
		t.Errorf("%s: status %d has no errors: %.300s", what, status, text)
	}
}

// TestMalformedRequests sends bodies, headers and queries that are wrong to what takes some.
func TestMalformedRequests(t *testing.T) {
	s := newSite(t, rest.Options{}, few)
	s.malformed = true
	s.Join("tm", 1)
	id := s.Submit(nil)
	if err := s.Wait(id); err != nil {
		t.Fatal(err)
	}
	paths := []string{
		"POST /savepoint-disposal", "POST /flott/jobs", "PUT /flott/artifacts/" + strings.Repeat("2", 64), "POST /flott/session",
		"POST /jobs/" + id + "/savepoints", "POST /jobs/" + id + "/stop", "POST /jobs/" + id + "/checkpoints", "PUT /jobs/" + id + "/resource-requirements",
		"PUT /flott/jobs/" + id + "/parallelism",
	}
	bodies := []string{
		"{", "[]", "null", "1", `"x"`, "\x00", "\xff\xfe", `{"a":` + strings.Repeat("[", 20_000), strings.Repeat("[", 20_000), `{"savepoint-path":{}}`, `{"token":[]}`, `{"parallelism":1e999}`,
		`{"parallelism":-1}`, `{"vertices":{"x":99999999999999999999}}`, "<xml/>", "a=b&c=d", strings.Repeat(" ", 70_000), strings.Repeat(`{"x":1}`, 20),
	}
	for _, to := range paths {
		method, path, _ := strings.Cut(to, " ")
		for _, body := range bodies {
			for _, contentType := range []string{"application/json", "text/plain", "multipart/form-data; boundary=", "application/json; charset=\xff", ""} {
				a := s.ask(method, path, body, header("Content-Type", contentType), header("Content-Encoding", "gzip"), header(restapi.ProtocolHeader, "1"))
				if a.status == 202 && json.Valid([]byte(body)) {
					continue // it has nothing that concerns this
				}
				if a.status < 400 || a.status >= 500 {
					t.Errorf("%s with %.20q as %q: %d %.300s", to, body, contentType, a.status, a.text)
				}
				wantErrors(t, to, a.status, a.header, a.text)
			}
		}
	}
	if s.Artifacts.Len() > 0 {
		t.Error("an executable with another hash is kept")
	}
	for query, want := range map[string]int{
		"maxExceptions=-1": 400, "maxExceptions=99999999999999999999": 400, "maxExceptions=%00": 400, "maxExceptions=1;2": 200, "%zz=1": 200, "maxExceptions=1&maxExceptions=x": 200,
	} {
		if a := s.ask("GET", "/jobs/"+id+"/exceptions?"+query, ""); a.status != want {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
	}
	for _, value := range []string{"bytes=5-2", "bytes=-99999999999999999999", "bytes=0-0,1-1,2-2", "items=0-1", "bytes=99999999999-", strings.Repeat("bytes=0-1,", 1000)} {
		if a := s.ask("GET", "/taskmanagers/tm/log", "", header("Range", value)); a.status >= 500 {
			t.Errorf("Range %.30s: %d %s", value, a.status, a.text)
		} else if a.status >= 400 {
			wantErrors(t, "Range "+value, a.status, a.header, a.text)
		}
	}
	if a := s.ask("GET", "/jobs", "", header("X-Large", strings.Repeat("x", 100<<10))); a.status != 431 {
		t.Errorf("100 KiB of headers: %d %s", a.status, a.text)
	}
	many := func(r *http.Request) {
		for i := range 10_000 {
			r.Header.Set(fmt.Sprint("X-", i), "x")
		}
	}
	if a := s.ask("GET", "/jobs", "", many); a.status != 431 {
		t.Errorf("10,000 headers: %d %s", a.status, a.text)
	}
	s.must(200, "GET", "/jobs", "", nil)
}

// TestSites sends what browsers send for pages of other sites, with a session's cookie, which they may send too.
func TestSites(t *testing.T) {
	d := newDoor(t)
	c, who := d.begin(tokenOf(access.Admin))
	cancel := "/jobs/" + d.job + "?mode=cancel"
	for name, change := range map[string]func(*http.Request){
		"another origin": header("Origin", "http://evil.example"), "no origin": header("Origin", "null"), "another site": header("Sec-Fetch-Site", "cross-site"),
		"another port": header("Sec-Fetch-Site", "same-site"), "another port's origin": header("Origin", "http://127.0.0.1:1"), "nonsense": header("Origin", "%%%"),
		"a name with the address": func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Origin", "http://127.0.0.1") },
	} {
		a := d.ask("PATCH", cancel, "", cookie(c), header(restapi.CSRFHeader, who.CSRF), change)
		if a.status != 403 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
		wantErrors(t, name, a.status, a.header, a.text)
	}
	for _, asked := range []string{"OPTIONS /jobs/" + d.job, "GET /jobs"} {
		method, path, _ := strings.Cut(asked, " ")
		a := d.ask(method, path, "", cookie(c), header("Origin", "http://evil.example"), header("Access-Control-Request-Method", "PATCH"))
		for key := range a.header {
			if strings.HasPrefix(key, "Access-Control-") {
				t.Errorf("%s has the header %s", asked, key)
			}
		}
	}
	d.unharmed("requests of other sites")
}

// raw sends bytes on a connection of its own, and returns all that comes back.
func raw(t *testing.T, url, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(c) // also up to a reset
	return string(text)
}

// TestSmuggling: a request with two lengths, or an odd one, does not hide another one behind it.
func TestSmuggling(t *testing.T) {
	ended := make(chan bool, 10)
	s := newSite(t, rest.Options{Shutdown: func() { ended <- true }}, few)
	const hidden = "DELETE /cluster HTTP/1.1\r\nHost: localhost\r\n\r\n"
	head := "POST /savepoint-disposal HTTP/1.1\r\nHost: localhost\r\n"
	for name, request := range map[string]string{
		"both lengths":           head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(hidden), hidden),
		"both, in another order": head + fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n%s", 5+len(hidden), hidden),
		"two lengths":            head + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"a list of lengths":      head + fmt.Sprintf("Content-Length: 0, %d\r\n\r\n%s", len(hidden), hidden),
		"a signed length":        head + "Content-Length: +0\r\n\r\n" + hidden,
		"an odd encoding":        head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two encodings":          head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a space before a colon": head + "Content-Length : 0\r\n\r\n" + hidden,
		"an odd chunk":           head + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + hidden,
		"a folded header":        head + "X: a\r\n Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a bare line feed":       head + "Transfer-Encoding: chunked\r\n\r\n0\n\n" + hidden,
		"no host":                "DELETE /cluster HTTP/1.1\r\n\r\n",
		"two hosts":              "DELETE /cluster HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
		"an odd version":         "DELETE /cluster HTTP/9.9\r\nHost: localhost\r\n\r\n",
		"a space in the path":    "DELETE /cluster x HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"a NUL in the path":      "DELETE /cluster\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"a URL of another host":  "DELETE http://evil.example/cluster HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		got := raw(t, s.URL, request)
		if n := strings.Count(got, "HTTP/1."); n != 1 || strings.Contains(got, " 200 ") {
			t.Errorf("%s: %d answers: %s", name, n, got)
		}
	}
	if len(ended) > 0 {
		t.Errorf("the cluster was ended %d times", len(ended))
	}
	if got := raw(t, s.URL, hidden); !strings.Contains(got, " 200 ") {
		t.Errorf("what is hidden does nothing by itself: %s", got)
	}
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.conns) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	a, b := net.Pipe()
	p.conns <- b
	return a
}

// trickle writes bytes, one a second, until nobody takes them, and returns for how long that was, and what was answered.
func trickle(c net.Conn, text string) (time.Duration, string) {
	defer c.Close()
	var answer bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&answer, c) })
	began := time.Now()
	for i := range len(text) {
		time.Sleep(time.Second)
		if _, err := c.Write([]byte(text[i : i+1])); err != nil {
			break
		}
	}
	reading.Wait()
	return time.Since(began), answer.String()
}

// TestTrickle: who sends a byte a second is cut off, unless it is an executable that moves.
func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := jobmanager.New(jobmanager.Options{})
		defer m.Close()
		l := &pipes{conns: make(chan net.Conn)}
		server := rest.New(m, rest.Options{HeaderTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second, Artifacts: nowhere{}})
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		if took, answer := trickle(l.dial(), "GET /jobs HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 100)); took > 11*time.Second || strings.Contains(answer, " 200 ") {
			t.Errorf("headers are taken for %v: %s", took, answer)
		}
		body := func(path string, bytes int) net.Conn {
			c := l.dial()
			if _, err := fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\nFlott-Protocol: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", path, bytes); err != nil {
				t.Fatal(err)
			}
			return c
		}
		for path, want := range map[string]string{"POST /savepoint-disposal": " 400 ", "POST /flott/session": " 400 ", "GET /nosuch": " 404 ", "DELETE /cluster": " 403 "} {
			if took, answer := trickle(body(path, 1000), strings.Repeat(" ", 1000)); took > 31*time.Second || !strings.HasPrefix(answer, "HTTP/1.1"+want) {
				t.Errorf("the body of %s is taken for %v: %s", path, took, answer)
			}
		}
		took, answer := trickle(body("PUT /flott/artifacts/"+strings.Repeat("0", 64), 300), strings.Repeat("x", 300))
		if took < 5*time.Minute || !strings.Contains(answer, "the content has the hash") {
			t.Errorf("an executable is taken for %v: %s", took, answer)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// nowhere takes executables, and keeps none; those that it has do not end.
type nowhere struct{ closed chan struct{} }

func (nowhere) Put(_ context.Context, _ string, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
func (n nowhere) Has(string) (bool, error)           { return n.closed != nil, nil }
func (n nowhere) Open(string) (io.ReadCloser, error) { return n, nil }
func (nowhere) Read(p []byte) (int, error)           { return len(p), nil }
func (n nowhere) Close() error {
	close(n.closed)
	return nil
}

// watched is a listener that tells when connections are closed here.
type watched struct {
	net.Listener
	closed chan struct{}
}

func (w watched) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: c, closed: w.closed}, nil
}

type watchedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { c.closed <- struct{}{} })
	return c.Conn.Close()
}

// TestStopsReading: who asks for much and reads nothing is hung up on.
func TestStopsReading(t *testing.T) {
	log := filepath.Join(t.TempDir(), "jobmanager.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(log, 1<<30); err != nil {
		t.Fatal(err)
	}
	m := jobmanager.New(jobmanager.Options{})
	defer m.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed, released := make(chan struct{}, 10), make(chan struct{})
	server := rest.New(m, rest.Options{WriteTimeout: 50 * time.Millisecond, LogFile: log, Artifacts: nowhere{released}})
	done := make(chan error, 1)
	go func() { done <- server.Serve(watched{l, closed}) }()
	for _, path := range []string{"/jobmanager/log", "/flott/artifacts/" + strings.Repeat("0", 64)} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		select {
		case <-closed:
		case <-time.After(time.Minute):
			t.Errorf("%s: nobody hangs up", path)
		}
		c.Close()
	}
	<-released
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// FuzzHandler sends any request. Whatever it is, nothing panics, and a refusal has Flink's form.
func FuzzHandler(f *testing.F) {
	for _, r := range rest.Routes() {
		f.Add(r.Method, r.Path, "", "Range", "bytes=0-1", []byte(`{"token":"x","savepoint-path":"","vertices":{"a":1},"triggerId":"","target-directory":""}`))
		f.Add(r.Method, "/v1"+strings.NewReplacer("{jobid}", strings.Repeat("0", 32), "{filename}", "..%2f..%2fx", "{taskmanagerid}", "tm", "{triggerid}", strings.Repeat("1", 32)).Replace(r.Path),
			"get=a&agg=min,max&maxExceptions=3&timeout=1&mode=cancel", "Cookie", "flott-session=x", []byte(`{"drain":true,"formatType":"NATIVE","parallelism":2}`))
	}
	f.Add("GET", "//jobs/../%2e%2e", "%zz", "Authorization", "Bearer \xff", []byte("\x00"))
	f.Add("CONNECT", "*", "a;b", "Flott-Protocol", "2", []byte(nil))
	s := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, path, query, key, value string, body []byte) {
		if bytes.Contains(body, []byte("savepoint-path")) && !bytes.Contains(body, []byte(`"savepoint-path":""`)) {
			t.Skip() // it would look, and delete, anywhere on the disk
		}
		request := fmt.Sprintf("%s %s?%s HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, query, key, value, len(body), body)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			t.Skip() // net/http answers by itself
		}
		// A wait for the end of a job is as long as the request says.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r.WithContext(ctx))
		what := fmt.Sprintf("%q", request)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
		if w.Code >= 300 && w.Code < 400 && w.Code != http.StatusNotModified && w.Code != http.StatusPermanentRedirect || w.Code < 200 {
			t.Errorf("%s: %d", what, w.Code)
		}
		if w.Code >= 400 && r.Method != http.MethodHead {
			wantErrors(t, what, w.Code, w.Header(), w.Body.String())
		}
	})
}

// fuzzed is the handler of a cluster with a job that has ended.
func fuzzed(f *testing.F) http.Handler {
	s := newFuzzed(f)
	s.Join("tm", 1).Logs = map[string]string{"taskmanager.log": "a line"}
	id := s.Submit(nil)
	if err := s.Wait(id); err != nil {
		f.Fatal(err)
	}
	f.Add("GET", "/jobs/"+id, "", "If-Range", "x", []byte(nil))
	f.Add("GET", "/jobs/"+id+"/vertices/"+strings.Repeat("0", 32), "", "If-Modified-Since", "x", []byte(nil))
	f.Add("PUT", "/flott/jobs/"+id+"/parallelism", "", "X", "", []byte(`{"parallelism":1}`))
	server := rest.New(s.Manager, rest.Options{Artifacts: s.Artifacts, Shutdown: func() {}, Version: "0.1.0"})
	f.Cleanup(func() {
		if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			f.Error(err)
		}
	})
	return server.Handler()
}
