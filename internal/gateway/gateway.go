package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/sql"
)

// Options are the settings of a Gateway.
type Options struct {
	// NewSession makes the sql.Session of a new session. Needed. The script is what a program has to run to start the job that
	// the session is about to start.
	NewSession func(properties map[string]string, script func() Script) (*sql.Session, error)
	// Version is that of the program.
	Version string
	// IdleTimeout is after how long without a request a session ends; 0 means 10 min.
	IdleTimeout time.Duration
	// SessionsMax is how many sessions there may be; 0 means 100.
	SessionsMax int
	// Idle is called when no session is left for IdleTimeout, at the beginning too; nil for nothing.
	Idle func()
	// Clock is the system's if it is nil.
	Clock clock.Clock
}

// Script is what makes a fresh session start a job.
type Script struct {
	// Statements are those to run. The last one starts the job.
	Statements []string
	// Call is which of the jobs that they start it is, from 1.
	Call int
}

// Gateway serves sessions. Its methods may be called by several goroutines.
type Gateway struct {
	o   Options
	mux http.ServeMux

	mu       sync.Mutex
	sessions map[string]*session
	stopIdle func() // the timer of Options.Idle
	closed   bool
}

// New returns a Gateway without sessions.
func New(o Options) *Gateway {
	o.IdleTimeout, o.SessionsMax = cmp.Or(o.IdleTimeout, 10*time.Minute), cmp.Or(o.SessionsMax, 100)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	g := &Gateway{o: o, sessions: map[string]*session{}}
	g.rest()
	const ofSession, ofOperation = "/sessions/{session}", "/sessions/{session}/operations/{operation}"
	handle(g, "GET /info", func(*http.Request, *restapi.Empty) (any, error) {
		return &restapi.GatewayInfo{ProductName: "Flott", Version: o.Version}, nil
	})
	handle(g, "GET /api_versions", func(*http.Request, *restapi.Empty) (any, error) {
		return &restapi.GatewayVersions{Versions: []string{"V1", "V2", "V3", "V4"}}, nil
	})
	handle(g, "POST /sessions", g.open)
	handle(g, "GET "+ofSession, inSession(g, (*session).properties))
	handle(g, "DELETE "+ofSession, g.close)
	handle(g, "POST "+ofSession+"/heartbeat", inSession(g, func(*session, *http.Request, *restapi.Empty) (any, error) { return &restapi.Empty{}, nil }))
	handle(g, "POST "+ofSession+"/configure-session", inSession(g, (*session).configure))
	handle(g, "POST "+ofSession+"/statements", inSession(g, (*session).begin))
	handle(g, "GET "+ofSession+"/complete-statement", inSession(g, (*session).complete))
	handle(g, "GET "+ofOperation+"/status", ofOne(g, (*operation).statusNow))
	handle(g, "POST "+ofOperation+"/cancel", ofOne(g, (*operation).cancelled))
	handle(g, "GET "+ofOperation+"/result/{token}", ofOne(g, (*operation).fetch))
	handle(g, "DELETE "+ofOperation+"/close", inSession(g, (*session).closeOperation))
	g.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, refusal{http.StatusNotFound, "Not found: " + r.URL.Path})
	})
	return g
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// Close ends all sessions, and the queries in them. Jobs that were handed over go on.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.closed = true
	if g.stopIdle != nil {
		g.stopIdle()
	}
	all := g.sessions
	g.sessions = map[string]*session{}
	g.mu.Unlock()
	for _, s := range all {
		s.end()
	}
}

// refusal is an answer other than a success.
type refusal struct {
	status int
	why    string
}

// Error is what the client is told.
func (r refusal) Error() string { return r.why }

// bodyMax is the size of a request.
const bodyMax = 4 << 20

// handle answers requests with JSON by JSON.
func handle[In any](g *Gateway, pattern string, f func(*http.Request, *In) (any, error)) {
	g.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		in := new(In)
		if err := read(w, r, in); err != nil {
			answer(w, nil, err)
			return
		}
		out, err := f(r, in)
		answer(w, out, err)
	})
}

func read(w http.ResponseWriter, r *http.Request, in any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if _, ok := in.(*restapi.Empty); ok || err == nil && len(body) == 0 {
		return nil
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("a request has %d MiB at most", bodyMax>>20)}
	}
	if err == nil {
		err = json.Unmarshal(body, in)
	}
	if err != nil {
		return refusal{http.StatusBadRequest, "the request cannot be read: " + err.Error()}
	}
	return nil
}

func answer(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError // what Flink answers for whatever is wrong with a statement
		var r refusal
		if errors.As(err, &r) {
			status = r.status
		}
		out = &restapi.Errors{Errors: []string{err.Error()}}
	}
	text, err := json.Marshal(out)
	if err != nil {
		slog.Error("flott: a result of SQL cannot be written", "error", err)
		status, text = http.StatusInternalServerError, []byte(`{"errors":["Internal server error."]}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone
}

// inSession is a handler of requests to one session.
func inSession[In any](g *Gateway, f func(*session, *http.Request, *In) (any, error)) func(*http.Request, *In) (any, error) {
	return func(r *http.Request, in *In) (any, error) {
		s, err := g.session(r.PathValue("session"))
		if err != nil {
			return nil, err
		}
		return f(s, r, in)
	}
}

// ofOne is a handler of requests to one operation.
func ofOne(g *Gateway, f func(*operation, *http.Request) (any, error)) func(*http.Request, *restapi.Empty) (any, error) {
	return inSession(g, func(s *session, r *http.Request, _ *restapi.Empty) (any, error) {
		o, err := s.operation(r.PathValue("operation"))
		if err != nil {
			return nil, err
		}
		return f(o, r)
	})
}

// open is POST /sessions.
func (g *Gateway) open(_ *http.Request, in *restapi.SQLSessionRequest) (any, error) {
	s := &session{g: g, id: newID(), given: in.Properties, operations: map[string]*operation{}}
	var err error
	if s.sql, err = g.o.NewSession(in.Properties, s.script); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return nil, refusal{http.StatusServiceUnavailable, "the gateway ends"}
	case len(g.sessions) >= g.o.SessionsMax:
		return nil, refusal{http.StatusTooManyRequests, fmt.Sprintf("there are %d sessions already: close one, or wait until one has been idle for %v", g.o.SessionsMax, g.o.IdleTimeout)}
	}
	g.sessions[s.id] = s
	if g.stopIdle != nil {
		g.stopIdle()
		g.stopIdle = nil
	}
	g.touch(s)
	return &restapi.SQLSession{SessionHandle: s.id}, nil
}

// session is that with an id. Asking for it is a sign of life.
func (g *Gateway) session(id string) (*session, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[id]
	if !ok {
		return nil, refusal{http.StatusNotFound, fmt.Sprintf("Session '%s' does not exist: it was closed, or has been idle for %v.", id, g.o.IdleTimeout)}
	}
	g.touch(s)
	return s, nil
}

// touch has a session end only when it will have been idle for a while from now on.
func (g *Gateway) touch(s *session) {
	if s.stopTimer != nil {
		s.stopTimer()
	}
	s.uses++
	uses := s.uses
	s.stopTimer = g.o.Clock.AfterFunc(g.o.IdleTimeout, func() {
		g.mu.Lock()
		idle := s.uses == uses
		g.mu.Unlock()
		if idle {
			g.drop(s.id)
		}
	})
}

// close is DELETE /sessions/{session}.
func (g *Gateway) close(r *http.Request, _ *restapi.Empty) (any, error) {
	if _, err := g.session(r.PathValue("session")); err != nil {
		return nil, err
	}
	g.drop(r.PathValue("session"))
	return &restapi.SQLStatus{Status: closed}, nil
}

// drop ends a session.
func (g *Gateway) drop(id string) {
	g.mu.Lock()
	s, ok := g.sessions[id]
	delete(g.sessions, id)
	if ok && len(g.sessions) == 0 && !g.closed {
		g.rest()
	}
	g.mu.Unlock()
	if ok {
		s.end()
	}
}

// rest starts the timer of Options.Idle, with the lock held.
func (g *Gateway) rest() {
	if g.o.Idle != nil {
		g.stopIdle = g.o.Clock.AfterFunc(g.o.IdleTimeout, func() {
			g.mu.Lock()
			none := len(g.sessions) == 0 && !g.closed
			g.mu.Unlock()
			if none {
				g.o.Idle()
			}
		})
	}
}
