package httpio

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// target notes what is posted.
type target struct {
	mu     sync.Mutex
	posts  []string
	keys   map[string]int
	status []int // of the next answers, then 200
}

func (g *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys == nil {
		g.keys = map[string]int{}
	}
	g.keys[r.Header.Get("Idempotency-Key")]++
	if len(g.status) > 0 {
		w.Header().Set("Location", "/")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(g.status[0])
		g.status = g.status[1:]
		return
	}
	g.posts = append(g.posts, r.Header.Get("Content-Type")+" "+string(body))
}

func (g *target) said() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.posts, "; ")
}

func writerContext(t *testing.T) connect.WriterContext {
	return connect.WriterContext{Context: t.Context(), Parallelism: 1, Metrics: &metric.Group{}, Now: time.Now, WakeAt: func(time.Time) {}}
}

func newWriter(t *testing.T, o SinkOptions) connect.Writer[string] {
	t.Helper()
	w, err := Sink(o, func(s string) ([]byte, error) { return []byte(s), nil }).Writer(writerContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestSink(t *testing.T) {
	for _, c := range []struct {
		o    SinkOptions
		want string
	}{
		{SinkOptions{Rows: 2}, "application/x-ndjson 1\n2\n; application/x-ndjson 3\n"},
		{SinkOptions{Bytes: 1, ContentType: "text/plain"}, "text/plain 1\n; text/plain 2\n; text/plain 3\n"},
		{SinkOptions{Array: true}, "application/json [1,2,3]"},
	} {
		g := &target{}
		c.o.URL = serve(t, g.ServeHTTP)
		w := newWriter(t, c.o)
		if err := w.Write([]string{"1", "2", "3"}, make([]int64, 3)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Flush(false); err != nil {
				t.Fatal(err)
			}
		}
		if got := g.said(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestSinkRetries posts the same again, with the same key, until it is taken.
func TestSinkRetries(t *testing.T) {
	g := &target{status: []int{503, 429, 500}}
	w := newWriter(t, SinkOptions{Server: Server{URL: serve(t, g.ServeHTTP)}, Rows: 1})
	if err := w.Write([]string{"1", "2"}, make([]int64, 2)); err != nil {
		t.Fatal(err)
	}
	if got := g.said(); got != "application/x-ndjson 1\n; application/x-ndjson 2\n" {
		t.Errorf("%q", got)
	}
	counts := []int{}
	for _, n := range g.keys {
		counts = append(counts, n)
	}
	if len(counts) != 2 || counts[0]+counts[1] != 5 || counts[0] != 1 && counts[1] != 1 {
		t.Errorf("the keys have come %v times", counts)
	}
}

func TestSinkErrors(t *testing.T) {
	for status, want := range map[int]string{
		400: "answers 400 Bad Request", 302: "answers 302 Found: the records are not known to be taken", 307: "answers 307",
		503: "the server has not taken a request for 1ns ('retry.timeout')", 403: "look at 'token'",
	} {
		g := &target{status: []int{status, status, status}}
		w := newWriter(t, SinkOptions{Server: Server{URL: serve(t, g.ServeHTTP), RetryTimeout: 1}})
		err := w.Write([]string{"1"}, []int64{0})
		if err == nil {
			err = w.Flush(true)
		}
		wantError(t, fmt.Sprint(status), err, want)
	}
	_, err := Sink(SinkOptions{Server: Server{URL: "host/path"}}, func(string) ([]byte, error) { return nil, nil }).Writer(writerContext(t), nil)
	wantError(t, "an address", err, `"host/path" ('url') is not like http://host/path`)
}

// TestSinkDoesNotWaitForEver posts what has waited for others.
func TestSinkDoesNotWaitForEver(t *testing.T) {
	g := &target{}
	var at time.Time
	ctx := writerContext(t)
	ctx.WakeAt = func(t time.Time) { at = t }
	w, err := Sink(SinkOptions{Server: Server{URL: serve(t, g.ServeHTTP)}, Interval: time.Hour}, func(s string) ([]byte, error) {
		return []byte(s), nil
	}).Writer(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write([]string{"1"}, []int64{0}); err != nil {
		t.Fatal(err)
	}
	if time.Until(at) < 59*time.Minute || g.said() != "" {
		t.Fatalf("it is woken at %v", at)
	}
	if err := w.(connect.Ticker).Tick(at); err != nil || g.said() != "application/x-ndjson 1\n" {
		t.Errorf("%q, %v", g.said(), err)
	}
}
