package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/redact"
)

// Connection says where the servers are and how one logs in. Servers are needed.
type Connection struct {
	// Servers are those to begin with, as nats://host:port, or tls://host:port. The others of a cluster are learnt from them.
	Servers []string
	// User and Password, or Token, are what the server wants to know, if it does.
	User, Password, Token string
	// Credentials is a file with the token and the key of a user, as nsc writes it.
	Credentials string
	// TLS has the connection encrypted; nil is as Servers say.
	TLS *tls.Config
	// Timeout is how long servers that are away are waited for at the start, and how long a job that runs tries again when they do
	// not let it in any more. Zero means a minute. Servers that go away later are waited for without end.
	Timeout time.Duration
}

const (
	defaultTimeout = time.Minute
	retryBackoff   = 200 * time.Millisecond
	// askTimeout is how long an answer to a question may take, and ackTimeout that to a message.
	askTimeout = 2 * time.Second
	ackTimeout = 5 * time.Second
)

func (c *Connection) validate() (errs []error) {
	if len(c.Servers) == 0 {
		errs = append(errs, errors.New("no server is named ('servers'): it is like nats://host:4222"))
	}
	given := 0
	for _, is := range []bool{c.User != "" || c.Password != "", c.Token != "", c.Credentials != ""} {
		if is {
			given++
		}
	}
	if given > 1 {
		errs = append(errs, errors.New("user and password, token, credentials: one of them says who one is"))
	}
	if c.Credentials != "" {
		if _, err := os.Stat(c.Credentials); err != nil {
			errs = append(errs, fmt.Errorf("'credentials': %w", err))
		}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return errs
}

// client is a connection.
type client struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	denied atomic.Pointer[error] // what the user was not allowed last

	mu struct {
		sync.Mutex
		refused time.Time // when servers were first seen not to let the client in again; zero since they have
	}
}

func (c *Connection) options(to *client) []nats.Option {
	opts := []nats.Option{
		nats.Name("flott"), nats.MaxReconnects(-1), nats.ReconnectWait(retryBackoff), nats.ReconnectJitter(retryBackoff/2, retryBackoff/2),
		nats.ReconnectBufSize(-1),   // what is not acknowledged is published again by us, once
		nats.IgnoreAuthErrorAbort(), // failure says when it is enough
		nats.ReconnectHandler(func(*nats.Conn) { to.letIn() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				to.denied.Store(&err)
			}
		}),
	}
	switch {
	case c.User != "" || c.Password != "":
		opts = append(opts, nats.UserInfo(c.User, c.Password))
	case c.Token != "":
		opts = append(opts, nats.Token(c.Token))
	case c.Credentials != "":
		opts = append(opts, nats.UserCredentials(c.Credentials))
	}
	if c.TLS != nil {
		opts = append(opts, nats.Secure(c.TLS))
	}
	return opts
}

// dial connects. A server that is away is waited for, and so is one that does not let the client in, if the job runs already.
func (c *Connection) dial(ctx context.Context, runs bool) (*client, error) {
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	to := &client{}
	for warned := false; ; warned = true {
		nc, err := nats.Connect(strings.Join(c.Servers, ","), c.options(to)...)
		if err == nil {
			to.nc = nc
			to.js, err = jetstream.New(nc, jetstream.WithPublishAsyncTimeout(ackTimeout), jetstream.WithPublishAsyncMaxPending(2*flyingMax))
			return to, err
		}
		away := isAway(err)
		if !away && !runs {
			return nil, c.explain(err)
		}
		if !warned {
			slog.WarnContext(ctx, "flott: nats: no connection; this is tried again", "servers", redact.URLs(c.Servers), "cause", err)
		}
		if !clock.Wait(waiting, retryBackoff) {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if !away {
				return nil, c.refused(err)
			}
			if errors.Is(err, nats.ErrTLS) {
				return nil, c.explain(err)
			}
			return nil, fmt.Errorf("nats: no server at %s has answered within %v ('connect.timeout'): %w", redact.URLs(c.Servers), c.Timeout, err)
		}
	}
}

func (c *client) close() { c.nc.Close() }

// isAway reports whether an error is one of a server that is not there, or not yet.
func isAway(err error) bool {
	var network net.Error
	return !isRefused(err) && (errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, io.EOF) || errors.As(err, &network))
}

// isRefused reports whether a server has said, by TLS, that it does not want the client.
func isRefused(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "remote error"
}

// explain adds to an error what can be done about it.
func (c *Connection) explain(err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("nats: the server does not let the user in: look at 'user' and 'password', 'token' or 'credentials': %w", err)
	case errors.As(err, &untrusted):
		return fmt.Errorf("nats: the server's certificate is not trusted: look at 'tls.ca': %w", err)
	case errors.Is(err, nats.ErrTLS), isRefused(err):
		return fmt.Errorf("nats: the server refuses the connection: it may want a certificate ('tls.cert', 'tls.key'): %w", err)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("nats: the server has no TLS: leave out 'tls.ca', 'tls.cert' and 'tls.key', and 'servers' are nats://: %w", err)
	}
	return fmt.Errorf("nats: %w", err)
}

// failure is an error for which there is no use in trying again, nil if err is none.
func (c *client) failure(conn *Connection, err error) error {
	if denied := c.denied.Load(); denied != nil {
		return fmt.Errorf("nats: the user may not do that: %w", *denied)
	}
	if c.nc.IsClosed() {
		return conn.explain(errors.Join(c.nc.LastError(), err))
	}
	if took, refusal := c.refusal(conn); took > conn.Timeout {
		return conn.refused(refusal)
	}
	return nil
}

// refusal is for how long servers have not let the client in again, and why; nil if they do, or are away.
func (c *client) refusal(conn *Connection) (took time.Duration, refusal error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	refusal = c.nc.LastError()
	if refusal == nil || c.nc.IsConnected() || isAway(refusal) {
		return 0, nil
	}
	if c.mu.refused.IsZero() {
		c.mu.refused = time.Now()
		slog.Warn("flott: nats: the servers do not let the job in any more; this is tried again", "servers", redact.URLs(conn.Servers),
			"for", conn.Timeout, "cause", conn.explain(refusal))
	}
	return time.Since(c.mu.refused), refusal
}

// letIn notes that there is a connection again.
func (c *client) letIn() {
	c.mu.Lock()
	c.mu.refused = time.Time{}
	c.mu.Unlock()
}

// refused is the error of servers that have not let the client in for long enough.
func (c *Connection) refused(err error) error {
	return &refusedError{c.explain(fmt.Errorf("tried for %v ('connect.timeout'): %w", c.Timeout, err))}
}

// refusedError is an error of Connection.refused.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

// ask has a request made again until it is answered, or fails for good, or no time is left.
func (c *client) ask(ctx context.Context, conn *Connection, request func(ctx context.Context) error) error {
	waiting, cancel := context.WithTimeout(ctx, conn.Timeout)
	defer cancel()
	for {
		once, done := context.WithTimeout(waiting, askTimeout)
		err := request(once)
		done()
		if err == nil {
			return nil
		}
		if failed := c.failure(conn, err); failed != nil {
			return failed
		}
		if !isPassing(err) {
			return conn.explain(err)
		}
		if !clock.Wait(waiting, retryBackoff) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if _, refusal := c.refusal(conn); refusal != nil {
				return conn.refused(refusal)
			}
			return fmt.Errorf("nats: the server has not answered within %v ('connect.timeout'); does it have JetStream? %w", conn.Timeout, err)
		}
	}
}

// isPassing reports whether an error may be none when the same is asked again.
func isPassing(err error) bool {
	var answer *jetstream.APIError
	if errors.As(err, &answer) {
		return answer.Code == 503
	}
	var final *finalError
	return !errors.As(err, &final) && !errors.Is(err, nats.ErrMaxPayload) && !errors.Is(err, nats.ErrBadSubject)
}

// finalError is one of ours, which stays what it is.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }
