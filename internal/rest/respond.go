package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

// refusal is an error with a status of HTTP.
type refusal struct {
	status int
	text   string
}

// Error is what the client is told.
func (e refusal) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return refusal{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func statusOf(err error) int {
	var r refusal
	var guesses tooMany
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &r):
		return r.status
	case errors.As(err, &guesses):
		return http.StatusTooManyRequests
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, jobmanager.ErrUnknownJob):
		return http.StatusNotFound
	case errors.Is(err, jobmanager.ErrEnded), errors.Is(err, jobmanager.ErrSuspended):
		return http.StatusConflict
	case errors.Is(err, jobmanager.ErrRecovering), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	var guesses tooMany
	switch {
	case statusOf(err) == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case errors.As(err, &guesses):
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(guesses.wait.Seconds()))))
	}
	s.write(w, statusOf(err), restapi.Errors{Errors: []string{err.Error()}})
}

func (s *Server) write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own types only
	}
	s.writeText(w, status, text)
}

// writeText answers with JSON.
func (s *Server) writeText(w http.ResponseWriter, status int, text []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.WriteTimeout))
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who does not read is gone
}

// bodyBytesMax is how large a request may be that is no artifact and no job.
const bodyBytesMax = 64 << 10

// decode reads the JSON of a request, which may have none.
func decode(r *http.Request, into any) error {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, bodyBytesMax))
	if err != nil {
		return unreadable(err)
	}
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return badRequest("Bad request received. Request could not be parsed: %v", err)
	}
	return nil
}

// unreadable is the error about a body that cannot be read.
func unreadable(err error) error {
	if statusOf(err) == http.StatusRequestEntityTooLarge {
		return err
	}
	return badRequest("the request was cut off: %v", err)
}

var (
	hex32 = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
	hex64 = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// pathValue is a parameter of the path that must have a form.
func pathValue(r *http.Request, name string, form *regexp.Regexp) (string, error) {
	v := r.PathValue(name)
	if !form.MatchString(v) {
		return "", malformed(name, v)
	}
	return v, nil
}

func malformed(name, value string) error {
	return badRequest("Bad request, could not parse parameters: Cannot resolve path parameter (%s) from value %q.",
		name, value)
}

// pathNumber is a parameter of the path that is a number, not below 0.
func pathNumber(r *http.Request, name string) (int, error) {
	n, err := strconv.Atoi(r.PathValue(name))
	if err != nil || n < 0 {
		return 0, malformed(name, r.PathValue(name))
	}
	return n, nil
}

// queryNumber is a parameter of the query that is a number above 0, or absent.
func queryNumber(r *http.Request, name string, absent int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, badRequest("Bad request, could not parse parameters: Cannot resolve query parameter (%s) from "+
			"value %q.", name, text)
	}
	return n, nil
}

// slowWriter is a response that may take long, as long as it moves.
type slowWriter struct {
	http.ResponseWriter
	timeout time.Duration
}

// Write gives the next bytes time to go.
func (w slowWriter) Write(p []byte) (int, error) {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.timeout))
	return w.ResponseWriter.Write(p)
}
