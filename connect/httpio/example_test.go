package httpio_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/flott-dev/flott/connect/httpio"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// Lines are read from a server, page by page, to the newest one.
func ExamplePoll() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			w.Header().Set("Next", "b")
			fmt.Fprint(w, "a\nb\n")
			return
		}
		fmt.Fprint(w, "c\n")
	}))
	defer server.Close()

	env := stream.NewEnv(stream.Parallelism(1))
	lines := stream.From(env, httpio.Poll(httpio.PollOptions{
		Server: httpio.Server{URL: server.URL}, CursorHeader: "Next", CursorParameter: "after", Bounded: true,
	}, func(r *httpio.Record) (string, error) { return string(r.Data), nil }))
	stream.Map(lines, func(s string) string {
		fmt.Println(s)
		return s
	})
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// a
	// b
	// c
}
