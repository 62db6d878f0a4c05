package httpio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/httpio"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// TestPostsAreReadAtLeastOnce runs a job that fails again and again, and a client that posts until it is answered by 200. What was answered
// is in the result.
func TestPostsAreReadAtLeastOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var at atomic.Pointer[string]
	var seen, failures atomic.Int64
	env := stream.NewEnv(stream.Parallelism(1), stream.Checkpoint(20*time.Millisecond), stream.CheckpointDir(t.TempDir()),
		stream.Restart(stream.FixedDelay(1000, time.Millisecond)))
	in := stream.From(env, httpio.Webhook(httpio.WebhookOptions{
		Address: "127.0.0.1:0", Hold: true, Listening: func(address string) { at.Store(new("http://" + address)) },
	}, func(r *httpio.Record) (string, error) { return string(r.Data), nil }))
	out := collect.To[string]()
	stream.TryMap(in, func(v string) (string, error) {
		if seen.Add(1)%7 == 0 && failures.Add(1) <= 3 {
			return "", errors.New("it fails now and then")
		}
		return v, nil
	}).To(out)
	job, err := launch.Start(ctx, env, "posts")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			for ctx.Err() == nil {
				url := at.Load()
				if url == nil {
					continue
				}
				answer, err := client.Post(*url, "text/plain", strings.NewReader(fmt.Sprint(n)))
				if err != nil {
					continue
				}
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					return
				}
			}
		})
	}
	wg.Wait()
	job.Stop()
	if err := job.Wait(); err != nil {
		t.Fatal(err)
	}
	got := out.Results()
	for n := range 30 {
		if !slices.Contains(got, fmt.Sprint(n)) {
			t.Errorf("%d was answered, and is not in the result", n)
		}
	}
	if failures.Load() < 3 {
		t.Errorf("the job has failed %d times", failures.Load())
	}
}

// TestSQL reads answers and posts what becomes of them.
func TestSQL(t *testing.T) {
	var mu sync.Mutex
	var posted []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "1,a\n2,b\n3,c\n")
			return
		}
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		posted = append(posted, strings.Fields(string(body))...)
	}))
	defer server.Close()
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
	for _, text := range []string{
		`CREATE TABLE orders (id BIGINT, name STRING) WITH ('connector' = 'http', 'url' = '` + server.URL + `', 'scan.bounded.mode' = 'latest', 'format' = 'csv')`,
		`CREATE TABLE big (id BIGINT, name STRING) WITH ('connector' = 'http', 'url' = '` + server.URL + `', 'format' = 'json')`,
		`INSERT INTO big SELECT id * 10, UPPER(name) FROM orders WHERE id > 1`,
	} {
		r, err := s.Execute(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, err := range r.Batches() {
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		r.Close()
	}
	if got := strings.Join(posted, " "); got != `{"id":20,"name":"B"} {"id":30,"name":"C"}` {
		t.Error(got)
	}
}
