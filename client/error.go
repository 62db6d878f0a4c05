package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

var (
	// ErrUnreachable is in the error when nobody answers.
	ErrUnreachable = errors.New("no JobManager answers")
	// ErrVersion is in the error when the JobManager is of a version that is too far away, or is none.
	ErrVersion = errors.New("versions do not fit")
	// ErrNotFound is in the error about a job, or something else, that is not there.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized is in the error when the token is missing or wrong.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is in the error when the client may not do this: who it is has too small a role, or nobody may.
	ErrForbidden = errors.New("forbidden")
	// ErrCanceled is the result of a job that was cancelled.
	ErrCanceled = errors.New("the job was cancelled")
)

// Error is a JobManager's refusal.
type Error struct {
	Method, URL string
	Status      int // of HTTP
	// Messages is what the JobManager says.
	Messages []string

	logBytes int64 // of a log file that ends before what was wanted of it
}

// Error names the request, and says what to do if that is known.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if len(e.Messages) > 0 {
		text += ": " + strings.Join(e.Messages, "\n")
	}
	if e.Status == http.StatusTemporaryRedirect {
		text += " Give the client that address too, after a comma"
	}
	if e.Status == http.StatusUnauthorized {
		text += "; give the client a token that the JobManager knows (flott takes it from FLOTT_TOKEN)"
	}
	if e.Status == http.StatusForbidden && len(e.Messages) == 0 { // answers to HEAD have no body
		text += "; this may do only who has a token of a greater role, such as admin"
	}
	return text
}

// Is makes a refusal be ErrNotFound, ErrUnauthorized or ErrForbidden.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && e.Status == http.StatusNotFound ||
		target == ErrUnauthorized && e.Status == http.StatusUnauthorized ||
		target == ErrForbidden && e.Status == http.StatusForbidden
}

// errorBytesMax is how much of a refusal is read.
const errorBytesMax = 1 << 20

// refused reads a refusal.
func refused(r *http.Request, resp *http.Response) error {
	e := &Error{Method: r.Method, URL: r.URL.String(), Status: resp.StatusCode, logBytes: logBytesOf(resp.Header)}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, errorBytesMax)) // what there is
	var body restapi.Errors
	if json.Unmarshal(text, &body) == nil {
		e.Messages = body.Errors
	}
	return e
}

// unreachable is the error when there is no answer.
func (c *Client) unreachable(r *http.Request, err error) error {
	if ctx := r.Context(); ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL, context.Cause(ctx))
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w at %s; start one with flott cluster start, or give another address", ErrUnreachable, c.URL())
	}
	advice := adviceOnTLS(err)
	if advice == "" && r.URL.Scheme == "https" {
		if alert := c.alert(r); alert != nil {
			err, advice = alert, adviceOnTLS(alert)
		}
	}
	return fmt.Errorf("%w at %s: %w%s", ErrUnreachable, c.URL(), err, advice)
}

// alertTimeout is how long a server may take to say why it refuses a connection.
const alertTimeout = 2 * time.Second

// alert is the server's reason to refuse this side's certificate, nil for none. A server does so after this side's
// part of the handshake, so that a request may fail by the connection's end before the reason is read: here only that
// is waited for.
func (c *Client) alert(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), alertTimeout)
	defer cancel()
	address := r.URL.Host
	if r.URL.Port() == "" {
		address = net.JoinHostPort(r.URL.Hostname(), "443")
	}
	nc, err := (&tls.Dialer{Config: c.o.TLS}).DialContext(ctx, "tcp", address)
	if err == nil {
		defer nc.Close()
		deadline, _ := ctx.Deadline()
		_ = nc.SetReadDeadline(deadline) // of an open connection
		_, err = nc.Read(make([]byte, 1))
	}
	if err == nil || adviceOnTLS(err) == "" {
		return nil
	}
	return err
}

// adviceOnTLS says what to do about an error of TLS.
func adviceOnTLS(err error) string {
	var verification *tls.CertificateVerificationError
	var remote *net.OpError
	switch {
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "; it speaks no TLS: give its address with http://"
	case errors.As(err, &x509.UnknownAuthorityError{}):
		return "; security.ssl.rest.ca-file names whom the client trusts"
	case errors.As(err, &verification):
		return "; its certificate, security.ssl.rest.cert-file there, does not do"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "; it wants another certificate than the client shows: security.ssl.rest.cert-file names that"
	}
	return ""
}

// checkVersion refuses JobManagers that are too far away.
func (c *Client) checkVersion(resp *http.Response) error {
	text := resp.Header.Get(restapi.ProtocolHeader)
	theirs, err := strconv.Atoi(text)
	if err != nil && resp.StatusCode == http.StatusBadRequest && resp.Request.URL.Scheme == "http" {
		return fmt.Errorf("%w: what answers at %s is no JobManager, or speaks TLS: then give its address with https://", ErrVersion, c.URL())
	}
	if err != nil {
		return fmt.Errorf("%w: what answers at %s is no JobManager of Flott (status %d); look at the address",
			ErrVersion, c.URL(), resp.StatusCode)
	}
	if max(theirs, restapi.Protocol)-min(theirs, restapi.Protocol) > 1 {
		return fmt.Errorf("%w: the JobManager at %s, Flott %s, has protocol version %d, this client, Flott %s, has %d; "+
			"they may differ by one", ErrVersion, c.URL(), resp.Header.Get(restapi.VersionHeader), theirs,
			c.o.Version, restapi.Protocol)
	}
	return nil
}

// JobError is the result of a job that has failed.
type JobError struct {
	ID    string
	Cause string
}

// Error names the job and says why it has failed.
func (e *JobError) Error() string { return "job " + e.ID + " has failed: " + e.Cause }

// OperationError is the failure of a savepoint, a stop, a checkpoint or a disposal in the JobManager.
type OperationError struct {
	// What was to be done, such as "savepoint of job …".
	What  string
	Cause string
}

// Error says what has failed and why.
func (e *OperationError) Error() string { return e.What + ": " + e.Cause }
