package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server and a client, which end with the test.
func serve(t *testing.T, s http.Handler) (url string, client *http.Client) {
	server, client := httptest.NewServer(s), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	return server.URL, client
}

func from(env *stream.Env, n int64) *stream.Stream[Order] {
	return stream.From(env, slice.Func(n, order)).Parallelism(1)
}

func want(n int64) []Priced {
	var all []Priced
	for i := range n {
		o := order(i)
		all = append(all, Priced{Named{o, fmt.Sprint("customer ", o.Customer)}, price(o.Product)})
	}
	return all
}

func byID(a, b Priced) int { return cmp.Compare(a.ID, b.ID) }

// TestUnordered runs four subtasks with a cache each, which the race detector watches.
func TestUnordered(t *testing.T) {
	s := &shop{delay: time.Millisecond}
	url, client := serve(t, s)
	env := stream.NewEnv(stream.Parallelism(4))
	got := flotttest.Collect(t, env, job(from(env, 300), url, client, options{timeout: time.Minute}))
	if slices.SortFunc(got, byID); !slices.Equal(got, want(300)) {
		t.Errorf("%d results: %+v", len(got), got[:min(5, len(got))])
	}
	if n := s.names.Load(); n > 4*10 {
		t.Errorf("%d questions for 10 names by 4 subtasks", n)
	}
	if n := s.prices.Load(); n <= 300 {
		t.Errorf("%d questions for prices, want some again", n)
	}
}

// TestOrdered keeps the order within a subtask.
func TestOrdered(t *testing.T) {
	url, client := serve(t, &shop{delay: time.Millisecond})
	env := stream.NewEnv()
	out := job(from(env, 100), url, client, options{ordered: true, timeout: time.Minute})
	last := map[int64]int64{} // by subtask of the names, which get their orders in turn
	for _, p := range flotttest.Collect(t, env, out) {
		subtask := p.ID % 4
		if before, ok := last[subtask]; ok && p.ID < before {
			t.Errorf("order %d comes after %d", p.ID, before)
		}
		last[subtask] = p.ID
	}
}

// TestTimeout has a server that keeps one answer for ever. On a busy machine others may come too late
// as well; TestUnordered wants them all.
func TestTimeout(t *testing.T) {
	url, client := serve(t, &shop{stuck: order(3).Product})
	env := stream.NewEnv()
	out := job(from(env, 20), url, client, options{timeout: 50 * time.Millisecond})
	got := flotttest.Collect(t, env, out)
	for _, p := range got {
		if p.Cents != -1 && (p.ID == 3 || p.Cents != price(p.Product)) {
			t.Errorf("%+v: want -1 where no answer came", p)
		}
	}
	if len(got) != 20 {
		t.Errorf("%d results, want 20", len(got))
	}
}

// TestNoSecondAttempt fails the job by an error that is no reason to ask again.
func TestNoSecondAttempt(t *testing.T) {
	asked := 0
	url, client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/customers/") {
			fmt.Fprint(w, `"Ann"`)
			return
		}
		asked++
		http.Error(w, "gone", http.StatusGone)
	}))
	env := stream.NewEnv()
	job(from(env, 1), url, client, options{timeout: time.Minute}).To(collect.To[Priced]())
	err := launch.Run(t.Context(), env, "gone")
	if err == nil || !strings.Contains(err.Error(), "/prices/0: the server answers 410 Gone") || asked != 1 {
		t.Errorf("%d questions, the error is %v", asked, err)
	}
}

func TestRestore(t *testing.T) {
	url, client := serve(t, &shop{})
	flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[Priced]) {
		job(from(env, 100), url, client, options{timeout: time.Minute}).To(sink)
	}, flotttest.RestoreOptions{Seeds: 5})
}

func TestUnalignedRestore(t *testing.T) {
	url, client := serve(t, &shop{})
	flotttest.CheckRestore(t, func(env *stream.Env, sink *collect.Sink[Priced]) {
		job(from(env, 100), url, client, options{timeout: time.Minute}).To(sink)
	}, flotttest.RestoreOptions{Seeds: 5, Unaligned: true})
}

func TestBatch(t *testing.T) {
	url, client := serve(t, &shop{})
	flotttest.CheckBatch(t, func(env *stream.Env, sink *collect.Sink[Priced]) {
		job(from(env, 50), url, client, options{timeout: time.Minute}).To(sink)
	}, flotttest.BatchOptions{})
}
