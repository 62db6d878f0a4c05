package httpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(r *Record) (string, error) { return string(r.Data), nil }

func serve(t testing.TB, f http.HandlerFunc) string {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; want %s", what, err, want)
	}
}

func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

// pages answers with the numbers below n, ten at a time; the cursor is the first one.
func pages(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("from"))
		to := min(from+10, n)
		tag := fmt.Sprintf(`"%d-%d"`, from, to)
		w.Header().Set("ETag", tag)
		if to == from+10 {
			w.Header().Set("Next", strconv.Itoa(to))
		}
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, strings.Join(numbers(to)[from:], "\n"))
	}
}

func TestPoll(t *testing.T) {
	for _, n := range []int{0, 35, 40} {
		o := PollOptions{Server: Server{URL: serve(t, pages(n)) + "/?x=y"}, CursorHeader: "Next", CursorParameter: "from", Bounded: true}
		want := numbers(n)
		if want == nil {
			want = []string{}
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			connecttest.Source(t, func() connect.Source[string] { return Poll(o, text) }, connecttest.Options[string]{Want: want})
		})
	}
}

// TestPollAgain reads an answer again when it has changed, and only then.
func TestPollAgain(t *testing.T) {
	var asked atomic.Int64
	o := PollOptions{Every: time.Millisecond, Whole: true, Server: Server{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		tag := fmt.Sprintf(`"%d"`, asked.Add(1)/4)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, "of\n", tag)
	})}}
	d := connecttest.NewDriver(t, Poll(o, text), 2, nil)
	got, err := d.Read(2)
	if fmt.Sprintf("%q", got) != `["of\n\"0\"" "of\n\"1\""]` || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	s := d.Snapshot()
	d.Close()
	got, err = connecttest.NewDriver(t, Poll(o, text), 1, s).Read(1)
	if fmt.Sprintf("%q", got) == `["of\n\"1\""]` || err != nil {
		t.Errorf("after a restore: %q, %v", got, err)
	}
}

// events serves the numbers below n as events, a few on each connection, from behind the last id; in the end 204.
func events(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if last := r.Header.Get("Last-Event-ID"); last != "" {
			from, _ = strconv.Atoi(last)
			from++
		}
		if from >= n {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, "\ufeff: hello\n\nretry: 0\n")
		for i := from; i < min(from+7, n); i++ {
			fmt.Fprintf(w, "id: %d\ndata: %d\n\n", i, i)
		}
		fmt.Fprintf(w, "id: %d\ndata: cut of", n)
	}
}

func TestEvents(t *testing.T) {
	o := EventOptions{Server: Server{URL: serve(t, events(30))}}
	connecttest.Source(t, func() connect.Source[string] { return Events(o, text) }, connecttest.Options[string]{Want: numbers(30)})
}

func TestEventFormat(t *testing.T) {
	served := false
	o := EventOptions{Server: Server{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if served {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		served = true
		w.Header().Set("Content-Type", "text/event-stream")
		flush := func(s string) {
			_, _ = io.WriteString(w, s)
			w.(http.Flusher).Flush()
		}
		flush("retry:0\rdata: a\r")
		flush("\ndata:b\n\nevent: e\nid: 7\ndata\ndata:  c\r\n\r\nid:8\n\nid: x\x00\ndata:d\r\runknown: x\n: comment\n\ndata:e\nid\n\n")
	})}}
	got, err := connecttest.NewDriver(t, Events(o, func(r *Record) (string, error) {
		return fmt.Sprintf("%s|%s|%q", r.ID, r.Event, r.Data), nil
	}), 1, nil).Read(0)
	if want := `[||"a\nb" 7|e|"\n c" 8||"d" ||"e"]`; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: a\r\n\r\nid:1\ndata\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &eventStream{o: &EventOptions{EventBytesMax: 1 << 10}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := &buffer{wake: func() {}, room: make(chan struct{}, 1)}
		_ = s.read(ctx, &http.Response{Body: io.NopCloser(strings.NewReader(string(body[:min(len(body), itemsMax)])))}, b)
		for _, i := range b.items {
			if strings.Contains(string(i.Data), "\r") {
				t.Errorf("data with a carriage return: %q", i.Data)
			}
		}
	})
}

// TestServerAway: a server that answers with errors, or not at all, is asked again, for as long as the option says.
func TestServerAway(t *testing.T) {
	var asked atomic.Int64
	o := PollOptions{Bounded: true, Server: Server{Token: "secret", Header: map[string]string{"X-Key": "k"}, URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			w.Header().Set("Content-Length", "100") // and then it is cut off
			fmt.Fprint(w, "x")
		default:
			fmt.Fprint(w, r.Header.Get("Authorization"), " ", r.Header.Get("X-Key"))
		}
	})}}
	got, err := connecttest.NewDriver(t, Poll(o, text), 1, nil).Read(0)
	if err != nil || fmt.Sprint(got) != "[Bearer secret k]" {
		t.Errorf("%v, %v", got, err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for want, url := range map[string]string{
		"the server has not taken a request for 10ms ('retry.timeout'): Get": gone.URL,
		"answers 503 Service Unavailable: away": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "away", http.StatusServiceUnavailable)
		}),
		"answers 404 Not Found": serve(t, http.NotFound),
		"answers 401 Unauthorized: no; look at 'token' and 'headers'": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no", http.StatusUnauthorized)
		}),
		"has more than 3 bytes ('body.max-size')": serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "1234") }),
	} {
		o := PollOptions{Server: Server{URL: url, RetryTimeout: 10 * time.Millisecond}, BodyBytesMax: 3, Bounded: true}
		_, err := connecttest.NewDriver(t, Poll(o, text), 1, nil).Read(0)
		wantError(t, "poll", err, want)
	}
	for want, url := range map[string]string{
		`answers 200 OK with "text/plain", not with text/event-stream`: serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }),
		"has more than 1000 bytes ('body.max-size')": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, strings.Repeat("data: 0123456789\n", 100))
		}),
	} {
		_, err := connecttest.NewDriver(t, Events(EventOptions{Server: Server{URL: url}, EventBytesMax: 1000}, text), 1, nil).Read(0)
		wantError(t, "events", err, want)
	}
}

func TestBadRecords(t *testing.T) {
	o := PollOptions{Bounded: true, Server: Server{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "1\nbad\nskip\n2") })}}
	decode := func(r *Record) (string, error) {
		switch string(r.Data) {
		case "bad":
			return "", errors.New("it is bad")
		case "skip":
			return "", connect.ErrSkip
		}
		return string(r.Data), nil
	}
	_, err := connecttest.NewDriver(t, Poll(o, decode), 1, nil).Read(0)
	wantError(t, "a bad record", err, o.URL+`: it is bad, in the record "bad"`)
	o.OnBad = connect.SkipBad
	d := connecttest.NewDriver(t, Poll(o, decode), 1, nil)
	if got, err := d.Read(0); err != nil || fmt.Sprint(got) != "[1 2]" || d.Metrics.Counter("numRecordsInErrors").Value() != 1 {
		t.Errorf("%v, %v", got, err)
	}
	with := func(p connect.BadPolicy) func() connect.Source[string] {
		o := o
		o.OnBad = p
		return func() connect.Source[string] { return Poll(o, decode) }
	}
	connecttest.Malformed(t, with(connect.FailOnBad), with(connect.SkipBad), []string{"1", "2"})
}

// TestRestoredAtTheEnd reads a bounded source from behind its last record: the server, whose answers have no ETag, is not asked again.
func TestRestoredAtTheEnd(t *testing.T) {
	asked := 0
	o := PollOptions{Bounded: true, Server: Server{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprint(w, "1\n2")
	})}}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	b := buffer{wake: func() {}, room: make(chan struct{}, 1)}
	if err := o.run(t.Context(), position{}, &b); err != nil || len(b.items) != 2 {
		t.Fatalf("%d records are read, %v", len(b.items), err)
	}
	if err := o.run(t.Context(), b.items[0].behind, &b); err != nil || len(b.items) != 3 || asked != 2 {
		t.Fatalf("%d records are read by %d requests, %v", len(b.items), asked, err)
	}
	for _, at := range []position{b.items[1].behind, *b.moved} {
		if err := o.run(t.Context(), at, &b); err != nil || len(b.items) != 3 || asked != 2 {
			t.Errorf("from %+v, %d records are read by %d requests, %v", at, len(b.items), asked, err)
		}
	}
}

// TestCloseWhileWaiting closes a source whose server does not answer.
func TestCloseWhileWaiting(t *testing.T) {
	asked := make(chan struct{})
	release := make(chan struct{})
	defer close(release)
	o := PollOptions{Server: Server{URL: serve(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})}}
	d := connecttest.NewDriver(t, Poll(o, text), 1, nil)
	if err := d.Deliver(); err != nil {
		t.Fatal(err)
	}
	<-asked
	d.Close()
}
