package rest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// Handler is all that the server answers.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	byPattern := map[string]route{}
	for _, r := range s.routes {
		byPattern[r.method+" "+r.path] = r
		mux.Handle(r.method+" "+r.path, s.handle(r))
	}
	byPattern["/"] = route{role: viewers} // strangers do not even hear what there is
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, unknownPath(r)) })
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, refusal{http.StatusForbidden, "a page of another origin may not do this"})
	}))
	guarded := origins.Handler(s.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		to, ok := byPattern[pattern]
		if !ok {
			to = byPattern["/"]
		}
		r, err := s.permit(r, to)
		switch {
		case err != nil:
			s.refuse(w, err)
		case path.Clean(r.URL.EscapedPath()) != r.URL.EscapedPath():
			s.refuse(w, unknownPath(r)) // the mux would redirect to what it may have meant
		case !s.leads.Load() && to.path != healthPath && to.path != metricsPath:
			s.standBy(w, r)
		default:
			if body, ok := r.Body.(*slowBody); ok {
				body.moves = to.role == admins
			}
			mux.ServeHTTP(w, r)
			if changes(r) {
				s.kept.forget()
			}
		}
	})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recover(w, r)
		guarded.ServeHTTP(w, r)
	})
}

func unknownPath(r *http.Request) error {
	return notFound("Unable to load requested file %s.", r.URL.Path)
}

// recover answers a request whose handler has panicked.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.o.Log.Error("flott: a request has failed", "method", r.Method, "path", r.URL.Path, "panic", p,
		"stack", string(debug.Stack()))
	s.refuse(w, refusal{http.StatusInternalServerError, "Internal server error."})
}

// guard lets in who may come in.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(restapi.ProtocolHeader, strconv.Itoa(restapi.Protocol))
		h.Set(restapi.VersionHeader, s.o.Version)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if path := unversioned(r.URL.Path); path != r.URL.Path {
			r = r.Clone(r.Context())
			r.URL.Path = path
			if r.URL.RawPath != "" {
				r.URL.RawPath = r.URL.RawPath[len("/v1"):]
			}
		}
		for _, check := range []func(*http.Request) error{s.checkHost, s.checkVersion} {
			if err := check(r); err != nil {
				s.refuse(w, err)
				return
			}
		}
		if r.ContentLength < 0 {
			// It may have had a length, too, by which a proxy takes what comes behind it for a part of it.
			h.Set("Connection", "close")
		}
		c := http.NewResponseController(w)
		_ = c.SetWriteDeadline(time.Time{})
		if r.ContentLength != 0 {
			// Also where the handler does not read it: the server does, before it answers.
			_ = c.SetReadDeadline(time.Now().Add(s.o.BodyTimeout))
			r.Body = &slowBody{ReadCloser: r.Body, c: c, timeout: s.o.BodyTimeout}
		}
		next.ServeHTTP(w, r)
	})
}

// checkHost refuses requests that do not know whom they talk to.
func (s *Server) checkHost(r *http.Request) error {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if len(s.o.Hosts) == 0 && (s.o.tokens() || local != nil && !isLoopback(local)) {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(s.o.Hosts, func(name string) bool { return strings.EqualFold(name, host) }) {
		return nil
	}
	return refusal{http.StatusForbidden, fmt.Sprintf("the server is not called %q", r.Host)}
}

// checkVersion refuses clients of Flott that are too far apart. Others say nothing of their version.
func (s *Server) checkVersion(r *http.Request) error {
	text := r.Header.Get(restapi.ProtocolHeader)
	if text == "" {
		return nil
	}
	theirs, err := strconv.Atoi(text)
	if err != nil {
		return refusal{http.StatusBadRequest, fmt.Sprintf("%s %q is no number", restapi.ProtocolHeader, text)}
	}
	if max(theirs, restapi.Protocol)-min(theirs, restapi.Protocol) > 1 {
		return refusal{http.StatusBadRequest, fmt.Sprintf("the client, Flott %s, has protocol version %d, the "+
			"JobManager, Flott %s, has %d; they may differ by one",
			r.Header.Get(restapi.VersionHeader), theirs, s.o.Version, restapi.Protocol)}
	}
	return nil
}

// slowBody is a body that must come in time: in all, or if it moves, its next bytes, as executables are large.
type slowBody struct {
	io.ReadCloser
	c       *http.ResponseController
	timeout time.Duration
	moves   bool
}

// Read gives bytes time to come. After the end, what the handler does has no deadline.
func (b *slowBody) Read(p []byte) (int, error) {
	if b.moves {
		_ = b.c.SetReadDeadline(time.Now().Add(b.timeout))
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.c.SetReadDeadline(time.Time{})
	}
	return n, err
}
