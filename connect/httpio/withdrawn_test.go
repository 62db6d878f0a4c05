package httpio

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
)

// door serves requests, and refuses some of them.
type door struct {
	serve  http.HandlerFunc
	asked  atomic.Int64
	status int
	from   int64 // the number of the first request that is refused, from 1
	many   int64 // are
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n := d.asked.Add(1); n >= d.from && n < d.from+d.many {
		w.Header().Set("Retry-After", "0")
		http.Error(w, "who are you?", d.status)
		return
	}
	d.serve(w, r)
}

// TestWithdrawn: jobs that run when the server begins to refuse them go on when it stops doing so, and have lost nothing. Otherwise they
// fail, and say what to look at; at once where nothing was answered before.
func TestWithdrawn(t *testing.T) {
	read := func(s connect.Source[string]) ([]string, error) { return connecttest.NewDriver(t, s, 1, nil).Read(0) }
	jobs := map[string]func(s Server, d *door) ([]string, error){
		"poll": func(s Server, d *door) ([]string, error) {
			d.serve = pages(30)
			return read(Poll(PollOptions{Server: s, CursorHeader: "Next", CursorParameter: "from", Bounded: true}, text))
		},
		"events": func(s Server, d *door) ([]string, error) {
			d.serve = events(30)
			return read(Events(EventOptions{Server: s}, text))
		},
		"sink": func(s Server, d *door) (got []string, err error) {
			g := &target{}
			d.serve = g.ServeHTTP
			w := newWriter(t, SinkOptions{Server: s, Rows: 10})
			if err = w.Write(numbers(25), make([]int64, 25)); err == nil {
				err = errors.Join(w.Write(numbers(30)[25:], make([]int64, 5)), w.Flush(true))
			}
			for _, post := range g.posts {
				_, body, _ := strings.Cut(post, " ")
				got = append(got, strings.Split(strings.TrimSuffix(body, "\n"), "\n")...)
			}
			return got, err
		},
	}
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		want := fmt.Sprintf("answers %d %s: who are you?; look at 'token' and 'headers'", status, http.StatusText(status))
		for name, job := range jobs {
			run := func(d *door, timeout time.Duration) ([]string, error) {
				d.status = status
				return job(Server{URL: serve(t, d.ServeHTTP), Token: "secret", RetryTimeout: timeout}, d)
			}
			what := fmt.Sprint(name, ", ", status)
			back := &door{from: 2, many: 3}
			if got, err := run(back, time.Minute); err != nil || fmt.Sprint(got) != fmt.Sprint(numbers(30)) || back.asked.Load() < 6 {
				t.Errorf("%s, given back: %v, %v", what, got, err)
			}
			_, err := run(&door{from: 2, many: 1 << 40}, time.Nanosecond)
			wantError(t, what, err, "the server has not taken a request for 1ns ('retry.timeout'): http: ")
			wantError(t, what, err, want)
			never := &door{from: 1, many: 1 << 40}
			_, err = run(never, time.Minute)
			wantError(t, what+" at the start", err, want)
			if n := never.asked.Load(); n != 1 {
				t.Errorf("%s: %d requests", what, n)
			}
		}
	}
}

// answers are those of a server without a connection.
type answers func() int

func (f answers) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.WriteHeader(f())
	return w.Result(), nil
}

// TestRefusedForLong asks again for as long as the option says, and no longer.
func TestRefusedForLong(t *testing.T) {
	for _, c := range []struct {
		back time.Duration // after which the credentials are good again
		fine bool
	}{{4 * time.Minute, true}, {6 * time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			s := Server{URL: "http://host/"}
			if errs := s.check(); errs != nil {
				t.Fatal(errs)
			}
			k := newClient(&s)
			var from time.Time // when they are withdrawn
			k.http.Transport = answers(func() int {
				if !from.IsZero() && time.Since(from) < c.back {
					return http.StatusUnauthorized
				}
				return http.StatusOK
			})
			ask := func() error {
				_, err := k.do(t.Context(), func() (*http.Request, error) { return http.NewRequest(http.MethodGet, s.URL, nil) })
				return err
			}
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) // of the bubble: what was before does not count
			from = time.Now()
			err := ask()
			if took := time.Since(from); (err == nil) != c.fine || took < min(c.back, s.RetryTimeout) || took > s.RetryTimeout+backoffMax {
				t.Errorf("back after %v: after %v, %v", c.back, took, err)
			}
			if !c.fine {
				wantError(t, "refused", err, "for 5m0s ('retry.timeout')")
			}
		})
	}
}
