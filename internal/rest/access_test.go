package rest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/schedule"
)

// tokenOf is the token of a role in the file that credentials writes.
func tokenOf(r access.Role) string { return "the-token-of-the-" + r.String() }

func bearer(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }

func credentials(t *testing.T) (path string) {
	var b strings.Builder
	for r := access.Viewer; r <= access.Admin; r++ {
		fmt.Fprintln(&b, r, "the-"+r.String(), tokenOf(r))
	}
	path = filepath.Join(t.TempDir(), "credentials")
	replace(t, path, b.String())
	return path
}

// replace puts a file in the place of another one, at once.
func replace(t *testing.T, path, text string) {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func openTokens(t *testing.T, path string) *access.Tokens {
	tokens, err := access.OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// door is a server with roles, and what must not happen to what stands behind it.
type door struct {
	*site
	clock    *clock.Manual
	job      string
	vertex   string
	shutdown atomic.Int32
}

func newDoor(t *testing.T) *door {
	d := &door{clock: clock.NewManual(time.Unix(1000, 0))}
	build, options := counted(t, 0)
	d.site = newSite(t, rest.Options{
		Token: "the token of the environment", Tokens: openTokens(t, credentials(t)), Clock: d.clock,
		Shutdown: func() { d.shutdown.Add(1) },
	}, build, options...)
	d.Join("tm", 4)
	d.job = d.Submit(nil)
	d.Until("a checkpoint", func() bool {
		v, err := d.Manager.View(d.job)
		return err == nil && v.Checkpoints.Completed > 0
	})
	var job restapi.JobDetails
	if err := json.Unmarshal([]byte(d.ask("GET", "/jobs/"+d.job, "", bearer(tokenOf(access.Viewer))).text), &job); err != nil {
		t.Fatal(err)
	}
	d.vertex = job.Vertices[0].ID
	t.Cleanup(func() { // it writes into a directory of the test's
		if err := d.Manager.Cancel(d.job, jobmanager.CancelJob); err == nil {
			_ = d.Wait(d.job)
		}
	})
	return d
}

// fill gives the parameters of a path values: those of what there is, or of what there is not.
func (d *door) fill(path string, there bool) string {
	values := []string{
		"{jobid}", d.job, "{vertexid}", d.vertex, "{taskmanagerid}", "tm", "{subtaskindex}", "0", "{attempt}", "0", "{checkpointid}", "1",
		"{triggerid}", strings.Repeat("1", 32), "{sha256}", strings.Repeat("2", 64), "{filename}", "jobmanager.log", "{process}", "tm", "{kind}", "heap",
	}
	if !there {
		values[1], values[5] = strings.Repeat("0", 32), "nobody"
	}
	return strings.NewReplacer(values...).Replace(path)
}

// bodyOf is a body that a route would do something with.
func (d *door) bodyOf(r rest.Route) string {
	switch r.Path {
	case "/savepoint-disposal":
		return `{"savepoint-path":"/nowhere/savepoint-1"}`
	case "/flott/session":
		return `{"token":"` + tokenOf(access.Viewer) + `"}`
	case "/flott/processes/{process}/log-level":
		return `{"level":"INFO"}`
	case "/jobs/{jobid}/savepoints":
		return `{"target-directory":"` + d.t.TempDir() + `"}`
	case "/flott/jobs/{jobid}/parallelism":
		return `{"parallelism":1}`
	}
	return ""
}

// unharmed says that nothing was done to the job and the cluster.
func (d *door) unharmed(after string) {
	d.t.Helper()
	v, err := d.Manager.View(d.job)
	if err != nil {
		d.t.Fatal(err)
	}
	if v.State != schedule.Running || v.Scaling.Rescales > 0 || v.Restarts > 0 || d.shutdown.Load() > 0 || d.Artifacts.Len() > 0 || len(d.Manager.Jobs()) != 1 {
		d.t.Fatalf("after %s the job is %v, %d rescales, %d restarts, %d ends of the cluster, %d executables, %d jobs", after, v.State, v.Scaling.Rescales, v.Restarts,
			d.shutdown.Load(), d.Artifacts.Len(), len(d.Manager.Jobs()))
	}
}

// methodFor is the method of a route, or for events, which have no end, that which asks for their head.
func methodFor(r rest.Route) string {
	if strings.HasSuffix(r.Path, "/events") {
		return "HEAD"
	}
	return r.Method
}

// matches reports whether a route is that of a path.
func matches(r rest.Route, path string) bool {
	want, got := strings.Split(r.Path, "/"), strings.Split(path, "/")
	return len(want) == len(got) && !slices.ContainsFunc(want, func(w string) bool {
		g := got[0]
		got = got[1:]
		return !strings.HasPrefix(w, "{") && w != g
	})
}

// TestEveryRouteAsksWhoComes takes the table of routes and tries each of them in all ways that must not do, and in the least that must.
func TestEveryRouteAsksWhoComes(t *testing.T) {
	d := newDoor(t)
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
	var open []string
	for _, r := range rest.Routes() {
		if r.Role == access.None {
			open = append(open, r.Method+" "+r.Path)
			continue
		}
		for _, prefix := range []string{"", "/v1"} {
			name, path, body := r.Method+" "+prefix+r.Path, prefix+d.fill(r.Path, true), d.bodyOf(r)
			d.clock.Advance(time.Hour)
			for how, change := range map[string]func(*http.Request){
				"nothing": func(*http.Request) {}, "a wrong token": bearer("the-token-of-the-nobody"), "an empty one": bearer(""),
				"another scheme":    header("Authorization", "Basic "+tokenOf(access.Admin)),
				"a wrong cookie":    header("Cookie", "flott-session=0123456789abcdef"),
				"a token as cookie": header("Cookie", "flott-session="+tokenOf(access.Admin)),
				"a token in the query": func(q *http.Request) {
					q.URL.RawQuery = "token=" + tokenOf(access.Admin) + "&access_token=" + tokenOf(access.Admin)
				},
			} {
				if a := d.ask(r.Method, path, body, change); a.status != 401 || a.header.Get("WWW-Authenticate") != "Bearer" || strings.Contains(a.text, d.job) {
					t.Errorf("%s with %s: %d %s", name, how, a.status, a.text)
				}
			}
			for role := access.Viewer; role < r.Role; role++ {
				a := d.ask(r.Method, path, body, bearer(tokenOf(role)))
				if a.status != 403 || !strings.Contains(a.text, "the role "+r.Role.String()+" is needed") || !strings.Contains(a.text, role.String()) {
					t.Errorf("%s as %s: %d %s", name, role, a.status, a.text)
				}
			}
		}
	}
	d.unharmed("requests of strangers")
	if want := []string{"GET /flott/health", "POST /flott/session"}; !slices.Equal(open, want) {
		t.Errorf("without credentials one reaches %q, want %q", open, want)
	}
	for _, r := range rest.Routes() {
		path := d.fill(r.Path, true)
		for _, m := range methods {
			if slices.ContainsFunc(rest.Routes(), func(o rest.Route) bool {
				return (o.Method == m || m == "HEAD" && o.Method == "GET") && matches(o, path)
			}) {
				continue
			}
			if a := d.ask(m, path, "", bearer(tokenOf(access.Admin))); a.status != 404 && a.status != 405 {
				t.Errorf("%s %s, which is not there: %d %s", m, r.Path, a.status, a.text)
			}
			if a := d.ask(m, path, ""); a.status != 401 {
				t.Errorf("%s %s, which is not there, by a stranger: %d %s", m, r.Path, a.status, a.text)
			}
		}
	}
	d.unharmed("requests by other methods")
	// The page is the same in each copy of the program. It has no data, and asks for credentials by itself.
	if a := d.ask("GET", "/", ""); a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || strings.Contains(a.text, d.job) {
		t.Errorf("the page: %d %s", a.status, a.text)
	}
	for _, path := range []string{"/nosuch", "/v1", "/jobs/", "//jobs", "/jobs/../jobs", "/flott/health/x"} {
		if a := d.ask("GET", path, ""); a.status != 401 {
			t.Errorf("%s by a stranger: %d %s", path, a.status, a.text)
		}
	}
	if a := d.ask("GET", "/flott/health", ""); a.status != 200 || a.text != "{}" {
		t.Errorf("health: %d %s", a.status, a.text)
	}
	// Who may come in is let in, last, since it works.
	for _, r := range rest.Routes() {
		if r.Role == access.None {
			continue
		}
		if a := d.ask(methodFor(r), d.fill(r.Path, false), d.bodyOf(r), bearer(tokenOf(r.Role))); a.status == 401 || a.status == 403 {
			t.Errorf("%s %s as %s: %d %s", r.Method, r.Path, r.Role, a.status, a.text)
		}
	}
	if d.shutdown.Load() != 1 {
		t.Errorf("the cluster was ended %d times", d.shutdown.Load())
	}
	if a := d.ask("GET", "/overview", "", bearer("the token of the environment")); a.status != 200 {
		t.Errorf("with the token of the environment: %d %s", a.status, a.text)
	}
}

// begin begins a session, and returns its cookie and what was answered.
func (d *door) begin(token string) (*http.Cookie, restapi.Session) {
	d.t.Helper()
	a := d.ask("POST", "/flott/session", fmt.Sprintf(`{"token":%q}`, token))
	if a.status != 201 {
		d.t.Fatalf("begin a session: %d %s", a.status, a.text)
	}
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		d.t.Fatalf("cookies: %v", cookies)
	}
	var s restapi.Session
	a.into(d.t, &s)
	return cookies[0], s
}

func cookie(c *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
}

// TestEveryRouteWantsCSRF: with a session's cookie alone nothing is changed, whatever the route.
func TestEveryRouteWantsCSRF(t *testing.T) {
	d := newDoor(t)
	admin, who := d.begin(tokenOf(access.Admin))
	_, other := d.begin(tokenOf(access.Admin))
	for _, r := range rest.Routes() {
		if r.Role == access.None {
			continue
		}
		path := d.fill(r.Path, true)
		if r.Method == "GET" {
			if a := d.ask(methodFor(r), d.fill(r.Path, false), "", cookie(admin)); a.status == 401 || a.status == 403 {
				t.Errorf("GET %s with the cookie: %d %s", r.Path, a.status, a.text)
			}
			continue
		}
		for _, change := range []func(*http.Request){func(*http.Request) {}, header(restapi.CSRFHeader, ""), header(restapi.CSRFHeader, other.CSRF), header(restapi.CSRFHeader, admin.Value)} {
			if a := d.ask(r.Method, path, d.bodyOf(r), cookie(admin), change); a.status != 403 || !strings.Contains(a.text, restapi.CSRFHeader) {
				t.Errorf("%s %s without the header: %d %s", r.Method, r.Path, a.status, a.text)
			}
		}
	}
	d.unharmed("requests without the header")
	for _, r := range rest.Routes() {
		if r.Role == access.None || r.Method == "GET" {
			continue
		}
		for role := access.Viewer; role < r.Role; role++ {
			c, s := d.begin(tokenOf(role))
			if a := d.ask(r.Method, d.fill(r.Path, true), d.bodyOf(r), cookie(c), header(restapi.CSRFHeader, s.CSRF)); a.status != 403 || !strings.Contains(a.text, "role") {
				t.Errorf("%s %s in a session of %s: %d %s", r.Method, r.Path, role, a.status, a.text)
			}
		}
		c, s := d.begin(tokenOf(r.Role))
		if a := d.ask(r.Method, d.fill(r.Path, false), d.bodyOf(r), cookie(c), header(restapi.CSRFHeader, s.CSRF)); a.status == 401 || a.status == 403 {
			t.Errorf("%s %s with the header: %d %s", r.Method, r.Path, a.status, a.text)
		}
	}
	if who.CSRF == other.CSRF {
		t.Error("two sessions have one CSRF token")
	}
}

// TestSession follows a session from its beginning to its ends.
func TestSession(t *testing.T) {
	path := credentials(t)
	c := clock.NewManual(time.Unix(1000, 0))
	d := &door{site: newSite(t, rest.Options{Token: "the token of the environment", Tokens: openTokens(t, path), Clock: c, SessionLife: time.Hour}, few)}
	for body, want := range map[string]int{
		"": 400, "{}": 400, `{"token":""}`: 400, `{"token":"wrong"}`: 401, `{"token":1}`: 400, `{"token`: 400,
		`{"token":"the-token-of-the-nobody"}`: 401, `{"token":"` + strings.Repeat("x", 100<<10) + `"}`: 413,
	} {
		if a := d.ask("POST", "/flott/session", body); a.status != want || a.header.Get("Set-Cookie") != "" {
			t.Errorf("a session with %.30s: %d %s %s", body, a.status, a.text, a.header.Get("Set-Cookie"))
		}
	}
	if a := d.ask("POST", "/flott/session", `{"token":"the-token-of-the-viewer"}`, header("Origin", "http://evil.example")); a.status != 403 {
		t.Errorf("a page of another origin begins a session: %d %s", a.status, a.text)
	}
	got, s := d.begin(tokenOf(access.Operator))
	if got.Name != "flott-session" || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" || got.MaxAge != 3600 || got.Domain != "" || len(got.Value) < 43 {
		t.Errorf("the cookie is %v", got)
	}
	if s.Name != "the-operator" || s.Role != "operator" || s.Ends != c.Now().Add(time.Hour).UnixMilli() || len(s.CSRF) < 43 || s.CSRF == got.Value {
		t.Errorf("the session is %+v", s)
	}
	var again restapi.Session
	ask := func(want int, more ...func(*http.Request)) {
		t.Helper()
		a := d.ask("GET", "/flott/session", "", append(more, cookie(got))...)
		if a.status != want {
			t.Fatalf("%d %s, want %d", a.status, a.text, want)
		}
		if again = (restapi.Session{}); want == 200 {
			a.into(t, &again)
		}
	}
	if ask(200); again != s {
		t.Errorf("it is told as %+v", again)
	}
	ask(401, bearer("the-token-of-the-nobody")) // a header counts before a cookie
	if ask(200, bearer(tokenOf(access.Viewer))); again != (restapi.Session{Name: "the-viewer", Role: "viewer"}) {
		t.Errorf("with a token it is told as %+v", again)
	}
	// The role is what the file says now.
	replace(t, path, "viewer shift "+tokenOf(access.Operator)+"\n")
	if ask(200); again.Role != "viewer" || again.Name != "shift" {
		t.Errorf("with a smaller role it is told as %+v", again)
	}
	replace(t, path, "nonsense\n")
	ask(503)
	if a := d.ask("GET", "/overview", "", bearer("the token of the environment")); a.status != 200 {
		t.Errorf("with the token of the environment and a broken file: %d %s", a.status, a.text)
	}
	if !strings.Contains(d.Log.String(), "line 1: it has 1 words") {
		t.Errorf("the log does not say what is wrong with the file: %s", d.Log)
	}
	replace(t, path, "viewer shift "+tokenOf(access.Operator)+"\n")
	ask(200)
	replace(t, path, "viewer other another-token-of-others\n")
	ask(401)
	replace(t, path, "operator shift "+tokenOf(access.Operator)+"\n")
	ask(401) // it has ended, and does not come back

	got, s = d.begin(tokenOf(access.Operator))
	if a := d.ask("DELETE", "/flott/session", "", cookie(got), header(restapi.CSRFHeader, s.CSRF)); a.status != 200 || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("its end: %d %s %v", a.status, a.text, a.header)
	}
	ask(401)
	got, _ = d.begin(tokenOf(access.Operator))
	c.Advance(time.Hour - 1)
	ask(200)
	c.Advance(1)
	ask(401)
	for _, secret := range []string{got.Value, s.CSRF, tokenOf(access.Operator)} {
		if strings.Contains(d.Log.String(), secret) {
			t.Errorf("the log has %q: %s", secret, d.Log)
		}
	}
}

// TestSessionsAreNotNeeded: without credentials everybody is an admin, and is told so.
func TestSessionsAreNotNeeded(t *testing.T) {
	s := newSite(t, rest.Options{}, few)
	var who restapi.Session
	if s.must(200, "GET", "/flott/session", "", &who); who.Role != "admin" || who.CSRF != "" {
		t.Errorf("%+v", who)
	}
	if a := s.ask("POST", "/flott/session", `{"token":"x"}`); a.status != 409 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestGuessing: who guesses is slowed down; others elsewhere, and who has a token that nobody guesses, are not.
func TestGuessing(t *testing.T) {
	c := clock.NewManual(time.Unix(1000, 0))
	long := strings.Repeat("long", 8)
	m := jobmanager.New(jobmanager.Options{})
	defer m.Close()
	path := filepath.Join(t.TempDir(), "credentials")
	replace(t, path, "admin root "+long+"\nviewer short 0123456789abcdef\n")
	handler := rest.New(m, rest.Options{Tokens: openTokens(t, path), Clock: c}).Handler()
	ask := func(from, token string) (status int, retry string) {
		return respond(handler, "GET", "/overview", from, bearer(token))
	}
	const bad, good = "192.0.2.1:1000", "192.0.2.2:1000"
	for i := range 20 {
		if status, _ := ask(bad, fmt.Sprint("guess ", i)); status != 401 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	for token, want := range map[string]int{"guess": 429, "0123456789abcdef": 429, long: 200, strings.Repeat("gone", 8): 429} {
		if status, retry := ask(bad, token); status != want || status == 429 && retry == "" {
			t.Errorf("where somebody has guessed, %s: %d, again after %q", token, status, retry)
		}
	}
	if status, _ := ask(good, "0123456789abcdef"); status != 200 {
		t.Errorf("elsewhere: %d", status)
	}
	if status, _ := respond(handler, "GET", "/overview", bad, func(*http.Request) {}); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	c.Advance(2 * time.Second)
	if status, _ := ask(bad, "0123456789abcdef"); status != 200 {
		t.Errorf("two seconds later: %d", status)
	}
}

// TestCertificateRoles: the name in a certificate gives a role, and a browser's cookie is for TLS only.
func TestCertificateRoles(t *testing.T) {
	ours := made(t)
	for name, c := range map[string]struct {
		o      rest.Options
		token  string
		viewer int
		admin  int
	}{
		"by default":                  {rest.Options{}, "", 200, 200},
		"with a token besides":        {rest.Options{Token: "the token of the environment"}, "", 401, 401},
		"with the token":              {rest.Options{Token: "the token of the environment"}, "the token of the environment", 200, 200},
		"as an admin":                 {rest.Options{CertificateRoles: map[string]access.Role{"Flott client": access.Admin}}, "", 200, 200},
		"as a viewer":                 {rest.Options{CertificateRoles: map[string]access.Role{"Flott client": access.Viewer}}, "", 200, 403},
		"as nobody":                   {rest.Options{CertificateRoles: map[string]access.Role{"Flott": access.Admin}}, "", 403, 403},
		"as a viewer, with the token": {rest.Options{Token: "the token of the environment", CertificateRoles: map[string]access.Role{"Flott client": access.Viewer}}, "the token of the environment", 200, 200},
		"as a viewer, without it":     {rest.Options{Token: "the token of the environment", CertificateRoles: map[string]access.Role{"Flott client": access.Viewer}}, "", 200, 403},
	} {
		client, url := ours.serve(t, c.o)
		for method, want := range map[string]int{"GET /overview": c.viewer, "PUT /flott/artifacts/zz": c.admin} {
			m, path, _ := strings.Cut(method, " ")
			r, err := http.NewRequest(m, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.token != "" {
				bearer(c.token)(r)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.StatusCode; got != want && !(want == 200 && got == 400) {
				t.Errorf("%s, %s: %d, want %d", name, method, got, want)
			}
		}
	}
	client, url := ours.serve(t, rest.Options{Token: "the token of the environment"})
	client.Jar, _ = cookiejar.New(nil)
	resp, err := client.Post(url+"/flott/session", "application/json", strings.NewReader(`{"token":"the token of the environment"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if set := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(set, "__Host-flott-session=") || !strings.Contains(set, "; Secure") {
		t.Errorf("the cookie is %q", set)
	}
	resp, err = client.Get(url + "/flott/session")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 || !strings.Contains(string(text), `"name":"FLOTT_TOKEN"`) {
		t.Errorf("with the cookie: %d %s", resp.StatusCode, text)
	}
}

// certificates are those of a server and a client.
type certificates struct{ server, client *tls.Config }

func made(t *testing.T) certificates {
	dir := filepath.Join(t.TempDir(), "certificates")
	if err := certificate.Make(dir, []string{"127.0.0.1"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	pair := func(file string) tls.Certificate {
		p, err := tls.LoadX509KeyPair(filepath.Join(dir, file), filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	text, err := os.ReadFile(filepath.Join(dir, "rest-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return certificates{
		&tls.Config{Certificates: []tls.Certificate{pair("rest.pem")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
		&tls.Config{Certificates: []tls.Certificate{pair("client.pem")}, RootCAs: pool},
	}
}

// serve serves nothing much with certificates.
func (c certificates) serve(t *testing.T, o rest.Options) (*http.Client, string) {
	t.Helper()
	m := jobmanager.New(jobmanager.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.TLS = c.server
	server := rest.New(m, o)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	transport := &http.Transport{TLSClientConfig: c.client}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		m.Close()
	})
	return &http.Client{Transport: transport}, "https://" + l.Addr().String()
}
