package trace

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector keeps what is posted to it.
type collector struct {
	*httptest.Server
	status atomic.Int32 // of its answers
	mu     sync.Mutex
	posts  []string
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.status.Store(200)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s of %q: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
		}
		c.mu.Lock()
		c.posts = append(c.posts, r.URL.Path+" "+string(body))
		c.mu.Unlock()
		w.WriteHeader(int(c.status.Load()))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.posts, "\n")
}

func (c *collector) n() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.posts)
}

func newExporter(t *testing.T, o Options) *Exporter {
	t.Helper()
	e, err := NewExporter(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// closeIn closes with some time.
func closeIn(e *Exporter, d time.Duration) {
	ctx, stop := context.WithTimeout(context.Background(), d)
	defer stop()
	e.Close(ctx)
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("this does not come: %s", what)
		}
	}
}

// TestOTLP holds what is sent to OTLP's mapping to JSON. All of a span have its trace, and know their parents.
func TestOTLP(t *testing.T) {
	c := newCollector(t)
	e := newExporter(t, Options{Endpoint: c.URL, Service: "orders", Version: "1.2", Host: "h"})
	e.Report(Span{
		Name: "Checkpoint", Start: 1_700_000_000_000_000_000, End: 1_700_000_000_000_000_007, Error: "no room",
		Attributes: []Attribute{{"checkpointId", int64(7)}, {"isUnaligned", false}, {"jobName", "a \"b\""}},
		Children:   Steps(5, []string{"Alignment", "Sync", "Async"}, 2, 0, 3),
	})
	closeIn(e, time.Minute)
	got := c.all()
	ids := regexp.MustCompile(`"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"`)
	names := map[string]string{}
	for _, m := range ids.FindAllStringSubmatch(got, -1) {
		if want := map[string]int{"traceId": 32, "spanId": 16, "parentSpanId": 16}[m[1]]; len(m[2]) != want {
			t.Errorf("%s %s has not %d digits", m[1], m[2], want)
		}
		if names[m[2]] == "" {
			names[m[2]] = string(rune('A' + len(names)))
		}
	}
	for id, name := range names {
		got = strings.ReplaceAll(got, id, name)
	}
	const want = `/v1/traces {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}},{"key":"service.version","value":{"stringValue":"1.2"}},{"key":"host.name","value":{"stringValue":"h"}}]},` +
		`"scopeSpans":[{"scope":{"name":"flott","version":"1.2"},"spans":[` +
		`{"traceId":"A","spanId":"B","name":"Checkpoint","kind":1,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000000007",` +
		`"attributes":[{"key":"checkpointId","value":{"intValue":"7"}},{"key":"isUnaligned","value":{"boolValue":false}},{"key":"jobName","value":{"stringValue":"a \"b\""}}],"status":{"message":"no room","code":2}},` +
		`{"traceId":"A","spanId":"C","parentSpanId":"B","name":"Alignment","kind":1,"startTimeUnixNano":"5","endTimeUnixNano":"7"},` +
		`{"traceId":"A","spanId":"D","parentSpanId":"B","name":"Async","kind":1,"startTimeUnixNano":"7","endTimeUnixNano":"10"}]}]}]}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDeadCollector: what nobody takes is queued up to a bound, and blocks nobody; the log says so once, and once more when it is
// taken again. What was queued is not lost.
func TestDeadCollector(t *testing.T) {
	c := newCollector(t)
	c.status.Store(503)
	var log lockedBuffer
	e := newExporter(t, Options{Endpoint: c.URL, Retry: time.Millisecond, Delay: time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 10 * queueMost {
		e.Report(Span{Name: "early"})
	}
	until(t, "several attempts", func() bool { return c.n() > 5 })
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "503") {
		t.Errorf("the log has %d warnings: %s", n, log.String())
	}
	if n := e.Dropped(); n < 9*queueMost-2*batchMost {
		t.Errorf("only %d of %d are dropped", n, 10*queueMost)
	}
	c.status.Store(200)
	until(t, "that they are taken", func() bool { return strings.Contains(log.String(), "taken again") })
	e.Report(Span{Name: "late"})
	closeIn(e, time.Minute)
	if !strings.Contains(c.all(), `"late"`) || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("what comes later is not taken: %s", log.String())
	}
}

// TestCloseDoesNotWait: a collector that is not there, or does not answer, does not hold up the end.
func TestCloseDoesNotWait(t *testing.T) {
	stuck := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer s.Close()
	defer close(stuck)
	for _, endpoint := range []string{"http://127.0.0.1:1", s.URL} {
		e := newExporter(t, Options{Endpoint: endpoint, Delay: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
		e.Report(Span{Name: "x"})
		closeIn(e, 10*time.Millisecond)
		if e.Dropped() != 1 {
			t.Errorf("%s: %d dropped", endpoint, e.Dropped())
		}
	}
}

// TestRefused: what the collector does not take for what it is, is not sent again.
func TestRefused(t *testing.T) {
	c := newCollector(t)
	c.status.Store(400)
	e := newExporter(t, Options{Endpoint: c.URL + "/own/path", Log: slog.New(slog.DiscardHandler)})
	e.Report(Span{Name: "x"})
	closeIn(e, time.Minute)
	if c.n() != 1 || e.Dropped() != 1 || !strings.HasPrefix(c.all(), "/own/path ") {
		t.Errorf("%d posts, %d dropped: %s", c.n(), e.Dropped(), c.all())
	}
}

// TestConfigured: there is an exporter where one is asked for; an address that is none is said without its password.
func TestConfigured(t *testing.T) {
	var c config.Configuration
	if e, err := Configured(&c, "1"); e != nil || err != nil {
		t.Error(e, err)
	}
	for _, endpoint := range []string{"localhost:4318", "grpc://u:geheim@host:4317", "http://u:geheim@:x"} {
		if err := c.SetPairs("traces.reporters=otel", "traces.reporter.otel.exporter.endpoint="+endpoint); err != nil {
			t.Fatal(err)
		}
		e, err := Configured(&c, "1")
		if e != nil || err == nil || !strings.Contains(err.Error(), "traces.reporter.otel.exporter.endpoint") || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// lockedBuffer is written and read by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
